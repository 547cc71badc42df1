"""What a call told, with all that differs from run to run taken out by the rules of README.md; and whether it is as expected."""

import json
import re

from programs import Failed

TERMINAL = ("JOB_STATE_COMPLETED", "JOB_STATE_FAILED", "JOB_STATE_CANCELLED", "JOB_STATE_LOST")
TIMES = ("createTime", "startTime", "endTime", "observeTime")
RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


def state_of(status: dict) -> str:
    return status["state"] + (" stale" if status.get("stale") else "")


def normalized(status: dict, comfy_url: str) -> dict:
    result = dict(status)
    for name in ("revision", "estimatedTimeRemaining", "estimatedTimeRange"):
        result.pop(name, None)
    for name in TIMES:
        if name in result:
            if not RFC3339.fullmatch(result[name]):
                raise Failed(f"{name} is {result[name]}")
            result[name] = "TIME"
    if status["state"] != "JOB_STATE_COMPLETED":
        for name in ("progress", "queue"):
            result.pop(name, None)
    if status["state"] not in TERMINAL:
        result.pop("message", None)
    if "outputs" in result:
        result["outputs"] = [
            {name: text.replace(comfy_url, "http://COMFYUI") if name == "url" else text for name, text in output.items()}
            for output in result["outputs"]
        ]
    return result


def _check_status(status: dict, named: list[str]) -> None:
    for name in ("jobId", "backend", "state", "message", "revision", "observeTime"):
        if not status.get(name):
            raise Failed(f"a status without {name}: {json.dumps(status)}")
    if not (isinstance(status["revision"], str) and status["revision"].isdigit()):
        raise Failed(f"protobuf JSON has 64-bit numbers as text; this is {status['revision']!r}")
    if named and status["jobId"] not in named:
        raise Failed(f"told of {status['jobId']}, which was not asked for")


def _check_watch(statuses: list[dict], named: list[str], after: int) -> None:
    """What is true of every watch: revisions only grow, and after its end nothing is told of a job."""
    ended: set[str] = set()
    for status in statuses:
        revision = int(status["revision"])
        if revision <= after:
            raise Failed(f"revision {revision} after {after}: told twice, or out of order")
        after = revision
        if named and status["jobId"] in ended:
            raise Failed(f"{status['jobId']} is told again after its end")
        if status["state"] in TERMINAL and status["state"] != "JOB_STATE_LOST":
            ended.add(status["jobId"])


def _error(error: dict) -> dict:
    if error.get("reason") and not error.get("message"):
        raise Failed(f"an error without a message: {error}")
    return {
        "code": error["code"],
        "reason": error.get("reason", ""),
        "metadata": error.get("metadata", {}),
        "invalidFields": sorted(error.get("invalidFields", [])),
        "retryAfter": error.get("retryAfterMs") is not None,
        "requestId": bool(error.get("requestId")),
        "lastState": state_of(error["lastStatus"]) if error.get("lastStatus") else "",
    }


def observe(command: dict, events: list[dict], comfy_url: str) -> dict:
    """`command` is the call's, `events` all of its events."""
    request = command["request"]
    named = request.get("jobIds", []) or ([request["jobId"]] if request.get("jobId") else [])
    statuses = [event["status"] for event in events if event["event"] == "status"]
    for status in statuses:
        _check_status(status, named)
    if command["method"] == "WatchStatus":
        _check_watch(statuses, named, int(request.get("afterRevision", 0)))

    states: dict[str, list[str]] = {}
    last: dict[str, dict] = {}
    for status in statuses:
        told = states.setdefault(status["jobId"], [])
        if not told or told[-1] != state_of(status):
            told.append(state_of(status))
        last[status["jobId"]] = normalized(status, comfy_url)
    error = events[-1].get("error")
    result: dict = {"states": states, "last": last, "end": _error(error) if error else "OK"}
    if backends := [event["backend"] for event in events if event["event"] == "backend"]:
        result["backends"] = [
            {name: backend[name] for name in ("name", "reachable", "comfyuiVersion", "liveProgress") if name in backend}
            for backend in backends
        ]
    if command["method"] == "ListStatuses":
        result["order"] = [status["jobId"] for status in statuses]
    return result


def difference(expected: object, seen: object, where: str = "") -> str:
    """Where `seen` is not as expected; "": nowhere. Of objects, members that nothing is expected of may be there."""
    if isinstance(expected, dict) and isinstance(seen, dict):
        for name, value in expected.items():
            if name not in seen:
                return f"{where}.{name} is absent, not {json.dumps(value, ensure_ascii=False)}"
            if found := difference(value, seen[name], f"{where}.{name}"):
                return found
        return ""
    if isinstance(expected, list) and isinstance(seen, list) and len(expected) == len(seen):
        for index, (value, other) in enumerate(zip(expected, seen)):
            if found := difference(value, other, f"{where}[{index}]"):
                return found
        return ""
    if expected == seen and type(expected) is type(seen):
        return ""
    numbers = type(expected) in (int, float) and type(seen) in (int, float)  # True is none
    if numbers and float(expected) == float(seen):
        return ""  # JSON has one kind of number
    return f"{where} is {json.dumps(seen, ensure_ascii=False)}, not {json.dumps(expected, ensure_ascii=False)}"


def comparable(observations: list[dict]) -> list[dict]:
    """Without what depends on which of ComfyUI's events the service happened to hear, or on where an interruption met a job."""
    return [{**seen, "last": {job: _comparable_status(status) for job, status in seen["last"].items()}} for seen in observations]


def _comparable_status(status: dict) -> dict:
    left_out = {"progress"}
    if status.get("error", {}).get("reason") == "ERROR_REASON_INTERRUPTED":
        left_out.add("message")
        place = ("message", "nodeId", "nodeType")
        status = {**status, "error": {name: value for name, value in status["error"].items() if name not in place}}
    return {name: value for name, value in status.items() if name not in left_out}


def check(expected: dict, seen: dict) -> None:
    """`expected` is a step of the scenario."""
    for name in ("states", "last", "order", "backends"):
        if name in expected and (found := difference(expected[name], seen.get(name), name)):
            raise Failed(found)
    if "states" in expected and (more := seen["states"].keys() - expected["states"].keys()):
        raise Failed(f"told of {sorted(more)}, of which nothing is expected")
    # Where it is chance which states are seen on the way: how it ends, and the rest is left out of the comparison.
    if "ends" in expected:
        for job in expected["ends"]:
            if not seen["states"].get(job) or seen["states"][job][-1] not in TERMINAL:
                raise Failed(f"{job} did not end: {seen['states'].get(job)}")
        seen["states"] = {job: states[-1:] for job, states in seen["states"].items()}
    if "each" in expected:  # the same of so many jobs
        each = expected["each"]
        if len(seen["states"]) != each["count"]:
            raise Failed(f"told of {len(seen['states'])} jobs, not of {each['count']}")
        for job, states in seen["states"].items():
            if found := difference(each["states"], states, f"states.{job}"):
                raise Failed(found)
            if found := difference(each.get("last", {}), seen["last"][job], f"last.{job}"):
                raise Failed(found)
    if found := difference(expected["end"], seen["end"], "end"):
        raise Failed(found)
