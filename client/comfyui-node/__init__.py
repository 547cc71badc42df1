"""Mirrors what ComfyUI tells of each job to the sockets of the ComfyUI Job Status Service. README.md says more."""

import functools
import json
import logging
import threading
import time
import types

NODE_CLASS_MAPPINGS = {}  # ComfyUI refuses a package without it

LOG = logging.getLogger("jobstatus_companion")
PREFIX = "jobstatus-"  # of the client ids of the service
MIRRORED = {  # by event, what is left out: the big, and what is nobody's business
    **dict.fromkeys(("execution_start", "execution_cached", "executing", "progress", "progress_state"), ()),
    **dict.fromkeys(("execution_success", "execution_interrupted"), ()),
    "execution_error": ("traceback", "current_inputs", "current_outputs"),
    "executed": ("output",),
}
REPLAYED = ("execution_start", "execution_cached", "executing")
ENDS = ("execution_success", "execution_error", "execution_interrupted")
NOBODY = object()  # a recipient unlike any client id, and unlike None, which is everybody
MOST_FAILURES = 10  # in a row; then it gives up
QUIET_SECONDS = 60  # between two complaints


def plain(value):
    """A copy that certainly can be sent: what can not be encoded would end ComfyUI's server."""
    text = json.dumps(value, skipkeys=True, default=lambda _: None)
    return json.loads(text, parse_constant=lambda _: None)  # no NaN, no Infinity


class Companion:
    def __init__(self, server, send):
        self._server = server
        self._send = send  # send_sync without us: (event, data, sid)
        self._past = {}  # what a new socket must be told of the running prompt: data by event
        self._told = {}  # the sockets that were told, by client id: the service comes back under the same one
        self._prompt_id = None  # the prompt of these:
        self._nodes = {}  # progress_state as last mirrored: plain states by node id
        self._complete = set()  # the sockets that have all of them
        self._sent = threading.local()  # .event: the last one that came to send_sync in this thread
        self._failures = 0
        self._quiet_until = 0.0
        self._off = False

    def send_sync(self, original, skip, /, *args, **kwargs):
        """PromptServer.send_sync; `skip` arguments precede the event."""
        recipients = self._guarded(self._prepare, *args[skip:], **kwargs)
        result = original(*args, **kwargs)
        if recipients:
            self._guarded(self._mirror, recipients, *args[skip:], **kwargs)
        return result

    def add_message(self, original, executor, /, *args, **kwargs):
        """PromptExecutor.add_message. Without a client id, ComfyUI notes most events here and sends them to nobody."""
        self._sent.event = None
        result = original(executor, *args, **kwargs)
        self._guarded(self._note, executor, *args, **kwargs)
        return result

    def _note(self, executor, event, data=None, *_, **__):
        if executor.server is not self._server or self._server.client_id is not None or self._sent.event == event:
            return
        noted = getattr(executor, "status_messages", None)
        if noted and noted[-1][0] == event:
            data = noted[-1][1]  # this has the timestamp
        self._mirror_unsent(event, data)

    def get_input_data(self, original, /, *args, **kwargs):
        """execution.get_input_data. Before 0.3.45 nothing else tells which node of a job without client id runs."""
        result = original(*args, **kwargs)
        if len(args) == 6:  # called with fewer for other ends than to run the node at once
            self._guarded(self._run, args[2], args[4])
        return result

    def _run(self, node, prompt):
        if self._server.client_id is None and "execution_cached" in self._past:
            data = {"node": node, "prompt_id": self._past["execution_cached"]["prompt_id"]}
            if hasattr(prompt, "get_display_node_id"):  # since Aug 2024
                data["display_node"] = prompt.get_display_node_id(node)
            self._mirror_unsent("executing", data)

    def _mirror_unsent(self, event, data):
        recipients = self._prepare(event, data, NOBODY)
        if recipients:
            self._mirror(recipients, event, data)

    def _prepare(self, event, data=None, sid=None, *_, **__):
        """Before it is sent: which sockets to mirror it to. The new ones are told of the running prompt first."""
        if self._off or event not in MIRRORED or not isinstance(data, dict):
            return None
        self._sent.event = event
        if event == "execution_start":
            self._past, self._prompt_id = {}, None
        # Of a copy, as the server's thread changes it.
        sockets = list(self._server.sockets.items())
        ours = {s: socket for s, socket in sockets if isinstance(s, str) and s.startswith(PREFIX)}
        if ours or self._told:
            self._greet(ours)
        if event in REPLAYED:
            self._past[event] = data
        blocked = data.get("exception_type") == "ExecutionBlocked"  # an error that ends nothing
        if (event in ENDS and not blocked) or (event == "executing" and data.get("node") is None):
            self._past = {}
        return [s for s in ours if sid is not None and sid != s]

    def _greet(self, ours):
        new = [s for s, socket in ours.items() if self._told.get(s) is not socket]
        self._told = ours
        self._complete = (self._complete & ours.keys()) - set(new)
        for event in REPLAYED:
            for s in new if event in self._past else ():
                self._tell(s, event, plain(self._past[event]), replayed=True)

    def _mirror(self, recipients, event, data, *_, **__):
        if event == "progress_state":
            self._mirror_nodes(recipients, data)
        else:
            data = {key: value for key, value in data.items() if key not in MIRRORED[event]}
            if event == "progress" and "prompt_id" not in data and "executing" in self._past:  # before 2024
                data.update((key, self._past["executing"].get(key)) for key in ("prompt_id", "node"))
            data = plain(data)
            for s in recipients:
                self._tell(s, event, data)
        self._failures = 0

    def _mirror_nodes(self, recipients, data):
        """ComfyUI repeats all nodes each time; this passes on those that changed."""
        prompt_id = plain(data.get("prompt_id"))
        if self._prompt_id != prompt_id:
            self._prompt_id, self._nodes, self._complete = prompt_id, {}, set()
        changed = plain({key: node for key, node in data["nodes"].items() if self._nodes.get(key) != node})
        self._nodes.update(changed)
        for s in recipients:
            nodes = changed if s in self._complete else dict(self._nodes)
            self._complete.add(s)
            if nodes:
                self._tell(s, "progress_state", {"prompt_id": prompt_id, "nodes": nodes})

    def _tell(self, socket, event, data, **more):
        # Through send_sync, so that it queues up behind what ComfyUI itself has sent.
        self._send("jobstatus.mirror", {"type": event, "data": data, **more}, socket)

    def _guarded(self, act, /, *args, **kwargs):
        """A failure of ours must not be one of the prompt."""
        try:
            return act(*args, **kwargs)
        except Exception:
            self._failures += 1
            if self._failures >= MOST_FAILURES:
                self._off = True
                LOG.error("jobstatus: failed too often, is off until ComfyUI restarts", exc_info=True)
            elif time.monotonic() >= self._quiet_until:
                self._quiet_until = time.monotonic() + QUIET_SECONDS
                LOG.warning("jobstatus: could not mirror an event", exc_info=True)


def hook(owner, name, act, *leading):
    original = getattr(owner, name)

    @functools.wraps(original)
    def hooked(*args, **kwargs):
        return act(original, *leading, *args, **kwargs)

    setattr(owner, name, hooked)


def install():
    try:
        from server import PromptServer

        server = PromptServer.instance
        list(server.sockets.items())
        if hasattr(PromptServer, "jobstatus_companion"):
            return LOG.warning("jobstatus: is installed twice; this one does nothing: %s", __file__)
        companion = PromptServer.jobstatus_companion = Companion(server, server.send_sync)
        # At the class, so that who hooks that later is not passed by; or where somebody hooked before.
        if "send_sync" not in vars(server) and isinstance(PromptServer.send_sync, types.FunctionType):
            hook(PromptServer, "send_sync", companion.send_sync, 1)
        else:
            hook(server, "send_sync", companion.send_sync, 0)
    except Exception as problem:
        return LOG.warning("jobstatus: does nothing, since this ComfyUI is not as expected: %r", problem)
    try:
        import execution

        if not isinstance(execution.PromptExecutor.add_message, types.FunctionType):
            raise TypeError("add_message is no method")
        hook(execution.PromptExecutor, "add_message", companion.add_message)
        if not hasattr(execution, "get_progress_state"):
            hook(execution, "get_input_data", companion.get_input_data)
        LOG.info("jobstatus: ready")
    except Exception as problem:  # so it is before 2024
        LOG.warning("jobstatus: ready, but hears little of jobs without a client id: %r", problem)


install()
