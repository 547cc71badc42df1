"""How long to wait before the next attempt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, Optional


@dataclass(frozen=True)
class BackoffSettings:
    """In seconds. Each wait is `multiplier` times the one before, until `max`."""

    initial: float = 0.25
    max: float = 10.0
    multiplier: float = 2.0

    def __post_init__(self) -> None:
        if not (0 < self.initial <= self.max and self.multiplier >= 1):
            raise ValueError("back-off needs 0 < initial <= max and a multiplier of at least 1")


class Backoff:
    """A sequence of growing waits. Chance spreads them, so that the many clients of a service that went down do not all
    return at the same moment. `random` gives numbers in [0, 1)."""

    def __init__(self, settings: BackoffSettings, random: Callable[[], float]) -> None:
        self._settings = settings
        self._random = random
        self._step = settings.initial

    def next(self, retry_after: Optional[float]) -> float:
        """The next wait: between half of the step and the step. When the service said `retry_after`, at least that and at
        most a quarter more, unless the step is longer."""
        chance = self._random()
        wait = self._step * (0.5 + 0.5 * chance)
        self._step = min(self._step * self._settings.multiplier, self._settings.max)
        return wait if retry_after is None else max(wait, retry_after * (1 + 0.25 * chance))

    def reset(self) -> None:
        """Starts over: an attempt has succeeded."""
        self._step = self._settings.initial
