import json
import logging
import unittest
from unittest import mock

from comfyui import VERSIONS, ComfyUI, Died, direct, mirrored, types_of

STARTED = ["execution_start", "execution_cached"]


class Heard(logging.Handler):
    def __init__(self):
        super().__init__()
        self.records = []
        self.emit = self.records.append


class Case(unittest.TestCase):
    def setUp(self):
        self.heard = Heard()
        log = logging.getLogger("jobstatus_companion")
        for act in (mock.patch.object(log, "handlers", [self.heard]), mock.patch.object(log, "propagate", False)):
            act.start()
            self.addCleanup(act.stop)

    def start(self, version="v0.33.0"):
        comfyui = ComfyUI(version)
        comfyui.companion = comfyui.load_companion()
        return comfyui

    def warnings(self):
        return [record.getMessage() for record in self.heard.records if record.levelno >= logging.WARNING]


def trimmed(events):
    """What the service should hear of what an owner heard."""
    left_out = {"executed": ["output"], "execution_error": ["traceback", "current_inputs", "current_outputs"]}
    return [(e, {k: v for k, v in data.items() if k not in left_out.get(e, ())}) for e, data in events]


class JobsOfClients(Case):
    def test_the_service_hears_what_the_owner_hears(self):
        for version in VERSIONS:
            for end in ({}, {"fails": "2"}, {"interrupted": "2"}):
                with self.subTest(version=version, end=end):
                    comfyui = self.start(version)
                    owner = comfyui.server.connect("somebody")
                    service = comfyui.server.connect("jobstatus-1")
                    comfyui.run("p", ["1", "2"], client_id="somebody", cached=["0"], **end)
                    heard = [(e, d) for e, d in mirrored(service) if e not in ("progress", "progress_state")]
                    told = [(e, d) for e, d in direct(owner) if e not in ("progress", "progress_state")]
                    self.assertEqual(heard, trimmed(told))
                    self.assertEqual(types_of(mirrored(service) + direct(service)).count("progress"), 2)

    def test_the_owner_hears_just_what_it_would_without_us(self):
        for version in VERSIONS:
            with self.subTest(version):
                heard = []
                for comfyui in (ComfyUI(version), self.start(version)):
                    owner = comfyui.server.connect("somebody")
                    comfyui.server.connect("jobstatus-1")
                    with mock.patch("time.time", return_value=1.0):
                        comfyui.run("p", ["1", "2"], client_id="somebody")
                    heard.append(owner)
                self.assertEqual(heard[0], heard[1])

    def test_an_owner_that_is_not_there(self):
        for owner in ("gone", "", 123, False, ["a"], {"a": 1}):
            with self.subTest(owner):
                comfyui = self.start()
                service = comfyui.server.connect("jobstatus-1")
                comfyui.run("p", ["1"], client_id=owner)
                self.assertEqual(types_of(mirrored(service))[:2], STARTED)
                self.assertEqual(direct(service), [])

    def test_a_job_of_the_service_itself(self):
        comfyui = self.start()
        first, second = comfyui.server.connect("jobstatus-1"), comfyui.server.connect("jobstatus-2")
        comfyui.run("p", ["1"], client_id="jobstatus-1")
        self.assertEqual(mirrored(first), [])
        self.assertEqual(len(mirrored(second)), len(set(map(json.dumps, direct(first)))))
        self.assertEqual(direct(second), [])

    def test_nobody_else_gets_anything(self):
        comfyui = self.start()
        others = [comfyui.server.connect(name) for name in ("jobstatus", "my-jobstatus-1", "x")]
        comfyui.server.connect("jobstatus-1")
        comfyui.run("p", ["1"], client_id="somebody")
        self.assertEqual(others, [[], [], []])

    def test_order_among_comfyuis_own_messages(self):
        comfyui = self.start()
        comfyui.server.connect("jobstatus-1")
        comfyui.server.connect("somebody")
        comfyui.executor.run("p", ["1", "2"], client_id="somebody")
        queue = [m for m in comfyui.server.messages if isinstance(m[0], str)]
        # Each is followed by its own reflection, if it has one.
        for before, after in zip(queue, queue[1:]):
            if after[0] == "jobstatus.mirror":
                self.assertEqual(after[1]["type"], before[0])
                self.assertEqual(after[2], "jobstatus-1")

    def test_previews_are_not_mirrored(self):
        comfyui = self.start()
        service = comfyui.server.connect("jobstatus-1")
        comfyui.run("p", ["1"], client_id="somebody")
        self.assertTrue(all(event == "jobstatus.mirror" for event, _ in service))

    def test_progress_of_old_versions_is_attributed(self):
        comfyui = self.start("2023-12")
        service = comfyui.server.connect("jobstatus-1")
        comfyui.run("p", ["1"], client_id="somebody", steps=2)
        progress = [data for event, data in mirrored(service) if event == "progress"]
        self.assertEqual(progress, [{"value": n, "max": 2, "prompt_id": "p", "node": "1"} for n in (1, 2)])


class JobsWithoutClientId(Case):
    def test_the_service_hears_of_them(self):
        for version in ("v0.3.44", "v0.3.57", "v0.3.64", "v0.33.0"):
            for end, last in (({}, "execution_success"), ({"fails": "2"}, "execution_error")):
                with self.subTest(version=version, end=end):
                    comfyui = self.start(version)
                    service = comfyui.server.connect("jobstatus-1")
                    comfyui.run("p", ["1", "2"], **end)
                    heard = [e for e in mirrored(service) if e[0] != "executing"]
                    self.assertEqual(types_of(heard), STARTED + [last])
                    self.assertEqual(heard, trimmed(comfyui.executor.status_messages))
                    self.assertEqual(types_of(direct(service)).count("progress"), 2)

    def test_which_node_runs(self):
        for version in VERSIONS:
            with self.subTest(version):
                comfyui = self.start(version)
                service = comfyui.server.connect("jobstatus-1")
                comfyui.run("p", ["1", "2.0.1"])
                told = [data for event, data in mirrored(service) if event == "executing"]
                if version == "v0.3.44":  # the newer ones have progress_state for everybody
                    self.assertEqual(told, [{"node": "1", "display_node": "1", "prompt_id": "p"},
                                            {"node": "2.0.1", "display_node": "2", "prompt_id": "p"}])
                    self.assertEqual(types_of(mirrored(service)), STARTED + ["executing"] * 2 + ["execution_success"])
                else:
                    self.assertEqual(told, [])

    def test_what_goes_to_everybody_is_not_mirrored(self):
        for version in VERSIONS:
            with self.subTest(version):
                comfyui = self.start(version)
                service = comfyui.server.connect("jobstatus-1")
                comfyui.run("p", ["1", "2"], interrupted="2")
                self.assertEqual(types_of(direct(service)).count("execution_interrupted"), 1)
                heard = [e for e in types_of(mirrored(service)) if e != "executing"]
                self.assertEqual(heard, [] if version == "2023-12" else STARTED)

    def test_an_executor_that_is_not_the_servers(self):
        comfyui = self.start()
        service = comfyui.server.connect("jobstatus-1")
        elsewhere = type(comfyui.server).__new__(type(comfyui.server))
        elsewhere.client_id = None
        comfyui.execution_module.PromptExecutor(elsewhere).add_message("execution_start", {"prompt_id": "p"}, False)
        comfyui.server.deliver()
        self.assertEqual(service, [])

    def test_before_2024_only_what_everybody_hears(self):
        comfyui = self.start("2023-12")
        service = comfyui.server.connect("jobstatus-1")
        comfyui.run("p", ["1", "2"])
        self.assertEqual(types_of(direct(service)), ["progress"] * 2)
        self.assertEqual(mirrored(service), [])
        self.assertIn("hears little of jobs without a client id", self.warnings()[0])

    def test_blocked_is_no_end(self):
        comfyui = self.start()
        comfyui.executor.add_message("execution_start", {"prompt_id": "p"}, False)
        comfyui.server.send_sync("execution_error", {"prompt_id": "p", "exception_type": "ExecutionBlocked"}, None)
        service = comfyui.server.connect("jobstatus-1")
        comfyui.executor.add_message("execution_success", {"prompt_id": "p"}, False)
        comfyui.server.deliver()
        self.assertEqual(types_of(mirrored(service)), ["execution_start", "execution_success"])


class Progress(Case):
    def nodes(self, received):
        return [data["nodes"] for event, data in mirrored(received) if event == "progress_state"]

    def send(self, comfyui, prompt_id, nodes, sid="somebody"):
        comfyui.server.send_sync("progress_state", {"prompt_id": prompt_id, "nodes": nodes}, sid)
        comfyui.server.deliver()

    def test_only_what_changed(self):
        comfyui = self.start()
        service = comfyui.server.connect("jobstatus-1")
        self.send(comfyui, "p", {"1": {"value": 0}})
        self.send(comfyui, "p", {"1": {"value": 1}, "2": {"value": 0}})
        self.send(comfyui, "p", {"1": {"value": 1}, "2": {"value": 0}})
        self.send(comfyui, "p", {"1": {"value": 1}, "2": {"value": 5}})
        expected = [{"1": {"value": 0}}, {"1": {"value": 1}, "2": {"value": 0}}, {"2": {"value": 5}}]
        self.assertEqual(self.nodes(service), expected)

    def test_all_in_a_new_prompt(self):
        comfyui = self.start()
        service = comfyui.server.connect("jobstatus-1")
        self.send(comfyui, "p", {"1": {"value": 1}})
        self.send(comfyui, "q", {"1": {"value": 1}})
        self.assertEqual(self.nodes(service), [{"1": {"value": 1}}] * 2)

    def test_all_when_the_same_prompt_runs_again(self):
        comfyui = self.start()
        service = comfyui.server.connect("jobstatus-1")
        for _ in range(2):
            comfyui.server.send_sync("execution_start", {"prompt_id": "p"}, "somebody")
            self.send(comfyui, "p", {"1": {"value": 1}})
        self.assertEqual(self.nodes(service), [{"1": {"value": 1}}] * 2)

    def test_all_for_a_new_socket(self):
        comfyui = self.start()
        first = comfyui.server.connect("jobstatus-1")
        self.send(comfyui, "p", {"1": {"value": 1}, "2": {"value": 1}})
        second = comfyui.server.connect("jobstatus-2")
        self.send(comfyui, "p", {"1": {"value": 1}, "2": {"value": 2}})
        self.assertEqual(self.nodes(first)[-1], {"2": {"value": 2}})
        self.assertEqual(self.nodes(second), [{"1": {"value": 1}, "2": {"value": 2}}])

    def test_all_after_nobody_listened(self):
        comfyui = self.start()
        comfyui.server.connect("jobstatus-1")
        self.send(comfyui, "p", {"1": {"value": 1}})
        del comfyui.server.sockets["jobstatus-1"]
        self.send(comfyui, "p", {"1": {"value": 2}})
        again = comfyui.server.connect("jobstatus-1")
        self.send(comfyui, "p", {"1": {"value": 2}})
        self.assertEqual(self.nodes(again), [{"1": {"value": 2}}])

    def test_what_is_put_together_is_the_whole(self):
        comfyui = self.start("v0.33.0")
        owner, service = comfyui.server.connect("somebody"), comfyui.server.connect("jobstatus-1")
        comfyui.run("p", ["1", "2", "3"], client_id="somebody", steps=20)
        whole = {}
        for nodes in self.nodes(service):
            self.assertEqual(len(nodes), 1)
            whole.update(nodes)
        self.assertEqual(whole, [d["nodes"] for e, d in direct(owner) if e == "progress_state"][-1])

    def test_a_dict_that_changes_later(self):
        comfyui = self.start()
        service = comfyui.server.connect("jobstatus-1")
        node = {"value": 1}
        for node["value"] in (1, 2):
            comfyui.server.send_sync("progress_state", {"prompt_id": "p", "nodes": {"1": node}}, "somebody")
        node["value"] = 7
        comfyui.server.deliver()
        self.assertEqual(self.nodes(service), [{"1": {"value": 1}}, {"1": {"value": 2}}])


class Reconnecting(Case):
    def replayed(self, received):
        return [d["type"] for e, d in received if e == "jobstatus.mirror" and d.get("replayed")]

    def test_a_new_socket_is_told_of_the_running_prompt(self):
        for version in VERSIONS:
            with self.subTest(version):
                comfyui = self.start(version)
                first = comfyui.server.connect("jobstatus-1")
                second = []

                def reconnect():
                    if "jobstatus-2" not in comfyui.server.sockets:
                        comfyui.server.deliver()
                        del comfyui.server.sockets["jobstatus-1"]
                        comfyui.server.sockets["jobstatus-2"] = second

                comfyui.run("p", ["1", "2"], client_id="somebody", cached=["0"], steps=3, pause=reconnect)
                self.assertEqual(self.replayed(first), [])
                self.assertEqual(self.replayed(second), STARTED + ["executing"])
                heard = mirrored(second)
                self.assertEqual(heard[:3], mirrored(first)[:2] + [e for e in mirrored(first) if e[0] == "executing"])
                self.assertEqual(types_of(heard).count("execution_start"), 1)
                if VERSIONS[version].progress_state == "owner":
                    self.assertEqual(heard[3][0], "progress_state")

    def test_also_one_that_comes_back_under_the_same_client_id(self):
        comfyui = self.start()
        first, second = comfyui.server.connect("jobstatus-1"), []

        def reconnect():
            if comfyui.server.sockets["jobstatus-1"] is first:
                comfyui.server.deliver()
                comfyui.server.sockets["jobstatus-1"] = second

        comfyui.run("p", ["1", "2"], client_id="somebody", steps=3, pause=reconnect)
        self.assertEqual(self.replayed(first), [])
        self.assertEqual(self.replayed(second), STARTED + ["executing"])

    def test_the_first_service_ever(self):
        comfyui = self.start()
        service = []
        comfyui.run("p", ["1", "2"], steps=3, pause=lambda: comfyui.server.sockets.setdefault("jobstatus-1", service))
        self.assertEqual(self.replayed(service), STARTED)

    def test_nothing_is_told_of_a_prompt_that_is_over(self):
        for version in VERSIONS:
            for end in ({}, {"fails": "1"}, {"interrupted": "1"}):
                for client_id in ("somebody", None):
                    with self.subTest(version=version, end=end, client_id=client_id):
                        comfyui = self.start(version)
                        comfyui.run("p", ["1"], client_id=client_id, **end)
                        service = comfyui.server.connect("jobstatus-1")
                        comfyui.run("q", ["1"], client_id="somebody")
                        self.assertEqual(self.replayed(service), [])
                        self.assertTrue(all(d.get("prompt_id") == "q" for _, d in mirrored(service)))

    def test_nor_just_after_its_end(self):
        comfyui = self.start()
        for event in ("execution_start", "executing", "execution_success"):
            comfyui.server.send_sync(event, {"node": "1", "prompt_id": "p"}, "somebody")
        service = comfyui.server.connect("jobstatus-1")
        comfyui.server.send_sync("executing", {"node": None, "prompt_id": "p"}, "somebody")
        comfyui.server.deliver()
        self.assertEqual(self.replayed(service), [])

    def test_nor_if_its_end_was_not_told(self):  # as before July 2024
        comfyui = self.start()
        comfyui.executor.add_message("execution_start", {"prompt_id": "p"}, False)
        service = comfyui.server.connect("jobstatus-1")
        comfyui.run("q", ["1"])
        self.assertEqual(self.replayed(service), [])

    def test_nor_if_its_end_is_executing_nothing(self):  # as before 2024
        comfyui = self.start("2023-12")
        comfyui.run("p", ["1"], client_id="somebody")
        service = comfyui.server.connect("jobstatus-1")
        comfyui.run("q", ["1"])
        self.assertEqual(self.replayed(service), [])

    def test_it_comes_before_what_everybody_hears(self):
        comfyui = self.start("v0.33.0")
        service = []
        comfyui.run("p", ["1"], pause=lambda: comfyui.server.sockets.setdefault("jobstatus-1", service))
        comfyui.executor.add_message("execution_start", {"prompt_id": "q"}, False)
        late = comfyui.server.connect("jobstatus-2")
        comfyui.server.send_sync("progress", {"value": 1, "max": 2, "prompt_id": "q", "node": None}, None)
        comfyui.server.deliver()
        self.assertEqual(types_of(late), ["jobstatus.mirror", "progress"])

    def test_the_same_id_again(self):  # which the service avoids, but others may not
        comfyui = self.start()
        comfyui.server.connect("jobstatus-2")
        state = ("progress_state", {"prompt_id": "p", "nodes": {"1": {"value": 1}}}, "somebody")
        comfyui.server.connect("jobstatus-1")
        comfyui.server.send_sync("execution_start", {"prompt_id": "p"}, "somebody")
        comfyui.server.send_sync(*state)
        del comfyui.server.sockets["jobstatus-1"]
        comfyui.server.send_sync(*state)
        comfyui.server.deliver()
        again = comfyui.server.connect("jobstatus-1")
        comfyui.server.send_sync(*state)
        comfyui.server.deliver()
        self.assertEqual(types_of(mirrored(again)), ["execution_start", "progress_state"])

    def test_a_second_service_does_not_disturb_the_first(self):
        comfyui = self.start()
        first, second = comfyui.server.connect("jobstatus-1"), []
        comfyui.run("p", ["1"], client_id="somebody",
                    pause=lambda: comfyui.server.sockets.setdefault("jobstatus-2", second))
        self.assertEqual(self.replayed(first), [])
        self.assertEqual(self.replayed(second), STARTED + ["executing"])


class WithoutAService(Case):
    def test_nothing_but_a_look_at_the_sockets(self):
        for client_id in ("somebody", None):
            with self.subTest(client_id):
                comfyui = ComfyUI()
                sent = []

                class Sockets(dict):
                    looks = 0

                    def items(self):
                        Sockets.looks += 1
                        return super().items()

                comfyui.server.sockets = Sockets(somebody=[])
                original = type(comfyui.server).send_sync
                type(comfyui.server).send_sync = lambda *a, **k: (sent.append((a[1], a[3])), original(*a, **k))[1]
                companion = comfyui.load_companion()
                Sockets.looks = 0
                with mock.patch.object(companion, "plain", side_effect=AssertionError), mock.patch.object(
                        companion.Companion, "_mirror", side_effect=AssertionError), mock.patch.object(
                            companion.Companion, "_greet", side_effect=AssertionError):
                    comfyui.executor.run("p", ["1", "2"], client_id=client_id, steps=10)
                events = [e for e, _ in sent if isinstance(e, str)]
                unsent = 0 if client_id else 3
                self.assertEqual(Sockets.looks, len(events) + unsent)  # one each; none for previews
                self.assertNotIn("jobstatus.mirror", events)
                self.assertTrue(all(sid == client_id for _, sid in sent))

    def test_other_events_cost_not_even_that(self):
        comfyui = self.start()
        comfyui.server.sockets = None
        comfyui.server.send_sync("status", {})
        comfyui.server.send_sync("crystools.monitor", {})
        self.assertEqual(self.warnings(), [])


class Failures(Case):
    def start(self, version="v0.33.0"):
        comfyui = super().start(version)
        comfyui.server.connect("jobstatus-1")
        return comfyui

    def broken(self):
        comfyui = self.start()
        patch = mock.patch.object(comfyui.companion, "plain", side_effect=RuntimeError("ours"))
        self.plain = patch.start()
        self.addCleanup(patch.stop)
        return comfyui

    def send(self, comfyui, count=1):
        for _ in range(count):
            comfyui.server.send_sync("executed", {"node": "1"}, "somebody")

    def test_they_are_swallowed_and_told_once(self):
        comfyui = self.broken()
        owner = comfyui.server.connect("somebody")
        self.send(comfyui, 9)
        comfyui.server.deliver()
        self.assertEqual(len(owner), 9)
        self.assertEqual(self.warnings(), ["jobstatus: could not mirror an event"])

    def test_or_once_a_minute(self):
        comfyui = self.broken()
        with mock.patch("time.monotonic") as clock:
            for clock.return_value in (100.0, 159.0, 161.0):
                self.send(comfyui)
        self.assertEqual(len(self.warnings()), 2)

    def test_after_ten_in_a_row_it_is_off(self):
        comfyui = self.broken()
        owner = comfyui.server.connect("somebody")
        for _ in range(30):
            self.send(comfyui)
            comfyui.executor.add_message("execution_start", {"prompt_id": "p"}, False)
        comfyui.server.deliver()
        self.assertEqual(len(owner), 30)
        self.assertEqual(self.plain.call_count, 10)
        self.assertEqual(len(self.warnings()), 2)
        self.assertIn("is off until ComfyUI restarts", self.warnings()[-1])

    def test_nine_and_a_success_are_forgiven(self):
        comfyui = self.broken()
        for _ in range(3):
            self.plain.side_effect = RuntimeError("ours")
            self.send(comfyui, 9)
            self.plain.side_effect = lambda value: value
            self.send(comfyui)
        comfyui.server.deliver()
        self.assertEqual(len(mirrored(comfyui.server.sockets["jobstatus-1"])), 3)
        self.assertEqual(len(self.warnings()), 1)

    def test_what_comfyui_raises_is_passed_on(self):
        comfyui = self.start()
        comfyui.server.loop = None
        with self.assertRaises(AttributeError):
            comfyui.server.send_sync("executing", {"node": "1"}, "somebody")
        with self.assertRaises(TypeError):
            comfyui.server.send_sync()
        with self.assertRaises(TypeError):
            comfyui.executor.add_message("execution_start")

    def test_what_comfyui_answers_is_passed_on(self):
        comfyui = super().start("v0.3.44")
        comfyui.companion.Companion._run = None  # fails when called
        comfyui.server.connect("jobstatus-1")
        self.assertEqual(comfyui.execution_module.get_input_data({}, None, "1", {}, {}, {}), ({}, []))
        self.assertEqual(len(self.warnings()), 1)

    def test_any_way_to_call_it(self):
        comfyui = self.start()
        service = comfyui.server.sockets["jobstatus-1"]
        comfyui.server.send_sync(event="executing", data={"node": "1"}, sid="somebody")
        comfyui.server.send_sync("executing", sid="somebody", data={"node": "1"})
        comfyui.executor.add_message(event="execution_success", data={"prompt_id": "p"}, broadcast=False)
        comfyui.server.deliver()
        self.assertEqual(types_of(mirrored(service)), ["executing", "executing", "execution_success"])

    def test_odd_data_of_other_nodes(self):
        comfyui = self.start()
        for data in (None, 5, "text", b"bytes", [1], object()):
            for event in ("executing", "progress", "progress_state", "executed", None, 3, ("a",)):
                comfyui.server.send_sync(event, data, "nobody")
        self.assertEqual(self.warnings(), [])


class Unencodable(Case):
    def test_it_never_reaches_the_queue(self):
        circle = []
        circle.append(circle)
        for odd in ({1, 2}, object(), b"x", float("nan"), float("inf"), {("a", "b"): 1}, circle, 10**5000, "\ud800"):
            for event in ("executing", "progress", "execution_error", "execution_cached", "executed"):
                with self.subTest(event=event):
                    comfyui = self.start()
                    service = comfyui.server.connect("jobstatus-1")
                    data = {"prompt_id": "p", "node": odd, "nodes": [odd], "exception_message": odd, "value": odd}
                    comfyui.server.send_sync(event, data, "somebody")
                    ours = [m for m in comfyui.server.messages if m[0] == "jobstatus.mirror"]
                    for message in ours:
                        json.dumps(message, allow_nan=False)
                    comfyui.server.messages[:] = ours
                    comfyui.server.deliver()
                    self.assertEqual(len(mirrored(service)), len(ours))
                    self.assertTrue(ours or odd is circle or isinstance(odd, int))

    def test_nor_in_progress_state_or_in_what_is_replayed(self):
        comfyui = self.start()
        comfyui.server.send_sync("executing", {"node": {1}, "prompt_id": {1}}, "somebody")
        service = comfyui.server.connect("jobstatus-1")
        nodes = {"1": {"value": {1}, "state": "running"}, ("a",): {}}
        comfyui.server.send_sync("progress_state", {"prompt_id": {1}, "nodes": nodes}, "somebody")
        comfyui.server.messages[:] = [m for m in comfyui.server.messages if m[0] == "jobstatus.mirror"]
        comfyui.server.deliver()
        self.assertEqual(mirrored(service), [
            ("executing", {"node": None, "prompt_id": None}),
            ("progress_state", {"prompt_id": None, "nodes": {"1": {"value": None, "state": "running"}}}),
        ])

    def test_the_stand_in_would_have_died(self):
        comfyui = ComfyUI()
        comfyui.server.send_sync("executed", {"output": {1}}, "somebody")
        with self.assertRaises(Died):
            comfyui.server.deliver()


class Neighbours(Case):
    """Other custom nodes that hook the same functions."""

    def tap(self, heard, original, has_self):
        def send_sync(*args, **kwargs):
            heard.append(args[1 if has_self else 0])
            return original(*args, **kwargs)

        return send_sync

    def check(self, before=None, after=None):
        comfyui = ComfyUI()
        heard = []
        for when, how in (("before", before), ("after", after)):
            if when == "after":
                comfyui.load_companion()
            if how == "class":
                cls = type(comfyui.server)
                cls.send_sync = self.tap(heard, cls.send_sync, True)
            elif how == "instance":
                comfyui.server.send_sync = self.tap(heard, comfyui.server.send_sync, False)
        service, owner = comfyui.server.connect("jobstatus-1"), comfyui.server.connect("somebody")
        comfyui.run("p", ["1", "2"], client_id="somebody")
        comfyui.run("q", ["1", "2"])
        self.assertEqual(types_of(mirrored(service)).count("execution_start"), 2)
        self.assertEqual(types_of(mirrored(service)).count("execution_success"), 2)
        self.assertEqual(types_of(direct(owner)).count("execution_start"), 1)
        self.assertEqual(types_of(mirrored(service)).count("executing"), 3)
        ours = [e for e in heard if e == "executing"]
        self.assertEqual(len(ours), 3 * bool(before) + 3 * bool(after))

    def test_before_us(self):
        self.check(before="class")
        self.check(before="instance")

    def test_after_us(self):
        self.check(after="class")
        self.check(after="instance")

    def test_before_and_after(self):
        for before in ("class", "instance"):
            for after in ("class", "instance"):
                if (before, after) != ("instance", "class"):  # such a hook has no effect, with or without us
                    self.check(before, after)

    def test_one_that_hooks_add_message(self):
        for ours_first in (True, False):
            comfyui = ComfyUI()
            cls = type(comfyui.executor)
            if ours_first:
                comfyui.load_companion()
            original = cls.add_message
            cls.add_message = lambda self, event, data, broadcast: original(self, event, data, broadcast)
            if not ours_first:
                comfyui.load_companion()
            service = comfyui.server.connect("jobstatus-1")
            comfyui.run("p", ["1"])
            self.assertEqual(types_of(mirrored(service)), STARTED + ["execution_success"])

    def test_one_that_sends_everything_to_everybody(self):
        comfyui = self.start()
        cls = type(comfyui.server)
        original = cls.send_sync
        cls.send_sync = lambda self, event, data, sid=None: original(self, event, data, None)
        service = comfyui.server.connect("jobstatus-1")
        comfyui.run("p", ["1", "2"], client_id="somebody")
        self.assertEqual(mirrored(service), [])
        self.assertEqual(types_of(direct(service)).count("execution_start"), 1)

    def test_one_that_sends_later(self):
        comfyui = self.start()
        cls = type(comfyui.server)
        original, later = cls.send_sync, []
        cls.send_sync = lambda *args: later.append(args)
        service = comfyui.server.connect("jobstatus-1")
        comfyui.executor.run("p", ["1"], client_id="somebody")
        for args in later:
            original(*args)
        comfyui.server.deliver()
        self.assertEqual(types_of(mirrored(service)).count("execution_start"), 1)

    def test_sockets_that_come_and_go_meanwhile(self):
        class Restless(str):
            def startswith(self, *_):
                comfyui.server.sockets[f"new {len(comfyui.server.sockets)}"] = []
                return False

        comfyui = self.start()
        comfyui.server.connect(Restless("a"))
        comfyui.server.connect(5)
        service = comfyui.server.connect("jobstatus-1")
        comfyui.run("p", ["1"], client_id="somebody")
        self.assertEqual(types_of(mirrored(service))[:2], STARTED)
        self.assertEqual(self.warnings(), [])

    def test_two_copies_of_us(self):
        comfyui = self.start()
        comfyui.load_companion()
        service = comfyui.server.connect("jobstatus-1")
        comfyui.run("p", ["1"], client_id="somebody")
        self.assertEqual(types_of(mirrored(service)).count("execution_start"), 1)
        self.assertIn("installed twice", self.warnings()[0])


class OtherComfyUIs(Case):
    def passive(self, comfyui):
        before = vars(type(comfyui.server)).get("send_sync")
        module = comfyui.load_companion()
        self.assertEqual(module.NODE_CLASS_MAPPINGS, {})
        self.assertIs(vars(type(comfyui.server)).get("send_sync"), before)
        self.assertEqual(len(self.warnings()), 1)
        self.assertIn("does nothing, since this ComfyUI is not as expected", self.warnings()[0])

    def test_no_sockets(self):
        comfyui = ComfyUI()
        del comfyui.server.sockets
        self.passive(comfyui)

    def test_no_send_sync(self):
        comfyui = ComfyUI()
        del type(comfyui.server).send_sync
        self.passive(comfyui)

    def test_no_server_yet(self):
        comfyui = ComfyUI()
        del type(comfyui.server).instance
        self.passive(comfyui)

    def test_no_module(self):
        comfyui = ComfyUI()
        comfyui.server_module = None
        self.passive(comfyui)

    def test_no_executor(self):
        comfyui = ComfyUI()
        del comfyui.execution_module.PromptExecutor
        comfyui.load_companion()
        service = comfyui.server.connect("jobstatus-1")
        comfyui.run("p", ["1"], client_id="somebody")
        self.assertEqual(types_of(mirrored(service))[:2], STARTED)
        self.assertIn("hears little of jobs without a client id", self.warnings()[0])

    def test_add_message_of_another_kind(self):
        comfyui = ComfyUI()
        cls = type(comfyui.executor)
        cls.add_message = classmethod(lambda cls, event, data, broadcast: calls.append(event))
        calls = []
        comfyui.load_companion()
        comfyui.run("p", ["1"])
        self.assertEqual(calls, STARTED + ["execution_success"])
        self.assertIn("hears little of jobs without a client id", self.warnings()[0])

    def test_send_sync_with_more_parameters(self):
        comfyui = ComfyUI()
        cls = type(comfyui.server)
        original, extra = cls.send_sync, []

        def send_sync(self, event, data, sid=None, priority=0, *, act=None):
            extra.append((priority, act))
            return original(self, event, data, sid) or "result"

        cls.send_sync = send_sync
        comfyui.load_companion()
        service = comfyui.server.connect("jobstatus-1")
        self.assertEqual(comfyui.server.send_sync("executing", {"node": "1"}, "somebody", 5, act="x"), "result")
        comfyui.server.deliver()
        self.assertEqual(types_of(mirrored(service)), ["executing"])
        self.assertEqual(extra, [(5, "x"), (0, None)])

    def test_a_server_whose_sending_was_replaced(self):
        # As where prompts run in a process of their own, whose server has no sockets.
        comfyui = ComfyUI()
        passed_on = []
        comfyui.server.send_sync = lambda event, data, sid=None: passed_on.append(event)
        comfyui.load_companion()
        comfyui.executor.run("p", ["1"], client_id="somebody")
        self.assertNotIn("jobstatus.mirror", passed_on)
        self.assertEqual(passed_on[:2], STARTED)


if __name__ == "__main__":
    unittest.main()
