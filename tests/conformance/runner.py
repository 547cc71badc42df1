"""A language's runner, as a process: commands to it and events from it, each a line of JSON. README.md says which."""

import json
import subprocess
import threading
from collections.abc import Callable

from programs import PATIENCE, Failed


class Runner:
    def __init__(self, command: list[str]):
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8")
        self._news = threading.Condition()  # protects the next three
        self._events: list[dict] = []  # of the call under way
        self._garbage = ""
        self._gone = False
        self._reader = threading.Thread(target=self._read, daemon=True)  # reads stdout to its end
        self._reader.start()

    def _read(self) -> None:
        for line in self._process.stdout:
            with self._news:
                try:
                    event = json.loads(line)
                    if not isinstance(event, dict) or event.get("event") not in ("status", "backend", "retry", "end"):
                        raise ValueError
                    self._events.append(event)
                except ValueError:
                    self._garbage = self._garbage or line
                self._news.notify_all()
        with self._news:
            self._gone = True
            self._news.notify_all()

    def _send(self, command: dict) -> None:
        try:
            self._process.stdin.write(json.dumps(command) + "\n")
            self._process.stdin.flush()
        except OSError:
            raise Failed("the runner is gone") from None

    def call(self, command: dict) -> None:
        with self._news:
            if self._events and self._events[-1]["event"] != "end":
                raise Failed("the scenario begins a call before the one before has ended")
            self._events = []
        self._send({"command": "call", **command})

    def cancel(self) -> None:
        self._send({"command": "cancel"})

    def wait_until(self, what: str, come: Callable[[list[dict]], bool]) -> list[dict]:
        """The events of the call, once that is true of them."""
        with self._news:
            ended = lambda: bool(self._events) and self._events[-1]["event"] == "end"  # noqa: E731
            self._news.wait_for(lambda: come(self._events) or ended() or self._gone or self._garbage, PATIENCE)
            if self._garbage:
                raise Failed(f"the runner prints what is no event: {self._garbage.strip()}")
            if not come(self._events):
                why = "the runner ended" if self._gone else f"the call ended" if ended() else f"nothing in {PATIENCE:.0f} s"
                last = json.dumps(self._events[-1], ensure_ascii=False)[:1000] if self._events else "nothing"
                raise Failed(f"no {what}: {why}; {len(self._events)} events, the last: {last}")
            return list(self._events)

    def end(self) -> None:
        """A runner ends when its input does."""
        self._process.stdin.close()
        try:
            code = self._process.wait(10)
        except subprocess.TimeoutExpired:
            raise Failed("the runner does not end when its input does") from None
        finally:
            self.kill()
        if code:
            raise Failed(f"the runner ended with {code}")

    def kill(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self._reader.join()
        try:
            self._process.stdin.close()
        except OSError:  # nobody read what was sent last
            pass
        self._process.stdout.close()
