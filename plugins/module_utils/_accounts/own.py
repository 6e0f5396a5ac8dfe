# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""The migration's accounts on the source: made without a word in the binary log, with the least that they need."""

from __future__ import annotations

import hashlib
import os
import secrets

from .._replication.heartbeat import CREATE, MARK
from .._server.base import Flavour
from .._state.files import read_json, write_json
from .._state.paths import SCHEMA, directory
from .logins import CONTROL, REPLICATION, account

ROUNDS = 50000


def password_print(password: str, salt: str) -> str:
    """A print of a password that does not give it away."""
    return hashlib.pbkdf2_hmac("sha256", password.encode("utf-8"), bytes.fromhex(salt), ROUNDS).hex()


class OwnAccounts:
    """Plans and applies: which account changes why. Prints of the passwords are kept 0600 on the source."""

    def __init__(self, server: Flavour, migration_id: str) -> None:
        self.server = server
        self.connection = server.connection
        self.prints_path = os.path.join(directory(migration_id), "accounts.json")
        self.prints: dict = read_json(self.prints_path) or {}
        self.plan: list[str] = []

    def ensure(self, user: str, host: str, password: str, tls: bool, privileges: tuple, check_mode: bool) -> None:
        """Make or mend one account."""
        name = "%s@%s" % (user, host)
        kept = self.prints.get(name, {})
        exists = self.connection.value("SELECT COUNT(*) FROM mysql.user WHERE User = %s AND Host = %s", (user, host))
        same = bool(kept) and password_print(password, kept["salt"]) == kept["print"] and kept["tls"] == tls
        lacking = list(privileges) if not exists else self._lacking(user, host, privileges)
        # What the fence takes from everybody else, the control account takes and gives.
        to_grant = [] if not user.startswith(CONTROL) else [one for one in self.server.fence_privileges if one in privileges]
        if exists and to_grant and not lacking and self._may_grant(user, host, to_grant):
            to_grant = []
        if exists and same and not lacking and not to_grant:
            return
        words = lacking + ["GRANT OPTION for %s" % " and ".join(to_grant)] if to_grant else lacking
        self.plan.append("account %s%s: %s" % (name, " REQUIRE SSL" if tls else "", ", ".join(words) or "password"))
        if check_mode:
            return
        if not (exists and same):
            require = "REQUIRE SSL" if tls else "REQUIRE NONE"
            self.connection.run("CREATE USER IF NOT EXISTS %%s@%%s IDENTIFIED BY %%s %s" % require, (user, host, password))
            self.connection.run("ALTER USER %%s@%%s IDENTIFIED BY %%s %s" % require, (user, host, password))
            salt = secrets.token_hex(16)
            self.prints[name] = {"salt": salt, "print": password_print(password, salt), "tls": tls}
            write_json(self.prints_path, self.prints)
        for privilege in lacking:
            # One at a time: the error then names the privilege that the login may not give.
            self.connection.run("GRANT %s ON *.* TO %%s@%%s" % privilege, (user, host))
        for privilege in to_grant:
            self.connection.run("GRANT %s ON *.* TO %%s@%%s WITH GRANT OPTION" % privilege, (user, host))

    def _may_grant(self, user: str, host: str, privileges: list[str]) -> bool:
        texts = [text for text in self._grants(user, host) if text.endswith("WITH GRANT OPTION")]
        return not [name for name in privileges if not any(name in _privileges(text) for text in texts)]

    def _grants(self, user: str, host: str) -> list[str]:
        return [str(next(iter(row.values()))) for row in self.connection.rows("SHOW GRANTS FOR %s@%s", (user, host))]

    def _lacking(self, user: str, host: str, privileges: tuple) -> list[str]:
        held = {name for text in self._grants(user, host) for name in _privileges(text)}
        # A server prints REPLICATION SLAVE ADMIN's and BINLOG MONITOR's older names for the same privileges.
        return [name for name in privileges if not held & ({name, "ALL PRIVILEGES"} | ALIASES.get(name, set()))]


def _privileges(grant: str) -> set[str]:
    """What a printed GRANT gives on everything."""
    listed, _on, rest = grant.partition(" ON ")
    return {part.strip().upper() for part in listed[len("GRANT ") :].split(",")} if rest.startswith("*.*") else set()


ALIASES = {
    "BINLOG MONITOR": {"REPLICATION CLIENT"},
    "SLAVE MONITOR": {"REPLICA MONITOR"},
    "REPLICATION SLAVE": {"REPLICATION REPLICA"},
    "REPLICATION SLAVE ADMIN": {"REPLICATION REPLICA ADMIN"},
}


def prepare_source(server: Flavour, options: dict, check_mode: bool) -> dict:
    """Accounts, marker and heartbeat on the source.

    :param options: migration_id, hosts (where the two accounts come from), tls, replication_password, control_password
    """
    connection = server.connection
    if not check_mode:
        connection.run("SET SESSION sql_log_bin = 0")
    own = OwnAccounts(server, options["migration_id"])
    replication, control = account(REPLICATION, options["migration_id"]), account(CONTROL, options["migration_id"])
    for host in options["hosts"]:
        own.ensure(replication, host, options["replication_password"], options["tls"], ("REPLICATION SLAVE",), check_mode)
        own.ensure(control, host, options["control_password"], options["tls"], server.known_privileges(), check_mode)
    # The agent's dump logs in over the local socket, which TLS does not cross.
    if "localhost" not in options["hosts"]:
        own.ensure(control, "localhost", options["control_password"], False, server.known_privileges(), check_mode)
    if not _marked(server, options["migration_id"]):
        own.plan.append("schema %s: marker of %s, heartbeat" % (SCHEMA, options["migration_id"]))
        if not check_mode:
            connection.run("SET SESSION sql_log_bin = 1")
            for text in CREATE:
                connection.run(text)
            connection.run(MARK, (options["migration_id"],))
    lines = "".join(line + "\n" for line in own.plan)
    diff = {"before": "", "after": lines, "before_header": "source", "after_header": "source"}
    return {"changed": bool(own.plan), "plan": own.plan, "diff": diff}


def _marked(server: Flavour, migration_id: str) -> bool:
    if SCHEMA not in server.user_schemas():
        return False
    return server.connection.value("SELECT COUNT(*) FROM `%s`.marker WHERE migration_id = %%s" % SCHEMA, (migration_id,)) == 1
