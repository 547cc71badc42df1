"""The driver finds what is wrong."""

import sys
import unittest
from pathlib import Path

from observation import check, comparable, difference, observe
from programs import Failed
from runner import Runner

COMFY = "http://127.0.0.1:1234"


def told(job: str, state: str, revision: int, **more: object) -> dict:
    status = {"jobId": job, "backend": "gpu", "state": f"JOB_STATE_{state}", "message": "words", "revision": str(revision)}
    return {"event": "status", "status": {**status, "observeTime": "2026-11-25T10:00:00.5Z", **more}}


def watch(*events: dict, after: int = 0, jobs: tuple = ("a",)) -> dict:
    request = {"jobIds": list(jobs), "afterRevision": str(after)}
    return observe({"method": "WatchStatus", "request": request}, [*events, {"event": "end"}], COMFY)


def runner(program: str) -> Runner:
    return Runner([sys.executable, "-c", program])


class Observation(unittest.TestCase):
    def test_repeated_states_are_one(self) -> None:
        seen = watch(told("a", "QUEUED", 1), told("a", "QUEUED", 2), told("a", "COMPLETED", 3))
        self.assertEqual(seen["states"], {"a": ["JOB_STATE_QUEUED", "JOB_STATE_COMPLETED"]})

    def test_what_differs_from_run_to_run_is_taken_out(self) -> None:
        one = watch(told("a", "COMPLETED", 3, outputs=[{"filename": "x", "url": COMFY + "/view?filename=x"}]))
        self.assertEqual(one["last"]["a"]["outputs"], [{"filename": "x", "url": "http://COMFYUI/view?filename=x"}])
        self.assertEqual(one["last"]["a"]["observeTime"], "TIME")
        self.assertNotIn("revision", one["last"]["a"])

    def test_a_revision_that_does_not_grow_is_found(self) -> None:
        for revision in (4, 5):
            with self.assertRaisesRegex(Failed, "told twice, or out of order"):
                watch(told("a", "QUEUED", 5), told("a", "PROCESSING", revision))

    def test_what_is_not_newer_than_asked_for_is_found(self) -> None:
        with self.assertRaisesRegex(Failed, "told twice, or out of order"):
            watch(told("a", "QUEUED", 5), after=5)

    def test_a_job_told_after_its_end_is_found(self) -> None:
        with self.assertRaisesRegex(Failed, "after its end"):
            watch(told("a", "COMPLETED", 5), told("a", "COMPLETED", 6))

    def test_a_job_not_asked_for_is_found(self) -> None:
        with self.assertRaisesRegex(Failed, "not asked for"):
            watch(told("b", "COMPLETED", 5))

    def test_a_number_for_text_is_found(self) -> None:
        event = told("a", "QUEUED", 5)
        event["status"]["revision"] = 5
        with self.assertRaisesRegex(Failed, "64-bit numbers as text"):
            watch(event)

    def test_a_time_of_another_shape_is_found(self) -> None:
        with self.assertRaisesRegex(Failed, "observeTime"):
            watch(told("a", "QUEUED", 5, observeTime="yesterday"))


class Expectation(unittest.TestCase):
    def setUp(self) -> None:
        self.seen = watch(told("a", "QUEUED", 5), told("a", "COMPLETED", 6))

    def check(self, **expected: object) -> None:
        check({"end": "OK", **expected}, self.seen)

    def test_what_is_expected_passes(self) -> None:
        self.check(states={"a": ["JOB_STATE_QUEUED", "JOB_STATE_COMPLETED"]}, last={"a": {"message": "words"}}, ends=["a"])

    def test_another_order_is_found(self) -> None:
        with self.assertRaisesRegex(Failed, "states.a"):
            self.check(states={"a": ["JOB_STATE_COMPLETED", "JOB_STATE_QUEUED"]})

    def test_a_job_of_which_nothing_is_expected_is_found(self) -> None:
        with self.assertRaisesRegex(Failed, "of which nothing is expected"):
            self.check(states={})

    def test_another_member_of_the_last_status_is_found(self) -> None:
        with self.assertRaisesRegex(Failed, r"last.a.message is \"words\", not \"other\""):
            self.check(last={"a": {"message": "other"}})

    def test_an_absent_member_is_found(self) -> None:
        with self.assertRaisesRegex(Failed, "last.a.error is absent"):
            self.check(last={"a": {"error": {}}})

    def test_another_end_is_found(self) -> None:
        with self.assertRaisesRegex(Failed, "end is \"OK\""):
            check({"end": {"code": "NOT_FOUND"}}, self.seen)

    def test_a_job_that_did_not_end_is_found(self) -> None:
        self.seen = watch(told("a", "QUEUED", 5))
        with self.assertRaisesRegex(Failed, "a did not end"):
            self.check(ends=["a"])

    def test_too_few_jobs_are_found(self) -> None:
        with self.assertRaisesRegex(Failed, "told of 1 jobs, not of 2"):
            self.check(each={"count": 2, "states": ["JOB_STATE_QUEUED", "JOB_STATE_COMPLETED"]})

    def test_progress_is_not_compared_between_languages(self) -> None:
        one, other = (watch(told("a", "COMPLETED", 5, progress={"completedNodes": nodes})) for nodes in (3, 4))
        self.assertNotEqual(one, other)
        self.assertEqual(comparable([one]), comparable([other]))

    def test_where_a_job_was_interrupted_is_not_compared_between_languages_but_that_it_was(self) -> None:
        def seen(reason: str, node: str) -> dict:
            return watch(told("a", "CANCELLED", 5, error={"reason": f"ERROR_REASON_{reason}", "nodeId": node, "message": node}))

        self.assertEqual(comparable([seen("INTERRUPTED", "1")]), comparable([seen("INTERRUPTED", "2")]))
        self.assertNotEqual(comparable([seen("INTERRUPTED", "1")]), comparable([seen("REMOVED_FROM_QUEUE", "1")]))
        self.assertNotEqual(comparable([seen("EXECUTION_ERROR", "1")]), comparable([seen("EXECUTION_ERROR", "2")]))

    def test_true_is_not_one(self) -> None:
        self.assertNotEqual(difference({"a": True}, {"a": 1}), "")
        self.assertEqual(difference({"a": 100}, {"a": 100.0}), "")


class RunnerAsProcess(unittest.TestCase):
    def ends_badly(self, program: str, words: str) -> None:
        broken = runner(program)
        try:
            with self.assertRaisesRegex(Failed, words):
                broken.wait_until("end", lambda events: bool(events) and events[-1]["event"] == "end")
        finally:
            broken.kill()

    def test_one_that_prints_garbage_is_found(self) -> None:
        self.ends_badly("print('hello', flush=True); input()", "no event: hello")

    def test_one_that_crashes_is_found(self) -> None:
        self.ends_badly("raise SystemExit(3)", "no end: the runner ended")

    def test_one_that_ends_with_an_error_is_found(self) -> None:
        broken = runner("import sys; sys.stdin.read(); sys.exit(3)")
        with self.assertRaisesRegex(Failed, "ended with 3"):
            broken.end()


class Readme(unittest.TestCase):
    def test_it_shows_the_example_of_each_language(self) -> None:
        root = Path(__file__).resolve().parents[2]
        readme = (root / "README.md").read_text()
        examples = [path for path in root.glob("client/*/examples/**/*") if path.is_file()]
        self.assertGreaterEqual({path.relative_to(root).parts[1] for path in examples}, {"go", "java", "node", "python", "rust"})
        for path in examples:
            with self.subTest(path=path):
                self.assertIn(path.read_text(), readme)


if __name__ == "__main__":
    unittest.main()
