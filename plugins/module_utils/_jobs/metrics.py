# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""A job's numbers for Prometheus, as a file that the node exporter's textfile collector reads.

The format: https://prometheus.io/docs/instrumenting/exposition_formats/. A job goes on where the file cannot be written.
"""

from __future__ import annotations

import os
import tempfile
import time
import typing as t
from contextlib import suppress

from .._state.files import read_json

#: In the migration's directory, by the role target: folder, where the file goes. Absent: nobody asked.
SETTINGS = "metrics.json"
#: Seconds between two files while a job runs.
EVERY = 5.0
#: job -> what it tells -> the metric's name
TOLD = {
    "seed": {"done": "copied_bytes", "total": "copy_bytes"},
    "catchup": {"lag": "lag_seconds"},
    "verify": {"done": "compared_rows", "total": "rows"},
}
#: job -> a number of its result -> the metric's name
RESULTS = {
    "seed": {"seconds": "copy_seconds"},
    "catchup": {"seconds": "catchup_seconds"},
    "verify": {"unequal_tables": "differing_tables", "rows": "compared_rows"},
    "cutover": {"write_stop_server_s": "write_stop_seconds"},
}
HELP = {
    "job_running": "1 while the job runs",
    "job_attempt": "how often it was started",
    "job_succeeded": "1 where it ended well, 0 where it did not; absent while it runs",
    "job_updated_timestamp_seconds": "when this was written",
    "copied_bytes": "data and indexes that were copied",
    "copy_bytes": "data and indexes that are to be copied, estimated",
    "copy_seconds": "how long the copy took",
    "lag_seconds": "how far the target is behind its source, by the heartbeat",
    "catchup_seconds": "how long the target took to catch up",
    "compared_rows": "rows that were compared",
    "rows": "rows that are to be compared, estimated",
    "differing_tables": "tables that were found to differ",
    "write_stop_seconds": "seconds without writes at the cutover",
}


class Metrics:
    """One job's file.

    :param job: the job's directory, below the migration's
    """

    def __init__(self, job: str, attempt: int = 0, clock: t.Callable[[], float] = time.time) -> None:
        self.job = os.path.basename(job)
        self.migration_id = os.path.basename(os.path.dirname(os.path.dirname(job)))
        self.attempt = attempt
        self.clock = clock
        self._written = float("-inf")
        self._numbers: dict[str, float] = {}
        self.path = ""
        with suppress(OSError, ValueError, TypeError, KeyError):
            settings: t.Any = read_json(os.path.join(os.path.dirname(os.path.dirname(job)), SETTINGS))
            if settings and os.path.isdir(settings["folder"]):
                self.path = os.path.join(settings["folder"], file_of(self.migration_id, self.job))

    def tell(self, numbers: t.Mapping[str, t.Any]) -> None:
        """How far it is; written at most each few seconds."""
        self._take(TOLD, numbers)
        if self.path and self.clock() - self._written >= EVERY:
            self._write({"job_running": 1})

    def end(self, succeeded: bool, result: t.Any) -> None:
        """How it ended."""
        self._take(RESULTS, result if isinstance(result, dict) else {})
        if self.path:
            self._write({"job_running": 0, "job_succeeded": int(succeeded)})

    def _take(self, table: dict[str, dict[str, str]], numbers: t.Mapping[str, t.Any]) -> None:
        for name, metric in table.get(self.job, {}).items():
            if isinstance(numbers.get(name), (int, float)):
                self._numbers[metric] = numbers[name]

    def _write(self, state: dict[str, float]) -> None:
        self._written = self.clock()
        labels = '{migration="%s",job="%s"}' % (self.migration_id, self.job)
        values = {**state, "job_attempt": self.attempt, "job_updated_timestamp_seconds": round(self._written, 3), **self._numbers}
        lines = []
        for name, value in values.items():
            full = "nordbridge_migration_" + name
            lines += ["# HELP %s %s" % (full, HELP[name]), "# TYPE %s gauge" % full, "%s%s %s" % (full, labels, value)]
        with suppress(OSError):
            _place(self.path, "\n".join(lines) + "\n")


def _place(path: str, text: str) -> None:
    """Put a file, whole, where others can read it.

    The folder is often the collector's user's own (Debian: prometheus), who can put links there under any name that root would use:
    the name is by chance, and nothing is opened that is there already.
    """
    handle, temporary = tempfile.mkstemp(prefix=".nordbridge-", dir=os.path.dirname(path))
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            os.fchmod(stream.fileno(), 0o644)
            stream.write(text)
        os.rename(temporary, path)
    except OSError:
        os.unlink(temporary)
        raise


def file_of(migration_id: str, job: str) -> str:
    """A job's file. Ids and jobs have no underscore, so that no migration's files are another's."""
    return "nordbridge_%s_%s.prom" % (migration_id, job)
