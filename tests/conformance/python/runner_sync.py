"""The runner of Python's Client; ../README.md says what it reads and prints."""

import queue
from typing import Any, Dict, List, Optional

import calls

import comfyui_jobstatus as jobstatus

under_way: List[jobstatus.Watch] = []


def play(client: jobstatus.Client, command: Dict[str, Any]) -> None:
    method, limit = command["method"], calls.timeout(command)
    if method == "GetStatus":
        calls.tell_status(client.get_status(**calls.get_status(command), timeout=limit))
    elif method == "ListStatuses":
        for status in client.list_statuses(**calls.list_statuses(command), timeout=limit):
            calls.tell_status(status)
    elif method == "ListBackends":
        for backend in client.list_backends(timeout=limit):
            calls.tell("backend", backend=calls.MessageToDict(backend))
    elif method == "WatchStatus":
        with client.watch(*calls.job_ids(command), **calls.watch(command), timeout=limit) as watch:
            under_way[:] = [watch]
            for status in watch:
                calls.tell_status(status)
    elif method == "WaitForCompletion":
        (job_id,) = calls.job_ids(command)
        calls.tell_status(client.wait_for_completion(job_id, limit, **calls.wait_for_completion(command)))


def main() -> None:
    commands: "queue.Queue[Optional[Dict[str, Any]]]" = queue.Queue()
    calls.read_commands(commands, lambda: [watch.cancel() for watch in under_way] and None)
    while (command := commands.get()) is not None:
        try:
            with jobstatus.Client(**calls.connection(command)) as client:
                play(client, command)
            calls.tell_end()
        except jobstatus.Error as error:
            calls.tell_end(error)


if __name__ == "__main__":
    main()
