#!/usr/bin/env python3
"""Sets two files of `./dev bench --json` side by side: what became faster, slower, more or less."""

import json
import sys
from pathlib import Path


def lines(path: str) -> dict[tuple[str, str], dict]:
    """By benchmark and key: name, unit, and the median, least and greatest of each figure."""
    found = {}
    for bench, table in json.loads(Path(path).read_text()).items():
        for row in table["rows"]:
            for share in ("p50", "p99"):  # of a table of delays alone
                if rounds := row.get(f"{share}_us_of_rounds"):
                    row[f"{share}_least_greatest"] = [row[f"{share}_us"], min(rounds), max(rounds)]
            figures = {name.removesuffix("_least_greatest"): row[name] for name in row if name.endswith("_least_greatest")}
            found[bench, row["key"]] = {"name": row["name"], "unit": row.get("unit", "µs"), "figures": figures}
    return found


def text(value: float | None) -> str:
    return "none" if value is None else f"{value:.4g}"


def verdict(old: list, new: list) -> str:
    """The spreads of two runs that do not touch are a difference; those that do are none that these runs can tell."""
    if None in old or None in new or old[0] == 0:
        return ""
    ratio = f"{new[0] / old[0]:.2f}"
    return ratio if new[1] > old[2] or new[2] < old[1] else f"({ratio})"


def main() -> int:
    if len(sys.argv) != 3:
        print("usage: compare.py OLD.json NEW.json", file=sys.stderr)
        return 2
    old, new = lines(sys.argv[1]), lines(sys.argv[2])
    print("new / old; in parentheses where the rounds of the two overlap, so that nothing can be said\n")
    for key in [*old, *(key for key in new if key not in old)]:
        one, other = old.get(key), new.get(key)
        name = (other or one)["name"]
        if not one or not other:
            print(f"{key[0]:9} {name}: only in the {'new' if other else 'old'} file")
            continue
        for figure in one["figures"].keys() & other["figures"].keys():
            was, now = one["figures"][figure], other["figures"][figure]
            print(f"{key[0]:9} {name:72} {figure:7} {text(was[0]):>10} {text(now[0]):>10} {one['unit']:5} {verdict(was, now)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
