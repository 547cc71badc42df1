"""For programs that polled ComfyUI themselves, by classes of these names: change the import, and leave the rest.

They ask the service instead of ComfyUI: at `service`, or where the environment's JOBSTATUS_SERVER says, with the token in
JOBSTATUS_TOKEN; or through a `client` made elsewhere, for TLS. Differences on purpose:

- A job that runs is `processing`, whoever submitted it, and its place in the queue is true.
- A job that was cancelled is `failed`. One that ComfyUI forgot before its end was recorded is `not_found`.
- A wait goes on when the service or ComfyUI is away for a while, and ends with `not_found` when the job is unknown for
  longer than `poll_interval`.
- In `outputs` are the files and texts; of a file its filename, subfolder and type.
"""

from __future__ import annotations

import os
from datetime import datetime, timezone
from typing import Any, Callable, Dict, Optional

from .client import Client
from .errors import (
    BackendHttpError,
    BackendTimeout,
    BackendUnreachable,
    DeadlineExceeded,
    Error,
    JobNotFound,
    ServiceUnavailable,
    ShuttingDown,
)
from .messages import JobState, JobStatus

Told = Dict[str, Any]
Callback = Callable[[Told], Any]

_STATUS = {
    JobState.JOB_STATE_QUEUED: "queued",
    JobState.JOB_STATE_PROCESSING: "processing",
    JobState.JOB_STATE_COMPLETED: "completed",
    JobState.JOB_STATE_FAILED: "failed",
    JobState.JOB_STATE_CANCELLED: "failed",
    JobState.JOB_STATE_LOST: "not_found",
}


def _told(status: str, job_id: str, message: str, **more: Any) -> Told:
    return {
        "status": status,
        "job_id": job_id,
        "message": message,
        "timestamp": datetime.now(timezone.utc).isoformat(),
        **more,
    }


def _time_remaining(status: JobStatus) -> Optional[str]:
    if not status.HasField("estimated_time_remaining"):
        return None
    minutes, seconds = divmod(status.estimated_time_remaining.ToTimedelta().total_seconds(), 60)
    return f"{minutes:.0f}m {seconds:.0f}s" if minutes else f"{seconds:.0f}s"


def _outputs(status: JobStatus) -> Dict[str, Dict[str, Any]]:
    """As ComfyUI has them: node id -> list name -> entries."""
    nodes: Dict[str, Dict[str, Any]] = {}
    for output in status.outputs:
        entry: Any = output.text
        if output.filename:
            entry = {"filename": output.filename, "subfolder": output.subfolder, "type": output.folder_type}
        nodes.setdefault(output.node_id, {}).setdefault(output.ui_key, []).append(entry)
    return nodes


def _of_status(status: JobStatus) -> Told:
    told = _told(_STATUS[status.state], status.job_id, status.message)
    if status.state == JobState.JOB_STATE_QUEUED:
        told.update(position_in_queue=status.queue.position - 1, queue_size=status.queue.size)
    elif status.state == JobState.JOB_STATE_COMPLETED:
        told["outputs"] = _outputs(status)
    elif status.HasField("error"):
        told["error"] = status.error.message or status.message
    if status.HasField("progress") or status.HasField("estimated_time_remaining"):
        node = status.progress.current_node
        told["progress"] = {
            "percentage": int(status.progress.percentage),
            "current_step": node.current_step,
            "total_steps": node.total_steps,
            "estimated_time_remaining": _time_remaining(status),
        }
    return told


def _of_error(job_id: str, error: Error) -> Told:
    if isinstance(error, JobNotFound):
        return _told("not_found", job_id, error.message)
    kind = "unexpected_error"
    if isinstance(error, (DeadlineExceeded, BackendTimeout)):
        kind = "timeout"
    elif isinstance(error, (ServiceUnavailable, ShuttingDown, BackendUnreachable)):
        kind = "connection_error"
    elif isinstance(error, BackendHttpError):
        kind = "http_error"
    return _told("error", job_id, error.message, error_type=kind)


class ComfyUIClient:
    """`base_url` is kept but not needed: whichever ComfyUI server the service watches and has the job is meant. `timeout` in
    seconds is that of poll_status."""

    def __init__(
        self,
        base_url: str = "http://localhost:8188",
        timeout: float = 300,
        *,
        service: Optional[str] = None,
        client: Optional[Client] = None,
    ) -> None:
        self.base_url = base_url
        self.timeout = timeout
        self._client = client or Client(
            service or os.environ.get("JOBSTATUS_SERVER") or "localhost:50051",
            token=os.environ.get("JOBSTATUS_TOKEN"),
        )

    def poll_status(self, job_id: str) -> Told:
        """Asks once. Errors are told, not raised."""
        try:
            return _of_status(self._client.get_status(job_id, timeout=self.timeout))
        except Error as error:
            return _of_error(job_id, error)

    def wait_for_completion(self, job_id: str, timeout: float = 600, poll_interval: float = 5.0) -> Told:
        """The last that is known when the job has ended or the time is up."""
        try:
            with self._client.watch(
                job_id, min_interval=poll_interval, wait_for_job=min(poll_interval, timeout), timeout=timeout
            ) as watch:
                told = _told("error", job_id, "the service told nothing", error_type="unexpected_error")
                for status in watch:
                    told = _of_status(status)
                    self._on_told(told)
                return told
        except DeadlineExceeded as error:
            last = f"; last: {error.last_status.message}" if error.last_status else ""
            return _told("timeout", job_id, f"not finished after {timeout:g} s{last}")
        except Error as error:
            return _of_error(job_id, error)

    def _on_told(self, told: Told) -> None:
        """Of each status that a wait is told."""

    def close(self) -> None:
        self._client.close()

    def __enter__(self) -> ComfyUIClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class AdvancedComfyUIClient(ComfyUIClient):
    """The same with callbacks."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._callbacks: Dict[str, Callback] = {}

    def register_status_callback(self, job_id: str, callback: Callback) -> None:
        """`callback` gets what polls of this job, and waits for it, are told."""
        self._callbacks[job_id] = callback

    def poll_with_callback(self, job_id: str, callback: Optional[Callback] = None) -> Told:
        """Asks once, and calls the registered callback and this one."""
        told = self.poll_status(job_id)
        self._on_told(told)
        if callback is not None:
            callback(told)
        return told

    def _on_told(self, told: Told) -> None:
        registered = self._callbacks.get(told["job_id"])
        if registered is not None:
            registered(told)
