# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""What both flavours share: a connection, its identity, and the statement table."""
from __future__ import annotations

import typing as t
from dataclasses import dataclass

from .._errors import Refusal, ServerError
from .connection import Connection
from .control import ALL, on_everything
from .identity import Identity
from .statements import source_option, statement

# Counters of the statements about accounts, on either flavour. SET PASSWORD has none on MariaDB: it shows in the time of the password.
ACCOUNT_COUNTERS = tuple(
    "Com_" + name
    for name in (
        "create_user", "alter_user", "alter_user_default_role", "drop_user", "rename_user", "set_password", "grant", "grant_role",
        "grant_roles", "revoke", "revoke_all", "revoke_role", "revoke_roles", "create_role", "drop_role",
    )
)  # fmt: skip


@dataclass(frozen=True)
class HistoryEnd:
    """Where a server's own history ends, and whether anybody may add to it.

    :param closed: read-only, as Flavour.read_only
    :param file: the binary log and the position in it, where there are no GTIDs
    :param gtid: as Flavour.gtid_written
    :param applied: as Flavour.gtid_applied
    """

    closed: bool
    file: str
    position: int
    gtid: str
    applied: str


class Flavour:
    """A server of one flavour: the questions and verbs whose words differ between the two.

    Subclasses set the data below; methods that differ are written in both.
    """

    name = ""
    supported = ""  # for messages
    oldest: tuple = ()
    newest: tuple = ()
    system_schemas = ("mysql", "information_schema", "performance_schema", "sys")
    # Accounts that belong to the installation, not to the data.
    system_accounts: tuple = ()
    dump_programs: tuple = ()
    client_programs: tuple = ()
    server_programs: tuple = ()
    log_programs: tuple = ()  # what prints a binary log
    option_group = "mysqld"
    # The privileges by which a session writes on a server that is read-only, or opens it.
    fence_privileges: tuple = ()
    # Whether an administrator without these may change accounts while the server is open for administrators alone (see admit_loader).
    # Elsewhere only a session with the fence's privileges may, and needs nothing opened for that.
    administrators_admitted = False
    # What a GRANT says of an account that is not there.
    no_such_account: tuple = ()
    # What keeps a server from taking writes: variable and value, in a file and at run time.
    hold_settings: tuple = ()
    # What a loader's session sets beside the usual, for definitions to mean what they meant where they were printed.
    loader_defaults = ""
    # The variables that Flavour.read_only, gtid_written and gtid_applied tell; NULL for the last where it is the same as the second.
    end_variables = ""
    # Variables that say what accounts may do beside their own grants.
    account_settings: tuple = ()
    # Requests that are counted as commands and not as questions.
    not_questions = ("Com_admin_commands", "Com_stmt_prepare", "Com_stmt_close", "Com_stmt_reset", "Com_stmt_fetch")

    if t.TYPE_CHECKING:
        # What is written in both subclasses, because the two say it differently.
        @property
        def float_differs(self) -> str: ...
        @property
        def gtid_on(self) -> bool: ...
        def gtid_written(self) -> str: ...
        def gtid_applied(self) -> str: ...
        def gtid_replicated(self) -> str: ...
        def gtid_includes(self, have: str, want: str) -> bool: ...
        def gtid_extra(self, have: str, allowed: str) -> str: ...
        def gtid_foreign(self, source: t.Any) -> str: ...
        def gtid_count(self, have: str, base: str) -> int: ...
        def gtid_in_the_way(self, gtid: str) -> str: ...
        def gtid_own(self, have: str) -> str: ...
        def gtid_strange(self, allowed: str, server_id: int, server_uuid: str) -> str: ...
        def log_options(self, known: str) -> list[str]: ...
        def log_filter(self, known: str) -> t.Callable[[str], bool]: ...
        def gtid_position_statements(self, gtid: str) -> list[tuple]: ...
        def set_gtid_position(self, gtid: str) -> None: ...
        def wait_for_gtid(self, gtid: str, seconds: float) -> bool: ...
        def coordinates_agree(self, file: str, position: int, gtid: str) -> str: ...
        def read_only(self) -> bool: ...
        def set_read_only(self, on: bool) -> None: ...
        def admit_loader(self) -> None: ...
        def close_fence(self) -> None: ...
        def open_fence(self) -> None: ...
        def release_lock(self) -> None: ...
        def privileged_accounts(self) -> list[list]: ...
        def take_privileges(self, user: str, host: str, privileges: list[str]) -> None: ...
        def give_privileges(self, user: str, host: str, privileges: list[str], grantable: list[str]) -> None: ...
        def accounts(self) -> list[tuple[str, str]]: ...
        def account_statements(self, user: str, host: str) -> tuple[list[str], list[str]]: ...
        def account_marks(self, user: str, host: str) -> list[str]: ...
        def roles(self) -> list[str]: ...
        def role_grants(self, role: str) -> list[str]: ...
        def public_grants(self) -> list[str]: ...
        def own_role_grants(self, user: str, host: str) -> dict[str, bool]: ...
        def locked_tables(self) -> list[tuple[str, list[str]]]: ...
        def retention_seconds(self) -> int: ...
        def identified_by(self, password: str) -> tuple[str, str, bool]: ...
        def password_date(self, user: str, host: str) -> tuple[int | None, int | None]: ...

    def __init__(self, connection: Connection, identity: Identity) -> None:
        self.connection = connection
        self.identity = identity

    @property
    def version(self) -> tuple:
        """The server's version numbers."""
        return self.identity.version

    def check_supported(self) -> None:
        """Refuse versions that this collection does not know."""
        if not self.oldest <= self.version < self.newest:
            raise Refusal(
                "%s: version %s is not supported; supported is %s" % (self.connection.name, self.identity.version_text, self.supported)
            )

    def statement(self, name: str) -> str:
        """The words for a statement of the table."""
        return statement(self.name, self.version, name)

    def source_option(self, name: str) -> str:
        """A replication option's name for this version."""
        return source_option(self.name, self.version, name)

    def known_privileges(self, phases: t.Collection[str] = ALL) -> tuple:
        """The control account's privileges in phases, as far as this version has them: the server's own list says so."""
        rows = self.connection.rows("SHOW PRIVILEGES")
        known = {str(row["Privilege"]).upper() for row in rows}
        return on_everything(self.name, self.version, known, phases)

    def binlog_position(self) -> tuple[str, int]:
        """The server's own binary log file and position now; empty and 0 where the binary log is off."""
        row = self.connection.row(self.statement("binlog_position"))
        return str(row.get("File") or ""), int(row.get("Position") or 0)

    def log_head(self, file: str) -> str:
        """The GTIDs that this server held before the first transaction of one of its binary logs; empty for none."""
        rows = self.connection.rows("SHOW BINLOG EVENTS IN %s LIMIT 4", (file,))
        found = [str(row["Info"]) for row in rows if row["Event_type"] in ("Gtid_list", "Previous_gtids")]
        return "".join(found[0].split()).strip("[]") if found else ""

    def history_end(self, also: str = "NULL", args: tuple = ()) -> tuple[HistoryEnd, t.Any]:
        """Where the history ends now, and the value of one more expression.

        One question with one answer: at a distance each is a round trip, and two answers to one question took 40 ms longer through
        the tunnel (measured; it is how long kernels hold an acknowledgement back). Only a server without GTIDs is asked for its
        coordinates, too.
        """
        told = self.connection.row("SELECT %s, %s AS also" % (self.end_variables, also), args or None)
        # MySQL breaks a long set into lines, and has one set for both.
        gtid, applied = ("".join(str(told[name] or "").split()) for name in ("gtid", "applied"))
        file, position = ("", 0) if gtid else self.binlog_position()
        closed = str(told["closed"] or 0).upper() not in ("0", "OFF")
        return HistoryEnd(closed, file, position, gtid, gtid if told["applied"] is None else applied), told["also"]

    def replica_rows(self) -> list[dict]:
        """The replica's status, a row a channel; empty where this server replicates from nobody."""
        return self.connection.rows(self.statement("replica_status"))

    def replica_settings(self) -> dict:
        """Settings of the default channel that its status does not tell; nothing on MariaDB."""
        return {}

    def account_changes(self) -> int:
        """How many statements about accounts, roles and grants this server has begun since it started, failed ones too."""
        rows = self.connection.rows("SHOW GLOBAL STATUS WHERE Variable_name IN %s", (ACCOUNT_COUNTERS,))
        return sum(int(row["Value"]) for row in rows)

    def system_grants(self, user: str, host: str) -> list[str]:
        """What one of the installation's accounts holds beside its rights on everything: those are the installation's own."""
        rows = self.connection.rows("SHOW GRANTS FOR %s@%s", (user, host))
        texts = [_text(next(iter(row.values()))) for row in rows]
        return [text for text in texts if text.startswith("GRANT ") and " ON *.* TO " not in text]

    def login_plugins(self) -> list[str]:
        """The plugins by which accounts log in, but those of the installation's own accounts; sorted."""
        rows = self.connection.rows("SELECT User AS u, Host AS h, plugin AS p FROM mysql.user WHERE plugin <> ''")
        return sorted({str(row["p"]) for row in rows if (row["u"], row["h"]) not in self.system_accounts})

    def known_login_plugins(self) -> list[str]:
        """The plugins by which accounts can log in on this server; sorted."""
        rows = self.connection.rows(
            "SELECT PLUGIN_NAME AS p FROM information_schema.PLUGINS WHERE PLUGIN_TYPE = 'AUTHENTICATION' AND PLUGIN_STATUS = 'ACTIVE'"
        )
        return sorted(str(row["p"]) for row in rows)

    def row_sessions(self) -> list[str] | None:
        """The sessions that write statements or parts of rows to the binary log, in words; None where the server does not tell."""
        return None

    def scheduler_runs(self) -> bool:
        """Whether events would fire."""
        return (self.connection.variable("event_scheduler") or "OFF").upper() == "ON"

    def refused_writes(self) -> tuple[int, str]:
        """How many writes a read-only server has refused since its start, and how that is known.

        MariaDB keeps no count of errors by number, and counts a command only behind its check for read_only (seen on 10.11). What is left
        of the questions without the commands, and without the goodbyes of those who left, is refused; or was not understood.

        :raises ServerError: while it replicates: what it applies is counted as commands, and was no question (seen on 10.11)
        """
        if self.replica_rows():
            raise ServerError("what this server refuses is not known while it follows another: it counts what it applies as commands")
        rows = self.connection.rows(
            "SHOW GLOBAL STATUS WHERE Variable_name LIKE 'Com\\_%%'"
            " OR Variable_name IN ('Questions', 'Connections', 'Aborted_connects', 'Aborted_clients', 'Threads_connected')",
            (),
        )
        known = {row["Variable_name"]: int(row["Value"]) for row in rows}
        commands = sum(value for name, value in known.items() if name.startswith("Com_") and name not in self.not_questions)
        goodbyes = known["Connections"] - known["Aborted_connects"] - known["Aborted_clients"] - known["Threads_connected"]
        return max(0, known["Questions"] - commands - goodbyes), "approximated: statements that arrived and were not executed"

    def user_schemas(self) -> list[str]:
        """The schemas that hold users' data, sorted."""
        rows = self.connection.rows("SELECT SCHEMA_NAME AS s FROM information_schema.SCHEMATA")
        return sorted(row["s"] for row in rows if row["s"].lower() not in self.system_schemas and not row["s"].startswith("#mysql50#."))

    def wait_for_position(self, file: str, position: int, seconds: float) -> bool:
        """Wait until the applier has executed up to a position of the source's binary log.

        0 and more is success; -1 (time over) and NULL (applier not running) are failures.
        """
        value = self.connection.value(self.statement("wait_for_position"), (file, position, max(1, int(seconds))))
        return value is not None and int(value) >= 0


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
