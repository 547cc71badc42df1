import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
EXAMPLE = ROOT / "client/python/examples/watch_job.py"


def test_the_example_tells_of_a_job_to_its_outputs(setting):
    setting.submit("a")
    ran = subprocess.run([sys.executable, EXAMPLE, setting.address, "a"], capture_output=True, text=True, timeout=60)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.splitlines()[-2:] == [
        "completed with 1 output",
        f"{setting.comfy.url}/view?filename=cat_00001_.png&type=output",
    ]


def test_the_readme_shows_the_example():
    assert EXAMPLE.read_text() in (ROOT / "README.md").read_text()
