"""The runner of Python's AsyncClient; ../README.md says what it reads and prints."""

import asyncio
import queue
from typing import Any, Dict, List, Optional

import calls

import comfyui_jobstatus as jobstatus

under_way: List[jobstatus.AsyncWatch] = []


async def play(client: jobstatus.AsyncClient, command: Dict[str, Any]) -> None:
    method, limit = command["method"], calls.timeout(command)
    if method == "GetStatus":
        calls.tell_status(await client.get_status(**calls.get_status(command), timeout=limit))
    elif method == "ListStatuses":
        async for status in client.list_statuses(**calls.list_statuses(command), timeout=limit):
            calls.tell_status(status)
    elif method == "ListBackends":
        for backend in await client.list_backends(timeout=limit):
            calls.tell("backend", backend=calls.MessageToDict(backend))
    elif method == "WatchStatus":
        async with client.watch(*calls.job_ids(command), **calls.watch(command), timeout=limit) as watch:
            under_way[:] = [watch]
            async for status in watch:
                calls.tell_status(status)
    elif method == "WaitForCompletion":
        (job_id,) = calls.job_ids(command)
        calls.tell_status(await client.wait_for_completion(job_id, limit, **calls.wait_for_completion(command)))


async def main() -> None:
    loop = asyncio.get_running_loop()
    commands: "queue.Queue[Optional[Dict[str, Any]]]" = queue.Queue()
    calls.read_commands(commands, lambda: [loop.call_soon_threadsafe(watch.cancel) for watch in under_way] and None)
    while (command := await asyncio.to_thread(commands.get)) is not None:
        try:
            async with jobstatus.AsyncClient(**calls.connection(command)) as client:
                await play(client, command)
            calls.tell_end()
        except jobstatus.Error as error:
            calls.tell_end(error)


if __name__ == "__main__":
    asyncio.run(main())
