# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""The plan: what is, held against what should be, as the statements that make the difference. Reads only."""
from __future__ import annotations

import typing as t
from dataclasses import dataclass

from .._errors import Refusal
from .._server.base import Flavour
from .begin import begin_steps
from .change import ADDRESS, TLS_OPTIONS, change_step
from .desired import Desired
from .hints import LOGIN_ERRNOS, RELAY_ERRNOS
from .status import ReplicaStatus
from .step import Step

RECEIVER, APPLIER = "receiver", "applier"
BOTH = frozenset((RECEIVER, APPLIER))

# Who logs in where and how: with a change of these the password is set again.
LOGIN_SETTINGS = frozenset(("source_host", "source_port", "source_user", "get_source_public_key")) | frozenset(TLS_OPTIONS)
# Settings whose change needs both threads stopped. Any other needs the receiver stopped on MySQL, where a running
# applier keeps the relay logs (stopping both drops them and fetches them again), and always both on MariaDB.
# https://dev.mysql.com/doc/refman/en/change-replication-source-to.html
STOPS_BOTH = {"mysql": ADDRESS | {"positioning", "delay"}, "mariadb": None}

# How damaged relay logs are dropped while both threads stand; what was applied is in the tables, and the rest is asked for by
# GTID. A MariaDB that starts both threads with GTIDs drops them by itself.
# https://dev.mysql.com/doc/refman/en/reset-replica.html https://mariadb.com/kb/en/gtid/
DISCARDS = {"mysql": ("discard_relay_logs",), "mariadb": ()}


@dataclass(frozen=True)
class Variable:
    """A server variable that belongs to replication.

    :param names: newest first; a server that knows none of them needs none
    :param wanted: from the desired state, None for "leave as it is"
    :param stops: the thread that must be stopped for the change to be allowed or to count
    """

    names: tuple
    wanted: t.Callable[[Desired], t.Any]
    stops: str = APPLIER
    needs: str = ""
    needs_before: tuple = ()


def _parallel(value: str) -> t.Callable[[Desired], t.Any]:
    return lambda desired: value if (desired.applier_threads or 1) > 1 else None


VARIABLES = {
    "mysql": (
        Variable(("replica_parallel_workers", "slave_parallel_workers"), lambda desired: desired.applier_threads),
        Variable(("replica_parallel_type", "slave_parallel_type"), _parallel("LOGICAL_CLOCK")),
        # Before 8.0.19 only a replica that writes its own binary log can keep the order of commits.
        Variable(
            ("replica_preserve_commit_order", "slave_preserve_commit_order"),
            _parallel("ON"),
            needs="log_slave_updates",
            needs_before=(8, 0, 19),
        ),
        Variable(("replica_net_timeout", "slave_net_timeout"), lambda desired: desired.net_timeout, RECEIVER),
    ),
    "mariadb": (
        Variable(("slave_parallel_threads",), lambda desired: desired.applier_threads),
        Variable(("slave_parallel_mode",), _parallel("optimistic")),
        Variable(("slave_net_timeout",), lambda desired: desired.net_timeout, RECEIVER),
    ),
}


@dataclass(frozen=True)
class Plan:
    """The steps, and the two sides of the diff.

    :param starts: whether a thread is started
    :param resumes: whether what is started was running before
    :param encrypts: whether the channel is configured here, with TLS
    """

    steps: tuple
    before: dict
    after: dict
    starts: bool = False
    encrypts: bool = False
    resumes: bool = False


def make_plan(flavour: Flavour, status: ReplicaStatus, desired: Desired) -> Plan:
    """The difference between a replica's status and its desired state.

    :raises Refusal: where the way there is unsafe or something is missing for it
    """
    if desired.state == "absent":
        return _plan_absent(flavour, status)
    _check_possible(flavour, status, desired)
    changed = _changed_settings(status, desired)
    variables = _changed_variables(flavour, desired)
    password = _sets_password(status, desired, changed)
    refetches = _refetches(status, desired, changed)
    everything = desired.state == "stopped" or refetches
    stops = set(status.active) if everything else _stops(flavour, changed, password, variables) & status.active
    starts = desired.state == "started" and bool(stops or status.active != BOTH)

    steps = _stop_steps(flavour, status, stops)
    steps += [Step(flavour.statement(name)) for name in DISCARDS[flavour.name] if refetches]
    steps += [Step("SET GLOBAL %s = %%s" % name, (value,)) for _variable, name, _was, value in variables]
    if changed or password:
        steps += begin_steps(flavour, status, desired, changed)
        steps.append(change_step(flavour, desired, status, changed, password))
    if starts:
        steps.append(Step(flavour.statement("start_replica")))
    before, after = _sides(status, desired, changed, variables, password)
    if refetches:
        before["relay_logs"], after["relay_logs"] = "damaged", "fetched again"
    encrypts = bool(changed or password) and desired.settings["ssl_allowed"]
    return Plan(tuple(steps), before, after, starts, encrypts, resumes=starts and bool(stops))


def _stops(flavour: Flavour, changed: dict, password: bool, variables: list) -> set:
    """The threads that must not run for the change, whether or not they do."""
    stops = {variable.stops for variable, _name, _was, _value in variables}
    if changed or password:
        both = STOPS_BOTH[flavour.name]
        stops |= BOTH if both is None or both & set(changed) else {RECEIVER}
    return stops


def _refetches(status: ReplicaStatus, desired: Desired, changed: dict) -> bool:
    """Whether the applier stands before relay logs that it cannot read, and the source can send them again."""
    damaged = desired.state == "started" and status.last_sql_errno in RELAY_ERRNOS and APPLIER not in status.active
    return damaged and status.auto_position and not {"positioning", *ADDRESS} & set(changed)


def _plan_absent(flavour: Flavour, status: ReplicaStatus) -> Plan:
    if not status.configured:
        return Plan((), {"configured": False}, {"configured": False})
    steps = _stop_steps(flavour, status, set(status.active))
    steps.append(Step(flavour.statement("reset_replica")))
    before = {"configured": True, "source_host": status.source_host, "source_port": status.source_port, "source_user": status.source_user}
    return Plan(tuple(steps), dict(before, **_threads(status.active)), {"configured": False})


def _check_possible(flavour: Flavour, status: ReplicaStatus, desired: Desired) -> None:
    """Refuse what would start nothing, or would take this replica away from another source."""
    name = flavour.connection.name
    if not desired.settings:
        if not status.configured and desired.state == "started":
            raise Refusal("%s: no source is configured, and source_host is not given" % name)
        return
    if not status.configured:
        given = {"source_user": bool(desired.settings["source_user"]), "source_password": desired.password is not None}
        missing = [option for option, there in given.items() if not there]
        if missing:
            raise Refusal("%s: to configure the replica, %s must be given (or in source_login_file)" % (name, " and ".join(missing)))
    elif _other_source(status, desired) and not desired.replace_source:
        raise Refusal(
            "%s already replicates from %s:%d, and %s:%d is asked for. If that is the same server under another address, or this replica "
            "is really to follow another one, set replace_source: true"
            % (name, status.source_host, status.source_port, desired.settings["source_host"], desired.settings["source_port"])
        )


def _other_source(status: ReplicaStatus, desired: Desired) -> bool:
    return any(getattr(status, name) != desired.settings[name] for name in ADDRESS)


def _changed_settings(status: ReplicaStatus, desired: Desired) -> dict:
    """The settings that differ, as field -> wanted value. What a server does not tell counts as equal once it is configured."""
    if not status.configured:
        return dict(desired.settings)
    held = {name: getattr(status, name) for name in desired.settings}
    return {name: value for name, value in desired.settings.items() if held[name] is not None and not _same(held[name], value)}


def _same(one: t.Any, other: t.Any) -> bool:
    if isinstance(one, float) or isinstance(other, float):
        return abs(float(one) - float(other)) < 0.001
    return one == other


def _changed_variables(flavour: Flavour, desired: Desired) -> list[tuple]:
    """The variables that differ: (Variable, its name here, value now, wanted value)."""
    found = []
    for variable in VARIABLES[flavour.name]:
        value = variable.wanted(desired)
        here = flavour.connection.variables(*variable.names) if value is not None else {}
        name = next((name for name in variable.names if name in here), None)
        if name is None or str(here[name]).lower() == str(value).lower() or not _possible(flavour, variable):
            continue
        found.append((variable, name, here[name], value))
    return found


def _possible(flavour: Flavour, variable: Variable) -> bool:
    if not variable.needs or flavour.version >= variable.needs_before:
        return True
    return (flavour.connection.variable(variable.needs) or "").upper() == "ON"


def _sets_password(status: ReplicaStatus, desired: Desired, changed: dict) -> bool:
    """Whether the password is part of the change.

    The stored one cannot be read back. It is set with a new source or login, and where the source has refused it.
    """
    if desired.password is None or not desired.settings:
        return False
    refused = status.last_io_errno in LOGIN_ERRNOS
    return desired.always_password or not status.configured or refused or bool(LOGIN_SETTINGS & set(changed))


def _stop_steps(flavour: Flavour, status: ReplicaStatus, stops: set) -> list[Step]:
    if not stops:
        return []
    words = {frozenset((APPLIER,)): "stop_applier", frozenset((RECEIVER,)): "stop_receiver"}
    name = "stop_replica" if stops == status.active else words.get(frozenset(stops), "stop_replica")
    return [Step(flavour.statement(name))]


def _sides(status: ReplicaStatus, desired: Desired, changed: dict, variables: list, password: bool) -> tuple[dict, dict]:
    """Before and after, with all that is managed."""
    names = list(desired.settings)
    before: dict = {"configured": status.configured}
    after: dict = {"configured": status.configured or bool(desired.settings)}
    before.update({name: getattr(status, name) for name in names} if status.configured else {})
    after.update({name: changed.get(name, getattr(status, name)) for name in names})
    if password:
        before["password"], after["password"] = ("as stored" if status.configured else "none"), "set again"
    if not status.configured and desired.settings:
        start = {"gtid": desired.gtid} if desired.settings["positioning"] == "gtid" else {"log": [desired.log_file, desired.log_position]}
        after["begins_at"] = start
    for _variable, name, was, value in variables:
        before[name], after[name] = str(was), str(value)
    before.update(_threads(status.active))
    wanted = {"started": BOTH, "stopped": frozenset()}[desired.state]
    after.update(_threads(wanted))
    return before, after


def _threads(active: t.AbstractSet[str]) -> dict:
    return {name: "started" if name in active else "stopped" for name in (RECEIVER, APPLIER)}
