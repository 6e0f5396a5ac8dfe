# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The collection as it is, with one thing more in its copy: a job stands still where a test says so.

What is shipped has no such hook. The copy's file of progress gets the lines below, and a job calls it at the beginning of
each step: a process that stops itself there is at the same place each time, which no watcher from outside could do, for
the steps of a cutover are milliseconds apart.
"""

from __future__ import annotations

import shutil
from pathlib import Path

#: On the target, for its root alone: stop (which call), pid (a pipe that hears who stopped), clock (seconds to jump), hangs (where the
#: job is to be taken for one that hangs).
FOLDER = "/run/nordbridge-faults"
COPIED = ("plugins", "roles", "playbooks", "meta", "galaxy.yml")
PATCHED = "plugins/module_utils/_jobs/progress.py"
LINES = '''

def _stop_where_told(phase, text, job):
    import json
    import os
    import signal

    folder = "%s"
    try:
        with open(folder + "/stop", encoding="utf-8") as stream:
            if stream.read().strip() != phase + " " + text:
                return
        os.rename(folder + "/stop", folder + "/stopped")
    except FileNotFoundError:
        return
    if not os.path.exists(folder + "/hangs") and os.path.exists(job + "/started.json"):
        # What stands still for a test is not to be taken for a job that hangs, and ended by the command that waits for it.
        with open(job + "/started.json", encoding="utf-8") as stream:
            started = json.load(stream)
        started.pop("ticks", None)
        with open(job + "/started.json.tmp", "w", encoding="utf-8") as stream:
            json.dump(started, stream)
        os.rename(job + "/started.json.tmp", job + "/started.json")
    with open(folder + "/pid", "w", encoding="utf-8") as pipe:
        pipe.write("%%d\\n" %% os.getpid())
    os.kill(os.getpid(), signal.SIGSTOP)
    if os.path.exists(folder + "/clock"):
        with open(folder + "/clock", encoding="utf-8") as stream:
            jump, wall = float(stream.read()), time.time
        time.time = lambda: wall() + jump


def _say(self, phase, text, _said=Progress.say, **numbers):
    _said(self, phase, text, **numbers)
    _stop_where_told(phase, text, self.path.rpartition("/")[0])


Progress.say = _say
''' % FOLDER


def copy(root: Path, place: Path) -> Path:
    """Copy the collection below a folder and add the lines; returns what ANSIBLE_COLLECTIONS_PATH must be."""
    shutil.rmtree(place, ignore_errors=True)
    collection = place / "ansible_collections/nordbridge/mysql_migration"
    collection.mkdir(parents=True)
    for name in COPIED:
        source = root / name
        if source.is_dir():
            shutil.copytree(source, collection / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, collection / name)
    with (collection / PATCHED).open("a", encoding="utf-8") as stream:
        stream.write(LINES)
    return place
