# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""MySQL 5.7 to 9.x and the calendar versions, Percona Server among them."""
from __future__ import annotations

import re
import typing as t

from .base import Flavour
from .password_hash import caching_sha2_hash, native_hash


class MySQL(Flavour):
    """See Flavour."""

    name = "mysql"
    supported = "MySQL 5.7 to 9.x and 26.x"
    oldest = (5, 7, 9)
    newest = (100,)
    system_accounts = (
        ("mysql.sys", "localhost"),
        ("mysql.session", "localhost"),
        ("mysql.infoschema", "localhost"),
        ("root", "localhost"),
        ("debian-sys-maint", "localhost"),
    )
    dump_programs = ("mysqldump",)
    client_programs = ("mysql",)
    server_programs = ("mysqld",)
    log_programs = ("mysqlbinlog",)
    option_group = "mysqld"
    end_variables = (
        "@@global.super_read_only AND @@global.read_only AS closed, IF(@@global.gtid_mode = 'ON', @@global.gtid_executed, '') AS gtid, NULL AS applied"
    )
    hold_settings = (("super_read_only", "ON"), ("event_scheduler", "OFF"))
    fence_privileges = ("SUPER", "SYSTEM_VARIABLES_ADMIN")
    no_such_account = (1410, 1141)  # ER_CANT_CREATE_USER_WITH_GRANT, ER_NONEXISTING_GRANT
    account_settings = (
        "mandatory_roles", "activate_all_roles_on_login", "default_password_lifetime", "disconnect_on_expired_password",
        "password_history", "password_reuse_interval", "password_require_current", "partial_revokes",
    )  # fmt: skip

    @property
    def administrators_admitted(self) -> bool:  # type: ignore[override]
        """From 8.0 on CONNECTION_ADMIN is a privilege apart, and writes through read_only; super_read_only stops all."""
        return self.version >= (8, 0)

    @property
    def float_differs(self) -> str:
        """Whether a FLOAT's printed form reads back as another value. Before 8.0.17 there is no CAST to ask: all but NULL."""
        return "{column} <> CAST(CAST({column} AS CHAR) AS FLOAT)" if self.version >= (8, 0, 17) else "{column} IS NOT NULL"

    @property
    def gtid_on(self) -> bool:
        """Whether every transaction has a GTID (gtid_mode=ON, not permissive)."""
        return (self.connection.variable("gtid_mode") or "OFF").upper() == "ON"

    def gtid_written(self) -> str:
        """The set of transactions that this server holds; empty where GTIDs are off."""
        return _one_line(self.connection.variable("gtid_executed") or "") if self.gtid_on else ""

    gtid_applied = gtid_written

    def gtid_includes(self, have: str, want: str) -> bool:
        """Whether one set holds another; the server's own arithmetic, which knows tagged GTIDs."""
        return self.connection.value("SELECT GTID_SUBSET(%s, %s)", (want, have)) == 1

    def gtid_extra(self, have: str, allowed: str) -> str:
        """The transactions in one set that another lacks (errant ones); empty for none."""
        return _one_line(self.connection.value("SELECT GTID_SUBTRACT(%s, %s)", (have, allowed)) or "")

    def gtid_foreign(self, source: MySQL) -> str:
        """The transactions that this server holds and its source does not (errant ones); empty for none."""
        # This server's first: what it has then, the source has by now, or is about to have. A source sends a transaction when its
        # binary log is synced, and adds it to gtid_executed a moment later; until then it is in gtid_owned (the manual's "GTID Life
        # Cycle"), which is asked before: what leaves the one meanwhile is in the other.
        mine = self.gtid_written()
        if not mine or not source.gtid_on:
            return ""
        in_flight = source.gtid_in_flight()
        extra = self.gtid_extra(mine, source.gtid_written())
        return self.gtid_extra(extra, in_flight) if extra and in_flight else extra

    def gtid_in_flight(self) -> str:
        """The transactions that this server is committing: numbered, and not in gtid_executed yet; empty for none."""
        # uuid:number#session, and further numbers of the same uuid after it.
        return re.sub(r"#\d+", "", _one_line(self.connection.variable("gtid_owned") or ""))

    def gtid_own(self, have: str) -> str:
        """Of a set the transactions that this server has written itself."""
        return ",".join(part for part in have.split(",") if part.lower().startswith(self.identity.server_uuid.lower() + ":"))

    # pylint: disable-next=unused-argument  # of the two, MariaDB goes by the number
    def gtid_strange(self, allowed: str, server_id: int, server_uuid: str) -> str:
        """The transactions that this server holds beyond a set and that another server did not write; empty for none."""
        beyond = self.gtid_extra(self.gtid_written(), allowed)
        return ",".join(part for part in beyond.split(",") if part and not part.lower().startswith(server_uuid.lower() + ":"))

    def log_options(self, known: str) -> list[str]:
        """What its program is told to leave known transactions out."""
        return ["--exclude-gtids=" + known] if known else []

    def log_filter(self, known: str) -> t.Callable[[str], bool]:  # pylint: disable=unused-argument  # its program did that, see log_options
        """Whether a transaction of a binary log is not among the known."""
        return lambda _gtid: True

    def gtid_count(self, have: str, base: str) -> int:
        """How many transactions a set holds that another lacks."""
        return sum(_transactions(part) for part in self.gtid_extra(have, base).split(",") if part)

    def wait_for_gtid(self, gtid: str, seconds: float) -> bool:
        """Wait until this replica has executed a set. 0 is success; 1 (time over), NULL and an empty set are not."""
        return bool(gtid) and self.connection.value(self.statement("wait_for_gtid"), (gtid, seconds)) == 0

    def set_gtid_position(self, gtid: str) -> None:
        """Declare the seed's set as executed, on an empty or freshly loaded target.

        Resets this server's own binary log: gtid_purged may only grow by what gtid_executed does not hold.
        """
        for sql, args in self.gtid_position_statements(gtid):
            self.connection.run(sql, args)

    def gtid_position_statements(self, gtid: str) -> list[tuple]:
        """The statements of set_gtid_position and their values."""
        return [(self.statement("reset_binlogs"), ()), ("SET GLOBAL gtid_purged = %s", (gtid,))]

    def gtid_in_the_way(self, gtid: str) -> str:  # pylint: disable=unused-argument  # MariaDB's answer depends on it
        """What this server holds that forbids declaring a seed's set on it: anything, for that needs a reset; empty for nothing."""
        return self.gtid_applied()

    def gtid_replicated(self) -> str:
        """What this server holds of other servers' transactions: where a replica without a declared seed goes on from.

        Accounts and the like that were made here are no position: with them alone the source would be replayed from its start.
        """
        return self.gtid_extra(self.gtid_applied(), "%s:1-9223372036854775806" % self.identity.server_uuid)

    def replica_settings(self) -> dict:
        """The default channel's heartbeat period, which SHOW REPLICA STATUS lacks; nothing without performance_schema."""
        return self.connection.row(
            "SELECT HEARTBEAT_INTERVAL AS heartbeat_period FROM performance_schema.replication_connection_configuration"
            " WHERE CHANNEL_NAME = ''"
        )

    def read_only(self) -> bool:
        """Whether nobody can write, whatever their privileges.

        A read_only=OFF of SET PERSIST leaves super_read_only ON and without effect after a start.
        """
        values = self.connection.at_once("read_only", "super_read_only")
        return all(value == "1" for value in values.values())

    def set_read_only(self, on: bool) -> None:
        """super_read_only sets read_only too, and read_only=OFF clears both."""
        self.connection.run("SET GLOBAL super_read_only = ON" if on else "SET GLOBAL read_only = OFF")

    def refused_writes(self) -> tuple[int, str]:
        """By the performance schema's count of the errors 1290 and 1836; as MariaDB where that is off."""
        row = self.connection.row(
            "SELECT SUM(SUM_ERROR_RAISED) AS n FROM performance_schema.events_errors_summary_global_by_error"
            " WHERE ERROR_NUMBER IN (1290, 1836)"
        )
        return (int(row["n"]), "counted: errors 1290 and 1836") if row["n"] is not None else super().refused_writes()

    def admit_loader(self) -> None:
        """Let administrators write, and nobody else: super_read_only would stop the seed too."""
        self.connection.run("SET GLOBAL read_only = ON")
        self.connection.run("SET GLOBAL super_read_only = OFF")

    def close_fence(self) -> None:
        """Nobody writes from here on; returns when the writes that were committing are done."""
        self.set_read_only(True)

    def open_fence(self) -> None:
        """Writable again."""
        self.set_read_only(False)

    def release_lock(self) -> None:
        """Nothing is held beside the variable."""

    def privileged_accounts(self) -> list[list]:
        """Accounts and roles that can set super_read_only back: user, host, those privileges, and which of them they may grant.

        super_read_only stops everybody; who may set it back opens the server for all. The server's own accounts are locked.
        """
        rows = self.connection.rows(
            "SELECT User AS u, Host AS h, 'SUPER' AS p, '' AS g FROM mysql.user WHERE Super_priv = 'Y'"
            + (
                " UNION ALL SELECT USER, HOST, PRIV, WITH_GRANT_OPTION FROM mysql.global_grants WHERE PRIV = 'SYSTEM_VARIABLES_ADMIN'"
                if self.version >= (8, 0)
                else ""
            )
        )
        found: dict[tuple, tuple] = {}
        for row in rows:
            user, host, privilege, grantable = (_text(row[name]) for name in "uhpg")
            if not user.startswith("mysql."):
                held, may_grant = found.setdefault((user, host), ([], []))
                held.append(privilege)
                may_grant.extend([privilege] if grantable == "Y" else [])
        return [[user, host, held, may_grant] for (user, host), (held, may_grant) in sorted(found.items())]

    def take_privileges(self, user: str, host: str, privileges: list[str]) -> None:
        """From an account or a role."""
        self.connection.run("REVOKE %s ON *.* FROM %%s@%%s" % ", ".join(privileges), (user, host))

    def give_privileges(self, user: str, host: str, privileges: list[str], grantable: list[str]) -> None:
        """Back to it. GRANT OPTION belongs to each dynamic privilege; that of the others was not taken."""
        for privilege in privileges:
            also = " WITH GRANT OPTION" if privilege in grantable else ""
            self.connection.run("GRANT %s ON *.* TO %%s@%%s%s" % (privilege, also), (user, host))

    def row_sessions(self) -> list[str] | None:
        """By the performance schema's account of each session's variables; None where that is off."""
        if (self.connection.variable("performance_schema") or "").upper() != "ON":
            return None
        rows = self.connection.rows(
            "SELECT t.PROCESSLIST_ID AS id, t.PROCESSLIST_USER AS user, v.VARIABLE_NAME AS name, v.VARIABLE_VALUE AS value"
            " FROM performance_schema.variables_by_thread v JOIN performance_schema.threads t ON t.THREAD_ID = v.THREAD_ID"
            " WHERE v.VARIABLE_NAME IN ('binlog_format', 'binlog_row_image') AND v.VARIABLE_VALUE NOT IN ('ROW', 'FULL')"
            " AND t.PROCESSLIST_ID <> CONNECTION_ID() AND t.PROCESSLIST_USER IS NOT NULL"
            " AND t.PROCESSLIST_COMMAND NOT LIKE 'Binlog Dump%' ORDER BY 1, 3"
        )
        return ["session %s of %s (%s is %s)" % tuple(_text(row[name]) for name in ("id", "user", "name", "value")) for row in rows]

    def locked_tables(self) -> list[tuple[str, list[str]]]:
        """Tables that somebody holds by LOCK TABLES ... WRITE, and the session; nothing where the server does not keep account.

        Only performance_schema's instrument of metadata locks knows, which is on by default from 8.0 on.
        https://dev.mysql.com/doc/refman/8.4/en/performance-schema-metadata-locks-table.html
        """
        rows = self.connection.rows(
            "SELECT CONCAT(m.OBJECT_SCHEMA, '.', m.OBJECT_NAME) AS name, t.PROCESSLIST_ID AS id, t.PROCESSLIST_USER AS user"
            " FROM performance_schema.metadata_locks m JOIN performance_schema.threads t ON t.THREAD_ID = m.OWNER_THREAD_ID"
            " WHERE m.OBJECT_TYPE = 'TABLE' AND m.LOCK_STATUS = 'GRANTED' AND m.LOCK_TYPE = 'SHARED_NO_READ_WRITE'"
            " AND t.PROCESSLIST_ID <> CONNECTION_ID() ORDER BY 1"
        )
        return [(_text(row["name"]), ["session %s of %s" % (row["id"], _text(row["user"]))]) for row in rows]

    def accounts(self) -> list[tuple[str, str]]:
        """User and host of all accounts but the installation's own."""
        rows = self.connection.rows("SELECT User AS u, Host AS h FROM mysql.user ORDER BY User, Host")
        return [(_text(row["u"]), _text(row["h"])) for row in rows if (_text(row["u"]), _text(row["h"])) not in self.system_accounts]

    def account_statements(self, user: str, host: str) -> tuple[list[str], list[str]]:
        """The statements that make an account again, and those that give it its rights. They hold password hashes."""
        if self.version >= (8, 0, 17):
            # Hashes of caching_sha2_password are bytes that no character set can carry.
            self.connection.run("SET SESSION print_identified_with_as_hex = ON")
        create, roles = split_default_role(_first(self.connection.row("SHOW CREATE USER %s@%s", (user, host))))
        make = [create.replace("CREATE USER", "CREATE USER IF NOT EXISTS", 1), create.replace("CREATE USER", "ALTER USER", 1)]
        grants = [_first(row) for row in self.connection.rows("SHOW GRANTS FOR %s@%s", (user, host))]
        if roles:
            # Only once the roles exist and are granted.
            grants.append(self.connection.raw.cursor().mogrify("ALTER USER %s@%s", (user, host)) + " DEFAULT ROLE " + roles)
        return make, grants

    def identified_by(self, password: str) -> tuple[str, str, bool]:
        """How a statement gives an account its password: the words, the value for them, and whether that is the password itself.

        By mysql_native_password where that is the server's own choice for new accounts, so that its clients know it.
        """
        values = self.connection.variables("default_authentication_plugin", "authentication_policy")
        policy = values.get("authentication_policy", "").split(",")[0].strip()
        chosen = policy if policy not in ("", "*") else values.get("default_authentication_plugin", "")
        if self.version < (8, 0) or chosen == "mysql_native_password":
            return "IDENTIFIED WITH mysql_native_password AS %s", native_hash(password), False
        return "IDENTIFIED WITH caching_sha2_password AS %s", caching_sha2_hash(password), False

    def password_date(self, user: str, host: str) -> tuple[int | None, int | None]:
        """After how many days an account's password ends, and how many have passed; None where it does not, or nobody knows."""
        row = self.connection.row(
            "SELECT password_lifetime AS life, TIMESTAMPDIFF(DAY, password_last_changed, NOW()) AS age FROM mysql.user"
            " WHERE User = %s AND Host = %s",
            (user, host),
        )
        return _number(row.get("life")), _number(row.get("age"))

    def account_marks(self, user: str, host: str) -> list[str]:
        """What no statement about accounts says: when the password was set, the second password that was kept, and the earlier ones.

        SHOW CREATE USER tells a second password to nobody, and no statement takes one as a hash.
        """
        mogrify, login = self.connection.raw.cursor().mogrify, (user, host)
        row = self.connection.row(
            "SELECT UNIX_TIMESTAMP(password_last_changed) AS changed, %s AS second FROM mysql.user WHERE User = %%s AND Host = %%s"
            % ("HEX(JSON_UNQUOTE(JSON_EXTRACT(User_attributes, '$.additional_password')))" if self.version >= (8, 0, 14) else "NULL"),
            login,
        )
        marks = []
        if row.get("changed") is not None:
            marks.append(mogrify(CHANGED, (row["changed"], *login)))
        if row.get("second"):
            marks.append(mogrify(SECOND, (_text(row["second"]), *login)))
        return marks + self._earlier_passwords(*login)

    def _earlier_passwords(self, user: str, host: str) -> list[str]:
        """The history that forbids a password to come back (from 8.0.3 on)."""
        if self.version < (8, 0, 3):
            return []
        mogrify, login = self.connection.raw.cursor().mogrify, (user, host)
        rows = self.connection.rows(
            "SELECT UNIX_TIMESTAMP(Password_timestamp) AS at, HEX(Password) AS p FROM mysql.password_history"
            " WHERE User = %s AND Host = %s ORDER BY 1",
            login,
        )
        found = [mogrify("DELETE FROM mysql.password_history WHERE User = %s AND Host = %s", login)] if rows else []
        return found + [mogrify(EARLIER, (*login, row["at"], _text(row["p"]))) for row in rows if row["p"]]

    def role_grants(self, role: str) -> list[str]:  # pylint: disable=unused-argument
        """None apart: roles are accounts."""
        return []

    def public_grants(self) -> list[str]:
        """MySQL has nobody of that name."""
        return []

    def own_role_grants(self, user: str, host: str) -> dict[str, bool]:  # pylint: disable=unused-argument
        """Who makes a role is not granted it."""
        return {}

    def roles(self) -> list[str]:
        """MySQL's roles are accounts: nothing apart."""
        return []

    def retention_seconds(self) -> int:
        """How long binary logs are kept; 0 for ever."""
        values = self.connection.variables("binlog_expire_logs_seconds", "expire_logs_days")
        return int(values.get("binlog_expire_logs_seconds") or 0) or int(float(values.get("expire_logs_days") or 0) * 86400)

    def coordinates_agree(self, file: str, position: int, gtid: str) -> str:
        """Why a dump's file and position and its GTID set cannot both be right; empty where they can.

        The transaction that follows the position in the binary log must not be in the set (MySQL bug 105761).
        """
        rows = self.connection.rows("SHOW BINLOG EVENTS IN %s FROM %s LIMIT 1", (file, position))
        next_gtid = rows[0]["Info"].partition("'")[2].rpartition("'")[0] if rows and "GTID_NEXT" in rows[0]["Info"] else ""
        if next_gtid and self.gtid_includes(gtid, next_gtid):
            return "the set %s already holds %s, which follows %s:%d" % (gtid, next_gtid, file, position)
        return ""


# What an account has beside its statements. Hashes hold bytes of any kind, and go as hexadecimal digits.
CHANGED = "UPDATE mysql.user SET password_last_changed = FROM_UNIXTIME(%s) WHERE User = %s AND Host = %s"
SECOND = (
    "UPDATE mysql.user SET User_attributes = JSON_SET(COALESCE(User_attributes, '{}'), '$.additional_password',"
    " CONVERT(UNHEX(%s) USING utf8mb4)) WHERE User = %s AND Host = %s"
)
EARLIER = "INSERT INTO mysql.password_history (User, Host, Password_timestamp, Password) VALUES (%s, %s, FROM_UNIXTIME(%s), UNHEX(%s))"


def split_default_role(create: str) -> tuple[str, str]:
    """SHOW CREATE USER's text without its default roles, and these."""
    name = r"`(?:[^`]|``)*`@`(?:[^`]|``)*`"
    found = re.search(r" DEFAULT ROLE (%s(?:,%s)*)" % (name, name), create)
    return (create.replace(found.group(0), "", 1), found.group(1)) if found else (create, "")


def _transactions(part: str) -> int:
    """The number of transactions in one server's part of a set: uuid:1-5:7, from 8.3 on also uuid:1-5:tag:1-3."""
    count = 0
    for interval in part.split(":")[1:]:
        first, _dash, last = interval.partition("-")
        if first.isdigit():
            count += int(last or first) - int(first) + 1
    return count


def _number(value: t.Any) -> int | None:
    return None if value is None else int(value)


def _one_line(text: str) -> str:
    return "".join(text.split())


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _first(row: dict) -> str:
    return _text(next(iter(row.values())))
