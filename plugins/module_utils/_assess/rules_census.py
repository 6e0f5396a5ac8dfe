# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""Rules about who could write on the fenced source: named before the fence, which ends them, or refused where it could not."""

from __future__ import annotations

from .check_input import CheckInput, Finding, counted, listed, span


def sessions(case: CheckInput) -> list[Finding]:
    """P70"""
    found = [] if case.settings.committed else case.source["writers"]["sessions"]
    if not found:
        return []
    names = [_session(one) for one in found]
    who = counted(len(names), "session is open on the source whose account", "sessions are open on the source whose accounts")
    return [Finding("%s can write on a read-only server: %s" % (who, listed(names)))]


def _session(one: dict) -> str:
    program = one["program"] or "program unknown"
    if one["pid"]:
        program += ", pid %s" % one["pid"]
    return "%s@%s (%s; session %d, %s for %s)" % (one["user"], one["host"], program, one["session"], one["state"], span(one["seconds"]))


def programs(case: CheckInput) -> list[Finding]:
    """P71: those that were seen just now are P70's; who connects for each row is seen by what the server counted."""
    source, found = case.source, [] if case.settings.committed else case.source["writers"]["wrote"]
    # Our own login has written each migration's marker.
    ours = (source["privileges"]["login"].rpartition("@")[0], len(source["markers"]))
    found = [one for one in found if one["user"] != ours[0] or one["count"] > ours[1]]
    names = ["%s%s (%d)" % (one["user"], "@" + one["host"] if one["host"] else "", one["count"]) for one in found]
    text = "since the source's start rows were written as accounts that can write on a read-only server (statements or rows): %s"
    return [Finding(text % listed(names))] if names else []


def lent(case: CheckInput) -> list[Finding]:
    """P72"""
    found = [] if case.settings.committed else case.source["writers"]["lent"]
    names = ["%(name)s (%(kind)s of %(definer)s)" % one for one in found]
    text = "%s with such an account's privileges, whoever calls: %s"
    who = counted(len(names), "routine or event on the source runs", "routines and events on the source run")
    return [Finding(text % (who, listed(names)))] if names else []


def grant_tables(case: CheckInput) -> list[Finding]:
    """P73"""
    return [Finding("the %s runs with skip-grant-tables" % name, where=name) for name, side in case.sides() if side["skip_grant_tables"]]


def init_connect(case: CheckInput) -> list[Finding]:
    """P74"""
    if case.settings.committed or not case.source["init_connect"]:
        return []
    text = "init_connect is set at the source (%d characters): behind the fence it runs for administrators, too, and where it writes, it fails"
    return [Finding(text % len(case.source["init_connect"]))]


RULES = {"P70": sessions, "P71": programs, "P72": lent, "P73": grant_tables, "P74": init_connect}
