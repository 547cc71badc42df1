"""What a call that did not succeed raises. A job that failed is no error: it is a JobStatus."""

from __future__ import annotations

from typing import Any, Dict, Optional, Type

import grpc
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2

from .messages import JobStatus

_DOMAIN = "jobstatus.comfyui"


class Error(Exception):
    """Base of all errors of this package."""

    def __init__(
        self,
        message: str,
        *,
        code: grpc.StatusCode = grpc.StatusCode.UNKNOWN,
        reason: str = "",
        metadata: Optional[Dict[str, str]] = None,
        invalid_fields: Optional[Dict[str, str]] = None,
        retry_after: Optional[float] = None,
        request_id: str = "",
        last_status: Optional[JobStatus] = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        """For a person; its wording may change."""
        self.code = code
        self.reason = reason
        """The service's own reason, such as "JOB_NOT_FOUND". Empty when the service did not make the error: the connection
        failed, the deadline passed."""
        self.metadata: Dict[str, str] = metadata or {}
        """`backend`, `job_id`, `http_status`, where they apply."""
        self.invalid_fields: Dict[str, str] = invalid_fields or {}
        """Of InvalidArgument: what is wrong, by the name of the request's field."""
        self.retry_after = retry_after
        """Trying again helps, but not earlier than in so many seconds. None: the service did not say so."""
        self.request_id = request_id
        """Under which the service has the call in its log. Empty when the service did not make the error."""
        self.last_status = last_status
        """Of a watch or a wait: the last status received before it ended."""

    def __str__(self) -> str:
        what = self.message or "no further words"
        return f"{self.reason or self.code.name}: {what}"

    def __reduce__(self) -> Any:  # errors cross process pools; those made by keyword would not
        return _unpickle, (type(self), self.message, self.__dict__)


def _unpickle(kind: Type[Error], message: str, state: Dict[str, Any]) -> Error:
    error = kind(message)
    error.__dict__.update(state)
    return error


class JobNotFound(Error):
    """Every ComfyUI server was asked, and none has the job."""


class BackendNotFound(Error):
    """No ComfyUI server is configured under that name."""


class InvalidArgument(Error, ValueError):
    """The request is wrong; `invalid_fields` says what."""


class Unauthenticated(Error):
    """The token is missing or wrong."""


class BackendTimeout(Error):
    """The job is not known, and a ComfyUI server did not answer in time."""


class BackendUnreachable(Error):
    """The job is not known, and a ComfyUI server could not be reached."""


class BackendHttpError(Error):
    """A ComfyUI server answered with an error; `metadata["http_status"]` says which."""


class BackendBadResponse(Error):
    """A ComfyUI server answered with what ComfyUI does not send."""


class ArchiveUnavailable(Error):
    """The job is not known, and the service cannot read its archive."""


class TooManyWatches(Error):
    """The service has as many streams as it takes."""


class TooManyLookups(Error):
    """Too many jobs that the service does not know were asked for of late from here; `retry_after` says when to ask again."""


class ConnectionAge(Error):
    """The connection was old enough. Watches come back by themselves."""


class ShuttingDown(Error):
    """The service is going down. Watches come back by themselves."""


class WriteStalled(Error):
    """The reader of a watch took nothing for too long. Watches come back by themselves."""


class ServiceUnavailable(Error):
    """The service itself cannot be reached."""


class DeadlineExceeded(Error, TimeoutError):
    """The time given is over; of a watch or a wait, `last_status` says how far the job was."""


class Cancelled(Error):
    """The caller cancelled the watch."""


_BY_REASON: Dict[str, Type[Error]] = {
    "JOB_NOT_FOUND": JobNotFound,
    "BACKEND_NOT_FOUND": BackendNotFound,
    "INVALID_ARGUMENT": InvalidArgument,
    "UNAUTHENTICATED": Unauthenticated,
    "BACKEND_TIMEOUT": BackendTimeout,
    "BACKEND_UNREACHABLE": BackendUnreachable,
    "BACKEND_HTTP_ERROR": BackendHttpError,
    "BACKEND_BAD_RESPONSE": BackendBadResponse,
    "ARCHIVE_UNAVAILABLE": ArchiveUnavailable,
    "TOO_MANY_WATCHES": TooManyWatches,
    "TOO_MANY_LOOKUPS": TooManyLookups,
    "CONNECTION_AGE": ConnectionAge,
    "SHUTTING_DOWN": ShuttingDown,
    "WRITE_STALLED": WriteStalled,
}

# Errors without a reason are gRPC's own, or a proxy's.
_BY_CODE: Dict[grpc.StatusCode, Type[Error]] = {
    grpc.StatusCode.UNAVAILABLE: ServiceUnavailable,
    grpc.StatusCode.DEADLINE_EXCEEDED: DeadlineExceeded,
    grpc.StatusCode.CANCELLED: Cancelled,
    grpc.StatusCode.INVALID_ARGUMENT: InvalidArgument,
    grpc.StatusCode.UNAUTHENTICATED: Unauthenticated,
}


def _details(rpc_error: Any) -> status_pb2.Status:
    for key, value in rpc_error.trailing_metadata() or ():
        if key == "grpc-status-details-bin":
            try:
                return status_pb2.Status.FromString(value)
            except DecodeError:  # not ours: a proxy's, perhaps
                break
    return status_pb2.Status()


def from_rpc_error(rpc_error: Any) -> Error:
    """The typed error for what gRPC raised, sync or asyncio."""
    code = rpc_error.code()
    found: Dict[str, Any] = {}
    for detail in _details(rpc_error).details:
        info = error_details_pb2.ErrorInfo()
        retry = error_details_pb2.RetryInfo()
        request = error_details_pb2.RequestInfo()
        bad = error_details_pb2.BadRequest()
        try:
            if detail.Unpack(info):
                if info.domain == _DOMAIN:
                    found.update(reason=info.reason, metadata=dict(info.metadata))
            elif detail.Unpack(retry):
                found["retry_after"] = retry.retry_delay.ToNanoseconds() / 1e9
            elif detail.Unpack(request):
                found["request_id"] = request.request_id
            elif detail.Unpack(bad):
                found["invalid_fields"] = {each.field: each.description for each in bad.field_violations}
        except DecodeError:  # not ours, either
            continue
    kind = _BY_REASON.get(found["reason"], Error) if found.get("reason") else _BY_CODE.get(code, Error)
    return kind(rpc_error.details() or "", code=code, **found)
