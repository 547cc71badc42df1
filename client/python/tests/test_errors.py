import pickle
import re
from pathlib import Path

import grpc
import pytest
from google.protobuf.any_pb2 import Any
from google.rpc import error_details_pb2, status_pb2

import comfyui_jobstatus as jobstatus
from comfyui_jobstatus.errors import _BY_REASON, from_rpc_error


class RpcError:
    """What gRPC raises, as far as it is read."""

    def __init__(self, code, words, *details, trailer=None):
        self._code, self._words = code, words
        status = status_pb2.Status()
        for detail in details:
            packed = Any()
            packed.Pack(detail)
            status.details.append(packed)
        self._trailer = status.SerializeToString() if trailer is None else trailer

    def code(self):
        return self._code

    def details(self):
        return self._words

    def trailing_metadata(self):
        return (("grpc-status-details-bin", self._trailer),) if self._trailer else None


def info(reason, domain="jobstatus.comfyui", **metadata):
    return error_details_pb2.ErrorInfo(reason=reason, domain=domain, metadata=metadata)


def test_details_become_members():
    retry = error_details_pb2.RetryInfo()
    retry.retry_delay.FromMilliseconds(1500)
    bad = error_details_pb2.BadRequest()
    bad.field_violations.add(field="job_id", description="must not be empty")
    error = from_rpc_error(
        RpcError(
            grpc.StatusCode.UNAVAILABLE,
            "words",
            info("BACKEND_UNREACHABLE", backend="gpu", job_id="x"),
            retry,
            bad,
            error_details_pb2.RequestInfo(request_id="abc"),
        )
    )
    assert type(error) is jobstatus.BackendUnreachable
    assert (error.code, error.reason, error.message) == (grpc.StatusCode.UNAVAILABLE, "BACKEND_UNREACHABLE", "words")
    assert error.metadata == {"backend": "gpu", "job_id": "x"}
    assert (error.retry_after, error.request_id) == (1.5, "abc")
    assert error.invalid_fields == {"job_id": "must not be empty"}
    assert str(error) == "BACKEND_UNREACHABLE: words"


@pytest.mark.parametrize("reason, kind", _BY_REASON.items())
def test_each_reason_is_a_kind_of_error(reason, kind):
    error = from_rpc_error(RpcError(grpc.StatusCode.UNKNOWN, "", info(reason)))
    assert type(error) is kind and isinstance(error, jobstatus.Error)


def test_each_reason_that_the_contract_names_is_known():
    contract = (Path(__file__).resolve().parents[3] / "proto/comfyui/jobstatus/v1/job_status.proto").read_text()
    contract = re.sub(r"\n *// ?", " ", contract)  # a sentence goes on in the next line
    named = set(re.findall(r"\b([A-Z]+(?:_[A-Z]+)+|UNAUTHENTICATED) \((?:[A-Z_]+)[):; ]", contract))
    assert {"JOB_NOT_FOUND", "TOO_MANY_LOOKUPS", "UNAUTHENTICATED"} <= named
    assert named <= set(_BY_REASON)


def test_a_detail_that_is_garbled_hides_none_of_the_others():
    garbled = Any(type_url="type.googleapis.com/google.rpc.RetryInfo", value=b"\xff")
    status = status_pb2.Status(details=[garbled])
    status.details.add().Pack(info("JOB_NOT_FOUND"))
    error = from_rpc_error(RpcError(grpc.StatusCode.NOT_FOUND, "", trailer=status.SerializeToString()))
    assert type(error) is jobstatus.JobNotFound


def test_a_reason_of_tomorrow_is_an_error_with_that_reason():
    error = from_rpc_error(RpcError(grpc.StatusCode.UNAVAILABLE, "", info("NEW")))
    assert (type(error), error.reason) == (jobstatus.Error, "NEW")


def test_a_reason_of_somebody_else_is_not_taken_for_ours():
    error = from_rpc_error(RpcError(grpc.StatusCode.NOT_FOUND, "", info("JOB_NOT_FOUND", domain="proxy.example")))
    assert (type(error), error.reason) == (jobstatus.Error, "")


@pytest.mark.parametrize(
    "code, kind",
    [
        (grpc.StatusCode.UNAVAILABLE, jobstatus.ServiceUnavailable),
        (grpc.StatusCode.DEADLINE_EXCEEDED, jobstatus.DeadlineExceeded),
        (grpc.StatusCode.CANCELLED, jobstatus.Cancelled),
        (grpc.StatusCode.INTERNAL, jobstatus.Error),
    ],
)
@pytest.mark.parametrize("trailer", [b"", b"\xff not protobuf"])
def test_without_details_the_code_says_the_kind(code, kind, trailer):
    error = from_rpc_error(RpcError(code, "words", trailer=trailer))
    assert (type(error), error.message, error.reason) == (kind, "words", "")


def test_pythons_own_kinds_catch_ours():
    assert issubclass(jobstatus.DeadlineExceeded, TimeoutError)
    assert issubclass(jobstatus.InvalidArgument, ValueError)


def test_an_error_can_be_sent_to_another_process():
    error = from_rpc_error(RpcError(grpc.StatusCode.NOT_FOUND, "words", info("JOB_NOT_FOUND", job_id="x")))
    error.last_status = jobstatus.JobStatus(job_id="x")
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is jobstatus.JobNotFound and str(copy) == str(error)
    assert copy.__dict__ == error.__dict__
