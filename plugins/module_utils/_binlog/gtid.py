# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""GTIDs on a running MySQL: the online steps in their order, with a look at what they would break before they break it.

https://dev.mysql.com/doc/refman/en/replication-mode-change-online-enable-gtids.html
"""
from __future__ import annotations

import os
import time
import typing as t

from .._errors import MigrationError, ServerError
from .._server.connection import Connection

MODES = ("OFF", "OFF_PERMISSIVE", "ON_PERMISSIVE", "ON")
CONSISTENCY = ("OFF", "WARN", "ON")
# What the server warns of in its log while enforce_gtid_consistency is WARN, all versions.
WARNING = "violates GTID consistency"
POLL = 0.2  # seconds


def next_step(mode: str, consistency: str) -> tuple[str, str] | None:
    """The next variable and value on the way to GTIDs; None at its end. Consistency comes before the modes."""
    if consistency != "ON":
        return "enforce_gtid_consistency", CONSISTENCY[CONSISTENCY.index(consistency) + 1]
    if mode != "ON":
        return "gtid_mode", MODES[MODES.index(mode) + 1]
    return None


def all_steps(mode: str, consistency: str) -> list[tuple[str, str]]:
    """All steps from a state to the end."""
    steps, state = [], {"gtid_mode": mode, "enforce_gtid_consistency": consistency}
    step = next_step(mode, consistency)
    while step:
        steps.append(step)
        state[step[0]] = step[1]
        step = next_step(state["gtid_mode"], state["enforce_gtid_consistency"])
    return steps


class OnlineSteps:
    """Takes the steps on one server.

    :param soak: seconds to watch the server's warnings before statements that break the rules are refused; 0 not to look
    :param patience: seconds to wait for the last transactions without a GTID
    """

    def __init__(self, connection: Connection, soak: float, patience: float, sleep: t.Callable = time.sleep) -> None:
        self.connection = connection
        self.soak = soak
        self.patience = patience
        self.sleep = sleep

    def run(self, apply: t.Callable[[str, str], None]) -> None:
        """All steps that are left.

        :param apply: sets a global variable
        """
        step = self._next()
        while step:
            if step == ("enforce_gtid_consistency", "ON"):
                self._enforce(apply)
            else:
                if step == ("gtid_mode", "ON"):
                    self._drain()
                apply(*step)
            step = self._next()

    def _next(self) -> tuple[str, str] | None:
        values = self.connection.variables("gtid_mode", "enforce_gtid_consistency")
        return next_step(values["gtid_mode"].upper(), values["enforce_gtid_consistency"].upper())

    def _enforce(self, apply: t.Callable[[str, str], None]) -> None:
        """From warning to refusing, if there was nothing to warn of."""
        try:
            self._watch()
            apply("enforce_gtid_consistency", "ON")
        except MigrationError:
            # Warnings alone break nothing, but nobody asked for a log that fills with them.
            apply("enforce_gtid_consistency", "OFF")
            raise

    def _watch(self) -> None:
        if not self.soak:
            return
        log = Warnings(self.connection)
        self.sleep(self.soak)
        found = log.since_start()
        if found:
            raise MigrationError(
                "%s: within %g s clients ran %d statements that GTIDs forbid: %s. enforce_gtid_consistency is OFF again. "
                "Change those statements, or set gtid to false to migrate by file and position"
                % (self.connection.name, self.soak, len(found), "; ".join(sorted(set(found))[:3]))
            )

    def _drain(self) -> None:
        """Wait until no transaction without a GTID is open."""
        end = time.monotonic() + self.patience
        while True:
            count = self.connection.status("Ongoing_anonymous_transaction_count")
            if count == "0":
                return
            if not count or time.monotonic() >= end:
                raise MigrationError(
                    "%s: after %g s there are still %s transactions that began without a GTID. gtid_mode is ON_PERMISSIVE: all new ones "
                    "have one. Find the old ones in information_schema.INNODB_TRX and by XA RECOVER, let them end, and run this again"
                    % (self.connection.name, self.patience, count or "an unknown number of")
                )
            self.sleep(POLL)


class Warnings:
    """The warnings of the server's error log from now on: its own table of it (8.0.22), else the file."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        values = connection.variables("log_error", "log_error_verbosity", "datadir")
        if int(values.get("log_error_verbosity") or 2) < 2:
            self._blind("log_error_verbosity is 1, which leaves warnings out: set it to 2")
        self.path = os.path.join(values.get("datadir", ""), values.get("log_error", ""))
        self.start = connection.value("SELECT NOW(6)")
        self.table = self._has_table()
        if not self.table:
            try:
                self.size = os.path.getsize(self.path)
            except OSError as error:
                self._blind("its error log %s cannot be read: %s" % (self.path, error.strerror))

    def since_start(self) -> list[str]:
        """The warnings about GTIDs."""
        if self.table:
            rows = self.connection.rows(
                "SELECT DATA AS d FROM performance_schema.error_log WHERE LOGGED >= %s AND DATA LIKE %s", (self.start, "%" + WARNING + "%")
            )
            return [_message(str(row["d"])) for row in rows]
        with open(self.path, encoding="utf-8", errors="replace") as stream:
            # Smaller than before: the file was rotated, and all of it is new.
            stream.seek(self.size if os.path.getsize(self.path) >= self.size else 0)
            return [_message(line) for line in stream if WARNING in line]

    def _has_table(self) -> bool:
        try:
            return bool(self.connection.value("SELECT COUNT(*) FROM performance_schema.error_log"))
        except ServerError:
            return False

    def _blind(self, why: str) -> t.NoReturn:
        raise MigrationError(
            "%s: whether clients run statements that GTIDs forbid cannot be seen: %s. Or look yourself, "
            "and set gtid_soak_s to 0" % (self.connection.name, why)
        )


def _message(line: str) -> str:
    """A warning without its time and numbers."""
    return "Statement " + line[line.index(WARNING) :].strip().rstrip(".")
