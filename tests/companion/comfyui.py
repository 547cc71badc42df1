"""A stand-in for what the companion touches of ComfyUI, in several versions: who is sent what, and through what.

recordings_test.py holds it against recordings of real ones.
"""

import importlib.util
import itertools
import json
import pathlib
import sys
import time
import types

COMPANION = pathlib.Path(__file__).resolve().parents[2] / "client" / "comfyui-node" / "__init__.py"


class Version:
    def __init__(self, name, notes=True, progress_ids=True, display_node=True, progress_state=None):
        self.name = name
        self.notes = notes  # PromptExecutor.add_message, history.status, execution_success and timestamps
        self.progress_ids = progress_ids
        self.display_node = display_node
        self.progress_state = progress_state  # None, or to whom: "everybody", "owner"


VERSIONS = {
    version.name: version
    for version in (
        Version("2023-12", notes=False, progress_ids=False, display_node=False),
        Version("v0.3.44"),
        Version("v0.3.57", progress_state="everybody"),
        Version("v0.3.64", progress_state="owner"),
        Version("v0.33.0", progress_state="owner"),
    )
}


class Loop:
    """An event loop of which nothing is needed but that it runs what other threads hand it."""

    def call_soon_threadsafe(self, function, *args):
        function(*args)


class Messages(list):
    put_nowait = list.append


class Died(Exception):
    """The sending task met something that is not JSON, which ends the server."""


def make_server_class():
    class PromptServer:
        def __init__(self):
            PromptServer.instance = self
            self.loop = Loop()
            self.messages = Messages()
            self.sockets = {}  # by client id: what it was sent, as (event, data)
            self.client_id = None
            self.last_node_id = None

        def send_sync(self, event, data, sid=None):
            self.loop.call_soon_threadsafe(self.messages.put_nowait, (event, data, sid))

        def connect(self, client_id):
            self.sockets[client_id] = received = []
            return received

        def deliver(self):
            """What the sending task does with all that is queued."""
            while self.messages:
                event, data, sid = self.messages.pop(0)
                if not isinstance(data, bytes):
                    try:
                        data = json.loads(json.dumps(data))
                    except (TypeError, ValueError) as problem:
                        raise Died(event) from problem
                for client_id, received in self.sockets.items():
                    if sid is None or sid == client_id:
                        received.append((event, data))

    return PromptServer


class DynamicPrompt:
    def get_display_node_id(self, node):
        return node.split(".")[0]


def make_execution_module(version):
    module = types.ModuleType("execution")
    module.get_input_data = lambda inputs, class_def, node, outputs=None, prompt=None, extra_data=None: ({}, [])
    if version.progress_state:
        module.get_progress_state = lambda: None

    class PromptExecutor:
        def __init__(self, server):
            self.server = server
            self.status_messages = []

        if version.notes:

            def add_message(self, event, data, broadcast):
                data = {**data, "timestamp": int(time.time() * 1000)}
                self.status_messages.append((event, data))
                if self.server.client_id is not None or broadcast:
                    self.server.send_sync(event, data, self.server.client_id)

        else:

            def add_message(self, event, data, broadcast):
                if self.server.client_id is not None or broadcast:
                    self.server.send_sync(event, data, self.server.client_id)

        def run(self, prompt_id, nodes, client_id=None, cached=(), steps=2, fails=None, interrupted=None, pause=None):
            """A prompt whose nodes run one after the other; `pause` is called amid each."""
            server = self.server
            server.client_id = client_id
            self.status_messages = []
            self._states = {}
            for node in nodes:
                module.get_input_data({}, None, node)  # VALIDATE_INPUTS
            self.add_message("execution_start", {"prompt_id": prompt_id}, False)
            for node in nodes:
                module.get_input_data({}, None, node, None)  # IS_CHANGED
            self.add_message("execution_cached", {"nodes": list(cached), "prompt_id": prompt_id}, False)
            done = set()
            for node in nodes:
                node_steps = steps if node == nodes[0] else 0
                if not self._run_node(prompt_id, node, node_steps, done, fails, interrupted, pause):
                    break
            else:
                if version.notes:
                    self.add_message("execution_success", {"prompt_id": prompt_id}, False)
            server.last_node_id = None
            if server.client_id is not None:
                server.send_sync("executing", {"node": None, "prompt_id": prompt_id}, server.client_id)

        def _run_node(self, prompt_id, node, steps, done, fails, interrupted, pause):
            server = self.server
            prompt = DynamicPrompt() if version.display_node else {}
            displayed = {"display_node": prompt.get_display_node_id(node)} if version.display_node else {}
            self._progress(prompt_id, node, 0.0, 1.0, "running")
            module.get_input_data({}, None, node, {}, prompt, {})
            if server.client_id is not None:
                server.last_node_id = node
                server.send_sync("executing", {"node": node, **displayed, "prompt_id": prompt_id}, server.client_id)
            for step in range(1, steps + 1):
                ids = {"prompt_id": prompt_id, "node": server.last_node_id} if version.progress_ids else {}
                self._progress(prompt_id, node, step, steps, "running")
                server.send_sync("progress", {"value": step, "max": steps, **ids}, server.client_id)
                server.send_sync(1, b"preview", server.client_id)
                if pause:
                    pause()
            where = {"prompt_id": prompt_id, "node_id": node, "node_type": "Class", "executed": sorted(done)}
            if node == interrupted:
                self.add_message("execution_interrupted", where, True)
                return False
            if node == fails:
                error = {"exception_message": "boom", "exception_type": "ValueError", "traceback": ["/secret/path"]}
                more = {"current_inputs": {"text": ["secret"]}, "current_outputs": ["1"]}
                self.add_message("execution_error", {**where, **error, **more}, False)
                return False
            if steps == 0 and server.client_id is not None:  # an output node
                output = {"images": [{"filename": "secret.png"}]}
                executed = {"node": node, **displayed, "output": output, "prompt_id": prompt_id}
                server.send_sync("executed", executed, server.client_id)
            self._progress(prompt_id, node, max(steps, 1.0), max(steps, 1.0), "finished")
            done.add(node)
            return True

        def _progress(self, prompt_id, node, value, top, state):
            if version.progress_state is None:
                return
            self._states[node] = (value, top, state)
            nodes = {
                key: {"value": v, "max": m, "state": s, "node_id": key, "prompt_id": prompt_id, "display_node_id": key,
                      "parent_node_id": None, "real_node_id": key}
                for key, (v, m, s) in self._states.items()
            }
            recipient = self.server.client_id if version.progress_state == "owner" else None
            self.server.send_sync("progress_state", {"prompt_id": prompt_id, "nodes": nodes}, recipient)

    if not version.notes:  # the events go the same way there, but there is no such method to be hooked
        PromptExecutor._message = PromptExecutor.add_message
        del PromptExecutor.add_message
        PromptExecutor.__getattr__ = lambda self, name: self._message if name == "add_message" else _no(name)
    module.PromptExecutor = PromptExecutor
    return module


def _no(name):
    raise AttributeError(name)


class ComfyUI:
    """A running one. load_companion() does what it does with each folder in custom_nodes/."""

    _count = itertools.count()

    def __init__(self, version="v0.33.0"):
        self.server_module = types.ModuleType("server")
        self.server_module.PromptServer = make_server_class()
        self.execution_module = make_execution_module(VERSIONS[version])
        self.server = self.server_module.PromptServer()
        self.executor = self.execution_module.PromptExecutor(self.server)

    def load_companion(self):
        sys.modules["server"], sys.modules["execution"] = self.server_module, self.execution_module
        try:
            spec = importlib.util.spec_from_file_location(f"companion_{next(self._count)}", COMPANION)
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            return module
        finally:
            del sys.modules["server"], sys.modules["execution"]

    def run(self, *args, **kwargs):
        self.executor.run(*args, **kwargs)
        self.server.deliver()


def mirrored(received):
    """Of what a socket received, the wrapped events."""
    return [(data["type"], data["data"]) for event, data in received if event == "jobstatus.mirror"]


def direct(received):
    return [(event, data) for event, data in received if event != "jobstatus.mirror" and isinstance(event, str)]


def types_of(events):
    return [event for event, _ in events]
