"""Plays one scenario with one runner."""

import itertools
import signal
import tomllib
from pathlib import Path

from observation import check, observe, state_of
from programs import Certificates, Comfy, Failed, Service
from runner import Runner

UNREACHABLE = "127.0.0.1:1"  # nobody listens there


def load(path: Path) -> dict:
    with open(path, "rb") as file:
        return tomllib.load(file)


def _expanded(value: object, replacements: dict) -> object:
    """"$name" stands for what only a run knows, {repeat, count} for a text so often, {from, count} for so many ids."""
    if isinstance(value, str):
        return replacements.get(value, value)
    if isinstance(value, list):
        return [_expanded(each, replacements) for each in value]
    if isinstance(value, dict):
        if value.keys() == {"repeat", "count"}:
            return value["repeat"] * value["count"]
        if value.keys() == {"from", "count"}:
            return [f"{value['from']}{number}" for number in range(value["count"])]
        return {name: _expanded(each, replacements) for name, each in value.items()}
    return value


def _workflow(job: str, step: dict) -> dict:
    sampler = {"model": ["1", 0], "steps": step.get("steps", 1)}
    if "raise" in step:
        sampler["raise"] = step["raise"]
    nodes = {
        "1": {"class_type": "CheckpointLoaderSimple", "inputs": {}},
        "2": {"class_type": "KSampler", "inputs": sampler},
        "3": {"class_type": "VAEDecode", "inputs": {"samples": ["2", 0]}},
    }
    for number, prefix in enumerate(step.get("prefixes", ["cat"])):
        nodes[str(4 + number)] = {"class_type": "SaveImage", "inputs": {"images": ["3", 0], "filename_prefix": prefix}}
    return {"prompt_id": job, "prompt": nodes}


class Play:
    def __init__(self, scenario: dict, runner: Runner, scratch: Path):
        self._steps = scenario["step"]
        self._runner = runner
        self._revision = "0"  # the last one told in any call
        self._command: dict = {}  # of the call under way
        settings = scenario.get("service", {})
        self._token = settings.get("token", "")
        self._certificates = Certificates(scratch) if settings.get("tls") else None
        self._comfy = Comfy(scratch, scenario.get("comfyui", {}))
        self._service = Service(scratch, self._comfy.url, settings, self._certificates)

    def run(self) -> list[dict]:
        """What each call told."""
        self._service.start()
        self._service.await_live_events()
        observations = []
        for number, step in enumerate(self._steps, 1):
            try:
                if (seen := self._do(step)) is not None:
                    observations.append(seen)
            except Failed as failed:
                raise Failed(f"step {number} ({step['do']}): {failed}") from None
        return observations

    def log(self) -> str:
        """What may explain a failure."""
        ended = "and the fake ComfyUI is not there\n" if self._comfy.has_ended() else ""
        return self._service.log()[-3000:] + ended

    def end(self) -> None:
        self._service.end(signal.SIGKILL)
        self._comfy.kill()

    def _do(self, step: dict) -> dict | None:
        return getattr(self, "_do_" + step["do"])(step)

    # --- what happens at ComfyUI ---

    def _do_submit(self, step: dict) -> None:
        jobs = _expanded(step["jobs"], {}) if "jobs" in step else [step["job"]]
        self._comfy.post("/prompt", *(_workflow(job, step) for job in jobs))

    def _do_interrupt(self, _: dict) -> None:
        self._comfy.post("/interrupt", {})

    def _do_delete(self, step: dict) -> None:
        self._comfy.post("/queue", {"delete": [step["job"]]})

    def _do_clear_queue(self, _: dict) -> None:
        self._comfy.post("/queue", {"clear": True})

    def _do_kill_comfyui(self, _: dict) -> None:
        self._comfy.kill()

    def _do_start_comfyui(self, _: dict) -> None:
        self._comfy.start()

    def _do_pause_comfyui(self, _: dict) -> None:
        self._comfy.pause()

    def _do_resume_comfyui(self, _: dict) -> None:
        self._comfy.resume()

    # --- what happens to the service ---

    def _do_kill_service(self, _: dict) -> None:
        self._service.end(signal.SIGKILL)

    def _do_stop_service(self, _: dict) -> None:
        self._service.end(signal.SIGTERM)

    def _do_start_service(self, _: dict) -> None:
        self._service.start()

    # --- what the caller does ---

    def _do_call(self, step: dict) -> None:
        connect = {"target": self._service.address}
        if self._certificates:
            connect["caFile"] = self._certificates.file("ca.pem")
        if self._token:
            connect["token"] = self._token
        names = {"$unreachable": UNREACHABLE}
        if self._certificates:
            names |= {"$caller.pem": self._certificates.file("caller.pem"), "$caller.key": self._certificates.file("caller.key")}
        connect |= _expanded(step.get("connect", {}), names)
        self._command = {
            "method": step["method"],
            "connect": {name: value for name, value in connect.items() if value != ""},
            "request": _expanded(step.get("request", {}), {"$revision": self._revision}),
            "timeoutMs": step.get("timeoutMs", 120_000),
        }
        self._runner.call(self._command)

    def _do_settle(self, step: dict) -> None:
        """Until the service tells that state of a job; what it tells before is left to chance, and not compared."""
        self._do_call({"method": "WatchStatus", "request": {"jobIds": [step["job"]]}})
        self._do_await(step)
        self._do_cancel(step)
        self._runner.wait_until("end of the call", lambda events: events[-1]["event"] == "end")

    def _do_cancel(self, _: dict) -> None:
        self._runner.cancel()

    def _do_await(self, step: dict) -> None:
        """Until the runner has told a state of a job; so many statuses; that an attempt has failed."""
        if "state" in step:
            self._runner.wait_until(
                f"{step['job']} {step['state']}",
                lambda events: any(
                    event["event"] == "status"
                    and event["status"]["jobId"] == step["job"]
                    and state_of(event["status"]) == step["state"]
                    for event in events
                ),
            )
        elif "statuses" in step:
            self._runner.wait_until(
                f"{step['statuses']} statuses",
                lambda events: sum(event["event"] == "status" for event in events) >= step["statuses"],
            )
        elif "retry" in step:
            self._runner.wait_until("retry", lambda events: any(event["event"] == "retry" for event in events))
        else:
            raise Failed("await needs state, statuses or retry")

    def _do_expect(self, step: dict) -> dict:
        """Until the call has ended, as expected."""
        events = self._runner.wait_until("end of the call", lambda events: bool(events) and events[-1]["event"] == "end")
        seen = observe(self._command, events, self._comfy.url)
        revisions = [event["status"]["revision"] for event in events if event["event"] == "status"]
        self._revision = max([self._revision, *revisions], key=int)
        check(_expanded(step, {}), seen)
        return seen
