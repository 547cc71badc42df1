import signal

import pytest

from comfyui_jobstatus.drop_in import AdvancedComfyUIClient, ComfyUIClient


@pytest.fixture
def client(setting, monkeypatch):
    monkeypatch.setenv("JOBSTATUS_SERVER", setting.address)
    with AdvancedComfyUIClient("http://localhost:8188", timeout=30) as made:
        yield made


def test_a_job_that_is_done_has_its_outputs_as_comfyui_lists_them(setting, client):
    setting.submit("a")
    told = client.wait_for_completion("a", timeout=60)
    assert (told["status"], told["job_id"], told["message"]) == ("completed", "a", "completed with 1 output")
    assert told["outputs"] == {"2": {"images": [{"filename": "cat_00001_.png", "subfolder": "", "type": "output"}]}}
    assert told["progress"]["percentage"] == 100
    assert "T" in told["timestamp"]
    assert client.poll_status("a")["outputs"] == told["outputs"]


def test_a_job_that_failed_says_why(setting, client):
    setting.submit("a", **{"raise": "boom"})
    told = client.wait_for_completion("a", timeout=60)
    assert (told["status"], told["error"]) == ("failed", "boom")


def test_a_job_that_waits_has_its_place_counted_from_zero(setting, client):
    setting.submit_endless("running")
    setting.submit("next")
    setting.submit("last")
    assert client.wait_for_completion("running", timeout=0.5)["status"] == "timeout"
    told = client.poll_status("last")
    assert (told["status"], told["position_in_queue"], told["queue_size"]) == ("queued", 1, 2)
    assert told["message"].startswith("queued, 2nd of 2")


def test_a_job_that_runs_has_its_progress(setting, client):
    setting.submit_endless("a")
    told = client.wait_for_completion("a", timeout=1)
    assert told["status"] == "timeout" and "KSampler" in told["message"]
    told = client.poll_status("a")
    assert told["status"] == "processing"
    assert set(told["progress"]) == {"percentage", "current_step", "total_steps", "estimated_time_remaining"}
    assert told["progress"]["total_steps"] == 1_000_000
    setting.interrupt()
    assert client.wait_for_completion("a", timeout=60)["status"] == "failed"


def test_what_is_unknown_is_not_found(client):
    assert client.poll_status("nobody")["status"] == "not_found"
    assert client.wait_for_completion("nobody", timeout=60, poll_interval=0.1)["status"] == "not_found"


def test_errors_are_told_and_not_raised(setting, client):
    assert client.poll_status("")["error_type"] == "unexpected_error"
    setting.service.end(signal.SIGKILL)
    told = client.poll_status("a")
    assert (told["status"], told["error_type"]) == ("error", "connection_error")
    assert client.wait_for_completion("a", timeout=0.5)["status"] == "timeout"


def test_callbacks_get_what_polls_and_waits_are_told(setting, client):
    setting.submit("a")
    registered, given = [], []
    client.register_status_callback("a", registered.append)
    last = client.wait_for_completion("a", timeout=60)
    assert registered[-1] == last
    told = client.poll_with_callback("a", given.append)
    assert given == [told] and registered[-1] == told


def test_the_address_of_the_service_may_be_given(setting):
    setting.submit("a")
    with ComfyUIClient(service=setting.address) as client:
        assert client.wait_for_completion("a", timeout=60)["status"] == "completed"
