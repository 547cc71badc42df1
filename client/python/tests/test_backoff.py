import pytest

from comfyui_jobstatus.backoff import Backoff, BackoffSettings


def waits(count, chance, retry_after=None):
    backoff = Backoff(BackoffSettings(initial=1, max=5, multiplier=2), lambda: chance)
    return [backoff.next(retry_after) for _ in range(count)]


def test_waits_grow_up_to_a_limit():
    assert waits(5, chance=1) == [1, 2, 4, 5, 5]


def test_chance_takes_up_to_half_of_a_wait():
    assert waits(4, chance=0) == [0.5, 1, 2, 2.5]


def test_what_the_service_asks_for_is_the_least():
    assert waits(3, chance=0, retry_after=3) == [3, 3, 3]
    assert waits(1, chance=1, retry_after=4) == [5]
    assert waits(4, chance=1, retry_after=1)[3] == 5


def test_success_starts_over():
    backoff = Backoff(BackoffSettings(initial=1), lambda: 1)
    backoff.next(None)
    backoff.reset()
    assert backoff.next(None) == 1


@pytest.mark.parametrize("wrong", [{"initial": 0}, {"initial": 2, "max": 1}, {"multiplier": 0.5}])
def test_settings_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValueError):
        BackoffSettings(**wrong)
