#!/usr/bin/env python3
"""Prints one table of all goals in a file of `./dev bench --json`: what was measured, and whether it is met."""

import json
import sys
from pathlib import Path


def number(value: float) -> str:
    return f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}" if abs(value) < 100 else f"{value:.0f}"


def measured(row: dict, rows: dict[str, dict]) -> str:
    """The ratio that the goal is about; where there is none, the figure."""
    if "p50_to_bare" in row:  # of a table of delays alone
        return f"{number(row['p99_to_bare'])} (p99)"
    figure = "p99_least_greatest" if row["goal"].startswith("p99") else "median_least_greatest"
    value = row[figure][0]
    beside = rows.get(row.get("beside"))
    if beside and beside.get(figure, [None])[0]:
        return number(value / beside[figure][0])
    return f"{number(value)} {row['unit']}"


def main() -> int:
    if len(sys.argv) != 2:
        print("usage: goals.py FILE.json", file=sys.stderr)
        return 2
    met = missed = 0
    print("all goals: what was measured, as a ratio where there is a yardstick\n")
    for bench, table in json.loads(Path(sys.argv[1]).read_text()).items():
        rows = {row["key"]: row for row in table["rows"]}
        for row in (row for row in rows.values() if "goal" in row):
            verdict = "met" if row["met"] else "MISSED"
            met += row["met"]
            missed += not row["met"]
            print(f"{bench:13} {row['name']:78} {measured(row, rows):>12}   {row['goal']:28} {verdict}".rstrip())
    print(f"\n{met} of {met + missed} goals met" + (f", {missed} MISSED" if missed else ""))
    return 0


if __name__ == "__main__":
    sys.exit(main())
