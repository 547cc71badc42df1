"""What a watch does next: pure decisions, without gRPC, threads, tasks or clocks. Sync and asyncio share them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Set, Tuple

import grpc

from .backoff import Backoff
from .errors import DeadlineExceeded, Error
from .messages import JobStatus, is_terminal
from .v1.job_status_pb2 import WatchStatusRequest, WatchStatusResponse

# After a restart the service needs a moment to learn again of jobs it had been telling about.
_PATIENCE_AFTER_OUTAGE = 5.0


@dataclass(frozen=True)
class WatchOptions:
    job_ids: Tuple[str, ...]
    backend: str
    after_revision: int
    min_interval: float
    wait_for_job: float
    timeout: Optional[float]
    fail_fast: bool


def _is_broken_stream(error: Error) -> bool:
    """gRPC has no code of its own for a stream that broke under way: it makes up these, without details. CANCELLED that we did
    not ask for comes from a server that was shutting down when the call reached it."""
    if error.reason:
        return False
    if error.code == grpc.StatusCode.CANCELLED:
        return True
    return error.code in (grpc.StatusCode.UNKNOWN, grpc.StatusCode.INTERNAL) and any(
        word in error.message for word in ("RST_STREAM", "Stream removed", "GOAWAY")
    )


def _trying_again_helps(error: Error) -> bool:
    if error.code == grpc.StatusCode.UNAVAILABLE:
        return True
    if error.code == grpc.StatusCode.RESOURCE_EXHAUSTED:
        # Without details: this reader was stopped for a while (WRITE_STALLED), and is back. Details would have had to pass
        # the write that was stuck.
        return error.retry_after is not None or error.reason in ("WRITE_STALLED", "")
    return _is_broken_stream(error)


class WatchFlow:
    """One watch, over any number of attempts. The caller reports what happened and does what it is told. Times are seconds of
    any one clock that never goes back."""

    def __init__(self, options: WatchOptions, backoff: Backoff, now: float) -> None:
        self._options = options
        self._backoff = backoff
        self._started = now
        self._deadline = None if options.timeout is None else now + options.timeout
        self._ended: Set[str] = set()  # named jobs whose newest status is terminal
        self._heard = False  # any message in any attempt
        self._attached_before = False
        self.revision = options.after_revision
        self.last_status: Optional[JobStatus] = None

    def attach(self, now: float) -> WatchStatusRequest:
        """An attempt begins: what to ask the service for."""
        options = self._options
        request = WatchStatusRequest(
            # A restarted service may have forgotten a job that has ended; naming it again would end the watch of the others.
            job_ids=[job_id for job_id in options.job_ids if job_id not in self._ended],
            backend=options.backend,
            after_revision=self.revision,
        )
        if options.min_interval:
            request.min_interval.FromNanoseconds(round(options.min_interval * 1e9))
        patience = options.wait_for_job
        if self._attached_before:
            patience = max(patience - (now - self._started), _PATIENCE_AFTER_OUTAGE)
        if patience and options.job_ids:
            request.wait_for_job.FromNanoseconds(round(patience * 1e9))
        self._attached_before = True
        return request

    def time_left(self, now: float) -> Optional[float]:
        """Seconds until the watch must be over; None: no limit."""
        return None if self._deadline is None else max(0.0, self._deadline - now)

    def on_message(self, message: WatchStatusResponse) -> None:
        self.revision = max(self.revision, message.revision)
        if message.HasField("status"):
            self.last_status = message.status
            if self._options.job_ids:
                if is_terminal(message.status):
                    self._ended.add(message.status.job_id)
                else:
                    self._ended.discard(message.status.job_id)  # a lost job may be seen again
        self._heard = True
        self._backoff.reset()

    def on_end(self, error: Optional[Error], now: float) -> Optional[float]:
        """The stream ended; `error` None: with OK. Returns the seconds to wait before attaching again, or None when the watch
        is over; raises when it ends badly."""
        if error is None or (self._options.job_ids and self._ended.issuperset(self._options.job_ids)):
            return None
        self.check_time(now)
        if not _trying_again_helps(error) or (self._options.fail_fast and not self._heard):
            error.last_status = self.last_status
            raise error
        wait = self._backoff.next(error.retry_after)
        left = self.time_left(now)
        return wait if left is None else min(wait, left)

    def check_time(self, now: float) -> None:
        """Raises when there is no time left for another attempt."""
        if self.time_left(now) == 0:
            raise DeadlineExceeded(
                "not finished within the time given",
                code=grpc.StatusCode.DEADLINE_EXCEEDED,
                last_status=self.last_status,
            )
