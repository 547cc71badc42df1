import sys

import comfyui_jobstatus as jobstatus

address, job_id = sys.argv[1:]
with jobstatus.Client(address) as client:
    for status in client.watch(job_id):  # every change, as it comes; over lost connections too
        print(status.message)  # "queued, 3rd of 7"
    for output in status.outputs:
        print(output.url)
