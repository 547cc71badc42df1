"""What people write instead: GetStatus of jobs in a dictionary, with grpc.aio."""

import argparse
import asyncio
import os
import pathlib

import grpc
from comfyui_jobstatus.v1 import job_status_pb2 as pb
from comfyui_jobstatus.v1 import job_status_pb2_grpc as pb_grpc


class Service(pb_grpc.JobStatusServiceServicer):
    def __init__(self, jobs: int) -> None:
        self._jobs = {f"job-{job}": {"percentage": 61.5, "message": "KSampler 12/20"} for job in range(jobs)}

    async def GetStatus(self, request: pb.GetStatusRequest, context: grpc.aio.ServicerContext) -> pb.GetStatusResponse:
        job = self._jobs.get(request.job_id)
        if job is None:
            await context.abort(grpc.StatusCode.NOT_FOUND, "no such job")
        response = pb.GetStatusResponse()
        status = response.status
        status.job_id, status.backend, status.state = request.job_id, "gpu", pb.JOB_STATE_PROCESSING
        status.message, status.revision = job["message"], 123456
        status.progress.percentage = job["percentage"]
        status.progress.completed_nodes, status.progress.total_nodes = 4, 7
        status.progress.current_node.node_id, status.progress.current_node.node_type = "3", "KSampler"
        status.progress.current_node.current_step, status.progress.current_node.total_steps = 12, 20
        for time in (status.create_time, status.start_time, status.observe_time):
            time.seconds, time.nanos = 1790000000, 123456789
        return response


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--address-file", type=pathlib.Path, required=True)
    arguments = parser.parse_args()
    server = grpc.aio.server()
    pb_grpc.add_JobStatusServiceServicer_to_server(Service(100), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    written = arguments.address_file.with_suffix(".tmp")
    written.write_text(f"127.0.0.1:{port}\n")
    os.replace(written, arguments.address_file)
    await server.wait_for_termination()


asyncio.run(main())
