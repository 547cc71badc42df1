"""What the two Python runners share: from a command to a client's arguments, from what it tells to events."""

import json
import queue
import sys
import threading
from typing import Any, Callable, Dict, Optional

from google.protobuf.json_format import MessageToDict, ParseDict

import comfyui_jobstatus as jobstatus
from comfyui_jobstatus.v1.job_status_pb2 import GetStatusRequest, ListStatusesRequest, WatchStatusRequest


def tell(event: str, **members: Any) -> None:
    sys.stdout.write(json.dumps({"event": event, **members}) + "\n")
    sys.stdout.flush()


def tell_status(status: jobstatus.JobStatus) -> None:
    tell("status", status=MessageToDict(status))


def tell_retry(_: jobstatus.Error, __: float) -> None:
    tell("retry")


def tell_end(error: Optional[jobstatus.Error] = None) -> None:
    if error is None:
        return tell("end")
    described: Dict[str, Any] = {
        "code": error.code.name,
        "reason": error.reason,
        "message": error.message,
        "metadata": error.metadata,
        "invalidFields": list(error.invalid_fields),
        "requestId": error.request_id,
    }
    if error.retry_after is not None:
        described["retryAfterMs"] = round(error.retry_after * 1000)
    if error.last_status is not None:
        described["lastStatus"] = MessageToDict(error.last_status)
    tell("end", error=described)


def connection(command: Dict[str, Any]) -> Dict[str, Any]:
    names = {"target": "target", "caFile": "ca_file", "certFile": "cert_file", "keyFile": "key_file", "token": "token", "tls": "tls"}
    return {names[name]: value for name, value in command["connect"].items()}


def get_status(command: Dict[str, Any]) -> Dict[str, Any]:
    request = ParseDict(command["request"], GetStatusRequest())
    return {"job_id": request.job_id, "backend": request.backend}


def list_statuses(command: Dict[str, Any]) -> Dict[str, Any]:
    request = ParseDict(command["request"], ListStatusesRequest())
    return {
        "states": request.states,
        "backend": request.backend,
        "page_size": request.page_size,
        "page_token": request.page_token,
    }


def watch(command: Dict[str, Any]) -> Dict[str, Any]:
    request = ParseDict(command["request"], WatchStatusRequest())
    return {
        "backend": request.backend,
        "after_revision": request.after_revision,
        "min_interval": request.min_interval.ToNanoseconds() / 1e9,
        "wait_for_job": request.wait_for_job.ToNanoseconds() / 1e9,
        "on_retry": tell_retry,
    }


def wait_for_completion(command: Dict[str, Any]) -> Dict[str, Any]:
    options = watch(command)
    return {name: options[name] for name in ("backend", "on_retry")}


def job_ids(command: Dict[str, Any]) -> Any:
    return ParseDict(command["request"], WatchStatusRequest()).job_ids


def timeout(command: Dict[str, Any]) -> float:
    return float(command["timeoutMs"]) / 1000


def read_commands(calls: "queue.Queue[Optional[Dict[str, Any]]]", cancel: Callable[[], None]) -> None:
    """In a thread of its own: `cancel` comes while a call is under way. None: no more commands."""

    def read() -> None:
        for line in sys.stdin:
            command = json.loads(line)
            if command["command"] == "cancel":
                cancel()
            else:
                calls.put(command)
        calls.put(None)

    threading.Thread(target=read, daemon=True).start()
