"""What is promised of the helpers, with the real service and a fake ComfyUI. Both clients are held to the same."""

import asyncio
import signal
import threading

import pytest

import comfyui_jobstatus as jobstatus

PROCESSING, COMPLETED = jobstatus.JobState.JOB_STATE_PROCESSING, jobstatus.JobState.JOB_STATE_COMPLETED
CANCELLED = jobstatus.JobState.JOB_STATE_CANCELLED


def run_async(address, body, **options):
    async def run():
        async with jobstatus.AsyncClient(address, **options) as client:
            return await body(client)

    return asyncio.run(run())


# --- sync ---


def test_a_wait_returns_the_status_the_job_ends_with(setting):
    setting.submit("a")
    with jobstatus.Client(setting.address) as client:
        status = client.wait_for_completion("a", timeout=60)
        assert (status.state, [output.filename for output in status.outputs]) == (COMPLETED, ["cat_00001_.png"])
        assert client.get_status("a") == status
        assert [each.job_id for each in client.list_statuses()] == ["a"]
        assert [backend.name for backend in client.list_backends()] == ["gpu"]


def test_a_watch_is_an_iterator_that_ends_with_the_job(setting):
    setting.submit_endless("a")
    states = []
    with jobstatus.Client(setting.address) as client:
        for status in client.watch("a"):
            states.append(status.state)
            if status.state == PROCESSING and states.count(PROCESSING) == 1:
                setting.interrupt()
    assert states[-1] == CANCELLED and PROCESSING in states


def test_another_thread_may_cancel(setting):
    setting.submit_endless("a")
    with jobstatus.Client(setting.address) as client:
        watch = client.watch("a")
        for status in watch:
            if status.state == PROCESSING:
                break
        thread = threading.Thread(target=watch.cancel)
        thread.start()
        with pytest.raises(jobstatus.Cancelled) as raised:
            for _ in watch:
                pass
        thread.join()
        assert raised.value.last_status.job_id == "a"
        assert list(watch) == []


def test_cancelling_ends_a_wait_for_a_service_that_is_away(setting):
    setting.service.end(signal.SIGKILL)
    with jobstatus.Client(setting.address, backoff=jobstatus.BackoffSettings(initial=3600, max=3600)) as client:
        watch = client.watch("a", on_retry=lambda error, wait: watch.cancel())
        with pytest.raises(jobstatus.Cancelled):
            next(watch)


def test_time_that_is_over_says_how_far_the_job_was(setting):
    setting.submit_endless("a")
    with jobstatus.Client(setting.address) as client:
        next(status for status in client.watch("a") if status.state == PROCESSING)
        with pytest.raises(TimeoutError) as raised:
            client.wait_for_completion("a", timeout=0.5)
        assert raised.value.last_status.state == PROCESSING


def test_a_wait_survives_the_service(setting):
    setting.submit_endless("a")
    retries = []

    def start_again(error, wait):
        if not retries:
            setting.interrupt()
            setting.service.start()
        retries.append(error)

    with jobstatus.Client(setting.address) as client:
        next(status for status in client.watch("a") if status.state == PROCESSING)
        killer = client.watch("a", on_retry=start_again)
        next(killer)
        setting.service.end(signal.SIGKILL)
        assert [status.state for status in killer][-1] == CANCELLED
    assert isinstance(retries[0], jobstatus.Error)


def test_a_watch_that_fails_fast_says_why(setting):
    setting.service.end(signal.SIGKILL)
    with jobstatus.Client(setting.address) as client, pytest.raises(jobstatus.ServiceUnavailable):
        next(client.watch("a", fail_fast=True))


def test_errors_are_typed(setting):
    with jobstatus.Client(setting.address) as client:
        with pytest.raises(jobstatus.JobNotFound) as raised:
            client.wait_for_completion("nobody", timeout=60)
        assert raised.value.metadata == {"job_id": "nobody"} and raised.value.request_id
        with pytest.raises(jobstatus.BackendNotFound):
            client.get_status("a", backend="nowhere")
        with pytest.raises(ValueError):
            client.get_status("")


def test_the_request_id_of_the_caller_is_the_one_in_the_error(setting):
    with jobstatus.Client(setting.address, metadata=[("x-request-id", "mine-1")]) as client:
        with pytest.raises(jobstatus.JobNotFound) as raised:
            client.get_status("nobody")
    assert raised.value.request_id == "mine-1"


# --- asyncio ---


def test_asyncio_a_wait_returns_the_status_the_job_ends_with(setting):
    setting.submit("a")

    async def body(client):
        status = await client.wait_for_completion("a", timeout=60)
        assert status.state == COMPLETED
        assert await client.get_status("a") == status
        assert [each.job_id async for each in client.list_statuses()] == ["a"]
        assert [backend.name for backend in await client.list_backends()] == ["gpu"]

    run_async(setting.address, body)


def test_asyncio_another_task_may_cancel(setting):
    setting.submit_endless("a")

    async def body(client):
        watch = client.watch("a")
        await watch.__anext__()
        asyncio.get_running_loop().call_soon(watch.cancel)
        with pytest.raises(jobstatus.Cancelled):
            async for _ in watch:
                pass
        assert [status async for status in watch] == []

    run_async(setting.address, body)


def test_asyncio_time_that_is_over_says_how_far_the_job_was(setting):
    setting.submit_endless("a")

    async def body(client):
        async for status in client.watch("a"):
            if status.state == PROCESSING:
                break
        with pytest.raises(TimeoutError) as raised:
            await client.wait_for_completion("a", timeout=0.5)
        assert raised.value.last_status.state == PROCESSING

    run_async(setting.address, body)


def test_asyncio_many_wait_at_once(setting):
    jobs = [f"job-{number}" for number in range(100)]
    for job in jobs:
        setting.submit(job)

    async def body(client):
        return await asyncio.gather(*(client.wait_for_completion(job, timeout=60) for job in jobs))

    statuses = run_async(setting.address, body)
    assert [(status.job_id, status.state) for status in statuses] == [(job, COMPLETED) for job in jobs]


def test_asyncio_errors_are_typed(setting):
    async def body(client):
        with pytest.raises(jobstatus.JobNotFound):
            await client.wait_for_completion("nobody", timeout=60)
        with pytest.raises(jobstatus.JobNotFound):
            await client.get_status("nobody")

    run_async(setting.address, body)
