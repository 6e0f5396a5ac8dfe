# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mutants made from the code's grammar: what a slip of the hand could break. Sampled by their own names, so that a change elsewhere
in a file leaves the sample as it is."""

from __future__ import annotations

import ast
import hashlib
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from mutant import Broken

#: An operator and what stands in its place.
COMPARED: dict[type, str] = {
    ast.Lt: "<=", ast.LtE: "<", ast.Gt: ">=", ast.GtE: ">", ast.Eq: "!=", ast.NotEq: "==",
    ast.Is: "is not", ast.IsNot: "is", ast.In: "not in", ast.NotIn: "in",
}  # fmt: skip
WRITTEN = re.compile(r"<=|>=|==|!=|<|>|\bis\s+not\b|\bnot\s+in\b|\bis\b|\bin\b")
SWAPPED: dict[str, str] = {"True": "False", "False": "True", "0": "1", "1": "0", "0.0": "1.0"}
#: Between two looks nobody cares how long it is waited, and no clock stands at the very instant that is waited for.
PAUSE, CLOCKS = "time.sleep(", ("time.monotonic()", "time.time()", "elapsed()")
WIDTH = 90

COMPOUND = (ast.If, ast.While, ast.For, ast.With, ast.Try, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)

Place = tuple[int, int, str]


class Source:
    """A file's text, with places told in its bytes as the grammar tells them."""

    def __init__(self, text: str) -> None:
        self.raw = text.encode("utf-8")
        self.starts = [0]
        for line in self.raw.splitlines(keepends=True):
            self.starts.append(self.starts[-1] + len(line))

    def span(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        """Where a node begins and ends."""
        assert node.end_lineno is not None and node.end_col_offset is not None
        return self.starts[node.lineno - 1] + node.col_offset, self.starts[node.end_lineno - 1] + node.end_col_offset

    def words(self, start: int, end: int) -> str:
        """A part of it, on one line."""
        return " ".join(self.raw[start:end].decode().split())

    def with_(self, start: int, end: int, after: str) -> str:
        """All of it, with other words in one place."""
        return (self.raw[:start] + after.encode() + self.raw[end:]).decode()


def mutants(path: Path, root: Path) -> Iterator[Broken]:
    """All mutants of a file, each with a name of its own."""
    text = path.read_text(encoding="utf-8")
    source, file, seen = Source(text), str(path.relative_to(root)), Counter[str]()
    for where, shown, node in _walk(ast.parse(text), "", None):
        for start, end, after in _changes(source, node):
            part = node.test if isinstance(node, (ast.If, ast.While)) else shown
            what = "%s: %s" % (where, _difference(source, part, start, end, after))
            seen[what] += 1
            name = what if seen[what] == 1 else "%s, number %d" % (what, seen[what])
            yield Broken(file, source.raw.count(b"\n", 0, start) + 1, name, source.with_(start, end, after))


def chosen(broken: Broken, share: float, seed: int) -> bool:
    """Whether a mutant belongs to a sample; whatever else there is."""
    number = hashlib.sha256(("%d %s %s" % (seed, broken.file, broken.what)).encode()).hexdigest()
    return int(number[:8], 16) < share * 0x100000000


def _difference(source: Source, shown: ast.expr | ast.stmt, start: int, end: int, after: str) -> str:
    """Some words around the change, and what they become."""
    first, last = source.span(shown)
    first, last = max(first, start - WIDTH // 2), min(last, max(end, start + WIDTH // 2))
    became = source.raw[first:start].decode() + after + source.raw[end:last].decode()
    return "`%s` became `%s`" % (_short(source.words(first, last)), _short(" ".join(became.split())))


def _short(words: str) -> str:
    return words if len(words) <= WIDTH else words[: WIDTH - 3] + "..."


def _walk(node: ast.AST, where: str, shown: ast.expr | ast.stmt | None) -> Iterator[tuple[str, ast.expr | ast.stmt, ast.AST]]:
    """Each node that runs, with the function and the statement (or its condition) that it stands in."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield from _walk(child, "%s.%s" % (where, child.name) if where else child.name, child)
        elif _tells(child) or (isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test)):
            continue
        elif isinstance(child, (ast.expr, ast.stmt, ast.keyword, ast.comprehension, ast.ExceptHandler, ast.withitem, ast.arguments)):
            # A compound statement is shown by the part that is broken.
            whole = isinstance(child, ast.stmt) or (isinstance(child, ast.expr) and isinstance(shown, COMPOUND)) or shown is None
            within = child if whole and isinstance(child, (ast.expr, ast.stmt)) else shown
            if within is not None:
                yield where or "the module", within, child
            yield from _walk(child, where, within)


def _changes(source: Source, node: ast.AST) -> Iterator[Place]:
    if isinstance(node, (ast.If, ast.While, ast.IfExp)) and not _changed_otherwise(node.test):
        start, end = source.span(node.test)
        yield start, end, "(not (%s))" % source.raw[start:end].decode()
    elif isinstance(node, ast.Raise):
        yield (*source.span(node), "pass")
    elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        yield (*source.span(node), "pass")
    elif isinstance(node, ast.Constant):
        start, end = source.span(node)
        after = SWAPPED.get(source.raw[start:end].decode())
        if after is not None:
            yield start, end, after
    elif isinstance(node, ast.Compare) and len(node.ops) == 1:
        if not (COMPARED[type(node.ops[0])] in ("<", "<=", ">", ">=") and any(clock in ast.unparse(node) for clock in CLOCKS)):
            yield from _between(source, node.left, node.comparators[0], COMPARED[type(node.ops[0])], WRITTEN)
    elif isinstance(node, ast.BoolOp):
        word, other = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
        for left, right in zip(node.values, node.values[1:]):
            yield from _between(source, left, right, other, re.compile(r"\b%s\b" % word))


def _between(source: Source, left: ast.expr, right: ast.expr, after: str, written: re.Pattern) -> Iterator[Place]:
    """The operator between two operands, which may stand in brackets and on lines of their own."""
    first, last = source.span(left)[1], source.span(right)[0]
    found = written.search(source.raw[first:last].decode())
    if found:
        yield first + found.start(), first + found.end(), after


def _changed_otherwise(test: ast.expr) -> bool:
    """Whether a condition's opposite is among its own mutants."""
    one = isinstance(test, ast.Compare) and len(test.ops) == 1
    opposite = one and isinstance(test.ops[0], (ast.Eq, ast.NotEq, ast.Is, ast.IsNot, ast.In, ast.NotIn))  # type: ignore[attr-defined]
    return opposite or isinstance(test, ast.Constant)


def _tells(node: ast.AST) -> bool:
    """Whether it only tells a person something, progress or words on standard error; or waits between two looks."""
    if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)):
        return False
    words = ast.unparse(node.value)
    return words.startswith((PAUSE, "say(", "progress.say(", "self.progress.say(")) or (words.startswith("print(") and "file=sys.stderr" in words)
