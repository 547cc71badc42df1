"""The client for programs with threads, or with nothing of the kind."""

from __future__ import annotations

import threading
import time
from types import TracebackType
from typing import Any, Iterator, List, Optional, Sequence, Tuple, Type, Union

import grpc

from .backoff import BackoffSettings
from .channel import ClientOptions, OnRetry, tell_retry
from .errors import Cancelled, Error, ServiceUnavailable, from_rpc_error
from .messages import Backend, JobState, JobStatus, is_terminal
from .v1.job_status_pb2 import (
    GetStatusRequest,
    ListBackendsRequest,
    ListStatusesRequest,
    WatchStatusResponse,
)
from .v1.job_status_pb2_grpc import JobStatusServiceStub
from .watch_flow import WatchFlow, WatchOptions


class _SilenceGuard:
    """Cancels a call whose reader has waited in vain for longer than the limit, give or take a quarter."""

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._closed = threading.Event()
        self._lock = threading.Lock()  # protects the next three
        self._call: Any = None
        self._since: Optional[float] = None  # when the reader began to wait; None: it does not
        self._fired = False
        threading.Thread(target=self._run, name="jobstatus-silence", daemon=True).start()  # looks at them

    def _run(self) -> None:
        while not self._closed.wait(self._limit / 4):
            with self._lock:
                if self._since is not None and time.monotonic() - self._since >= self._limit:
                    self._fired = True
                    self._call.cancel()

    def begin(self, call: Any) -> None:
        with self._lock:
            self._call, self._since, self._fired = call, time.monotonic(), False

    def end(self) -> bool:
        """True: it was the guard who ended the call."""
        with self._lock:
            self._call, self._since = None, None
            return self._fired

    def close(self) -> None:
        self._closed.set()


class Watch(Iterator[JobStatus]):
    """Statuses of jobs as they change: iterate over it. Survives the service going down: it attaches again from the last
    revision received, with growing waits. Ends when all named jobs have; raises Error when trying again cannot help.
    Leaving the loop and dropping it ends it, too; `with` does so at once. One thread iterates; any may cancel."""

    def __init__(self, stub: Any, options: ClientOptions, what: WatchOptions, on_retry: Optional[OnRetry]) -> None:
        self._stub = stub
        self._options = options
        self._on_retry = on_retry
        self._flow = WatchFlow(what, options.make_backoff(), time.monotonic())
        self._guard: Optional[_SilenceGuard] = None
        self._cancelled = threading.Event()
        self._call: Any = None
        self._done = False

    @property
    def revision(self) -> int:
        """Everything up to it has been received; give it as `after_revision` to go on in a later watch."""
        return self._flow.revision

    def cancel(self) -> None:
        """Ends the iteration with Cancelled. Returns at once; from any thread."""
        self._cancelled.set()
        call = self._call
        if call is not None:
            call.cancel()

    def close(self) -> None:
        """Ends the watch; iterating further gives nothing. Only by the thread that iterates."""
        self._done = True
        if self._call is not None:
            self._call.cancel()
            self._call = None
        if self._guard is not None:
            self._guard.close()

    def __iter__(self) -> Watch:
        return self

    def __next__(self) -> JobStatus:
        if self._done:
            raise StopIteration
        try:
            status = self._next()
        except BaseException:  # Ctrl-C, too, leaves no stream behind
            self.close()
            raise
        if status is None:
            self.close()
            raise StopIteration
        return status

    def _next(self) -> Optional[JobStatus]:
        while True:
            came = self._read()
            if isinstance(came, WatchStatusResponse):
                self._flow.on_message(came)
                if came.HasField("status"):
                    return came.status
                continue
            self._call = None
            self._raise_if_cancelled()
            wait = self._flow.on_end(came, time.monotonic())
            if wait is None or came is None:
                return None
            tell_retry(came, wait, self._on_retry)
            self._cancelled.wait(wait)
            self._raise_if_cancelled()
            self._flow.check_time(time.monotonic())

    def _read(self) -> Union[WatchStatusResponse, Error, None]:
        """The next message, or what the stream ended with; None: with OK. An error is not raised here: its traceback would
        keep this watch, and so its stream, when the caller drops it."""
        if self._call is None:
            now = time.monotonic()
            self._call = self._stub.WatchStatus(
                self._flow.attach(now), timeout=self._flow.time_left(now), metadata=self._options.call_metadata()
            )
            self._raise_if_cancelled()  # by whoever did not see the call yet
        if self._guard is None:
            self._guard = _SilenceGuard(self._options.silence_limit)
        self._guard.begin(self._call)
        try:
            message: WatchStatusResponse = next(self._call)
            return message
        except StopIteration:
            return None
        except grpc.RpcError as rpc_error:
            rpc_error.with_traceback(None)  # it is the call itself, and would keep this frame
            if self._guard.end():
                return ServiceUnavailable("the service went silent", code=grpc.StatusCode.UNAVAILABLE)
            return from_rpc_error(rpc_error)
        finally:
            self._guard.end()

    def _raise_if_cancelled(self) -> None:
        if self._cancelled.is_set():
            raise Cancelled(
                "the watch was cancelled", code=grpc.StatusCode.CANCELLED, last_status=self._flow.last_status
            )

    def __enter__(self) -> Watch:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        if hasattr(self, "_done"):
            self.close()


class Client:
    """One connection to one service; ClientOptions says what the options mean. Sends nothing yet: the connection is made by the
    first call. Thread-safe. Every call raises Error and its kinds. All times are in seconds."""

    def __init__(
        self,
        target: str = "localhost:50051",
        *,
        tls: bool = False,
        ca_file: Optional[str] = None,
        cert_file: Optional[str] = None,
        key_file: Optional[str] = None,
        token: Optional[str] = None,
        metadata: Sequence[Tuple[str, str]] = (),
        backoff: BackoffSettings = BackoffSettings(),
        silence_limit: float = 45.0,
    ) -> None:
        self._options = ClientOptions(
            target, tls, ca_file, cert_file, key_file, token, metadata, backoff, silence_limit
        )
        credentials = self._options.credentials()
        address, channel_options = self._options.address(), self._options.channel_options()
        if credentials is None:
            self._channel = grpc.insecure_channel(address, channel_options)
        else:
            self._channel = grpc.secure_channel(address, credentials, channel_options)
        self._stub = JobStatusServiceStub(self._channel)

    def _call(self, method: Any, request: Any, timeout: Optional[float]) -> Any:
        try:
            return method(request, timeout=timeout, metadata=self._options.call_metadata())
        except grpc.RpcError as rpc_error:
            raise from_rpc_error(rpc_error) from None

    def get_status(self, job_id: str, *, backend: str = "", timeout: Optional[float] = None) -> JobStatus:
        """The newest known status of one job."""
        status: JobStatus = self._call(
            self._stub.GetStatus, GetStatusRequest(job_id=job_id, backend=backend), timeout
        ).status
        return status

    def list_statuses(
        self,
        *,
        states: Sequence[JobState] = (),
        backend: str = "",
        page_size: int = 0,
        page_token: str = "",
        timeout: Optional[float] = None,
    ) -> Iterator[JobStatus]:
        """The statuses the service remembers, newest change first: all of them, page after page as they are needed. `timeout`
        is that of each page."""
        request = ListStatusesRequest(backend=backend, states=states, page_size=page_size, page_token=page_token)
        while True:
            page = self._call(self._stub.ListStatuses, request, timeout)
            yield from page.statuses
            request.page_token = page.next_page_token
            if not request.page_token:
                return

    def list_backends(self, *, timeout: Optional[float] = None) -> List[Backend]:
        """The ComfyUI servers the service watches."""
        return list(self._call(self._stub.ListBackends, ListBackendsRequest(), timeout).backends)

    def watch(
        self,
        *job_ids: str,
        backend: str = "",
        after_revision: int = 0,
        min_interval: float = 0.0,
        wait_for_job: float = 0.0,
        timeout: Optional[float] = None,
        fail_fast: bool = False,
        on_retry: Optional[OnRetry] = None,
    ) -> Watch:
        """Follows jobs until they end; without ids, all jobs until the caller leaves. job_status.proto says what the options
        mean; `timeout` is the limit of the whole watch. With `fail_fast` an attempt that fails before the first message
        ends the watch, even if trying again might help."""
        what = WatchOptions(job_ids, backend, after_revision, min_interval, wait_for_job, timeout, fail_fast)
        return Watch(self._stub, self._options, what, on_retry)

    def wait_for_completion(
        self,
        job_id: str,
        timeout: Optional[float] = None,
        *,
        backend: str = "",
        wait_for_job: float = 0.0,
        on_retry: Optional[OnRetry] = None,
    ) -> JobStatus:
        """The status a job ends with. Survives the service going down meanwhile. After `timeout`, that included, raises
        DeadlineExceeded with the last known status in `last_status`."""
        with self.watch(
            job_id, backend=backend, wait_for_job=wait_for_job, timeout=timeout, on_retry=on_retry
        ) as watch:
            for status in watch:
                if is_terminal(status):
                    return status
        raise Error("the service ended the watch before the job ended", code=grpc.StatusCode.INTERNAL)

    def close(self) -> None:
        """Ends the connection and all its calls."""
        self._channel.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self.close()
