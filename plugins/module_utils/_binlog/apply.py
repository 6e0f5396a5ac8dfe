# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""The one function behind the module: observe, plan, write and prove the drop-in, set what can be set at run time."""

from __future__ import annotations

import os
import socket

from .._errors import MigrationError, Refusal
from .._migration.guard import changing_server
from .._optionfiles.dropin import DropIn, check_place, default_path
from .._optionfiles.program import can_validate, find_program
from .._optionfiles.table import parse_size
from .._server.base import Flavour
from .._server.connection import connect
from .._server.endpoint import Endpoint, from_options
from .._server.flavour import open_flavour
from . import observe, sessions
from .dropin import MARK, NAME, render
from .gtid import OnlineSteps, all_steps
from .plan import Facts, Plan, Wishes, make_plan
from .settings import canonical, same, table_of

ELSEWHERE = "set config_file to a file that the server reads last, or leave it out"
STATEMENT_SECONDS = 120  # until an unanswered SET GLOBAL counts as a failure


def configure(params: dict, check_mode: bool) -> dict:
    """Make a server ready to be a source; see the module's documentation for options and result."""
    size = params.get("max_binlog_size")
    wishes = Wishes(
        server_id=params.get("server_id"),
        avoid_server_ids=tuple(params.get("avoid_server_ids") or ()),
        retention_hours=params["retention_hours"],
        max_binlog_size=parse_size(size) if size else None,
        gtid=params["gtid"],
        log_basename=params.get("log_basename") or "",
    )
    endpoint = from_options(params)
    with connect(endpoint, read_timeout=STATEMENT_SECONDS) as connection:
        server = open_flavour(connection)
        check_local(server, endpoint)
        with changing_server(params.get("migration_id"), server.identity.datadir, "mysql_binlog_config", check_mode):
            return Configuration(server, params).run(wishes, check_mode)


def check_local(server: Flavour, endpoint: Endpoint) -> None:
    """The option files have to be the server's: it must run on this host. A local port may be a tunnel, a socket is not."""
    here = socket.gethostname()
    if not endpoint.unix_socket and server.identity.hostname.partition(".")[0] != here.partition(".")[0]:
        raise Refusal(
            "%s runs on %s and this is %s: its option file has to be written on its own host; run the module there"
            % (server.connection.name, server.identity.hostname, here)
        )


def check_log_directory(base: str, datadir: str) -> None:
    """A binary log that the server cannot write would keep it from starting: its directory has to be there, and the server's user's.

    :param base: the absolute path of the files' base name
    """
    folder = os.path.dirname(base)
    if not os.path.isdir(folder):
        raise Refusal("log_basename %s: the directory %s does not exist; make it for the server's user, or choose another" % (base, folder))
    owner, found = os.stat(datadir), os.stat(folder)
    # The bit that lets the server's user write, as its owner, as its group, or as everybody.
    bit = 0o200 if found.st_uid == owner.st_uid else 0o020 if found.st_gid == owner.st_gid else 0o002
    if owner.st_uid and not found.st_mode & bit:
        raise Refusal("log_basename %s: the server's user may not write in %s; give it to that user, or choose another" % (base, folder))


class Configuration:
    """One run against one server."""

    def __init__(self, server: Flavour, params: dict) -> None:
        self.server = server
        self.params = params
        self.program = find_program(server)
        path = check_place(params.get("config_file") or default_path(self.program, NAME))
        self.dropin = DropIn(path, self.program, table_of(server.name, server.version), MARK, ELSEWHERE)
        self.statements: list[str] = []

    def run(self, wishes: Wishes, check_mode: bool) -> dict:
        """Observe, plan, apply, report."""
        before = observe.running_values(self.server)
        followers = observe.followers(self.server)
        plan = make_plan(
            wishes,
            Facts(
                flavour=self.server.name,
                version=self.server.version,
                running=before,
                configured=self.dropin.configured(),
                own=self.dropin.own,
                machine=observe.machine(self.server),
                followers=followers,
            ),
        )
        text = render(plan.wanted)
        self._check_first(plan)
        notes = list(plan.notes) + self._session_notes(plan, before)
        if check_mode:
            self.dropin.predict(plan.wanted, text)
            after = self._expected(plan, before)
        else:
            self._apply(plan, text)
            after = observe.running_values(self.server)
            self._check_after(plan, after)
        return self._result(plan, text, before, after, notes)

    def _check_first(self, plan: Plan) -> None:
        """What would make the file worthless or the next start fail, before anything is touched."""
        kept = observe.persisted(self.server)
        against = {name: value for name, value in kept.items() if name in plan.wanted and not same(name, value, plan.wanted[name])}
        if against:
            raise Refusal(
                "%s: values of SET PERSIST win over every option file, and these contradict: %s. Run %s, and this again"
                % (
                    self.server.connection.name,
                    ", ".join("%s = %s instead of %s" % (name, value, plan.wanted[name]) for name, value in against.items()),
                    "; ".join("RESET PERSIST %s" % name for name in against),
                )
            )
        if any(change.name == "log_bin" for change in plan.restart):
            check_log_directory(os.path.join(self.server.identity.datadir, plan.wanted["log_bin"]), self.server.identity.datadir)
        problem = can_validate(self.server) and self.program.validate()
        if problem:
            raise Refusal("the configuration is invalid as it is, the server would not start again: %s. Fix that first" % problem)

    def _apply(self, plan: Plan, text: str) -> None:
        """The file first, as it has no effect yet; it is put back as it was where anything fails."""
        changes = text != self.dropin.before
        try:
            if changes:
                self.dropin.write(text)
            self.dropin.prove(plan.wanted)
            problem = changes and can_validate(self.server) and self.program.validate()
            if problem:
                raise MigrationError("the server refuses the settings of %s: %s" % (self.dropin.path, problem))
            # Beforehand: a run that dies behind the change must not leave sessions that nobody knows of.
            kept = [change.name for change in plan.live if change.name in sessions.NAMES]
            if kept:
                sessions.begin(self.server, kept)
            for change in plan.live:
                self._set(change.name, change.wanted)
            self._number_new_sessions(kept)
            if plan.steps:
                OnlineSteps(self.server.connection, self.params["gtid_soak_s"], self.params["gtid_wait_s"]).run(self._set)
        except BaseException as error:
            if changes:
                self.dropin.restore()
            if isinstance(error, MigrationError):
                raise _with_state(error, self.dropin.path, changes, self.statements) from error
            raise

    def _set(self, name: str, value: str) -> None:
        bound = int(value) if value.isdigit() else value
        self.server.connection.run("SET GLOBAL %s = %%s" % name, (bound,))
        self.statements.append("SET GLOBAL %s = %r" % (name, bound))

    def _number_new_sessions(self, kept: list[str]) -> None:
        """From which connection on sessions follow: this one began before the change."""
        if kept:
            with connect(from_options(self.params), read_timeout=STATEMENT_SECONDS) as connection:
                sessions.complete(connection.id)

    def _check_after(self, plan: Plan, after: dict) -> None:
        stuck = [change for change in plan.live + plan.steps if not same(change.name, after.get(change.name), change.wanted)]
        if stuck:
            raise MigrationError(
                "%s did not take over: %s"
                % (self.server.connection.name, "; ".join("%s is %s instead of %s" % (c.name, after.get(c.name), c.wanted) for c in stuck))
            )

    def _expected(self, plan: Plan, before: dict) -> dict:
        """The running values after a real run, for check mode; fills in its statements."""
        after = dict(before, **{change.name: change.wanted for change in plan.live + plan.steps})
        for change in plan.live:
            self.statements.append("SET GLOBAL %s = %r" % (change.name, int(change.wanted) if change.wanted.isdigit() else change.wanted))
        if plan.steps:
            steps = all_steps(before["gtid_mode"].upper(), before["enforce_gtid_consistency"].upper())
            self.statements += ["SET GLOBAL %s = %r" % step for step in steps]
        return after

    def _session_notes(self, plan: Plan, before: dict) -> list[str]:
        """Whom a change at run time does not reach: sessions keep the values that they began with."""
        kept = [change.name for change in plan.live if change.name.startswith("binlog_") and not change.name.startswith("binlog_expire")]
        number = observe.open_sessions(self.server) if kept and before["log_bin"].upper() == "ON" else 0
        if not number:
            return []
        return [
            "%s: only new sessions follow; %d sessions that are open keep the old value until they reconnect" % (", ".join(kept), number)
        ]

    def _result(self, plan: Plan, text: str, before: dict, after: dict, notes: list) -> dict:
        differs = {name: after[name] for name in after if canonical(name, after[name]) != canonical(name, before.get(name))}
        file_changed = text != self.dropin.before
        heading = "%s, and the running values of %s" % (self.dropin.path, self.server.identity.label)
        return {
            "changed": file_changed or bool(differs),
            "diff": {
                "before": self.dropin.before + "\n# running values\n" + observe.shown(before),
                "after": text + "\n# running values\n" + observe.shown(after),
                "before_header": heading,
                "after_header": heading,
            },
            "config_file": self.dropin.path,
            "file_changed": file_changed,
            "runtime_changes": [{"setting": name, "before": before.get(name, ""), "after": value} for name, value in differs.items()],
            "statements": self.statements,
            "restart_required": bool(plan.restart),
            "restart_reasons": [
                {"setting": change.name, "running": change.running, "wanted": change.wanted, "reason": change.reason}
                for change in plan.restart
            ],
            "restart_cost": observe.restart_cost(self.server),
            "effective": observe.effective(self.server, observe.running_values(self.server)),
            "wanted": plan.wanted,
            "notes": notes,
        }


def _with_state(error: MigrationError, path: str, restored: bool, statements: list) -> MigrationError:
    """The error, and how it leaves things."""
    left = ["%s is as it was before" % path] if restored else []
    if statements:
        left.append("set at run time until then: %s" % "; ".join(statements))
    return MigrationError("%s%s" % (error, " (%s)" % "; ".join(left) if left else ""))
