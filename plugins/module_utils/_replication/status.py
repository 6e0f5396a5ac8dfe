# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""The replica's status in one shape, whatever the flavour and version call its fields."""
from __future__ import annotations

import typing as t
from dataclasses import asdict, dataclass, fields

from .._errors import Refusal
from .._server.base import Flavour


@dataclass(frozen=True)
class ReplicaStatus:
    """A replica's channel as its server tells it. A server that replicates from nobody has the defaults.

    :param io_running: the receiver: Yes, No, Connecting, Preparing (MariaDB)
    :param sql_running: the applier: Yes or No
    :param positioning: gtid, file, or current_pos (MariaDB's mode that mixes in local writes)
    :param read_position: how far the receiver has read the source's binary log
    :param exec_position: how far the applier has executed it
    :param relay_space: bytes of all relay logs
    :param seconds_behind: the server's own estimate, which misleads over slow links; None where it has none
    :param gtid_received: MySQL Retrieved_Gtid_Set; MariaDB Gtid_IO_Pos
    :param gtid_executed: MySQL Executed_Gtid_Set; MariaDB Gtid_Slave_Pos
    :param delay: intended delay in seconds
    :param connect_retry: seconds between the receiver's attempts to connect
    :param retry_count: attempts before it gives up, 0 without limit; None where the channel has no such setting
    :param heartbeat_period: seconds; None where the server does not tell
    :param get_source_public_key: None where the server has no such setting
    """

    channel: str = ""
    source_host: str = ""
    source_port: int = 0
    source_user: str = ""
    source_server_id: int = 0
    source_uuid: str = ""
    io_running: str = "No"
    sql_running: str = "No"
    io_state: str = ""
    sql_state: str = ""
    positioning: str = "file"
    read_file: str = ""
    read_position: int = 0
    exec_file: str = ""
    exec_position: int = 0
    relay_space: int = 0
    seconds_behind: int | None = None
    gtid_received: str = ""
    gtid_executed: str = ""
    last_io_errno: int = 0
    last_io_error: str = ""
    last_sql_errno: int = 0
    last_sql_error: str = ""
    delay: int = 0
    ssl_allowed: bool = False
    ssl_verify: bool = False
    ssl_ca: str = ""
    ssl_capath: str = ""
    ssl_cert: str = ""
    ssl_cipher: str = ""
    ssl_key: str = ""
    ssl_crl: str = ""
    ssl_crlpath: str = ""
    connect_retry: int = 0
    retry_count: int | None = None
    heartbeat_period: float | None = None
    get_source_public_key: bool | None = None

    @property
    def configured(self) -> bool:
        """Whether this server knows a source."""
        return bool(self.source_host)

    @property
    def auto_position(self) -> bool:
        """Whether the replica asks its source by GTID."""
        return self.positioning != "file"

    @property
    def active(self) -> frozenset:
        """The threads that are started: receiver (connecting counts), applier."""
        states = {"receiver": self.io_running, "applier": self.sql_running}
        return frozenset(name for name, state in states.items() if state.lower() not in ("no", ""))

    @property
    def running(self) -> bool:
        """Whether both threads run and neither reports an error."""
        both = self.io_running.lower() == "yes" and self.sql_running.lower() == "yes"
        return both and not self.last_io_errno and not self.last_sql_errno

    def as_dict(self) -> dict:
        """For results: plain values."""
        return dict(asdict(self), configured=self.configured, running=self.running)


# Field -> the server's names for it, the first that a row has wins. Names are compared after unifying their words:
# lower case, master as source, slave as replica. That covers MySQL 5.7 to 8.0.21 (Slave_IO_Running), 8.0.22 and
# later (Replica_IO_Running) and MariaDB; what is left to list are names that differ otherwise.
ALIASES: dict[str, tuple] = {
    "channel": ("channel_name", "connection_name"),
    "io_running": ("replica_io_running",),
    "sql_running": ("replica_sql_running",),
    "io_state": ("replica_io_state",),
    "sql_state": ("replica_sql_running_state", "replica_sql_state"),
    "positioning": ("using_gtid", "auto_position"),
    "read_file": ("source_log_file",),
    "read_position": ("read_source_log_pos",),
    "exec_file": ("relay_source_log_file",),
    "exec_position": ("exec_source_log_pos",),
    "relay_space": ("relay_log_space",),
    "seconds_behind": ("seconds_behind_source",),
    "gtid_received": ("retrieved_gtid_set", "gtid_io_pos"),
    "gtid_executed": ("executed_gtid_set", "gtid_replica_pos"),
    "delay": ("sql_delay",),
    "ssl_allowed": ("source_ssl_allowed",),
    "ssl_verify": ("source_ssl_verify_server_cert",),
    "ssl_ca": ("source_ssl_ca_file",),
    "ssl_capath": ("source_ssl_ca_path",),
    "ssl_cert": ("source_ssl_cert",),
    "ssl_cipher": ("source_ssl_cipher",),
    "ssl_key": ("source_ssl_key",),
    "ssl_crl": ("source_ssl_crl",),
    "ssl_crlpath": ("source_ssl_crlpath",),
    "retry_count": ("source_retry_count",),
    # MySQL's status lacks it: Flavour.replica_settings reads it from performance_schema under this name.
    "heartbeat_period": ("heartbeat_period", "replica_heartbeat_period"),
    "get_source_public_key": ("get_source_public_key",),
}

POSITIONING = {"0": "file", "no": "file", "1": "gtid", "slave_pos": "gtid", "replica_pos": "gtid", "current_pos": "current_pos"}


def parse_row(row: dict) -> ReplicaStatus:
    """A status row of either flavour and any version."""
    unified = {_unified(name): value for name, value in row.items()}
    found = {}
    for field in fields(ReplicaStatus):
        names = ALIASES.get(field.name, (field.name,))
        present = next((name for name in names if name in unified), None)
        if present is not None:
            found[field.name] = _converted(field.name, str(field.type), unified[present])
    return ReplicaStatus(**found)


def read_statuses(flavour: Flavour, settings: bool = False) -> list[ReplicaStatus]:
    """All channels of a server that know a source.

    :param settings: also read what the status alone does not tell (heartbeat_period on MySQL), at the cost of a query
    """
    more = flavour.replica_settings() if settings else {}
    statuses = [parse_row(dict(row, **more)) for row in flavour.replica_rows()]
    return [status for status in statuses if status.configured or status.channel]


def only_status(flavour: Flavour, settings: bool = False) -> ReplicaStatus:
    """The status of the default channel; its defaults where this server replicates from nobody.

    :raises Refusal: where there are other channels: their data comes from somewhere else, and a migration moves one source
    """
    statuses = read_statuses(flavour, settings)
    named = ["%s (%s:%d)" % (one.channel, one.source_host, one.source_port) for one in statuses if one.channel]
    if named:
        raise Refusal(
            "%s: replicates on named channels: %s; only the unnamed default channel is supported, "
            "remove the others first or choose another target" % (flavour.connection.name, ", ".join(named))
        )
    return statuses[0] if statuses else ReplicaStatus()


def _unified(name: str) -> str:
    return name.lower().replace("master", "source").replace("slave", "replica")


def _converted(name: str, kind: str, value: t.Any) -> t.Any:
    """A value as its field's type wants it; NULL where the type allows it, else the type's empty value."""
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str("" if value is None else value)
    if name == "positioning":
        return POSITIONING.get(text.lower(), "file")
    if name.startswith("gtid_"):
        return "".join(text.split())
    if "None" in kind and text == "":
        return None
    convert: t.Any = CONVERT[kind.split(" ")[0]]
    return convert(text)


CONVERT: dict[str, t.Callable] = {
    "str": str,
    "int": lambda text: int(text or 0),
    "float": float,
    "bool": lambda text: text.lower() in ("yes", "1", "on", "true"),
}
