"""Is the stand-in as the real ones were?"""

import json
import pathlib
import unittest

from comfyui import ComfyUI, direct, types_of

RECORDINGS = pathlib.Path(__file__).resolve().parents[1] / "data" / "recordings"


def recorded(version, scenario, socket):
    events = []
    path = RECORDINGS / version / scenario / "ws" / f"{socket}.jsonl"
    for line in path.read_text(encoding="utf-8").split("\n")[:-1]:
        frame = json.loads(line)
        if frame["dir"] == "in" and frame["op"] == "text":
            message = json.loads(frame["text"])
            if message["type"] != "status":
                events.append((message["type"], message["data"]))
    return events


def shape(events):
    """The types, and which keys their data have."""
    return [(event, sorted(data)) for event, data in events]


class RecordingsTest(unittest.TestCase):
    VERSIONS = ("2023-12", "v0.3.44", "v0.3.64", "v0.33.0")

    def test_job_with_client_id(self):
        for version in self.VERSIONS:
            with self.subTest(version):
                comfyui = ComfyUI(version)
                owner, other = comfyui.server.connect("submitter"), comfyui.server.connect("monitor")
                comfyui.run("p", ["1", "2"], client_id="submitter", steps=6)
                self.assertEqual(shape(direct(owner)), shape(recorded(version, "03-own-client-id", "submitter")))
                self.assertEqual(types_of(direct(other)), types_of(recorded(version, "03-own-client-id", "monitor")))

    def test_job_without_client_id(self):
        for version in self.VERSIONS:
            with self.subTest(version):
                comfyui = ComfyUI(version)
                anybody = comfyui.server.connect("monitor")
                comfyui.run("p", ["1", "2"], steps=6)
                self.assertEqual(shape(direct(anybody)), shape(recorded(version, "02-no-client-id", "monitor")))


if __name__ == "__main__":
    unittest.main()
