# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""Accounts and grants, carried as statements: never whole system tables, which differ between versions."""

from __future__ import annotations

import os
import re
import typing as t
from dataclasses import dataclass, field

from .._errors import Refusal, ServerError
from .._server.base import Flavour
from .._state.files import read_json, write_json
from .account_text import mended

PREFIX = "nordbridge_"  # this collection's own accounts stay where they are
PUBLIC = "PUBLIC"
MADE = "accounts-made.json"


@dataclass
class Accounts:
    """What the source's accounts are made of. The statements hold password hashes: they are never shown.

    :param create: user, host, statements: one that makes the account, and those that alter one that is there
    :param grants: who, statements; to roles first
    :param shared: user, host, statements: for everybody (PUBLIC, no host) and the installation's own accounts, beside what they have
    :param finish: who, statements, for the end: what no statement about accounts says
    """

    roles: list = field(default_factory=list, repr=False)
    create: list = field(default_factory=list, repr=False)
    grants: list = field(default_factory=list, repr=False)
    shared: list = field(default_factory=list, repr=False)
    finish: list = field(default_factory=list, repr=False)


def read_accounts(source: Flavour) -> Accounts:
    """Read all accounts but our own."""
    found = Accounts(roles=source.roles())
    for role in found.roles:
        found.grants.append([role, source.role_grants(role)])
    for user, host in source.accounts():
        if user.startswith(PREFIX):
            continue
        make, grants = source.account_statements(user, host)
        found.create.append([user, host, mended(source, user, host, make)])
        found.grants.append([label(user, host), grants])
        found.finish.append([label(user, host), source.account_marks(user, host)])
    found.shared.append([PUBLIC, "", source.public_grants()])
    for user, host in _installed(source):
        found.shared.append([user, host, source.system_grants(user, host)])
    return found


def label(user: str, host: str) -> str:
    """An account's name for messages."""
    return "%s@%s" % (user, host) if host else user


def _installed(server: Flavour) -> list[tuple[str, str]]:
    """The installation's own accounts that a server has and administrators use: not those that nobody can log in as."""
    rows = server.connection.rows("SELECT User AS u, Host AS h FROM mysql.user WHERE Host = 'localhost'")
    there = {tuple(value.decode() if isinstance(value, bytes) else value for value in (row["u"], row["h"])) for row in rows}
    return [one for one in server.system_accounts if one in there and not one[0].startswith(("mysql.", "mariadb.")) and one[0]]


def differing(one: Accounts, other: Accounts, kinds: t.Sequence[str] = ("create", "grants", "shared", "finish")) -> list[str]:
    """Who is not the same in two readings."""
    names = {"role %s" % role for role in set(one.roles) ^ set(other.roles)}
    for kind in kinds:
        mine, theirs = ({label(*row[:-1]) if len(row) == 3 else row[0]: row[-1] for row in getattr(each, kind)} for each in (one, other))
        names |= {name for name in set(mine) | set(theirs) if mine.get(name) != theirs.get(name)}
    return sorted(names)


def check_settings(source: Flavour, target: Flavour) -> list[str]:
    """Settings by which the same account has other rights on the target, in words.

    :raises Refusal: where the target would not take restrictions, and accounts would have more rights than they had
    """
    ours, theirs = (server.connection.variables(*source.account_settings) for server in (source, target))
    different = {name: (value, theirs.get(name, "")) for name, value in ours.items() if value != theirs.get(name, "")}
    if different.get("partial_revokes", ("",))[0].upper() == "ON":
        raise Refusal(
            "%s: partial_revokes is ON on the source and not here, so that accounts would get schemas that are kept from them: "
            "SET PERSIST partial_revokes = ON, or put it into the server's configuration, and run the same command again"
            % target.connection.name
        )
    return [
        "%s is '%s' on the source and '%s' on the target: the same accounts may do something else there until the target's configuration "
        "says the same" % (name, *values)
        for name, values in sorted(different.items())
    ]


def create_accounts(target: Flavour, accounts: Accounts, folder: str) -> None:
    """Make the accounts, without rights: views, routines and events need their definers to exist.

    One that is here already is dropped first, with all that it was granted; what an earlier try made goes, whoever the source has now.

    :param folder: the migration's own: what is made is noted there beforehand
    :raises ServerError: naming the account and not the statement
    """
    target.connection.run("SET SESSION sql_log_bin = 0")
    note = os.path.join(folder, MADE)
    _sweep(target, read_json(note) or {})
    before = [[user, host, _shared_grants(target, user, host)] for user, host, _statements in accounts.shared]
    logins = [[user, host] for user, host, _statements in accounts.create if (user, host) != _login(target)]
    write_json(note, {"roles": accounts.roles, "logins": logins, "shared": before})
    for role in accounts.roles:
        _try(target, "DROP ROLE IF EXISTS " + _identifier(role))
        target.connection.run("CREATE ROLE IF NOT EXISTS " + _identifier(role))
    for user, host, statements in accounts.create:
        # Our own login is altered, as is a role that is mandatory there and cannot be dropped.
        made = [user, host] in logins and _try(target, "DROP USER IF EXISTS %s@%s", (user, host))
        for text in statements[:1] if made else statements:
            _run(target, label(user, host), text)


def _sweep(target: Flavour, made: dict) -> None:
    """Remove what an earlier try made."""
    for user, host in made.get("logins", ()):
        if (user, host) != _login(target):
            _try(target, "DROP USER IF EXISTS %s@%s", (user, host))
    for user, host, before in made.get("shared", ()):
        for text in _shared_grants(target, user, host):
            if text not in before:
                _try(target, reverse(text))
    for role in made.get("roles", ()):
        _try(target, "DROP ROLE IF EXISTS " + _identifier(role))


def _shared_grants(server: Flavour, user: str, host: str) -> list[str]:
    if user == PUBLIC:
        return server.public_grants()
    return server.system_grants(user, host) if (user, host) in _installed(server) else []


def reverse(grant: str) -> str:
    """The statement that takes back what a line of SHOW GRANTS gave.

    What is in quotes is a name, whatever it says.
    """
    names: list[str] = []

    def put_away(match: re.Match) -> str:
        names.append(match.group(0))
        return "\0"

    words = re.sub(r"`(?:[^`]|``)*`|'(?:[^'\\]|\\.|'')*'", put_away, grant)
    found = re.fullmatch(r"GRANT (.*) TO (.*?)( WITH (?:GRANT|ADMIN) OPTION)?", words)
    if not found:
        return ""
    what, who, option = found.groups()
    if option and " ON " in what and not what.startswith("PROXY"):
        what = what.replace(" ON ", ", GRANT OPTION ON ", 1)
    return re.sub("\0", lambda _match: names.pop(0), "REVOKE %s FROM %s" % (what, who))


def grant_rights(target: Flavour, accounts: Accounts) -> list[str]:
    """Give the rights, once the objects that they name exist. Returns what the target refused, in words.

    A newer server has dropped some privileges: that is reported, not fatal. A restriction that is refused is.
    """
    target.connection.run("SET SESSION sql_log_bin = 0")
    refused = []
    for account, statements in accounts.grants + _lacking(target, accounts):
        for text in statements:
            try:
                _run(target, account, text)
            except ServerError as error:
                if text.startswith("REVOKE"):
                    raise
                refused.append(str(error))
    _leave_roles(target, accounts)
    for account, statements in accounts.finish:
        for text in statements:
            _run(target, account, text)
    target.connection.run("FLUSH PRIVILEGES")
    return refused


def _lacking(target: Flavour, accounts: Accounts) -> list[list]:
    """What everybody and the installation's own accounts have on the source and not here.

    An installation's PROXY right, given again in its own words, would be another row of the server's.
    """
    found = []
    for user, host, statements in accounts.shared:
        if host == "" or (user, host) in _installed(target):
            here = _shared_grants(target, user, host)
            found.append([label(user, host), [text for text in statements if text not in here]])
    return found


def _leave_roles(target: Flavour, accounts: Accounts) -> None:
    """Who makes a role has it, with ADMIN OPTION: not so on the source, perhaps."""
    user, host = _login(target)
    texts = [text for one, at, statements in accounts.shared for text in statements if (one, at) == (user, host)]
    for _user, _host, statements in [row for row in accounts.create if (row[0], row[1]) == (user, host)]:
        texts += statements
    texts += [text for who, statements in accounts.grants if who == label(user, host) for text in statements]
    for role, admin in target.own_role_grants(user, host).items():
        start = "GRANT %s TO " % _identifier(role)
        wanted = [text for text in texts if text.startswith(start)]
        if role in accounts.roles and not wanted:
            target.connection.run("REVOKE %s FROM %%s@%%s" % _doubled(role), (user, host))
        elif role in accounts.roles and admin and not wanted[0].endswith(" WITH ADMIN OPTION"):
            target.connection.run("REVOKE ADMIN OPTION FOR %s FROM %%s@%%s" % _doubled(role), (user, host))


def _login(server: Flavour) -> tuple[str, str]:
    """The account that this connection is: dropping that one would lock us out."""
    user, _at, host = str(server.connection.value("SELECT CURRENT_USER()")).rpartition("@")
    return user, host


def _try(target: Flavour, text: str, values: t.Any = None) -> bool:
    """Run what may be refused. Returns whether it was done."""
    try:
        if text:
            target.connection.run(text, values)
    except ServerError as error:
        if error.errno in (2006, 2013):
            raise
        return False
    return True


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


def _doubled(name: str) -> str:
    """The same for a statement that values are bound into."""
    return _identifier(name).replace("%", "%%")
