#!/usr/bin/env python3
# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Put the benchmarks' figures into docs/benchmarks.md, between the marker comments, from the result files.

    table.py [--results build/bench] [--page docs/benchmarks.md]

A benchmark without a result file leaves its table as it is.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "bench/cutover"))

import stops  # noqa: E402

MARKS = "<!-- bench:%s begin: written by bench/table.py -->", "<!-- bench:%s end -->"
NAMES = {
    "guide": "the guide: mysqldump \\| gzip, scp, zcat \\| mysql",
    "raw": "plain copy of the files, servers down",
}


def seed_table(content: Mapping[str, Any]) -> str:
    """The seeds: slowest first, and below it what the figures are of."""
    limits = list(content["limited"])
    head = ["server", "way", "seconds (least to most)", "MB/s", "times the guide's speed", "times the plain copy"]
    rows = [head + [f"seconds at {limit} Mbit/s" for limit in limits]]
    for server, methods in content["medians"].items():
        for method, figures in sorted(methods.items(), key=lambda item: -item[1]["seconds"]):
            row = [server, NAMES.get(method, f"`{method}`"), "%(seconds).1f (%(least).1f to %(most).1f)" % figures]
            row += ["%.0f" % figures["mb_per_s"], *(_figure(content, kind, server, method) for kind in ("ratio", "to_raw"))]
            limited = [content["limited"][limit]["medians"].get(server, {}).get(method) for limit in limits]
            rows.append(row + ["%.1f" % found["seconds"] if found else "" for found in limited])
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    lines.insert(1, "|" + "---|" * len(rows[0]))
    return "\n".join([*lines, "", _seed_words(content)])


def _figure(content: Mapping[str, Any], kind: str, server: str, method: str) -> str:
    value = content[kind].get(server, {}).get(method)
    return "%.1f" % value if value else ""


def _seed_words(content: Mapping[str, Any]) -> str:
    """What somebody has to know to read the table."""
    sizes = " and ".join("%.0f MB (%s, %s)" % (entry["bytes"] / 1e6, name, entry["version"]) for name, entry in content["servers"].items())
    counts = sorted({figures["runs"] for methods in content["medians"].values() for figures in methods.values()})
    machine = content["machine"]
    words = (
        "Medians of %s runs in turns, %s; both servers on one machine with %s cores, %s; every copy equal to the source in rows and "
        "digests. Made by `make bench` at %s."
        % (" to ".join(map(str, sorted({counts[0], counts[-1]}))), sizes, machine["cores"], machine["cpu"], content["generated_at"][:10])
    )
    for mbit, limited in content["limited"].items():
        runs = sorted({figures["runs"] for methods in limited["medians"].values() for figures in methods.values()})
        words += " At %s Mbit/s: %s." % (mbit, "one run each" if runs == [1] else "medians of %s" % " to ".join(map(str, sorted({runs[0], runs[-1]}))))
    if not content["quiet"]:
        words += " Others used the machine in some of the runs."
    return words


TABLES: Mapping[str, Callable[[Mapping[str, Any]], str]] = {"seed": seed_table, "cutover": stops.table}


def placed(page: str, name: str, table: str) -> str:
    """The page with this table between its marks.

    :raises SystemExit: where the marks are not there
    """
    begin, end = (mark % name for mark in MARKS)
    pattern = re.compile(re.escape(begin) + r".*?" + re.escape(end), re.S)
    if not pattern.search(page):
        raise SystemExit(f"table: the page has no marks for {name}: {begin} and {end}")
    return pattern.sub(lambda _found: f"{begin}\n{table}\n{end}", page)


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the results, write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=ROOT / "build/bench")
    parser.add_argument("--page", type=Path, default=ROOT / "docs/benchmarks.md")
    given = parser.parse_args(arguments)
    page = given.page.read_text(encoding="utf-8")
    for name, table in TABLES.items():
        path = given.results / f"{name}.json"
        if path.exists():
            page = placed(page, name, table(json.loads(path.read_text(encoding="utf-8"))))
            print(f"{given.page.name}: the table of {path.name}")
    given.page.write_text(page, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
