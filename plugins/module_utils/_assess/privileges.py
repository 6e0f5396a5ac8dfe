# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""Privileges: what SHOW GRANTS says, what a purpose needs, and what is lacking."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass, field

EVERYTHING = "ALL PRIVILEGES"
GRANT_OPTION = "GRANT OPTION"

# What ALL PRIVILEGES on one schema holds; the others exist for the whole server only.
SCHEMA_WIDE = frozenset((
    "SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "DROP", "ALTER", "INDEX", "REFERENCES", "CREATE VIEW", "SHOW VIEW",
    "CREATE ROUTINE", "ALTER ROUTINE", "EXECUTE", "EVENT", "TRIGGER", "LOCK TABLES", "CREATE TEMPORARY TABLES", "DELETE HISTORY",
))  # fmt: skip

# Older and newer words for one privilege, as the flavour's SHOW GRANTS prints it.
# https://mariadb.com/kb/en/grant/#global-privileges
ALIASES: dict[str, dict[str, str]] = {
    "mysql": {"ALL": EVERYTHING},
    "mariadb": {
        "ALL": EVERYTHING,
        "REPLICATION CLIENT": "BINLOG MONITOR",
        "REPLICA MONITOR": "SLAVE MONITOR",
        "REPLICATION REPLICA": "REPLICATION SLAVE",
        "REPLICATION REPLICA ADMIN": "REPLICATION SLAVE ADMIN",
        "DELETE VERSIONING ROWS": "DELETE HISTORY",
    },
}

_TOKEN = re.compile(r"`(?:[^`]|``)*`|'(?:[^'\\]|''|\\.)*'|\"(?:[^\"\\]|\"\"|\\.)*\"|[(),.@]|[^\s`'\"(),.@]+")
_OBJECT_KINDS = ("TABLE", "FUNCTION", "PROCEDURE", "PACKAGE", "BODY", "LIBRARY")


@dataclass
class Grants:
    """What an account may do.

    :param everywhere: privileges on all schemas (*.*), the words in capitals
    :param schemas: schema (or a pattern of names, as granted) to its privileges
    :param objects: (schema, table or routine) to its privileges, those on single columns among them
    :param roles: roles granted; SHOW GRANTS already counts the rights of those that are active
    :param revoked: schema to privileges that MySQL's partial revokes take away again
    :param grantable: whether the global privileges may be passed on
    """

    everywhere: set = field(default_factory=set)
    schemas: dict = field(default_factory=dict)
    objects: dict = field(default_factory=dict)
    roles: list = field(default_factory=list)
    revoked: dict = field(default_factory=dict)
    grantable: bool = False

    def has(self, privilege: str) -> bool:
        """Whether a privilege holds on every schema."""
        if privilege == GRANT_OPTION:
            return self.grantable
        if any(privilege in names or EVERYTHING in names for names in self.revoked.values()):
            return False
        return privilege in self.everywhere or EVERYTHING in self.everywhere

    def instead(self, privilege: str) -> str:
        """Where a privilege that is not global holds all the same, or is taken away; for messages."""
        taken = sorted(schema for schema, names in self.revoked.items() if privilege in names or EVERYTHING in names)
        if taken and (privilege in self.everywhere or EVERYTHING in self.everywhere):
            return "revoked on %s" % ", ".join(taken)
        words = {privilege, EVERYTHING} if privilege in SCHEMA_WIDE else {privilege}
        held = sorted(schema for schema, names in self.schemas.items() if words & names)
        held += sorted("%s.%s" % key for key, names in self.objects.items() if words & names)
        if not held:
            return ""
        return "granted on %s only" % (", ".join(held[:5]) + (" and %d more" % (len(held) - 5) if len(held) > 5 else ""))


def parse_grants(lines: t.Iterable[str], flavour: str) -> Grants:
    """Read the lines of SHOW GRANTS.

    Lines hold password hashes on MariaDB: only privilege names and object names are taken from them.
    """
    grants = Grants()
    for line in lines:
        tokens = _TOKEN.findall(line)
        words = [token.upper() for token in tokens]
        if not words or words[0] not in ("GRANT", "REVOKE"):
            continue
        on, to = _first(words, ("ON",)), _first(words, ("TO", "FROM"))
        if on is None or (to is not None and to < on):
            grants.roles += [name for name in _roles(tokens[1:to]) if name not in grants.roles]
        elif words[1] != "PROXY":
            _add(grants, words[0], _privileges(words[1:on], flavour), _object(tokens[on + 1 : to]), words[to:])
    return grants


def _add(grants: Grants, verb: str, privileges: set, where: tuple, rest: list) -> None:
    schema, name = where
    privileges = privileges - {"USAGE"}
    if verb == "REVOKE":
        grants.revoked.setdefault(schema, set()).update(privileges)
    elif schema == "*":
        grants.everywhere |= privileges
        grants.grantable = grants.grantable or ("GRANT", "OPTION") in zip(rest, rest[1:])
    elif not privileges:
        return
    elif name == "*":
        grants.schemas.setdefault(schema, set()).update(privileges)
    else:
        grants.objects.setdefault((schema, name), set()).update(privileges)


def _first(words: list, wanted: tuple) -> int | None:
    """The place of the first wanted word outside brackets. Quoted names keep their quotes, so they never match."""
    depth = 0
    for place, word in enumerate(words):
        depth += {"(": 1, ")": -1}.get(word, 0)
        if not depth and word in wanted:
            return place
    return None


def _privileges(words: list, flavour: str) -> set:
    """Privilege names from the words before ON; the columns in brackets are left out."""
    names: set = set()
    current: list = []
    depth = 0
    for word in words + [","]:
        depth += {"(": 1, ")": -1}.get(word, 0)
        if word == "," and not depth:
            names.add(" ".join(current))
            current = []
        elif not depth and word != ")":
            current.append(word)
    return {ALIASES[flavour].get(name, name) for name in names if name}


def _object(tokens: list) -> tuple:
    """Schema and name, * for all, from the tokens between ON and TO."""
    while tokens and tokens[0].upper() in _OBJECT_KINDS and tokens[1:2] != ["."]:
        tokens = tokens[1:]
    parts = [unquote(token) for token in tokens if token != "."]
    return (parts[0], parts[1]) if len(parts) > 1 else (parts[0] if parts else "", "*")


def _roles(tokens: list) -> list:
    """Role names, the host part with those that have another than %."""
    names: list = []
    pending = ""
    for token in tokens:
        if token == ",":
            continue
        if token == "@":
            pending = "@"
        elif pending:
            names[-1] += "" if unquote(token) == "%" else "@" + unquote(token)
            pending = ""
        else:
            names.append(unquote(token))
    return names


def unquote(token: str) -> str:
    """A name without its quotes, whichever the server's sql_mode makes it use."""
    if len(token) > 1 and token[0] in "`'\"" and token[-1] == token[0]:
        return token[1:-1].replace(token[0] * 2, token[0])
    return token


class Token(t.NamedTuple):
    """A privilege's name and the versions that know it (until is the first that does not)."""

    name: str
    since: tuple = ()
    until: tuple = (999,)


class Need(t.NamedTuple):
    """One right, by any of several privileges, the best first."""

    why: str
    words: tuple


def _need(why: str, *words: object) -> Need:
    return Need(why, tuple(word if isinstance(word, Token) else Token(str(word)) for word in words))


_OLD_SUPER = Token("SUPER", (), (11, 0, 1))  # https://mariadb.com/kb/en/grant/#super
_DATA = ("INSERT", "UPDATE", "DELETE", "CREATE", "DROP")
_LOAD = _DATA + (
    "ALTER", "INDEX", "REFERENCES", "CREATE VIEW", "CREATE ROUTINE", "ALTER ROUTINE", "EXECUTE", "EVENT", "TRIGGER", "LOCK TABLES",
)  # fmt: skip

_MYSQL_ASSESS = (
    _need("see all tables", "SELECT"),
    _need("see open transactions and other sessions", "PROCESS"),
    _need("read the binary log's position and the replica's state", "REPLICATION CLIENT", "SUPER"),
    _need("see who replicates from it", "REPLICATION SLAVE"),
    _need("see prepared XA transactions", Token("XA_RECOVER_ADMIN", (8, 0))),
)
_MARIADB_ASSESS = (
    _need("see all tables", "SELECT"),
    _need("see open transactions and other sessions", "PROCESS"),
    _need("read the binary log's position", "BINLOG MONITOR", _OLD_SUPER),
    _need("read the replica's state", Token("SLAVE MONITOR", (10, 5, 9)), Token("REPLICATION SLAVE ADMIN", (), (10, 5, 9)), _OLD_SUPER),
    _need("see who replicates from it", "REPLICATION MASTER ADMIN"),
)
_BOTH_SOURCE = (
    _need("flush and lock for a consistent copy", "RELOAD"),
    _need("lock tables for a consistent copy", "LOCK TABLES"),
    _need("copy views", "SHOW VIEW"),
    _need("copy events, and stop them at cutover", "EVENT"),
    _need("copy triggers", "TRIGGER"),
    _need("make the replication account", "CREATE USER"),
    _need("give the replication account its rights", "REPLICATION SLAVE"),
    _need("give the replication account its rights", GRANT_OPTION),
) + tuple(_need("keep the schema nordbridge_migration (heartbeat, marker)", name) for name in _DATA)
_BOTH_TARGET = (
    _need("load and reset", "RELOAD"),
    _need("make accounts", "CREATE USER"),
    _need("give accounts their rights", GRANT_OPTION),
    _need("serve reverse replication", "REPLICATION SLAVE"),
) + tuple(_need("load the copy", name) for name in _LOAD)

# flavour -> purpose -> what it needs. https://dev.mysql.com/doc/refman/en/privileges-provided.html
NEEDS: dict[str, dict[str, tuple]] = {
    "mysql": {
        "assess": _MYSQL_ASSESS,
        "source_admin": _MYSQL_ASSESS
        + _BOTH_SOURCE
        + (
            _need("set binary log variables, and fence", Token("SYSTEM_VARIABLES_ADMIN", (8, 0)), "SUPER"),
            _need("end sessions at cutover", Token("CONNECTION_ADMIN", (8, 0)), "SUPER"),
            _need("hold DDL off during the copy", Token("BACKUP_ADMIN", (8, 0))),
            _need("replicate back after the cutover", Token("REPLICATION_SLAVE_ADMIN", (8, 0)), "SUPER"),
        ),
        "target_admin": _MYSQL_ASSESS
        + _BOTH_TARGET
        + (
            _need("set variables", Token("SYSTEM_VARIABLES_ADMIN", (8, 0)), "SUPER"),
            _need("load without writing the target's binary log", Token("SESSION_VARIABLES_ADMIN", (8, 0, 14)), "SUPER"),
            _need("set up and stop replication", Token("REPLICATION_SLAVE_ADMIN", (8, 0)), "SUPER"),
            _need("end sessions", Token("CONNECTION_ADMIN", (8, 0)), "SUPER"),
            _need(
                "load objects of other definers",
                Token("SET_ANY_DEFINER", (8, 2)),
                Token("SET_USER_ID", (8, 0), (8, 4)),
                Token("SUPER", (), (8, 2)),
            ),
        ),
        "replication": (_need("replicate", "REPLICATION SLAVE"),),
    },
    "mariadb": {
        "assess": _MARIADB_ASSESS,
        "source_admin": _MARIADB_ASSESS
        + _BOTH_SOURCE
        + (
            _need("set global variables", "SUPER"),
            _need("set binary log variables", "BINLOG ADMIN", _OLD_SUPER),
            _need("fence", "READ_ONLY ADMIN", Token("SUPER", (), (10, 11))),
            _need("end sessions at cutover", "CONNECTION ADMIN", _OLD_SUPER),
            _need("replicate back after the cutover", "REPLICATION SLAVE ADMIN", _OLD_SUPER),
        ),
        "target_admin": _MARIADB_ASSESS
        + _BOTH_TARGET
        + (
            _need("set global variables", "SUPER"),
            _need("load without writing the target's binary log", "BINLOG ADMIN", _OLD_SUPER),
            _need("set up and stop replication", "REPLICATION SLAVE ADMIN", _OLD_SUPER),
            _need("load objects of other definers", "SET USER", _OLD_SUPER),
            _need("load while the server is read-only, and open it", "READ_ONLY ADMIN", Token("SUPER", (), (10, 11))),
            _need("end sessions", "CONNECTION ADMIN", _OLD_SUPER),
        ),
        "replication": (_need("replicate", "REPLICATION SLAVE"),),
    },
}
PURPOSES = tuple(NEEDS["mysql"])


def missing(grants: Grants, flavour: str, version: tuple, purposes: t.Iterable[str]) -> list[dict]:
    """What the purposes need and the account lacks, each once.

    :returns: dicts of privilege (the best word that this version knows), alternatives, why, instead, purpose
    """
    found: dict[str, dict] = {}
    for purpose in purposes:
        for need in NEEDS[flavour][purpose]:
            words = [word.name for word in need.words if word.since <= tuple(version) < word.until]
            if not words or any(grants.has(word) for word in words):
                continue
            entry = found.setdefault(
                words[0],
                {
                    "privilege": words[0],
                    "alternatives": words[1:],
                    "why": need.why,
                    "instead": grants.instead(words[0]),
                    "purpose": purpose,
                },
            )
            if need.why not in entry["why"]:
                entry["why"] += "; " + need.why
    return list(found.values())


def grant_statement(login: str, lacks: t.Sequence[dict]) -> str:
    """The statement that gives an account what it lacks.

    :param login: as CURRENT_USER() says it: name@host
    """
    user, _at, host = login.rpartition("@")
    names = [lack["privilege"] for lack in lacks if lack["privilege"] != GRANT_OPTION]
    option = " WITH GRANT OPTION" if len(names) < len(lacks) else ""
    return "GRANT %s ON *.* TO '%s'@'%s'%s" % (", ".join(names) or "USAGE", user.replace("'", "''"), host.replace("'", "''"), option)
