"""The messages of the contract. job_status.proto says what each field means."""

from .v1.job_status_pb2 import (
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
)

__all__ = [
    "Backend",
    "ErrorReason",
    "JobError",
    "JobState",
    "JobStatus",
    "MediaType",
    "NodeProgress",
    "Output",
    "Progress",
    "ProgressSource",
    "QueuePlace",
    "TimeRange",
    "is_terminal",
]

_TERMINAL = frozenset(
    (JobState.JOB_STATE_COMPLETED, JobState.JOB_STATE_FAILED, JobState.JOB_STATE_CANCELLED, JobState.JOB_STATE_LOST)
)


def is_terminal(status: JobStatus) -> bool:
    """True of a job that is completed, failed, cancelled or lost."""
    return status.state in _TERMINAL
