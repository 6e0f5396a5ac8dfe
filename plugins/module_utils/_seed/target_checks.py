# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""The landing: the target before and after the copy. Nothing on it is erased without permission."""

from __future__ import annotations

import secrets
import typing as t
from contextlib import contextmanager

from .._errors import MigrationError, Refusal
from .._server.base import Flavour
from .._server.events import is_disabled
from .._server.flavour import check_pair
from .._server.identity import described, same_server
from .._state.permission import asks, permits

if t.TYPE_CHECKING:
    from .context import Seed


def check_apart(source: Flavour, target: Flavour) -> None:
    """Refuse where both connections end at one server, or at two that cannot replicate."""
    check_two(source, target)
    check_pair(source.identity, target.identity)


def check_two(source: Flavour, target: Flavour) -> None:
    """Refuse where both connections end at one server.

    Identity alone could be a cloned machine's; a named lock taken through one connection is seen through the other
    only on the same server.
    """
    name = "nordbridge-%s" % secrets.token_hex(8)
    source.connection.value("SELECT GET_LOCK(%s, 0)", (name,))
    try:
        seen = target.connection.value("SELECT IS_USED_LOCK(%s)", (name,))
    finally:
        source.connection.value("SELECT RELEASE_LOCK(%s)", (name,))
    if seen is not None or same_server(source.identity, target.identity):
        raise Refusal("source and target are the same server (%s): check migration_source and the addresses" % source.identity.label)


def check_target(target: Flavour, migration_id: str, ours: list[str] | None, wipe: str, state: dict) -> tuple[list[str], list[str]]:
    """The schemas that have to be erased before the copy, and those of them that take a permission; empty on an empty target.

    :param ours: the schemas that the journal knows as this migration's own unfinished copy; None where there is none
    :param wipe: the permission, see permission.py
    :param state: the journal's
    :raises Refusal: where there is data and no permission
    """
    schemas = target.user_schemas()
    if ours is None and target.replica_rows():
        raise Refusal("%s: it already replicates from another server; stop and reset that replication first" % target.connection.name)
    strange = sorted(set(schemas) - set(ours or []))
    if strange and not permits(wipe, migration_id, state):
        raise Refusal(
            "%s: %s holds data, in the schemas %s; %s"
            % (target.connection.name, described(target.identity), ", ".join(strange), asks(migration_id, state))
        )
    return schemas, strange


@contextmanager
def loader_only(seed: Seed) -> t.Iterator[None]:
    """The target takes the loader's writes and nobody else's, and none at all afterwards, however the copy ends.

    A physical copy restarts the server: the target that is closed again is the one of then.
    """
    seed.target.admit_loader()
    try:
        yield
    finally:
        seed.target.set_read_only(True)


def clear_target(target: Flavour, schemas: list[str]) -> None:
    """Erase the schemas, without a word in the binary log, and stop what an unfinished copy had started."""
    connection = target.connection
    if target.replica_rows():
        connection.run(target.statement("stop_replica"))
        connection.run(target.statement("reset_replica"))
    connection.run("SET SESSION sql_log_bin = 0")
    connection.run("SET SESSION foreign_key_checks = 0")
    if not is_disabled(connection):  # such a server refuses the statement, and needs none
        connection.run("SET GLOBAL event_scheduler = OFF")
    for schema in schemas:
        connection.run("DROP DATABASE `%s`" % schema.replace("`", "``"))


def check_arrived(expected: dict[str, str], arrived: dict[str, str]) -> None:
    """Fail where an object of the source is not on the target.

    :param expected: the source's catalogue
    :param arrived: the target's
    """
    missing = sorted(set(expected) - set(arrived))
    if missing:
        raise MigrationError("%d of %d objects did not arrive: %s" % (len(missing), len(expected), ", ".join(missing[:10])))
