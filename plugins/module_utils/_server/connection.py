# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""Connections: PyMySQL, with errors that name the server and never the secret."""
from __future__ import annotations

import ssl
import struct
import traceback
import typing as t

from .._errors import MigrationError, MissingLibrary, ServerError
from .._sockets import held_by_root
from .endpoint import Endpoint
from .handshake import ProvenConnection
from .session import SETUP

PYMYSQL_IMPORT_ERROR = ""
try:
    import pymysql
    import pymysql.charset
    import pymysql.cursors
    from pymysql.constants import CLIENT
except ImportError:  # reported by connect(): it is missing on the managed host, not here
    pymysql = None
    PYMYSQL_IMPORT_ERROR = traceback.format_exc()

# Until an unanswered statement counts as a failure; for statements whose time grows with the data.
STATEMENT_SECONDS, LONG_SECONDS = 600, 86400

# What PyMySQL raises over a server that does not speak the protocol: a hostile one may answer anything.
GARBLED = (ValueError, LookupError, TypeError, AttributeError, AssertionError, struct.error)

# The first statement of each session.
FIRST = "SET NAMES utf8mb4 COLLATE utf8mb4_general_ci, " + SETUP

# What an operator can do about a login that fails: client and server error numbers.
HINTS = {
    1040: "all of the server's connections are taken: end idle ones, or raise max_connections (SET GLOBAL max_connections = N) for the"
    " migration, which needs about ten",
    1044: "the account lacks the privilege for this database",
    1045: "check login_user and login_password; as root on the host, login_unix_socket needs no password",
    1049: "the database does not exist",
    1129: "too many logins from this host failed: FLUSH HOSTS (MySQL from 8.0.23 on: TRUNCATE performance_schema.host_cache) on the server",
    1130: "this server does not accept connections from this host for that account",
    1227: "grant the privilege that the message names to the account",
    1698: "this account logs in by the operating system's user: use login_unix_socket as root (become: true)",
    2002: "is the server running, and is the socket or address right?",
    2003: "is the server running, is the address right, and does a firewall let it pass?",
    2061: "the account's plugin needs an encrypted connection: set ssl_mode to required",
}

# Errors in place of a greeting have no SQLSTATE yet, and PyMySQL cuts six letters off their text as if they had one ("ny connections").
BEFORE_LOGIN = {1040: "Too many connections"}


class Connection:
    """An open connection in autocommit mode."""

    def __init__(self, raw: t.Any, name: str) -> None:
        self.raw = raw
        self.name = name

    def rows(self, sql: str, args: t.Any = None) -> list[dict]:
        """The rows of a statement, each a dict of column name to value."""
        try:
            with self.raw.cursor() as cursor:
                cursor.execute(sql, args)
                return list(cursor.fetchall())
        except pymysql.MySQLError as error:
            raise self._error(error, sql) from None
        except (OSError, AttributeError) as error:
            # PyMySQL raises AttributeError on a connection that another thread closed.
            raise ServerError("%s: the connection is lost during %r: %s" % (self.name, _head(sql), error), 2013) from None

    def stream(self, sql: str) -> t.Iterator[tuple]:
        """The rows of a large result, unbuffered, each a tuple. Nothing else may run on the connection meanwhile."""
        cursor = self.raw.cursor(pymysql.cursors.SSCursor)
        try:
            cursor.execute(sql)
            yield from iter(cursor.fetchone, None)
        except pymysql.MySQLError as error:
            raise self._error(error, sql) from None
        finally:
            cursor.close()

    def run_many(self, sql: str, rows: list) -> None:
        """One statement for many rows, in one transaction."""
        try:
            self.raw.begin()
            with self.raw.cursor() as cursor:
                for row in rows:
                    cursor.execute(sql, row)
            self.raw.commit()
        except pymysql.MySQLError as error:
            raise self._error(error, sql) from None

    def results(self, sql: str) -> list[list[dict]]:
        """The rows of each of several statements that travel in one packet; for a connection that was opened for that."""
        try:
            with self.raw.cursor() as cursor:
                cursor.execute(sql)
                found = [list(cursor.fetchall())]
                while cursor.nextset():
                    found.append(list(cursor.fetchall()))
                return found
        except pymysql.MySQLError as error:
            raise self._error(error, sql) from None
        except (OSError, AttributeError) as error:
            raise ServerError("%s: the connection is lost during %r: %s" % (self.name, _head(sql), error), 2013) from None

    def row(self, sql: str, args: t.Any = None) -> dict:
        """The first row, or an empty dict."""
        found = self.rows(sql, args)
        return found[0] if found else {}

    def value(self, sql: str, args: t.Any = None) -> t.Any:
        """The first column of the first row, or None."""
        return next(iter(self.row(sql, args).values()), None)

    def run(self, sql: str, args: t.Any = None) -> None:
        """A statement whose rows nobody needs."""
        self.rows(sql, args)

    def variable(self, name: str) -> str | None:
        """A global variable's value as text, or None where the server has no such variable."""
        found = self.rows("SHOW GLOBAL VARIABLES WHERE Variable_name = %s", (name,))
        return str(found[0]["Value"]) if found else None

    def variables(self, *names: str) -> dict[str, str]:
        """Those of the named global variables that this server has."""
        found = self.rows("SHOW GLOBAL VARIABLES WHERE Variable_name IN %s", (tuple(names),))
        return {row["Variable_name"].lower(): str(row["Value"]) for row in found}

    def at_once(self, *names: str) -> dict[str, str]:
        """Named global variables that this server has, as SELECT tells them: 1 where SHOW says ON.

        SHOW makes up the list of all variables first (1.7 ms on MySQL 9.7, measured; this takes 0.1 ms), too long with writes stopped.

        :raises ServerError: where the server has no such variable
        """
        told = self.row("SELECT %s" % ", ".join("@@global.%s AS %s" % (name, name) for name in names))
        return {name: str(value) for name, value in told.items()}

    def status(self, name: str) -> str:
        """A global status value as text; empty where there is none."""
        found = self.rows("SHOW GLOBAL STATUS WHERE Variable_name = %s", (name,))
        return str(found[0]["Value"]) if found else ""

    @property
    def id(self) -> int:
        """The server's number for this connection."""
        return int(self.raw.thread_id())

    def answers(self) -> bool:
        """Whether the server still answers on this connection: what was idle for long may have been ended by anything on the way."""
        try:
            self.raw.ping(reconnect=False)
        except Exception:  # pylint: disable=broad-except  # whatever it is, the connection is of no use
            return False
        return True

    def close(self) -> None:
        """Close; closing twice or after the server went away is no error."""
        try:
            self.raw.close()
        except Exception:  # pylint: disable=broad-except  # nothing is left to be lost
            pass

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def _error(self, error: t.Any, sql: str) -> ServerError:
        number, text = _parts(error)
        if number == 1064:
            # A syntax error quotes the statement, and with it whatever was bound into it.
            text = "the server does not understand this statement"
        hint = HINTS.get(number)
        return ServerError("%s: [%d] %s (statement: %s)%s" % (self.name, number, text, _head(sql), "; %s" % hint if hint else ""), number)


def encoded(text: str, charset: str) -> bytes | None:
    """A text in one of the servers' character sets; None where it has no such characters, or is not known here."""
    try:
        return text.encode(pymysql.charset.charset_by_name(charset).encoding)
    except (AttributeError, KeyError, LookupError, UnicodeEncodeError):
        return None


def connect(endpoint: Endpoint, name: str = "", read_timeout: int = STATEMENT_SECONDS, multi_statements: bool = False) -> Connection:
    """Open a connection.

    :param name: the server's role for messages: source, target
    :param read_timeout: seconds until an unanswered statement fails
    :param multi_statements: whether results() may be asked
    :raises ServerError: with the cause, the address and what to do
    """
    if pymysql is None:
        raise MissingLibrary("PyMySQL", "install python3-pymysql (Debian, Ubuntu), or PyMySQL by pip", PYMYSQL_IMPORT_ERROR)
    label = "%s (%s)" % (name or "server", endpoint.address)
    address: dict = {"unix_socket": endpoint.unix_socket} if endpoint.unix_socket else {"host": endpoint.host, "port": endpoint.port}
    tls = None if endpoint.unix_socket else _tls_context(endpoint)
    try:
        raw = _open(endpoint, address, tls, read_timeout, CLIENT.MULTI_STATEMENTS if multi_statements else 0)
    except (pymysql.MySQLError, OSError, RuntimeError, *GARBLED) as error:
        number, text = _parts(error)
        hint = "; " + HINTS[number] if number in HINTS else ""
        raise ServerError("%s: login as %s failed: [%d] %s%s" % (label, endpoint.user, number, text, hint), number) from None
    connection = Connection(raw, label)
    # The handshake refused a server without TLS already; this is read on the open connection.
    if tls is not None and endpoint.tls != "preferred" and not connection.rows("SHOW SESSION STATUS LIKE 'Ssl_cipher'")[0]["Value"]:
        connection.close()
        raise ServerError("%s: the server offers no TLS, and ssl_mode is %s" % (label, endpoint.tls))
    return connection


def _open(endpoint: Endpoint, address: dict, tls: ssl.SSLContext | None, read_timeout: int, flags: int) -> t.Any:
    """PyMySQL's own connection.

    Given a TLS context, PyMySQL 1.0.2 goes on in clear text where the server offers no TLS; newer ones refuse with
    CR_SSL_CONNECTION_ERROR (2026). Mode "preferred" takes the clear text either way, and shows the password to a server alone that has
    proven who it is: by its socket's place, by a port that only root can hold (the tunnel's end), or by a verified certificate.
    """
    options = dict(
        user=endpoint.user,
        # As bytes: PyMySQL would encode text as Latin-1 and refuse every other letter.
        password=endpoint.password.encode("utf-8"),
        charset="utf8mb4",
        autocommit=True,
        # The server's own mode could change how it reads quotes and backslashes, and how it prints accounts (ANSI_QUOTES).
        sql_mode="NO_ENGINE_SUBSTITUTION",
        # Not the server's default, which changes between versions: MariaDB 11's cannot be compared with what views of an upgraded
        # 10.5 hold, mysql.user among them.
        init_command=FIRST,
        client_flag=flags,
        connect_timeout=endpoint.connect_timeout,
        read_timeout=read_timeout,
        write_timeout=read_timeout,
        cursorclass=pymysql.cursors.DictCursor,
        need_tls=tls is not None and endpoint.tls != "preferred",
        proven=bool(endpoint.unix_socket) or endpoint.tls.startswith("verify") or held_by_root(endpoint.host, endpoint.port),
        **address,
    )
    try:
        return ProvenConnection(ssl=tls, **options)
    except pymysql.MySQLError as error:
        if tls is None or endpoint.tls != "preferred" or _parts(error)[0] != 2026:
            raise
        return ProvenConnection(**options)


def _tls_context(endpoint: Endpoint) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=endpoint.tls_ca or None)
        if endpoint.tls_cert:
            context.load_cert_chain(endpoint.tls_cert, endpoint.tls_key)
    except OSError as error:
        files = ", ".join(path for path in (endpoint.tls_ca, endpoint.tls_cert, endpoint.tls_key) if path)
        raise MigrationError("the certificate files for %s cannot be used (%s): %s" % (endpoint.address, files, error.strerror or error)) from None
    # Python 3.13 asks for extensions that the certificates lack which MySQL makes for itself; the chain is checked all the same.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    context.check_hostname = endpoint.tls == "verify_identity"
    context.verify_mode = ssl.CERT_REQUIRED if endpoint.tls.startswith("verify") else ssl.CERT_NONE
    return context


def _parts(error: BaseException) -> tuple[int, str]:
    """An error's number and text; both clients and servers put them in args."""
    args: tuple = getattr(error, "args", ())
    if len(args) >= 2 and isinstance(args[0], int):
        return args[0], BEFORE_LOGIN.get(args[0]) or str(args[1])
    return 0, str(error)


def _head(sql: str) -> str:
    """The statement's template (values are bound apart from it), short enough for a message."""
    text = " ".join(sql.split())
    return text if len(text) <= 120 else text[:117] + "..."
