"""Client of the ComfyUI Job Status Service.

    with comfyui_jobstatus.Client("gpu-box:50051") as client:
        for status in client.watch(prompt_id):
            print(status.message)

`AsyncClient` is the same for asyncio, `comfyui_jobstatus.drop_in` for programs that polled ComfyUI themselves.
"""

from .aio import AsyncClient, AsyncWatch
from .backoff import BackoffSettings
from .channel import ClientOptions
from .client import Client, Watch
from .errors import (
    ArchiveUnavailable,
    BackendBadResponse,
    BackendHttpError,
    BackendNotFound,
    BackendTimeout,
    BackendUnreachable,
    Cancelled,
    ConnectionAge,
    DeadlineExceeded,
    Error,
    InvalidArgument,
    JobNotFound,
    ServiceUnavailable,
    ShuttingDown,
    TooManyLookups,
    TooManyWatches,
    Unauthenticated,
    WriteStalled,
)
from .messages import (
    Backend,
    ErrorReason,
    JobError,
    JobState,
    JobStatus,
    MediaType,
    NodeProgress,
    Output,
    Progress,
    ProgressSource,
    QueuePlace,
    TimeRange,
    is_terminal,
)

__all__ = [
    "ArchiveUnavailable",
    "AsyncClient",
    "AsyncWatch",
    "Backend",
    "BackendBadResponse",
    "BackendHttpError",
    "BackendNotFound",
    "BackendTimeout",
    "BackendUnreachable",
    "BackoffSettings",
    "Cancelled",
    "Client",
    "ClientOptions",
    "ConnectionAge",
    "DeadlineExceeded",
    "Error",
    "ErrorReason",
    "InvalidArgument",
    "JobError",
    "JobNotFound",
    "JobState",
    "JobStatus",
    "MediaType",
    "NodeProgress",
    "Output",
    "Progress",
    "ProgressSource",
    "QueuePlace",
    "ServiceUnavailable",
    "ShuttingDown",
    "TimeRange",
    "TooManyLookups",
    "TooManyWatches",
    "Unauthenticated",
    "Watch",
    "WriteStalled",
    "is_terminal",
]
