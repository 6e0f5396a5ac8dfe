# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""MariaDB 10.5 to 12."""

from __future__ import annotations

import re
import time
import typing as t

from .._errors import ServerError
from .base import Flavour
from .password_hash import native_hash

LOCK_WAIT_TIMEOUT = 1205  # ER_LOCK_WAIT_TIMEOUT


class MariaDB(Flavour):
    """See Flavour."""

    name = "mariadb"
    supported = "MariaDB 10.5 to 12.x"
    oldest = (10, 5, 2)
    newest = (13,)
    system_accounts = (
        ("mariadb.sys", "localhost"),
        ("root", "localhost"),
        ("mysql", "localhost"),
        ("debian-sys-maint", "localhost"),
        ("PUBLIC", ""),
        ("", ""),
    )
    dump_programs = ("mariadb-dump", "mysqldump")
    client_programs = ("mariadb", "mysql")
    server_programs = ("mariadbd", "mysqld")
    log_programs = ("mariadb-binlog", "mysqlbinlog")
    option_group = "mysqld"
    end_variables = "@@global.read_only AS closed, @@global.gtid_binlog_pos AS gtid, @@global.gtid_slave_pos AS applied"
    hold_settings = (("read_only", "ON"), ("event_scheduler", "OFF"))
    fence_privileges = ("SUPER", "READ_ONLY ADMIN")
    no_such_account = (1133, 1141)  # ER_PASSWORD_NO_MATCH, ER_NONEXISTING_GRANT
    account_settings = ("default_password_lifetime", "disconnect_on_expired_password", "strict_password_validation")

    gtid_on = True

    @property
    def loader_defaults(self) -> str:  # type: ignore[override]
        """A character set without a collation means the compiled default, as it did before 11.2 had a table of others.

        Servers before 10.5.19 print columns and routines without their default collation.
        """
        return ", character_set_collations = ''" if self.version >= (11, 2) else ""

    # Whether a FLOAT's printed form reads back as another value.
    float_differs = "{column} <> CAST(CAST({column} AS CHAR) AS FLOAT)"

    def gtid_written(self) -> str:
        """The position of this server's own binary log, a GTID a domain; never gtid_current_pos, which mixes roles."""
        return self.connection.value("SELECT @@GLOBAL.gtid_binlog_pos") or ""

    def gtid_applied(self) -> str:
        """The position up to which this replica has applied its source."""
        return self.connection.value("SELECT @@GLOBAL.gtid_slave_pos") or ""

    def gtid_includes(self, have: str, want: str) -> bool:
        """Whether a position is at or past another in each of its domains."""
        held = _domains(have)
        return all(domain in held and held[domain] >= sequence for domain, sequence in _domains(want).items())

    def gtid_extra(self, have: str, allowed: str) -> str:
        """The GTIDs of a position that lie past another (errant ones); empty for none."""
        limit = _domains(allowed)
        return ",".join(gtid for gtid in _gtids(have) if _sequence(gtid) > limit.get(_domain(gtid), -1))

    def gtid_foreign(self, source: MariaDB) -> str:
        """The newest transactions, by domain and server, that this server holds and its source does not; empty for none.

        A position names one server a domain, and so hides what another wrote at a lower number. The state does not.
        """
        # This server's first: what it has then, the source must have a moment later.
        mine = _gtids(self.connection.variable("gtid_binlog_state") or "")
        theirs = {_origin(gtid): _sequence(gtid) for gtid in _gtids(source.connection.variable("gtid_binlog_state") or "")}
        return ",".join(gtid for gtid in mine if _sequence(gtid) > theirs.get(_origin(gtid), -1))

    def gtid_own(self, have: str) -> str:
        """Of a binary log's state the entries of this server's own writes."""
        return ",".join(gtid for gtid in _gtids(have) if _origin(gtid)[1] == self.identity.server_id)

    # pylint: disable-next=unused-argument  # of the two, MySQL goes by the UUID
    def gtid_strange(self, allowed: str, server_id: int, server_uuid: str = "") -> str:
        """The newest transactions past a position, by domain and server, that another server did not write; empty for none.

        The state tells them apart where that server's own came later, by replication, and are all that a position shows.
        """
        state = self.gtid_extra(self.connection.variable("gtid_binlog_state") or "", allowed)
        return ",".join(gtid for gtid in _gtids(state) if _origin(gtid)[1] != server_id)

    def log_options(self, known: str) -> list[str]:  # pylint: disable=unused-argument  # MySQL's program leaves them out by itself
        """What its program is told to leave known transactions out: it cannot on all versions, see log_filter."""
        return []

    def log_filter(self, known: str) -> t.Callable[[str], bool]:
        """Whether a transaction of a binary log lies past a position."""
        limit = _domains(known)
        return lambda gtid: not gtid or _sequence(gtid) > limit.get(_domain(gtid), -1)

    def gtid_count(self, have: str, base: str) -> int:
        """How many transactions lie between two positions: each domain counts its own, one by one."""
        limit = _domains(base)
        return sum(max(0, sequence - limit.get(domain, 0)) for domain, sequence in _domains(have).items())

    def wait_for_gtid(self, gtid: str, seconds: float) -> bool:
        """Wait until this replica has applied a position. 0 is success; -1 (time over), NULL and '' are not.

        MASTER_GTID_WAIT answers at once to an empty position, which therefore counts as a failure here.
        """
        return bool(gtid) and self.connection.value(self.statement("wait_for_gtid"), (gtid, seconds)) == 0

    def set_gtid_position(self, gtid: str) -> None:
        """Declare the seed's position as applied, and start this server's own binary log afresh."""
        for sql, args in self.gtid_position_statements(gtid):
            self.connection.run(sql, args)

    def gtid_position_statements(self, gtid: str) -> list[tuple]:
        """The statements of set_gtid_position and their values.

        An old source that is to follow its successor stands at that very position: its binary log is right and stays.
        """
        logs = (self.connection.variable("log_bin") or "").upper() == "ON" and not self._wrote_exactly(gtid)
        return ([(self.statement("reset_binlogs"), ())] if logs else []) + [("SET GLOBAL gtid_slave_pos = %s", (gtid,))]

    def gtid_in_the_way(self, gtid: str) -> str:
        """What this server holds that forbids declaring a seed's position on it; empty for nothing.

        That is what it applied beyond the seed, and what it wrote itself: both would be lost from its binary log.
        """
        beyond = _gtids(self.gtid_extra(self.gtid_applied(), gtid))
        state = [] if self._wrote_exactly(gtid) else _gtids(self.connection.variable("gtid_binlog_state") or "")
        own = [one for one in state if int(one.split("-")[1]) == self.identity.server_id or self.gtid_extra(one, gtid)]
        return ",".join(sorted(set(beyond + own)))

    def gtid_replicated(self) -> str:
        """What this server has applied of other servers' transactions: where a replica without a declared seed goes on from."""
        return self.gtid_applied()

    def _wrote_exactly(self, gtid: str) -> bool:
        return bool(gtid) and sorted(_gtids(self.gtid_written())) == sorted(_gtids(gtid))

    def read_only(self) -> bool:
        """Whether read_only is set. Accounts with READ_ONLY ADMIN write through it: see privileged_accounts."""
        return self.connection.at_once("read_only")["read_only"].upper() not in ("OFF", "0")

    def set_read_only(self, on: bool) -> None:
        """Set or clear read_only."""
        self.connection.run("SET GLOBAL read_only = %d" % on)

    def admit_loader(self) -> None:
        """Let administrators write, and nobody else: read_only does just that."""
        self.set_read_only(True)

    def close_fence(self) -> None:
        """Nobody writes from here on: a read lock over everything, held by this session, and read_only beneath it.

        The lock stops privileged sessions too, and makes a commit wait; read_only answers those without privileges.
        """
        self.connection.run("FLUSH TABLES WITH READ LOCK")
        self.set_read_only(True)

    def open_fence(self) -> None:
        """Writable again."""
        self.set_read_only(False)
        self.release_lock()

    def release_lock(self) -> None:
        """Give the read lock back; read_only stays as it is."""
        self.connection.run("UNLOCK TABLES")

    def privileged_accounts(self) -> list[list]:
        """Accounts and roles that can write through read_only or set it back: user, host (empty for a role), those privileges, and
        which of them they may grant (none: on MariaDB that is no property of a privilege).

        Before 10.11.0 SUPER holds READ_ONLY ADMIN too, and an account of that time keeps it.
        https://mariadb.com/kb/en/grant/#read_only-admin
        """
        rows = self.connection.rows(
            "SELECT User AS u, Host AS h, CAST(COALESCE(JSON_VALUE(Priv, '$.access'), 0) AS UNSIGNED) AS a,"
            " CAST(COALESCE(JSON_VALUE(Priv, '$.version_id'), 0) AS UNSIGNED) AS v FROM mysql.global_priv ORDER BY User, Host"
        )
        return [[row["u"], row["h"], held, []] for row in rows if (held := _fence_privileges(int(row["a"]), int(row["v"])))]

    def take_privileges(self, user: str, host: str, privileges: list[str]) -> None:
        """From an account, or a role (host empty)."""
        self.connection.run("REVOKE %s ON *.* FROM " % ", ".join(privileges) + _grantee(host), (user, host) if host else (user,))

    def give_privileges(self, user: str, host: str, privileges: list[str], grantable: list[str]) -> None:  # pylint: disable=unused-argument
        """Back to it. An account that is gone must not be made by that, without a password: so this version does by default."""
        self.connection.run("SET SESSION sql_mode = CONCAT_WS(',', @@SESSION.sql_mode, 'NO_AUTO_CREATE_USER')")
        self.connection.run("GRANT %s ON *.* TO " % ", ".join(privileges) + _grantee(host), (user, host) if host else (user,))

    def locked_tables(self) -> list[tuple[str, list[str]]]:
        """Tables that somebody holds by LOCK TABLES ... WRITE, and the sessions that it may be.

        Without a plugin the server does not tell whose a lock is. That there is one shows when even a read would have to
        wait, which it does not: https://mariadb.com/kb/en/wait-and-nowait/
        """
        used = self.connection.rows("SHOW OPEN TABLES WHERE In_use > 0")
        names = [(row["Database"], row["Table"]) for row in used if row["Database"] not in self.system_schemas]
        locked = [pair for pair in names if self._stays_locked(*pair)]
        if not locked:
            return []
        rows = self.connection.rows(
            "SELECT ID AS id, USER AS user FROM information_schema.PROCESSLIST WHERE COMMAND IN ('Sleep', 'Query') AND TIME_MS >= 1000"
            " AND COALESCE(STATE, '') NOT LIKE 'Waiting for%' AND USER <> SUBSTRING_INDEX(CURRENT_USER(), '@', 1) ORDER BY ID DESC"
        )
        sessions = ["session %s of %s" % (row["id"], row["user"]) for row in rows]
        return [("%s.%s" % pair, sessions) for pair in sorted(locked)]

    def _stays_locked(self, schema: str, table: str) -> bool:
        """Whether a table cannot even be read, for longer than a statement in passing would take."""
        name = "`%s`.`%s`" % (schema.replace("`", "``"), table.replace("`", "``"))
        for pause in (0.0, 0.05, 0.1):
            time.sleep(pause)
            try:
                self.connection.run("SET STATEMENT lock_wait_timeout = 0 FOR SELECT 1 FROM %s LIMIT 0" % name)
                return False
            except ServerError as error:
                if error.errno != LOCK_WAIT_TIMEOUT:
                    # A view whose table is gone, or one that was dropped meanwhile: nothing that a lock is on.
                    return False
        return True

    def accounts(self) -> list[tuple[str, str]]:
        """User and host of all accounts but roles and the installation's own."""
        rows = self.connection.rows("SELECT User AS u, Host AS h FROM mysql.user WHERE is_role = 'N' ORDER BY User, Host")
        return [(row["u"], row["h"]) for row in rows if (row["u"], row["h"]) not in self.system_accounts]

    def account_statements(self, user: str, host: str) -> tuple[list[str], list[str]]:
        """The statements that make an account again, and those that give it its rights. They hold password hashes."""
        create = _first(self.connection.row("SHOW CREATE USER %s@%s", (user, host)))
        make = [create.replace("CREATE USER", "CREATE USER IF NOT EXISTS", 1), create.replace("CREATE USER", "ALTER USER", 1)]
        if " ACCOUNT LOCK" not in create:
            # A target that was fenced in a rollback holds accounts that were locked for it, and ALTER USER leaves that as it is.
            make.append(self.connection.raw.cursor().mogrify("ALTER USER %s@%s ACCOUNT UNLOCK", (user, host)))
        grants = [bare_grant(_first(row), user, host) for row in self.connection.rows("SHOW GRANTS FOR %s@%s", (user, host))]
        # The default role is a statement apart; SHOW GRANTS prints it from 10.11 on only.
        default = self.connection.value("SELECT default_role FROM mysql.user WHERE User = %s AND Host = %s", (user, host))
        if default:
            grants.append(self.connection.raw.cursor().mogrify("SET DEFAULT ROLE %s FOR %s@%s", (default, user, host)))
        return make, [text for text in grants if not (text.startswith("SET DEFAULT ROLE") and " FOR " not in text)]

    def identified_by(self, password: str) -> tuple[str, str, bool]:
        """How a statement gives an account its password: the words, the value for them, and whether that is the password itself.

        A server that has each password checked by a plugin takes no hash, unless it is told to.
        https://mariadb.com/kb/en/password-validation-plugins/ , strict_password_validation
        """
        strict = (self.connection.variable("strict_password_validation") or "OFF").upper() in ("ON", "1")
        if strict and self.connection.value(VALIDATORS):
            return "IDENTIFIED BY %s", password, True
        return "IDENTIFIED VIA mysql_native_password USING %s", native_hash(password), False

    def password_date(self, user: str, host: str) -> tuple[int | None, int | None]:
        """After how many days an account's password ends, and how many have passed; None where it does not, or nobody knows.

        A lifetime of -1 is the server's default, and one of 0 is never.
        """
        row = self.connection.row(
            "SELECT JSON_VALUE(Priv, '$.password_lifetime') AS life,"
            " (UNIX_TIMESTAMP() - JSON_VALUE(Priv, '$.password_last_changed')) DIV 86400 AS age FROM mysql.global_priv"
            " WHERE User = %s AND Host = %s",
            (user, host),
        )
        life, age = row.get("life"), row.get("age")
        return None if life is None or int(life) < 0 else int(life), None if age is None else int(age)

    def account_marks(self, user: str, host: str) -> list[str]:
        """What no statement about accounts says: when the password was set, from which its age counts."""
        changed = self.connection.value(
            "SELECT JSON_VALUE(Priv, '$.password_last_changed') FROM mysql.global_priv WHERE User = %s AND Host = %s", (user, host)
        )
        if changed is None:
            return []
        mark = "UPDATE mysql.global_priv SET Priv = JSON_SET(Priv, '$.password_last_changed', %s) WHERE User = %s AND Host = %s"
        return [self.connection.raw.cursor().mogrify(mark, (int(changed), user, host))]

    def role_grants(self, role: str) -> list[str]:
        """The statements that give a role its rights; SHOW GRANTS tells those of the roles within it, too."""
        rows = self.connection.rows("SHOW GRANTS FOR %s" % _quoted(role))
        return [text for text in map(_first, rows) if _goes_to(text, _quoted(role))]

    def public_grants(self) -> list[str]:
        """What everybody has (from 10.11 on)."""
        # Asked without a row of its own, the server answers with an error.
        if not self.connection.value("SELECT COUNT(*) FROM mysql.user WHERE User = 'PUBLIC' AND is_role = 'Y'"):
            return []
        return [text for text in map(_first, self.connection.rows("SHOW GRANTS FOR PUBLIC")) if _goes_to(text, "PUBLIC")]

    def own_role_grants(self, user: str, host: str) -> dict[str, bool]:
        """The roles that an account was granted, and whether with ADMIN OPTION: who makes a role is granted it, so."""
        rows = self.connection.rows(
            "SELECT Role AS r, Admin_option AS a FROM mysql.roles_mapping WHERE User = %s AND Host = %s", (user, host)
        )
        return {row["r"]: row["a"] == "Y" for row in rows}

    def roles(self) -> list[str]:
        """The names of all roles."""
        rows = self.connection.rows("SELECT User AS u FROM mysql.user WHERE is_role = 'Y' ORDER BY User")
        return [row["u"] for row in rows if row["u"] not in ("PUBLIC", "")]

    def retention_seconds(self) -> int:
        """How long binary logs are kept; 0 for ever."""
        values = self.connection.variables("binlog_expire_logs_seconds", "expire_logs_days")
        return int(values.get("binlog_expire_logs_seconds") or 0) or int(float(values.get("expire_logs_days") or 0) * 86400)

    def coordinates_agree(self, file: str, position: int, gtid: str) -> str:
        """Why a dump's file and position and its GTID position cannot both be right; empty where they can."""
        expected = self.connection.value("SELECT BINLOG_GTID_POS(%s, %s)", (file, position))
        if expected is not None and _domains(expected) != _domains(gtid):
            return "%s:%d is %s, the dump says %s" % (file, position, expected, gtid)
        return ""


VALIDATORS = (
    "SELECT COUNT(*) FROM information_schema.PLUGINS WHERE PLUGIN_TYPE = 'PASSWORD VALIDATION' AND PLUGIN_STATUS = 'ACTIVE'"
)
# Bits of global_priv's access, as accounts with that one privilege have them on 10.5, 10.11 and 11.8 (sql/privilege.h).
SUPER = 1 << 15
READ_ONLY_ADMIN = 1 << 33


# From this version on SUPER and READ_ONLY ADMIN are apart.
SPLIT_VERSION = 101100


def _fence_privileges(access: int, version: int) -> list[str]:
    """Which privileges by which one gets through read_only an account has.

    :param access: its bits
    :param version: of the server that wrote them; 0 for one before 10.5
    """
    super_user = bool(access & SUPER)
    read_only_admin = bool(access & READ_ONLY_ADMIN) or (super_user and version < SPLIT_VERSION)
    return [name for name, held in (("SUPER", super_user), ("READ_ONLY ADMIN", read_only_admin)) if held]


def _grantee(host: str) -> str:
    return "%s@%s" if host else "%s"


def bare_grant(text: str, user: str, host: str) -> str:
    """A line of SHOW GRANTS without the login that it repeats: that would count as a password set again, and end its expiry."""
    given, found, rest = text.partition(" TO %s@%s" % (_quoted(user), _quoted(host)))
    if not found:
        return text
    words = re.sub(r"'(?:[^'\\]|\\.|'')*'", "", rest)
    option = re.search(r" WITH (GRANT|ADMIN) OPTION", words)
    return given + found + (option.group(0) if option else "")


def _goes_to(text: str, grantee: str) -> bool:
    return text.endswith((" TO " + grantee, " TO %s WITH GRANT OPTION" % grantee, " TO %s WITH ADMIN OPTION" % grantee))


def _quoted(name: str) -> str:
    return "`%s`" % name.replace("`", "``")


def _gtids(position: str) -> list[str]:
    return [part.strip() for part in position.split(",") if part.strip()]


def _domain(gtid: str) -> int:
    return int(gtid.split("-")[0])


def _origin(gtid: str) -> tuple[int, int]:
    domain, server, _sequence_number = gtid.split("-")
    return int(domain), int(server)


def _sequence(gtid: str) -> int:
    return int(gtid.split("-")[2])


def _domains(position: str) -> dict[int, int]:
    """Domain to highest sequence number."""
    held: dict[int, int] = {}
    for gtid in _gtids(position):
        held[_domain(gtid)] = max(_sequence(gtid), held.get(_domain(gtid), -1))
    return held


def _first(row: dict) -> str:
    return str(next(iter(row.values())))
