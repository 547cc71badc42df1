#!/usr/bin/env python3
"""Plays the scenarios with the runner of each language, and compares: see README.md."""

import argparse
import shlex
import shutil
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from observation import comparable, difference
from programs import Failed
from runner import Runner
from scenario import Play, load

HERE = Path(__file__).resolve().parent


def played(path: Path, command: list[str]) -> list[dict]:
    """What each call told; raises Failed."""
    scratch = Path(tempfile.mkdtemp(prefix="conformance."))
    runner = Runner(command)
    try:
        scene = Play(load(path), runner, scratch)
        try:
            seen = scene.run()
        except Failed as failed:
            raise Failed(f"{failed}\n  the service said last:\n{scene.log()}") from None
        finally:
            scene.end()
        runner.end()
        return seen
    finally:
        runner.kill()
        shutil.rmtree(scratch, ignore_errors=True)


def table(languages: list[str], rows: list[tuple[str, list[str]]]) -> str:
    lines = [["scenario", *languages], ["---"] * (len(languages) + 1), *([title, *results] for title, results in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description="Plays the scenarios with the runner of each language, and compares.")
    parser.add_argument(
        "--runner", action="append", required=True, metavar="LANGUAGE=COMMAND", help="repeat for each language"
    )
    parser.add_argument("--report", type=Path, metavar="FILE", help="write the table there, too")
    parser.add_argument("--jobs", type=int, default=3, metavar="N", help="play so many at once (default: %(default)s)")
    parser.add_argument("scenario", nargs="*", help="names of scenarios (default: all)")
    arguments = parser.parse_args()
    runners = {name: shlex.split(command) for name, _, command in (text.partition("=") for text in arguments.runner)}
    paths = sorted((HERE / "scenarios").glob("*.toml"))
    if arguments.scenario:
        known = {path.stem for path in paths}
        if unknown := set(arguments.scenario) - known:
            parser.error(f"no such scenario: {', '.join(sorted(unknown))}; there are {', '.join(sorted(known))}")
        paths = [path for path in paths if path.stem in arguments.scenario]

    rows, problems = [], []
    began = time.monotonic()
    with ThreadPoolExecutor(arguments.jobs) as pool:
        plays = {path: [pool.submit(played, path, command) for command in runners.values()] for path in paths}
        for path, of_languages in plays.items():
            results, first = [], None  # the first language's observations, and its name
            for language, future in zip(runners, of_languages):
                try:
                    seen = comparable(future.result())
                    if first is None:
                        first = (language, seen)
                    elif found := difference(first[1], seen) or difference(seen, first[1]):
                        raise Failed(f"not as {first[0]} saw it: {found}")
                    results.append("ok")
                except Failed as failed:
                    results.append("FAILED")
                    problems.append(f"{path.stem}, {language}: {failed}")
            rows.append((load(path)["title"], results))
            print(f"{path.stem}: {' '.join(results)}", file=sys.stderr, flush=True)
    report = table(list(runners), rows)
    print(report)
    for problem in problems:
        print(problem)
    count = len(paths) * len(runners)
    print(f"{count - len(problems)} of {count} passed in {time.monotonic() - began:.0f} s")
    if arguments.report:
        arguments.report.write_text(report)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
