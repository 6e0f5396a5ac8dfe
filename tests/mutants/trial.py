# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Trials: units in a child of this process, in a copy of the tree. What they need is loaded once, and each child has it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import time
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# Loaded here, once, for all children; nothing of the collection, which each child reads from its own copy.
import ansible.module_utils.basic  # noqa: F401
import pymysql.cursors  # noqa: F401
import pytest

INSIDE = "ansible_collections/nordbridge/mysql_migration"
UNITS = "tests/unit/plugins/module_utils/"
#: What a copy of the tree needs for these units.
COPIED = ("plugins", "tests/unit/plugins", "tests/conftest.py", "docs/security-privileges.md", "pyproject.toml")
#: How much longer than without a mutant the tests may take, and how much at least: the machine does other work, too.
PATIENCE, LEAST_S = 6.0, 30.0


@dataclass
class Known:
    """What is known of a test from the run without a mutant.

    :param ran: the functions that it ran, as file and first line
    """

    seconds: float = 0.0
    ran: set[tuple[str, int]] = field(default_factory=set)


class Watch:
    """Notes each test's name when it starts, and the first that fails; runs those that were asked for, in that order."""

    def __init__(self, report: Path, wanted: list[str]) -> None:
        self.report = report
        self.place = {name: number for number, name in enumerate(wanted)}

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        """Of the files' tests those that were asked for."""
        if self.place:
            items[:] = sorted((item for item in items if item.nodeid in self.place), key=lambda item: self.place[item.nodeid])

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """For a test that never ends."""
        self._note({"start": nodeid})

    def pytest_runtest_logreport(self, report: Any) -> None:
        """A test, or what it stands on, failed."""
        if report.failed:
            self._note({"failed": report.nodeid})

    def pytest_collectreport(self, report: Any) -> None:
        """A file that cannot even be read."""
        if report.failed:
            self._note({"failed": report.nodeid})

    def _note(self, line: dict[str, Any]) -> None:
        with self.report.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(line) + "\n")


class Survey(Watch):
    """Notes, too, which of the collection's functions each test runs, and how long it takes."""

    def __init__(self, report: Path, folder: str) -> None:
        super().__init__(report, [])
        self.folder = folder

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_protocol(self, item: Any) -> Any:
        """Around a test with its fixtures."""
        import threading

        codes: set[Any] = set()

        def note(frame: Any, event: str, _argument: Any) -> None:
            if event == "call":
                codes.add(frame.f_code)

        began = time.monotonic()
        threading.setprofile(note)
        sys.setprofile(note)
        yield
        sys.setprofile(None)
        threading.setprofile(None)
        places = {(code.co_filename, code.co_firstlineno) for code in set(codes)}
        ran = [(os.path.relpath(os.path.realpath(name), self.folder), line) for name, line in places if "/plugins/" in name]
        self._note({"test": item.nodeid, "seconds": time.monotonic() - began, "ran": ran})


class Copy:
    """A copy of the tree in which one trial at a time runs."""

    def __init__(self, base: Path, root: Path) -> None:
        self.base = base
        self.tree = base / INSIDE
        self.report = base / "report.jsonl"
        self.output = base / "output.txt"
        self.child = 0
        self.deadline = 0.0
        self.undo: tuple[Path, str, float] | None = None
        for name in COPIED:
            if (root / name).is_dir():
                # Of a copy also what is compiled already: it goes by each file's moment, which is copied with it.
                left_out = None if root.name == self.tree.name else shutil.ignore_patterns("__pycache__")
                shutil.copytree(root / name, self.tree / name, ignore=left_out)
            else:
                (self.tree / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(root / name, self.tree / name)

    def break_(self, file: str, text: str) -> None:
        """Put a mutant in."""
        path = self.tree / file
        self.undo = (path, path.read_text(encoding="utf-8"), path.stat().st_mtime)
        path.write_text(text, encoding="utf-8")
        # A moment of its own: what was compiled of the whole file must not be taken for this one's.
        os.utime(path, (time.time(), self.undo[2] + 1000))

    def mend(self) -> None:
        """Take it out."""
        if self.undo:
            path, text, moment = self.undo
            path.write_text(text, encoding="utf-8")
            os.utime(path, (time.time(), moment))
            self.undo = None

    def start(self, tests: list[str], watch: Watch, seconds: float, keep: bool = False) -> None:
        """Run tests in a child.

        :param tests: files, or tests of files
        :param keep: keep what is compiled: for the copy as it is
        """
        self.report.unlink(missing_ok=True)
        self.deadline = time.monotonic() + seconds
        sys.stdout.flush()
        self.child = os.fork()
        if not self.child:
            self._run(tests, watch, keep)

    def ended(self) -> bool:
        """Whether the child has ended; one that takes too long is ended."""
        found, _status = os.waitpid(self.child, os.WNOHANG)
        if not found and time.monotonic() > self.deadline:
            os.killpg(self.child, signal.SIGKILL)
            os.waitpid(self.child, 0)
            found = self.child
        if found:
            # Children of tests that a mutant left behind.
            try:
                os.killpg(self.child, signal.SIGKILL)
            except ProcessLookupError:
                pass
        return bool(found)

    def lines(self) -> list[dict[str, Any]]:
        """What was noted."""
        if not self.report.exists():
            return []
        return [json.loads(line) for line in self.report.read_text(encoding="utf-8").splitlines()]

    def killer(self) -> str:
        """The test that failed, or that did not end; empty where all passed."""
        lines = self.lines()
        failed = next((line["failed"] for line in lines if "failed" in line), "")
        if failed or any("end" in line for line in lines):
            return str(failed)
        started = [line["start"] for line in lines if "start" in line]
        return str(started[-1]) if started else UNITS

    def _run(self, tests: list[str], watch: Watch, keep: bool) -> None:
        code = 70
        try:
            os.setpgid(0, 0)
            os.chdir(self.tree)
            sys.path.insert(0, str(self.base))
            sys.dont_write_bytecode = not keep
            descriptor = os.open(self.output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            for stream in (1, 2):
                os.dup2(descriptor, stream)
            arguments = ["-q", "-x", "--tb=short", "-p", "no:cacheprovider", "--basetemp=%s" % (self.base / "tmp"), *tests]
            code = int(pytest.main(arguments, plugins=[watch]))
            if code == 0:
                watch._note({"end": code})
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
