"""The client for asyncio."""

from __future__ import annotations

import asyncio
import time
from types import TracebackType
from typing import Any, AsyncIterator, List, Optional, Sequence, Tuple, Type, Union

import grpc
import grpc.aio

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


class AsyncWatch(AsyncIterator[JobStatus]):
    """Statuses of jobs as they change: `async for` over it. Survives the service going down: it attaches again from the last
    revision received, with growing waits. Ends when all named jobs have; raises Error when trying again cannot help. When
    its task is cancelled, the stream is, too. One task iterates; any task of the same loop may cancel."""

    def __init__(self, stub: Any, options: ClientOptions, what: WatchOptions, on_retry: Optional[OnRetry]) -> None:
        self._stub = stub
        self._options = options
        self._on_retry = on_retry
        self._flow = WatchFlow(what, options.make_backoff(), time.monotonic())
        self._cancelled: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._call: Any = None
        self._done = False

    @property
    def revision(self) -> int:
        """Everything up to it has been received; give it as `after_revision` to go on in a later watch."""
        return self._flow.revision

    def cancel(self) -> None:
        """Ends the iteration with Cancelled. Returns at once."""
        if not self._cancelled.done():
            self._cancelled.set_result(None)

    def close(self) -> None:
        """Ends the watch; iterating further gives nothing. Only by the task that iterates."""
        self._done = True
        if self._call is not None:
            self._call.cancel()
            self._call = None

    def __aiter__(self) -> AsyncWatch:
        return self

    async def __anext__(self) -> JobStatus:
        if self._done:
            raise StopAsyncIteration
        try:
            status = await self._next()
        except BaseException:  # a cancelled task leaves no stream behind
            self.close()
            raise
        if status is None:
            self.close()
            raise StopAsyncIteration
        return status

    async def _next(self) -> Optional[JobStatus]:
        while True:
            came = await self._read()
            if isinstance(came, WatchStatusResponse):
                self._flow.on_message(came)
                if came.HasField("status"):
                    return came.status
                continue
            self._call = None
            wait = self._flow.on_end(came, time.monotonic())
            if wait is None or came is None:
                return None
            tell_retry(came, wait, self._on_retry)
            await asyncio.wait({self._cancelled}, timeout=wait)
            self._raise_if_cancelled()
            self._flow.check_time(time.monotonic())

    async def _read(self) -> Union[WatchStatusResponse, Error, None]:
        """The next message, or what the stream ended with; None: with OK. An error is not raised here: its traceback would
        keep this watch, and so its stream, when the caller drops it."""
        self._raise_if_cancelled()
        if self._call is None:
            now = time.monotonic()
            self._call = self._stub.WatchStatus(
                self._flow.attach(now), timeout=self._flow.time_left(now), metadata=self._options.call_metadata()
            )
        reading = asyncio.ensure_future(self._call.read())
        try:
            await asyncio.wait(
                {reading, self._cancelled},
                timeout=self._options.silence_limit,
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            if not reading.done():
                self._call.cancel()
                reading.cancel()
        self._raise_if_cancelled()
        if not reading.done():
            return ServiceUnavailable("the service went silent", code=grpc.StatusCode.UNAVAILABLE)
        try:
            message = reading.result()
        except grpc.RpcError as rpc_error:
            return from_rpc_error(rpc_error.with_traceback(None))
        return None if message is grpc.aio.EOF else message

    def _raise_if_cancelled(self) -> None:
        if self._cancelled.done():
            raise Cancelled(
                "the watch was cancelled", code=grpc.StatusCode.CANCELLED, last_status=self._flow.last_status
            )

    async def __aenter__(self) -> AsyncWatch:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_call", None) is not None:
            self._call.cancel()


class AsyncClient:
    """One connection to one service; ClientOptions says what the options mean. Made and used inside one event loop. Every call
    raises Error and its kinds. All times are in seconds."""

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
            self._channel = grpc.aio.insecure_channel(address, channel_options)
        else:
            self._channel = grpc.aio.secure_channel(address, credentials, channel_options)
        self._stub = JobStatusServiceStub(self._channel)

    async def _call(self, method: Any, request: Any, timeout: Optional[float]) -> Any:
        try:
            return await method(request, timeout=timeout, metadata=self._options.call_metadata())
        except grpc.RpcError as rpc_error:
            raise from_rpc_error(rpc_error) from None

    async def get_status(self, job_id: str, *, backend: str = "", timeout: Optional[float] = None) -> JobStatus:
        """The newest known status of one job."""
        response = await self._call(self._stub.GetStatus, GetStatusRequest(job_id=job_id, backend=backend), timeout)
        status: JobStatus = response.status
        return status

    async def list_statuses(
        self,
        *,
        states: Sequence[JobState] = (),
        backend: str = "",
        page_size: int = 0,
        page_token: str = "",
        timeout: Optional[float] = None,
    ) -> AsyncIterator[JobStatus]:
        """The statuses the service remembers, newest change first: all of them, page after page as they are needed. `timeout`
        is that of each page."""
        request = ListStatusesRequest(backend=backend, states=states, page_size=page_size, page_token=page_token)
        while True:
            page = await self._call(self._stub.ListStatuses, request, timeout)
            for status in page.statuses:
                yield status
            request.page_token = page.next_page_token
            if not request.page_token:
                return

    async def list_backends(self, *, timeout: Optional[float] = None) -> List[Backend]:
        """The ComfyUI servers the service watches."""
        return list((await self._call(self._stub.ListBackends, ListBackendsRequest(), timeout)).backends)

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
    ) -> AsyncWatch:
        """Follows jobs until they end; without ids, all jobs until the caller leaves. job_status.proto says what the options
        mean; `timeout` is the limit of the whole watch. With `fail_fast` an attempt that fails before the first message
        ends the watch, even if trying again might help."""
        what = WatchOptions(job_ids, backend, after_revision, min_interval, wait_for_job, timeout, fail_fast)
        return AsyncWatch(self._stub, self._options, what, on_retry)

    async def wait_for_completion(
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
        async with self.watch(
            job_id, backend=backend, wait_for_job=wait_for_job, timeout=timeout, on_retry=on_retry
        ) as watch:
            async for status in watch:
                if is_terminal(status):
                    return status
        raise Error("the service ended the watch before the job ended", code=grpc.StatusCode.INTERNAL)

    async def close(self) -> None:
        """Ends the connection and all its calls."""
        await self._channel.close()

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        await self.close()
