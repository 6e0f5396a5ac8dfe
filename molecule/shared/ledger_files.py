# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ledger's files and schema: who writes where, and the lines that say what was acknowledged."""

from __future__ import annotations

import json
import os
import ssl
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Iterator, NamedTuple

import pymysql

#: CR_SSL_CONNECTION_ERROR: the server offers no TLS.
NO_TLS = 2026

SCHEMA = (
    "CREATE DATABASE IF NOT EXISTS ledger CHARACTER SET utf8mb4",
    # No unique key over the token: a row that was applied twice must be able to show.
    "CREATE TABLE IF NOT EXISTS ledger.entries ("
    " id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,"
    " writer SMALLINT UNSIGNED NOT NULL,"
    " seq BIGINT UNSIGNED NOT NULL,"
    " token BIGINT UNSIGNED NOT NULL,"
    " server VARCHAR(255) NOT NULL,"
    " at_us BIGINT UNSIGNED NOT NULL,"
    " KEY by_writer (writer, seq)) ENGINE=InnoDB",
    "CREATE TABLE IF NOT EXISTS ledger.counters ("
    " writer SMALLINT UNSIGNED NOT NULL PRIMARY KEY,"
    " last_seq BIGINT UNSIGNED NOT NULL,"
    " total BIGINT UNSIGNED NOT NULL) ENGINE=InnoDB",
)


class Failure(Exception):
    """The ledger cannot do its work; the text says why."""


@dataclass(frozen=True)
class Login:
    """Where the clients go, as the endpoint file says it."""

    host: str = ""
    port: int = 3306
    user: str = ""
    password: str = field(default="", repr=False)
    unix_socket: str = ""

    @property
    def address(self) -> str:
        """The address without a secret."""
        return self.unix_socket or f"{self.host}:{self.port}"


def read_login(path: Path) -> Login:
    """Read an endpoint file; keys beside the ledger's own are left alone."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        known = {name: data[name] for name in Login.__dataclass_fields__ if data.get(name)}
        return Login(**{**known, "port": int(known.get("port", 3306))})
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise Failure(f"endpoint file {path}: {error}") from None


def stamp(path: Path) -> tuple[int, int]:
    """What changes when the file is replaced or written."""
    found = path.stat()
    return found.st_mtime_ns, found.st_ino


def switch(path: Path, host: str, port: int) -> None:
    """Send the clients elsewhere: one rename, so that nobody reads half a file."""
    data = json.loads(path.read_text(encoding="utf-8"))
    data.update(host=host, port=port)
    data.pop("unix_socket", None)
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(data, file, ensure_ascii=False)
    os.replace(temporary, path)


class Dialer:
    """Opens connections, and remembers whether the last server spoke TLS.

    Reconnecting is inside the gap that is measured: one context, no certificate store, no second try where avoidable.
    """

    def __init__(self, connect_timeout: float = 1.0, read_timeout: float | None = None) -> None:
        self.connect_timeout = connect_timeout
        self.read_timeout = read_timeout
        self.tls = True
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._context.check_hostname = False
        self._context.verify_mode = ssl.CERT_NONE

    def prepare(self, login: Login, tls: bool, **options: Any) -> Any:
        """A connection that is not open yet, so that its owner can close it from another thread while it opens."""
        address = {"unix_socket": login.unix_socket} if login.unix_socket else {"host": login.host, "port": login.port}
        secure = {"ssl": self._context} if tls and not login.unix_socket else {"ssl_disabled": True}
        return pymysql.connect(
            user=login.user,
            # As bytes: PyMySQL would encode text as Latin-1.
            password=login.password.encode("utf-8"),
            charset="utf8mb4",
            connect_timeout=self.connect_timeout,
            read_timeout=self.read_timeout,
            write_timeout=self.read_timeout,
            defer_connect=True,
            **address,
            **secure,
            **options,
        )

    def modes(self) -> tuple[bool, bool]:
        """With or without TLS: what worked last comes first."""
        return self.tls, not self.tls

    def open(self, login: Login, **options: Any) -> Any:
        """An open connection."""
        for number, tls in enumerate(self.modes()):
            connection = self.prepare(login, tls, **options)
            try:
                connection.connect()
            except (pymysql.MySQLError, RuntimeError) as error:
                if number or not other_mode_may_help(error):
                    raise Failure(f"{login.address}: {error}") from None
                continue
            self.tls = tls
            return connection
        raise AssertionError("unreachable")


def other_mode_may_help(error: BaseException) -> bool:
    """No TLS there, or a login that wants TLS (2061; RuntimeError: PyMySQL without its RSA library)."""
    return isinstance(error, RuntimeError) or error.args[:1] in ((NO_TLS,), (2061,), (3159,))


class Ack(NamedTuple):
    """A transaction whose COMMIT was answered with OK."""

    seq: int
    token: int
    wall_us: int
    mono_us: int
    started_us: int
    server: str

    def line(self) -> str:
        """The log's line."""
        return "%d\t%d\t%d\t%d\t%d\t%s\n" % self


class Attempt(NamedTuple):
    """A transaction that was not acknowledged.

    outcome: refused (the server said no), unsent (connection lost before COMMIT went out: surely not done), unknown.
    """

    seq: int
    token: int
    outcome: str
    errno: int
    wall_us: int
    mono_us: int
    server: str
    text: str

    def line(self) -> str:
        """The log's line; the text is only for readers."""
        return "\t".join(str(part).replace("\t", " ").replace("\n", " ") for part in self) + "\n"


class Change(NamedTuple):
    """The endpoint file began to say something else: between the two times of the monotonic clock."""

    before_us: int
    seen_us: int
    wall_us: int
    address: str


def ack_log(out: Path, writer: int) -> Path:
    """Where a writer's acknowledgements are."""
    return out / f"acknowledged.{writer}.log"


def attempt_log(out: Path, writer: int) -> Path:
    """Where a writer's other outcomes are."""
    return out / f"attempts.{writer}.log"


def read_acks(path: Path) -> Iterator[Ack]:
    """A writer's acknowledgements, in order."""
    for parts in _lines(path):
        seq, token, wall, mono, started = map(int, parts[:5])
        yield Ack(seq, token, wall, mono, started, parts[5])


def read_attempts(path: Path) -> Iterator[Attempt]:
    """A writer's other outcomes, in order."""
    for parts in _lines(path):
        errno, wall, mono = map(int, parts[3:6])
        yield Attempt(int(parts[0]), int(parts[1]), parts[2], errno, wall, mono, parts[6], parts[7])


def read_changes(out: Path) -> list[Change]:
    """The endpoint's changes, in order."""
    return [Change(int(before), int(seen), int(wall), address) for before, seen, wall, address in _lines(out / "endpoints.log")]


def _lines(path: Path) -> Iterator[list[str]]:
    if not path.exists():
        return
    with path.open(encoding="utf-8") as file:
        for line in file:
            # Half a line is what a killed writer leaves: nobody counted on it.
            if line.endswith("\n"):
                yield line[:-1].split("\t")


def writers_in(out: Path) -> list[int]:
    """The writers that left a log."""
    names = [path.name.split(".") for path in out.glob("*.*.log")]
    return sorted({int(parts[1]) for parts in names if parts[0] in ("acknowledged", "attempts")})


def wall_us() -> int:
    """Microseconds since the epoch."""
    return time.time_ns() // 1000


def mono_us() -> int:
    """Microseconds of the machine's monotonic clock, which all processes share."""
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
