# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""What a migration changes on each host, in its order: for the plan, and for whoever approves it."""

from __future__ import annotations

import typing as t

from .._accounts.logins import BACK, CONTROL, KEEP, REPLICATION, account
from .catalogue import SOURCE, TARGET
from .check_input import CheckInput, counted, size

#: When a change is made. What is made before the cutover is not announced again once the data is copied.
PREPARE, COPY, CUTOVER, AFTER = "before the copy", "with the copy", "at the cutover", "after the cutover"
WHENS = (PREPARE, COPY, CUTOVER, AFTER)


class Change(t.NamedTuple):
    """One change.

    :param side: source or target
    :param when: one of WHENS
    :param kind: restart, file, variable, account, schema, user, unit, package, plugin, data, or server (what it does)
    """

    side: str
    when: str
    kind: str
    what: str


def changes(case: CheckInput, method: str) -> list[Change]:
    """All changes that are still to be made, in their order.

    :param method: the copy's; empty where nothing is copied
    """
    asked = case.settings
    if asked.committed:
        return []
    found: list[Change] = []
    if not asked.seeded:
        found += _configuration(case, SOURCE, asked.source_log) + _on_source(case)
        found += _configuration(case, TARGET, asked.target_log) + _on_target(case) + _copy(case, method)
    return sorted(found + _cutover(case), key=lambda change: WHENS.index(change.when))


def _configuration(case: CheckInput, side: str, foreseen: dict | None) -> list[Change]:
    """A server's binary log and its restart, as mysql_binlog_config foresees them."""
    log, off = foreseen or {}, not case.side(side)["log_bin"]
    found = []
    if log.get("file_changed", off):
        settings = ", ".join("%s = %s" % pair for pair in log.get("wanted", {}).items())
        found.append(Change(side, PREPARE, "file", ": ".join(filter(None, (log.get("config_file", "zz-nordbridge-binlog.cnf"), settings)))))
    changed = ["%(setting)s: %(before)s -> %(after)s" % entry for entry in log.get("runtime_changes", ())]
    return found + [Change(side, PREPARE, "variable", what) for what in changed] + _restart(case, side, log, off)


def _restart(case: CheckInput, side: str, log: dict, off: bool) -> list[Change]:
    """The restart that a server's binary log needs; where nobody has foreseen it, one where the log is off."""
    needed = case.settings.restart_required if side == SOURCE else log.get("restart_required")
    if not (off if needed is None else needed):
        return []
    allowed = side == TARGET or case.settings.source_allow_restart
    return [Change(side, PREPARE, "restart", "one restart of the server%s" % ("" if allowed else ", not allowed yet"))]


def _on_source(case: CheckInput) -> list[Change]:
    asked, name = case.settings, case.settings.migration_id
    hosts = "this host" if asked.bridge == "ssh_tunnel" else "the target's address"
    found = [
        Change(SOURCE, PREPARE, "account", "%s, %s, from %s" % (account(REPLICATION, name), account(CONTROL, name), hosts)),
        Change(SOURCE, PREPARE, "account", "%s, from this host alone" % account(KEEP, name)),
        Change(SOURCE, PREPARE, "schema", "nordbridge_migration: a marker and a heartbeat"),
        Change(SOURCE, PREPARE, "user", "%s, no shell, one key from the target's address" % asked.agent_user),
        Change(SOURCE, PREPARE, "unit", "nordbridge-%s-agent.socket and its service" % name),
        Change(SOURCE, PREPARE, "file", "/var/lib/mysql_migration/%s, /var/lib/mysql_migration_agent/%s" % (name, name)),
    ]
    if asked.bridge == "ssh_tunnel":
        found.append(Change(SOURCE, PREPARE, "user", "%s, no shell, one key that opens the server's port alone" % asked.tunnel_user))
        found.append(Change(SOURCE, PREPARE, "file", "rules of sshd for the user %s" % asked.tunnel_user))
    return found


def _on_target(case: CheckInput) -> list[Change]:
    asked, name = case.settings, case.settings.migration_id
    found = []
    if asked.missing_programs:
        found.append(Change(TARGET, PREPARE, "package", "what brings %s" % ", ".join(asked.missing_programs)))
    hold = (case.target.get("hold") or {}).get("path") or "zz-nordbridge-hold.cnf"
    found += [
        Change(TARGET, PREPARE, "file", "%s: read-only, event scheduler off, until it is promoted" % hold),
        Change(TARGET, PREPARE, "server", "read-only, its event scheduler off"),
        Change(TARGET, PREPARE, "file", "/var/lib/mysql_migration/%s: logins, keys, the journal" % name),
    ]
    if asked.bridge == "ssh_tunnel":
        found.append(Change(TARGET, PREPARE, "unit", "nordbridge-%s-tunnel, nordbridge-%s-tunnel-proxy" % (name, name)))
    return found


def _copy(case: CheckInput, method: str) -> list[Change]:
    target, found = case.target, []
    if target["schemas"]:
        erased = "%s ERASED (%s)" % (counted(len(target["schemas"]), "schema"), size(target["bytes"]))
        found.append(Change(TARGET, COPY, "data", erased if case.settings.may_wipe else erased.replace("ERASED", "in the way")))
    if method == "clone":
        found.append(Change(SOURCE, COPY, "plugin", "clone"))
        found.append(Change(TARGET, COPY, "plugin", "clone"))
    if method in ("clone", "mariadb-backup"):
        found.append(Change(TARGET, COPY, "data", "all of the data directory replaced by the source's, accounts too; the server restarts"))
    elif method:
        found.append(Change(TARGET, COPY, "data", "the source's schemas, accounts and grants loaded; events stay disabled"))
    found.append(Change(TARGET, COPY, "variable", "innodb_flush_log_at_trx_commit = 2, sync_binlog = 0 until the cutover, with migration_target_fast_load"))
    found.append(Change(TARGET, COPY, "server", "a replica of the source"))
    return found


def _cutover(case: CheckInput) -> list[Change]:
    asked = case.settings
    if asked.copy_only:
        return []
    hold = (case.source.get("hold") or {}).get("path") or "zz-nordbridge-hold.cnf"
    found = [
        Change(SOURCE, CUTOVER, "server", "read-only for good, its event scheduler off, all sessions ended"),
        Change(SOURCE, CUTOVER, "file", "%s: so after a restart, too" % hold),
        Change(SOURCE, CUTOVER, "account", "privileges that write through read-only are taken from all; a rollback gives them back"),
        Change(SOURCE, CUTOVER, "unit", "nordbridge-%s-lease-... and -boot-..., which keep it closed" % asked.migration_id),
        Change(TARGET, CUTOVER, "server", "writable, events enabled, no replica any more, settings as configured"),
    ]
    if asked.reverse_replication:
        name = asked.migration_id
        found += [
            Change(TARGET, AFTER, "account", "%s, %s" % (account(BACK, name), account(CONTROL, name))),
            Change(TARGET, AFTER, "unit", "nordbridge-%s-back, nordbridge-%s-back-proxy" % (name, name)),
            Change(SOURCE, AFTER, "server", "after the cutover it follows the target, read-only, so that a rollback loses nothing"),
        ]
    return found


def lines(found: t.Sequence[Change], labels: t.Mapping[str, str]) -> list[str]:
    """The changes for people, by time and host.

    :param labels: what each side's host is called
    """
    told: list[str] = []
    for when in WHENS:
        for side in (SOURCE, TARGET):
            some = [change for change in found if (change.when, change.side) == (when, side)]
            if some:
                told.append(" CHANGES    %s, on the %s %s" % (when, side, labels[side]))
                told += ["   %-8s %s" % (change.kind, change.what) for change in some]
    return told
