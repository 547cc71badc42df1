"""The real programs, as processes: a fake ComfyUI, the service, and certificates for it."""

import http.client
import json
import os
import signal
import subprocess
import threading
import urllib.parse
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 60.0  # seconds that anything may take before it counts as failed


class Failed(Exception):
    """A scenario did not go as it should."""


def program(variable: str, built: str) -> str:
    path = os.environ.get(variable) or str(ROOT / built)
    if not os.access(path, os.X_OK):
        raise SystemExit(f"conformance: {path} is not there; ./dev build makes it, or {variable} names another")
    return path


class Process:
    """A program whose stderr is read as it comes. Killed at the end."""

    def __init__(self, command: list[str]):
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self._said: list[str] = []
        self._ended = False
        self._news = threading.Condition()  # protects the two
        threading.Thread(target=self._read, daemon=True).start()  # reads stderr to its end

    def _read(self) -> None:
        for line in self._process.stderr:
            with self._news:
                self._said.append(line)
                self._news.notify_all()
        with self._news:
            self._ended = True
            self._news.notify_all()

    def await_event(self, *events: str) -> dict:
        """The first line of the log (JSON) about one of these events."""
        found: dict = {}

        def look() -> bool:
            for line in self._said:
                if line.startswith("{") and (record := json.loads(line))["event"] in events:
                    found.update(record)
                    return True
            return self._ended

        with self._news:
            self._news.wait_for(look, PATIENCE)
            if not found:
                raise Failed(f"no {events} in what the service says:\n{''.join(self._said)}")
        return found

    def said(self) -> str:
        with self._news:
            return "".join(self._said)

    def end(self, number: int = signal.SIGKILL) -> None:
        if self._process.poll() is None:
            self._process.send_signal(number)
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise Failed("the service does not end") from None


class Comfy:
    """fake_comfyui, at one address however often it starts."""

    def __init__(self, scratch: Path, settings: dict):
        self._scratch = scratch
        self._settings = settings
        self._port = 0
        self._process: subprocess.Popen | None = None
        self.url = ""
        self.start()

    def start(self) -> None:
        command = [program("FAKE_COMFYUI", "build/release/tests/fakes/fake_comfyui"), "--port", str(self._port)]
        # A version that lets callers choose any id, at fifty times a demo's speed.
        command += ["--version", self._settings.get("version", "v0.3.64"), "--speed", str(self._settings.get("speed", 50))]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        said = self._process.stdout.readline()  # "fake ComfyUI v0.3.64 at http://127.0.0.1:1234"
        if " at http://" not in said:
            raise Failed("the fake ComfyUI does not start")
        self.url = said.rsplit(" at ", 1)[1].strip()
        self._port = urllib.parse.urlsplit(self.url).port

    def has_ended(self) -> bool:
        """By itself, or because somebody else ended it."""
        return self._process.poll() is not None

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        self._process.stdout.close()

    def pause(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def post(self, path: str, *bodies: dict) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE)
        for body in bodies:
            connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
            answer = connection.getresponse()
            text = answer.read()
            if answer.status != 200:
                raise Failed(f"ComfyUI answers {answer.status} to POST {path}: {text.decode()}")
        connection.close()


class Certificates:
    """ca.pem, an authority, and what it signed: server.pem for 127.0.0.1 and caller.pem, each with its key; made by openssl."""

    def __init__(self, folder: Path):
        self.folder = folder
        key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
        sign = "-CA ca.pem -CAkey ca.key -CAcreateserial -days 2"
        script = f"""set -e
            openssl req -x509 {key} -days 2 -subj /CN=authority -keyout ca.key -out ca.pem
            openssl req {key} -subj /CN=server -addext subjectAltName=IP:127.0.0.1,DNS:localhost -keyout server.key -out server.csr
            openssl x509 -req -in server.csr {sign} -copy_extensions copy -out server.pem
            openssl req {key} -subj /CN=caller -addext subjectAltName=DNS:caller -keyout caller.key -out caller.csr
            openssl x509 -req -in caller.csr {sign} -copy_extensions copy -out caller.pem"""
        made = subprocess.run(["sh", "-c", script], cwd=folder, capture_output=True, text=True, timeout=PATIENCE)
        if made.returncode:
            raise Failed(f"openssl makes no certificates: {made.stderr}")

    def file(self, name: str) -> str:
        return str(self.folder / name)


class Service:
    """jobstatus-server before one ComfyUI, at one address and with one state however often it starts."""

    def __init__(self, scratch: Path, comfy_url: str, settings: dict, certificates: Certificates | None):
        self._scratch = scratch
        self._comfy_url = comfy_url
        self._settings = settings
        self._certificates = certificates
        self._process: Process | None = None
        self.address = "127.0.0.1:0"

    def start(self) -> None:
        command = [program("JOBSTATUS_SERVER", "build/release/server/app/jobstatus-server")]
        command += ["--listen", self.address, "--backend", f"gpu={self._comfy_url}", "--log-format", "json"]
        command += ["--state-dir", str(self._scratch / "state")]
        # It asks ComfyUI as often as it can, so that nobody has to wait for it.
        for option in ("poll-interval", "idle-interval", "safety-interval"):
            command += [f"--{option}", "10ms"]
        command += ["--upstream-share", "1"]
        if self._certificates:
            command += ["--tls-cert", self._certificates.file("server.pem"), "--tls-key", self._certificates.file("server.key")]
            if self._settings.get("asks_for_certificates"):
                command += ["--tls-client-ca", self._certificates.file("ca.pem")]
        if token := self._settings.get("token"):
            file = self._scratch / "tokens"
            file.write_text(token + "\n")
            file.chmod(0o600)
            command += ["--token-file", str(file)]
        command += self._settings.get("options", [])
        self._process = Process(command)
        self.address = self._process.await_event("serving")["address"]

    def await_live_events(self) -> None:
        self._process.await_event("events_heard")

    def log(self) -> str:
        """Of what runs, or ran last."""
        return self._process.said() if self._process else ""

    def end(self, number: int) -> None:
        if self._process:
            self._process.end(number)
