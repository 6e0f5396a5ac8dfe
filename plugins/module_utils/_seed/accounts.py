# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""Accounts and grants, carried as statements: never the system tables, which differ between versions."""

from __future__ import annotations

from dataclasses import dataclass, field

from .._errors import ServerError
from .._server.base import Flavour

PREFIX = "nordbridge_"  # this collection's own accounts stay where they are


@dataclass
class Accounts:
    """What the source's accounts are made of. The statements hold password hashes: they are never shown."""

    roles: list = field(default_factory=list)
    create: list = field(default_factory=list)  # (account, [statements])
    grants: list = field(default_factory=list)  # (account, [statements])


def read_accounts(source: Flavour) -> Accounts:
    """Read all accounts but the installation's and our own."""
    found = Accounts(roles=source.roles())
    for user, host in source.accounts():
        if user.startswith(PREFIX):
            continue
        make, grants = source.account_statements(user, host)
        found.create.append(("%s@%s" % (user, host), make))
        found.grants.append(("%s@%s" % (user, host), grants))
    for role in found.roles:
        rows = source.connection.rows("SHOW GRANTS FOR " + _identifier(role))
        found.grants.insert(0, (role, [str(next(iter(row.values()))) for row in rows]))
    return found


def create_accounts(target: Flavour, accounts: Accounts) -> None:
    """Make the accounts, without rights: views, routines and events need their definers to exist.

    :raises ServerError: naming the account and not the statement
    """
    connection = target.connection
    connection.run("SET SESSION sql_log_bin = 0")
    for role in accounts.roles:
        connection.run("CREATE ROLE IF NOT EXISTS " + _identifier(role))
    for account, statements in accounts.create:
        for text in statements:
            _run(target, account, text)


def grant_rights(target: Flavour, accounts: Accounts) -> list[str]:
    """Give the rights, once the objects that they name exist. Returns what the target refused, in words.

    A newer server has dropped some privileges: that is reported, not fatal.
    """
    target.connection.run("SET SESSION sql_log_bin = 0")
    refused = []
    for account, statements in accounts.grants:
        for text in statements:
            try:
                _run(target, account, text)
            except ServerError as error:
                refused.append(str(error))
    return refused


def _run(target: Flavour, account: str, text: str) -> None:
    """Run a statement that holds a hash; its text goes into no message."""
    try:
        # A percent sign in a host name is no placeholder: no arguments are passed.
        target.connection.run(text)
    except ServerError as error:
        kind = " ".join(text.split()[:2])
        raise ServerError("account %s: %s is refused by the target: error %d" % (account, kind, error.errno), error.errno) from None


def _identifier(name: str) -> str:
    return "`%s`" % name.replace("`", "``")
