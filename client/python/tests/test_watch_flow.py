import grpc
import pytest

import comfyui_jobstatus as jobstatus
from comfyui_jobstatus.backoff import Backoff, BackoffSettings
from comfyui_jobstatus.v1.job_status_pb2 import WatchStatusResponse
from comfyui_jobstatus.watch_flow import WatchFlow, WatchOptions

AWAY = dict(code=grpc.StatusCode.UNAVAILABLE)


def flow(*job_ids, **options):
    defaults = dict(backend="", after_revision=0, min_interval=0.0, wait_for_job=0.0, timeout=None, fail_fast=False)
    what = WatchOptions(job_ids, **{**defaults, **options})
    return WatchFlow(what, Backoff(BackoffSettings(initial=1, max=8, multiplier=2), lambda: 1), 100.0)


def told(job_id, state, revision):
    status = jobstatus.JobStatus(job_id=job_id, state=f"JOB_STATE_{state}", revision=revision)
    return WatchStatusResponse(status=status, revision=revision)


def away(**more):
    return jobstatus.Error("away", **{**AWAY, **more})


def test_a_watch_that_was_lost_goes_on_from_the_last_revision():
    watch = flow("a", after_revision=3)
    assert watch.attach(100).after_revision == 3
    watch.on_message(told("a", "QUEUED", 5))
    watch.on_message(WatchStatusResponse(revision=9))  # a heartbeat
    assert watch.on_end(away(), 101) == 1
    assert watch.attach(102).after_revision == 9


def test_jobs_that_have_ended_are_not_asked_for_again():
    watch = flow("a", "b")
    watch.attach(100)
    watch.on_message(told("a", "COMPLETED", 5))
    assert list(watch.attach(101).job_ids) == ["b"]


def test_a_lost_job_that_is_seen_again_is_asked_for_again():
    watch = flow("a", "b")
    watch.on_message(told("a", "LOST", 5))
    watch.on_message(told("a", "PROCESSING", 6))
    assert list(watch.attach(101).job_ids) == ["a", "b"]


def test_a_stream_that_breaks_after_the_last_job_ended_is_over():
    watch = flow("a")
    watch.on_message(told("a", "FAILED", 5))
    assert watch.on_end(away(), 101) is None


def test_waits_grow_until_something_is_heard():
    watch = flow("a")
    assert [watch.on_end(away(), 101) for _ in range(3)] == [1, 2, 4]
    watch.on_message(WatchStatusResponse(revision=1))
    assert watch.on_end(away(), 101) == 1


def test_the_service_says_when_to_come_back():
    assert flow("a").on_end(away(retry_after=4), 101) == 5


@pytest.mark.parametrize(
    "error",
    [
        dict(code=grpc.StatusCode.RESOURCE_EXHAUSTED, reason="WRITE_STALLED"),
        dict(code=grpc.StatusCode.RESOURCE_EXHAUSTED),
        dict(code=grpc.StatusCode.RESOURCE_EXHAUSTED, reason="TOO_MANY_WATCHES", retry_after=1),
        dict(code=grpc.StatusCode.CANCELLED),
    ],
)
def test_trying_again_helps_against(error):
    assert flow("a").on_end(jobstatus.Error("", **error), 101) is not None


@pytest.mark.parametrize("words", ["Received RST_STREAM with code 2", "Stream removed", "GOAWAY received"])
def test_trying_again_helps_against_a_broken_stream(words):
    assert flow("a").on_end(jobstatus.Error(words, code=grpc.StatusCode.INTERNAL), 101) is not None


@pytest.mark.parametrize("code", ["NOT_FOUND", "INVALID_ARGUMENT", "UNAUTHENTICATED", "INTERNAL", "UNIMPLEMENTED"])
def test_other_errors_end_a_watch_with_what_was_known(code):
    watch = flow("a")
    watch.on_message(told("a", "QUEUED", 5))
    error = jobstatus.Error("", code=grpc.StatusCode[code])
    with pytest.raises(jobstatus.Error) as raised:
        watch.on_end(error, 101)
    assert raised.value is error and error.last_status.revision == 5


def test_who_fails_fast_does_so_until_something_is_heard():
    watch = flow("a", fail_fast=True)
    with pytest.raises(jobstatus.Error):
        watch.on_end(away(), 101)
    watch.on_message(WatchStatusResponse(revision=1))
    assert watch.on_end(away(), 101) == 1


def test_no_wait_is_longer_than_the_time_left():
    watch = flow("a", timeout=10)
    assert watch.time_left(104) == 6
    assert watch.on_end(away(retry_after=60), 104) == 6
    watch.on_message(told("a", "PROCESSING", 5))
    with pytest.raises(jobstatus.DeadlineExceeded) as raised:
        watch.check_time(110)
    assert raised.value.last_status.revision == 5


def test_a_job_may_stay_unknown_for_as_long_as_said_counted_from_the_start():
    watch = flow("a", wait_for_job=30)
    assert watch.attach(100).wait_for_job.seconds == 30
    assert watch.attach(110).wait_for_job.seconds == 20


def test_a_service_that_was_away_is_given_a_moment_to_learn_of_the_job():
    watch = flow("a")
    assert not watch.attach(100).HasField("wait_for_job")
    assert watch.attach(110).wait_for_job.seconds == 5


def test_a_watch_of_all_jobs_names_none_and_has_no_patience():
    watch = flow()
    watch.attach(100)
    watch.on_message(told("a", "COMPLETED", 5))
    request = watch.attach(101)
    assert not request.job_ids and not request.HasField("wait_for_job")
    assert watch.on_end(away(), 101) == 1
