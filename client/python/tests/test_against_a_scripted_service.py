"""What the real service does too seldom to wait for: a service in this process that does as each test says."""

import asyncio
import json
import queue
import threading
from concurrent import futures

import grpc
import pytest
from google.protobuf.any_pb2 import Any
from google.rpc import error_details_pb2, status_pb2

import comfyui_jobstatus as jobstatus
from comfyui_jobstatus import channel
from comfyui_jobstatus.v1 import job_status_pb2, job_status_pb2_grpc


class Scripted(job_status_pb2_grpc.JobStatusServiceServicer):
    def __init__(self):
        self.calls = queue.Queue()  # of (request, the metadata)
        self.answers = queue.Queue()  # one for each call: a function of its context
        self.left = queue.Queue()  # one for each call of `silent` that its caller has left

    def _answer(self, request, context):
        self.calls.put((request, dict(context.invocation_metadata())))
        return self.answers.get()(context)

    def GetStatus(self, request, context):
        return self._answer(request, context)

    def WatchStatus(self, request, context):
        yield from self._answer(request, context)


@pytest.fixture
def service():
    scripted = Scripted()
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=8))
    job_status_pb2_grpc.add_JobStatusServiceServicer_to_server(scripted, server)
    scripted.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    yield scripted
    server.stop(None)


def fails(code, retry_after=None, reason=""):
    def answer(context):
        status = status_pb2.Status(code=code.value[0])
        details = [error_details_pb2.ErrorInfo(domain="jobstatus.comfyui", reason=reason)] if reason else []
        if retry_after is not None:
            details.append(error_details_pb2.RetryInfo())
            details[-1].retry_delay.FromMilliseconds(round(retry_after * 1000))
        for detail in details:
            packed = Any()
            packed.Pack(detail)
            status.details.append(packed)
        context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
        context.abort(code, "as scripted")

    return answer


def tells(state, revision):
    status = jobstatus.JobStatus(job_id="a", state=f"JOB_STATE_{state}", revision=revision)
    return job_status_pb2.WatchStatusResponse(status=status, revision=revision)


def silent(service):
    """Tells one status, and then nothing until the caller leaves."""

    def answer(context):
        gone = threading.Event()
        context.add_callback(gone.set)
        context.add_callback(lambda: service.left.put(None))
        yield tells("PROCESSING", 7)
        gone.wait()

    return answer


def ends(_):
    yield tells("COMPLETED", 8)


def watch(service, **options):
    with jobstatus.Client(service.address, **options) as client:
        retries = []
        states = [status.state for status in client.watch("a", on_retry=lambda error, wait: retries.append((error, wait)))]
    return states, retries


def watch_asyncio(service, **options):
    async def run():
        async with jobstatus.AsyncClient(service.address, **options) as client:
            retries = []
            following = client.watch("a", on_retry=lambda error, wait: retries.append((error, wait)))
            return [status.state async for status in following], retries

    return asyncio.run(run())


both = pytest.mark.parametrize("follow", [watch, watch_asyncio])


@both
def test_a_service_that_goes_silent_is_called_again_from_the_last_revision(service, follow):
    service.answers.put(silent(service))
    service.answers.put(ends)
    states, retries = follow(service, silence_limit=0.1)
    assert states == [jobstatus.JobState.JOB_STATE_PROCESSING, jobstatus.JobState.JOB_STATE_COMPLETED]
    assert [error.message for error, _ in retries] == ["the service went silent"]
    assert [service.calls.get()[0].after_revision for _ in range(2)] == [0, 7]


@both
def test_a_watch_comes_back_not_earlier_than_the_service_says(service, follow):
    service.answers.put(fails(grpc.StatusCode.UNAVAILABLE, 0.4, "SHUTTING_DOWN"))
    service.answers.put(ends)
    _, [(error, wait)] = follow(service, backoff=jobstatus.BackoffSettings(initial=0.001))
    assert isinstance(error, jobstatus.ShuttingDown)
    assert 0.4 <= wait <= 0.5


@both
def test_token_and_metadata_go_with_each_attempt(service, follow):
    service.answers.put(fails(grpc.StatusCode.UNAVAILABLE))
    service.answers.put(ends)
    follow(service, token="sesame", metadata=[("x-request-id", "mine")])
    for _ in range(2):
        metadata = service.calls.get()[1]
        assert (metadata["authorization"], metadata["x-request-id"]) == ("Bearer sesame", "mine")


def test_a_call_that_is_unavailable_is_made_again_as_the_service_config_says(service):
    service.answers.put(fails(grpc.StatusCode.UNAVAILABLE))
    service.answers.put(fails(grpc.StatusCode.UNAVAILABLE))
    service.answers.put(lambda _: job_status_pb2.GetStatusResponse(status=jobstatus.JobStatus(job_id="a")))
    with jobstatus.Client(service.address) as client:
        assert client.get_status("a").job_id == "a"
    assert service.calls.qsize() == 3


def test_any_other_error_is_not(service):
    service.answers.put(fails(grpc.StatusCode.NOT_FOUND, reason="JOB_NOT_FOUND"))
    with jobstatus.Client(service.address) as client, pytest.raises(jobstatus.JobNotFound):
        client.get_status("a")
    assert service.calls.qsize() == 1


def test_a_call_has_the_limit_of_the_service_config(service, monkeypatch):
    name = {"service": "comfyui.jobstatus.v1.JobStatusService", "method": "GetStatus"}
    # gRPC takes up to two seconds off: it counts from the whole second before the process began.
    config = json.dumps({"methodConfig": [{"name": [name], "timeout": "2.5s"}]})
    monkeypatch.setattr(channel, "service_config", lambda: config)
    answer = queue.Queue()
    service.answers.put(lambda _: answer.get())
    with jobstatus.Client(service.address) as client, pytest.raises(jobstatus.DeadlineExceeded):
        client.get_status("a")
    answer.put(job_status_pb2.GetStatusResponse())


def test_a_call_may_have_a_limit_of_its_own(service):
    left = []

    def answer(context):
        left.append(context.time_remaining())
        return job_status_pb2.GetStatusResponse()

    service.answers.put(answer)
    with jobstatus.Client(service.address) as client:
        client.get_status("a", timeout=5)
    assert left[0] < 6  # gRPC rounds up


@both
def test_a_watch_has_no_limit_by_itself(service, follow):
    left = []

    def answer(context):
        left.append(context.time_remaining())
        yield tells("COMPLETED", 8)

    service.answers.put(answer)
    follow(service)
    assert left[0] is None or left[0] > 1e6


def test_leaving_the_loop_ends_the_watch(service):
    service.answers.put(fails(grpc.StatusCode.UNAVAILABLE))  # nor does an error of before keep it
    service.answers.put(silent(service))
    with jobstatus.Client(service.address) as client:
        for status in client.watch("a"):
            break
        service.left.get(timeout=60)


def test_closing_ends_the_watch(service):
    service.answers.put(silent(service))
    with jobstatus.Client(service.address) as client:
        with client.watch("a") as watch:
            next(watch)
        service.left.get(timeout=60)
        assert list(watch) == []


def test_asyncio_leaving_the_loop_ends_the_watch(service):
    async def run():
        service.answers.put(fails(grpc.StatusCode.UNAVAILABLE))  # nor does an error of before keep it
        service.answers.put(silent(service))
        async with jobstatus.AsyncClient(service.address) as client:
            async for status in client.watch("a"):
                break
            await asyncio.to_thread(service.left.get, timeout=60)

    asyncio.run(run())


def test_asyncio_cancelling_the_task_ends_the_watch(service):
    async def run():
        service.answers.put(silent(service))
        running = asyncio.Event()

        async def follow(client):
            async for _ in client.watch("a"):
                running.set()

        async with jobstatus.AsyncClient(service.address) as client:
            task = asyncio.create_task(follow(client))
            await asyncio.wait_for(running.wait(), 60)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await asyncio.to_thread(service.left.get, timeout=60)

    asyncio.run(run())
