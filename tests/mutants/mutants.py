#!/usr/bin/env python3
# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Safety lines broken one at a time: each must make a unit fail.

    mutants.py                              the table, and what the grammar yields of the packages that safety rests on
    mutants.py --file _server/mariadb.py    of files whose path has this in it
    mutants.py --hand                       the table alone
    mutants.py --share 1                    all that the grammar yields, not a sample; or --seed 7, another one

A run without a mutant tells first which test runs which function. Then each mutant is put into a copy of the tree, and the tests
that run its function are run until one fails. Leaves build/mutants/results.json (a part: part.json). Exit 1 where a mutant
survived and equivalent.py does not say why that is right, or where a reason is given for one that is killed or is not there.
"""

from __future__ import annotations

import argparse
import ast
import json
import resource
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE))

from by_grammar import chosen, mutants  # noqa: E402
from by_hand import TABLE  # noqa: E402
from equivalent import EQUIVALENT  # noqa: E402
from mutant import UTILS, Broken, apply  # noqa: E402
from trial import LEAST_S, PATIENCE, UNITS, Copy, Known, Survey, Watch  # noqa: E402

#: The packages whose grammar is asked, and those of the table alone: whose units can notice a mutant of theirs.
PACKAGES = {
    "_cutover": ("cutover", "bridge"),
    "_bridge": ("bridge",),
    "_agent": ("agent",),
    "_server": ("server", "cutover", "tuning", "seed", "replication"),
    "_tuning": ("tuning", "cutover"),
    "_state": ("state", "cutover", "tuning"),
    "_migration": ("migration", "state", "reverse", "cutover", "replication"),
}
BY_HAND = {"_seed": ("seed",), "_retire": ("retire",), "_optionfiles": ("optionfiles", "binlog", "cutover")}
#: Tables of versions: what stands there was run on servers, or recorded; a number in it is no line that a unit could hold.
LEFT_OUT = ("statements.py", "control.py")
#: These run the agent and its like as programs, where no survey sees which function runs.
AS_PROGRAMS = {
    "_bridge": "module_utils/bridge/",
    "_agent": "module_utils/agent/",
    "_cutover": "module_utils/cutover/test_lease",
    "_state": "module_utils/bridge/test_bridge.py",
}
SHARE, SEED, JOBS = 0.2, 1, 2
SURVEY_SECONDS = 600.0


def all_mutants(share: float, seed: int, part: str, hand: bool, root: Path = ROOT) -> list[Broken]:
    """The table's, and the sample of what the grammar yields."""
    found = [apply(mutant, root) for mutant in TABLE if part in mutant.file]
    for package in () if hand else PACKAGES:
        for path in sorted((root / UTILS / package).glob("*.py")):
            if part in str(path.relative_to(root)) and path.name not in LEFT_OUT:
                found += [one for one in mutants(path, root) if chosen(one, share, seed)]
    return found


def survey(copy: Copy, found: list[Broken]) -> dict[str, Known]:
    """Run the units without a mutant, and see what each runs."""
    packages = {one.file.split("/")[2] for one in found}
    folders = dict.fromkeys(folder for package in packages for folder in {**PACKAGES, **BY_HAND}[package])
    copy.start([UNITS + folder for folder in folders], Survey(copy.report, str(copy.tree)), SURVEY_SECONDS, keep=True)
    while not copy.ended():
        time.sleep(0.1)
    lines = copy.lines()
    if not any("end" in line for line in lines):
        raise SystemExit("the units fail without a mutant:\n%s" % "\n".join(copy.output.read_text().splitlines()[-40:]))
    tests = [line for line in lines if "test" in line]
    return {line["test"]: Known(line["seconds"], {(name, number) for name, number in line["ran"]}) for line in tests}


def functions(file: str, line: int, root: Path = ROOT) -> list[int]:
    """The first lines of the functions around a line, the innermost first, as a running function tells its own."""
    found = []
    for node in ast.walk(ast.parse((root / file).read_text(encoding="utf-8"))):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            first = min([node.lineno] + [one.lineno for one in node.decorator_list])
            if node.body[0].lineno <= line <= (node.end_lineno or 0):
                found.append(first)
    return sorted(found, reverse=True)


def suspects(broken: Broken, known: dict[str, Known], root: Path = ROOT) -> list[str]:
    """The tests that can notice a mutant: the package's own first, quick files first, quick tests first."""
    package = broken.file.split("/")[2]
    around = functions(broken.file, broken.line, root)
    own = "module_utils/%s/" % package.strip("_")
    if around:
        able = {name for name, one in known.items() if any((broken.file, first) in one.ran for first in around)}
        programs = AS_PROGRAMS.get(package)
        able |= {name for name in known if programs and programs in name}
    else:
        able = {name for name, one in known.items() if any(file == broken.file for file, _line in one.ran)}
    able = able or {name for name in known if own in name}
    cost: dict[str, float] = {}
    for name in able:
        cost[name.split("::")[0]] = cost.get(name.split("::")[0], 0.0) + known[name].seconds

    def order(name: str) -> tuple:
        file = name.split("::")[0]
        return own not in file, cost[file], file, known[name].seconds

    return sorted(able, key=order)


class Round:
    """Tries mutants, as many at a time as there are copies."""

    def __init__(self, copies: list[Copy], known: dict[str, Known], total: int) -> None:
        self.free = copies
        self.known = known
        self.total = total
        self.busy: dict[int, tuple[Copy, Broken]] = {}
        self.rows: list[dict[str, Any]] = []

    def add(self, broken: Broken) -> None:
        """Begin with one as soon as a copy is free."""
        while not self.free:
            self._collect()
        copy = self.free.pop()
        # Asked of the copy: in the tree itself somebody may go on working.
        tests = suspects(broken, self.known, copy.tree)
        copy.break_(broken.file, broken.text)
        seconds = LEAST_S + PATIENCE * sum(self.known[name].seconds for name in tests)
        files = list(dict.fromkeys(name.split("::")[0] for name in tests))
        copy.start(files, Watch(copy.report, tests), seconds)
        self.busy[copy.child] = (copy, broken)

    def finish(self) -> list[dict[str, Any]]:
        """Wait for the last."""
        while self.busy:
            self._collect()
        return self.rows

    def _collect(self) -> None:
        for child, (copy, broken) in list(self.busy.items()):
            if copy.ended():
                del self.busy[child]
                killer = copy.killer()
                copy.mend()
                self.free.append(copy)
                self._note(broken, killer)
                return
        time.sleep(0.01)

    def _note(self, broken: Broken, killer: str) -> None:
        row: dict[str, Any] = {"file": broken.file, "line": broken.line, "what": broken.what, "killed_by": killer}
        if broken.equivalent:
            row["equivalent"] = broken.equivalent
        self.rows.append(row)
        if not killer and not broken.equivalent:
            print("survived: %s" % broken.name, flush=True)
        if len(self.rows) % 50 == 0:
            print("%d of %d tried" % (len(self.rows), self.total), flush=True)


def wrong_reasons(rows: list[dict[str, Any]], whole: bool) -> list[str]:
    """Reasons why a mutant is equivalent, of mutants that are killed or not there."""
    found = ["is killed by %s, and called equivalent: %s: %s" % (row["killed_by"], row["file"], row["what"])
             for row in rows if row["killed_by"] and "equivalent" in row]  # fmt: skip
    there = {(row["file"], row["what"]) for row in rows}
    gone = [key for key in EQUIVALENT if (UTILS + key[0], key[1]) not in there] if whole else []
    return found + ["is called equivalent, and not there any more: %s: %s" % key for key in gone]


def judge(rows: list[dict[str, Any]], whole: bool, seconds: float) -> int:
    """Leave the results, and say how it went."""
    rows.sort(key=lambda row: (row["file"], row["line"], row["what"]))
    folder = ROOT / "build" / "mutants"
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / ("results.json" if whole else "part.json")
    target.write_text(json.dumps({"mutants": rows}, indent=1) + "\n", encoding="utf-8")
    survivors = [row for row in rows if not row["killed_by"] and "equivalent" not in row]
    wrong = wrong_reasons(rows, whole)
    for line in wrong:
        print(line)
    for row in survivors:
        print("survived: %(file)s:%(line)d %(what)s" % row)
    killed = sum(1 for row in rows if row["killed_by"])
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    words = "%d mutants in %d s (%d s of processor time): %d killed, %d equivalent, %d survived: %s"
    print(words % (len(rows), seconds, used.ru_utime + used.ru_stime, killed, len(rows) - killed - len(survivors), len(survivors), target.relative_to(ROOT)))
    return 1 if survivors or wrong else 0


def with_reason(broken: Broken) -> Broken:
    """A mutant with the reason why it is equivalent, if there is one."""
    reason = EQUIVALENT.get((broken.file[len(UTILS) :], broken.what), broken.equivalent)
    return Broken(broken.file, broken.line, broken.what, broken.text, reason)


def main() -> int:
    """Try them all."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--file", default="", help="of files whose path has this in it")
    parser.add_argument("--hand", action="store_true", help="the table alone")
    parser.add_argument("--share", type=float, default=SHARE, help="of what the grammar yields, 0 to 1")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--jobs", type=int, default=JOBS)
    options = parser.parse_args()
    began = time.monotonic()
    base = Path(tempfile.mkdtemp(prefix="nordbridge-mutants-"))
    try:
        first = Copy(base / "0", ROOT)
        found = [with_reason(one) for one in all_mutants(options.share, options.seed, options.file, options.hand, first.tree)]
        known = survey(first, found)
        print("%d units pass without a mutant (%d s); %d mutants" % (len(known), time.monotonic() - began, len(found)), flush=True)
        copies = [first] + [Copy(base / str(number), first.tree) for number in range(1, options.jobs)]
        tries = Round(copies, known, len(found))
        for broken in found:
            tries.add(broken)
        rows = tries.finish()
    finally:
        shutil.rmtree(base, ignore_errors=True)
    whole = not (options.file or options.hand) and (options.share, options.seed) == (SHARE, SEED)
    return judge(rows, whole, time.monotonic() - began)


if __name__ == "__main__":
    sys.exit(main())
