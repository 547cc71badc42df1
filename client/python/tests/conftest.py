"""The real service before a fake ComfyUI, started for each test by what the conformance suite starts them with."""

import signal
import sys
from pathlib import Path
from typing import Any, Iterator

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "tests" / "conformance"))
import programs  # noqa: E402


class Setting:
    """A fake ComfyUI and the service."""

    def __init__(self, scratch: Path) -> None:
        self.comfy = programs.Comfy(scratch, {})
        self.service = programs.Service(scratch, self.comfy.url, {}, None)
        self.service.start()
        self.service.await_live_events()

    @property
    def address(self) -> str:
        return self.service.address

    def submit(self, job_id: str, steps: int = 1, **inputs: Any) -> None:
        sampler = {"class_type": "KSampler", "inputs": {"steps": steps, **inputs}}
        save = {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "cat"}}
        self.comfy.post("/prompt", {"prompt_id": job_id, "prompt": {"1": sampler, "2": save}})

    def submit_endless(self, job_id: str) -> None:
        self.submit(job_id, steps=1_000_000)

    def interrupt(self) -> None:
        self.comfy.post("/interrupt", {})

    def end(self) -> None:
        self.service.end(signal.SIGKILL)
        self.comfy.kill()


@pytest.fixture
def setting(tmp_path: Path) -> Iterator[Setting]:
    made = Setting(tmp_path)
    yield made
    made.end()
