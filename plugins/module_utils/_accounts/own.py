# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""The migration's accounts on the source: made without a word in the binary log, with the least that they need."""

from __future__ import annotations

import hashlib
import os
import secrets
import typing as t
from dataclasses import dataclass, field

from .._errors import Refusal
from .._replication.heartbeat import CREATE, MARK
from .._server.base import Flavour
from .._server.clone_plugin import clone_is_active, load_clone
from .._server.control import IN_SCHEMA, PHASES, REST, SCHEMA_PATTERN, TAKEN_AWAY
from .._server.unlogged import run_unlogged, unlogged
from .._state.files import read_json, write_json
from .._state.paths import SCHEMA, directory
from .logins import CONTROL, KEEP, KEEP_FILE, REPLICATION, account, make_password

ROUNDS = 50000
# Who closes and opens servers, and keeps the marker.
FENCERS = (CONTROL, KEEP)
# Beside the prints in their file, which an account's name cannot be.
CLONE_LOADED = "clone_loaded"


def password_print(password: str, salt: str) -> str:
    """A print of a password that does not give it away."""
    return hashlib.pbkdf2_hmac("sha256", password.encode("utf-8"), bytes.fromhex(salt), ROUNDS).hex()


@dataclass(frozen=True)
class Own:
    """An account as it should be.

    :param tls: whether it must use TLS
    :param days: after how many its password ends; 0 for never
    """

    user: str
    host: str
    password: str = field(repr=False)
    tls: bool
    privileges: tuple
    days: int = 0

    @property
    def name(self) -> str:
        """For messages, and as the key of its password's print."""
        return "%s@%s" % (self.user, self.host)


@dataclass(frozen=True)
class Wanted:
    """What is to be done about an account.

    :param password: whether it is set, with its date
    :param term: the date alone, where the password is the same
    :param lacking: privileges
    :param to_grant: those that it must be able to pass on, too
    :param unmarked: privileges in the marker's schema
    :param surplus: privileges that it must not have
    """

    password: bool
    term: str
    lacking: list[str]
    to_grant: list[str]
    unmarked: list[str]
    surplus: list[str]

    @property
    def words(self) -> list[str]:
        """For the plan; empty where nothing is to be done."""
        found = list(self.lacking)
        found += ["GRANT OPTION for %s" % " and ".join(self.to_grant)] if self.to_grant else []
        found += ["%s on %s" % (", ".join(self.unmarked), SCHEMA)] if self.unmarked else []
        found += ["no %s any more" % ", ".join(self.surplus)] if self.surplus else []
        found += [self.term] if self.term else []
        return found or (["password"] if self.password else [])

    def statements(self) -> list[str]:
        """What sets the privileges; each gets the user and the host."""
        # One at a time: the error then names the privilege that the login may not give.
        found = ["GRANT %s ON *.* TO %%s@%%s" % one for one in self.lacking]
        found += ["GRANT %s ON *.* TO %%s@%%s WITH GRANT OPTION" % one for one in self.to_grant]
        found += ["GRANT %s ON `%s`.* TO %%s@%%s" % (", ".join(self.unmarked), SCHEMA_PATTERN)] if self.unmarked else []
        found += ["REVOKE %s ON *.* FROM %%s@%%s" % ", ".join(self.surplus)] if self.surplus else []
        return found


class OwnAccounts:
    """Plans and applies: which account changes why. Prints of the passwords are kept 0600 on the source.

    :param waived: a password may stand in a log that cannot be silenced, where the server takes no hash
    """

    def __init__(self, server: Flavour, migration_id: str, waived: bool = False) -> None:
        self.server = server
        self.connection = server.connection
        self.waived = waived
        self.prints_path = os.path.join(directory(migration_id), "accounts.json")
        self.prints: dict = read_json(self.prints_path) or {}
        self.plan: list[str] = []

    def ensure(self, own: Own, check_mode: bool) -> None:
        """Make or mend one account."""
        wanted = self._wanted(own)
        if not wanted.words:
            return
        self.plan.append("account %s%s: %s" % (own.name, " REQUIRE SSL" if own.tls else "", ", ".join(wanted.words)))
        if check_mode:
            return
        if wanted.password:
            self._set_password(own)
        for sql in wanted.statements():
            self.connection.run(sql, (own.user, own.host))

    def entitle(self, user: str, host: str, privileges: tuple, check_mode: bool) -> None:
        """Have an account that is there hold these privileges, and its password as it is."""
        own = Own(user, host, "", False, privileges)
        wanted = self._entitled(own, True, password=False, term="")
        if not wanted.words:
            return
        self.plan.append("account %s: %s" % (own.name, ", ".join(wanted.words)))
        for sql in [] if check_mode else wanted.statements():
            self.connection.run(sql, (user, host))

    def _wanted(self, own: Own) -> Wanted:
        """What an account lacks, or has too much."""
        exists = bool(self.connection.value("SELECT COUNT(*) FROM mysql.user WHERE User = %s AND Host = %s", (own.user, own.host)))
        same = exists and self._same_password(own)
        lasts = same and self._lasts(own)
        return self._entitled(own, exists, password=not lasts, term=_term(own.days) if same and not lasts else "")

    def _entitled(self, own: Own, exists: bool, password: bool, term: str) -> Wanted:
        login = (own.user, own.host)
        lacking = self._lacking(*login, own.privileges) if exists else list(own.privileges)
        # What the fence takes from everybody else, the control account takes and gives.
        to_grant = [one for one in self.server.fence_privileges if one in own.privileges] if own.user.startswith(FENCERS) else []
        if exists and not lacking and self._may_grant(*login, to_grant):
            to_grant = []
        return Wanted(password, term, lacking, to_grant, self._unmarked(own, exists), self._surplus(own) if exists else [])

    def remember_clone(self) -> None:
        """For the migration's end: what it has loaded, it takes away."""
        self.prints[CLONE_LOADED] = True
        write_json(self.prints_path, self.prints)

    def _surplus(self, own: Own) -> list[str]:
        """What the control account has on everything and does not need now."""
        if not own.user.startswith(FENCERS):
            return []
        texts = self._grants(own.user, own.host)
        held = {name for text in texts for name in _privileges(text)}
        found = [name for name in dict.fromkeys((*TAKEN_AWAY, *self.server.known_privileges())) if name in held and name not in own.privileges]
        # It stays behind where the privileges go that it came with, and is for all others, too.
        passes_on = any(" ON *.* TO " in text and text.endswith("WITH GRANT OPTION") for text in texts)
        return [*found, "GRANT OPTION"] if passes_on and not set(self.server.fence_privileges) & set(own.privileges) else found

    def _unmarked(self, own: Own, exists: bool) -> list[str]:
        """What the control account lacks in the marker's schema."""
        if not own.user.startswith(FENCERS):
            return []
        texts = self._grants(own.user, own.host) if exists else []
        held = {name for text in texts for name in _privileges(text, "`%s`.*" % SCHEMA_PATTERN)}
        return [one.name for one in IN_SCHEMA if not held & {one.name, "ALL PRIVILEGES"}]

    def _same_password(self, own: Own) -> bool:
        kept = self.prints.get(own.name, {})
        return bool(kept) and password_print(own.password, kept["salt"]) == kept["print"] and kept["tls"] == own.tls

    def _lasts(self, own: Own) -> bool:
        """Whether the account's date is as wanted, and at least half of its time is left."""
        days, age = self.server.password_date(own.user, own.host)
        return days == own.days and (not own.days or (age is not None and 2 * age <= own.days))

    def _set_password(self, own: Own) -> None:
        """By its hash, which is a new one each time; where the server takes none, by a statement that no log shows."""
        words, value, plain = self.server.identified_by(own.password)
        rest = "%s %s %s" % (words, "REQUIRE SSL" if own.tls else "REQUIRE NONE", _term(own.days))
        for verb in ("CREATE USER IF NOT EXISTS", "ALTER USER"):
            sql, args = "%s %%s@%%s %s" % (verb, rest), (own.user, own.host, value)
            if plain:
                run_unlogged(self.server, sql, args, self.waived)
                continue
            with unlogged(self.server):
                self.connection.run(sql, args)
        salt = secrets.token_hex(16)
        self.prints[own.name] = {"salt": salt, "print": password_print(own.password, salt), "tls": own.tls}
        write_json(self.prints_path, self.prints)

    def _may_grant(self, user: str, host: str, privileges: list[str]) -> bool:
        texts = [text for text in self._grants(user, host) if text.endswith("WITH GRANT OPTION")]
        return not [name for name in privileges if not any(name in _privileges(text) for text in texts)]

    def _grants(self, user: str, host: str) -> list[str]:
        return [str(next(iter(row.values()))) for row in self.connection.rows("SHOW GRANTS FOR %s@%s", (user, host))]

    def _lacking(self, user: str, host: str, privileges: tuple) -> list[str]:
        held = {name for text in self._grants(user, host) for name in _privileges(text)}
        # A server prints REPLICATION SLAVE ADMIN's and BINLOG MONITOR's older names for the same privileges.
        return [name for name in privileges if not held & ({name, "ALL PRIVILEGES"} | ALIASES.get(name, set()))]


def _term(days: int) -> str:
    """https://dev.mysql.com/doc/refman/8.4/en/password-management.html , https://mariadb.com/kb/en/user-password-expiry/"""
    return "PASSWORD EXPIRE INTERVAL %d DAY" % days if days else "PASSWORD EXPIRE NEVER"


def _privileges(grant: str, where: str = "*.*") -> set[str]:
    """What a printed GRANT gives on everything, or on a schema."""
    listed, _on, rest = grant.partition(" ON ")
    return {part.strip().upper() for part in listed[len("GRANT ") :].split(",")} if rest.startswith(where) else set()


ALIASES = {
    "BINLOG MONITOR": {"REPLICATION CLIENT"},
    "SLAVE MONITOR": {"REPLICA MONITOR"},
    "REPLICATION SLAVE": {"REPLICATION REPLICA"},
    "REPLICATION SLAVE ADMIN": {"REPLICATION REPLICA ADMIN"},
}


def check_host(host: str) -> None:
    """Refuse an account that may log in from everywhere.

    :raises Refusal: with what to give
    """
    if not host.strip("%_.:"):
        raise Refusal(
            "the migration's accounts would log in from %r, which is every host: set migration_target_address to the target's address, as the"
            " source sees it" % host
        )


def prepare_source(server: Flavour, options: dict, check_mode: bool) -> dict:
    """Accounts, marker and heartbeat on the source.

    :param options: migration_id, hosts (where the two accounts come from), tls, replication_password, control_password, key_days (after
        which their passwords end), allow_logged_passwords, load_clone (where the copy will be a clone)
    :raises Refusal: where they could log in from every host
    """
    connection = server.connection
    for host in options["hosts"]:
        check_host(host)
    if not check_mode:
        connection.run("SET SESSION sql_log_bin = 0")
    own = OwnAccounts(server, options["migration_id"], options["allow_logged_passwords"])
    for one in _wanted(server, options, check_mode):
        own.ensure(one, check_mode)
    if options["load_clone"] and not clone_is_active(server):
        own.plan.append("plugin clone")
        if not check_mode:
            load_clone(server)
            own.remember_clone()
    if not _marked(server, options["migration_id"]):
        own.plan.append("schema %s: marker of %s, heartbeat" % (SCHEMA, options["migration_id"]))
        if not check_mode:
            connection.run("SET SESSION sql_log_bin = 1")
            for text in CREATE:
                connection.run(text)
            connection.run(MARK, (options["migration_id"],))
    return _result(own)


def entitle_control(server: Flavour, migration_id: str, phase: str, check_mode: bool) -> dict:
    """Give the control account on the source what a cutover needs beside the copy, or take it away again.

    At rest whoever reads its password on the target can read the source, and neither write nor close it.

    :param phase: C(copy), or C(cutover) where a cutover or a rehearsal is to be run
    """
    privileges = server.known_privileges(PHASES[phase])
    control, connection = account(CONTROL, migration_id), server.connection
    own = OwnAccounts(server, migration_id)
    if not check_mode:
        connection.run("SET SESSION sql_log_bin = 0")
    for row in connection.rows("SELECT Host AS h FROM mysql.user WHERE User = %s ORDER BY Host", (control,)):
        own.entitle(control, row["h"].decode() if isinstance(row["h"], bytes) else str(row["h"]), privileges, check_mode)
    return _result(own)


def _result(own: OwnAccounts) -> dict:
    lines = "".join(line + "\n" for line in own.plan)
    diff = {"before": "", "after": lines, "before_header": "source", "after_header": "source"}
    return {"changed": bool(own.plan), "plan": own.plan, "diff": diff}


def _wanted(server: Flavour, options: dict, check_mode: bool) -> t.Iterator[Own]:
    migration_id, days = options["migration_id"], options["key_days"]
    for host in options["hosts"]:
        yield Own(account(REPLICATION, migration_id), host, options["replication_password"], options["tls"], ("REPLICATION SLAVE",), days)
    control = account(CONTROL, migration_id)
    for host in dict.fromkeys((*options["hosts"], "localhost")):
        # The agent logs in over the local socket, which TLS does not cross.
        yield Own(control, host, options["control_password"], options["tls"] and host != "localhost", server.known_privileges(REST), days)
    # No date: by it this host keeps a server closed that was cut over, for as long as it must.
    yield Own(account(KEEP, migration_id), "localhost", _keep_password(migration_id, check_mode), False, server.known_privileges())


def _keep_password(migration_id: str, check_mode: bool) -> str:
    """From this host's own file, which is there before the account is."""
    path = os.path.join(directory(migration_id), KEEP_FILE)
    kept: t.Any = read_json(path) or {"user": account(KEEP, migration_id), "password": make_password()}
    if not check_mode and not os.path.exists(path):
        write_json(path, kept)
    return str(kept["password"])


def _marked(server: Flavour, migration_id: str) -> bool:
    if SCHEMA not in server.user_schemas():
        return False
    return server.connection.value("SELECT COUNT(*) FROM `%s`.marker WHERE migration_id = %%s" % SCHEMA, (migration_id,)) == 1
