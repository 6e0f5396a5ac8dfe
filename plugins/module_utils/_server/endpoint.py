# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""Where a server listens and who logs in there: the one description that every connection starts from."""
from __future__ import annotations

import json
import os
import stat
from dataclasses import asdict, dataclass, field

from .._errors import Refusal

# How a connection treats TLS. "preferred" is for paths that are already encrypted (the tunnel, a local socket).
TLS_MODES = ("preferred", "required", "verify_ca", "verify_identity")
# The longest value in an option file.
MAX_OPTION = 4000


@dataclass(frozen=True)
class Endpoint:
    """A server's address and login.

    :param unix_socket: path of the socket; wins over host and port
    :param tls: one of TLS_MODES
    :param connect_timeout: seconds
    """

    unix_socket: str = ""
    host: str = ""
    port: int = 3306
    user: str = "root"
    password: str = field(default="", repr=False)
    tls: str = "preferred"
    tls_ca: str = ""
    connect_timeout: int = 10

    def __post_init__(self) -> None:
        texts = ("unix_socket", "host", "user", "password", "tls", "tls_ca")
        wrong = [name for name in texts if not isinstance(getattr(self, name), str)]
        wrong += [name for name in ("port", "connect_timeout") if type(getattr(self, name)) is not int]  # pylint: disable=unidiomatic-typecheck  # no bool
        if wrong:
            raise Refusal("a server's endpoint: %s must be text, port and connect_timeout whole numbers; wrong: %s" % (", ".join(texts), ", ".join(wrong)))
        if not self.unix_socket and not self.host:
            raise Refusal("a server's endpoint needs login_unix_socket, or login_host and login_port: neither is given")
        if self.tls not in TLS_MODES:
            raise Refusal("tls mode %r is unknown; use one of %s" % (self.tls, ", ".join(TLS_MODES)))
        if self.tls in ("verify_ca", "verify_identity") and not self.tls_ca:
            raise Refusal("tls mode %s needs the file of a certificate authority (tls_ca)" % self.tls)

    @property
    def address(self) -> str:
        """The address for messages: no secret is in it."""
        return self.unix_socket or "%s:%d" % (self.host, self.port)


# The login options of every module that talks to a server: option name -> Endpoint field.
LOGIN_OPTIONS = {
    "login_unix_socket": "unix_socket",
    "login_host": "host",
    "login_port": "port",
    "login_user": "user",
    "login_password": "password",
    "login_tls": "tls",
    "login_tls_ca": "tls_ca",
    "connect_timeout": "connect_timeout",
}


def login_argument_spec() -> dict:
    """The argument spec of LOGIN_OPTIONS and C(login_file)."""
    return {
        "login_file": {"type": "path"},
        "login_unix_socket": {"type": "path"},
        "login_host": {"type": "str"},
        "login_port": {"type": "int", "default": 3306},
        "login_user": {"type": "str", "default": "root"},
        "login_password": {"type": "str", "no_log": True},
        "login_tls": {"type": "str", "choices": list(TLS_MODES), "default": "preferred"},
        "login_tls_ca": {"type": "path"},
        "connect_timeout": {"type": "int", "default": 10},
    }


def from_options(params: dict) -> Endpoint:
    """The endpoint that a module's login options describe; C(login_file) wins over all others."""
    if params.get("login_file"):
        return read_login_file(params["login_file"])
    given = {name: params[option] for option, name in LOGIN_OPTIONS.items() if params.get(option) not in (None, "")}
    if not given.get("unix_socket") and not given.get("host"):
        given["unix_socket"] = default_socket()
    return Endpoint(**given)


def default_socket() -> str:
    """The socket of the packaged server on Debian, Ubuntu and the Red Hat family; the first that exists."""
    places = ("/run/mysqld/mysqld.sock", "/var/lib/mysql/mysql.sock")
    return next((place for place in places if os.path.exists(place)), places[0])


def read_login_file(path: str) -> Endpoint:
    """An endpoint from its JSON file, which nobody but its owner may read."""
    try:
        mode = os.stat(path).st_mode
        with open(path, encoding="utf-8") as handle:
            data = json.load(handle)
    except OSError as error:
        raise Refusal("the login file %s cannot be read: %s" % (path, error.strerror)) from error
    except ValueError as error:
        raise Refusal("the login file %s is not valid JSON" % path) from error
    if stat.S_IMODE(mode) & 0o077:
        raise Refusal("the login file %s can be read by others (mode %04o); make it 0600" % (path, stat.S_IMODE(mode)))
    return Endpoint(**data)


def login_text(endpoint: Endpoint) -> str:
    """The text of an endpoint's login file."""
    return json.dumps(asdict(endpoint), sort_keys=True)


def client_options(endpoint: Endpoint) -> str:
    """An option file's [client] group for the servers' own programs (dump, client), escaped as they read it.

    Backslash escapes and quoted values: https://dev.mysql.com/doc/refman/en/option-files.html
    """
    lines = ["[client]", "user=%s" % _quoted(endpoint.user)]
    if endpoint.password:
        lines.append("password=%s" % _quoted(endpoint.password))
    if endpoint.unix_socket:
        lines.append("socket=%s" % _quoted(endpoint.unix_socket))
    else:
        lines += ["host=%s" % _quoted(endpoint.host), "port=%d" % endpoint.port, "protocol=TCP"]
    return "\n".join(lines) + "\n"


def _quoted(value: str) -> str:
    """A value in double quotes, with the escapes that option files know.

    :raises Refusal: for one that the programs would read as more than one line: they take an option file in pieces of 4,094 bytes
    """
    if not isinstance(value, str) or any(ord(char) < 32 or ord(char) == 127 for char in value):
        raise Refusal("a login holds a control character, or is no text: the servers' own programs cannot be given it")
    quoted = '"%s"' % value.replace("\\", "\\\\").replace('"', '\\"')
    if len(quoted.encode("utf-8")) > MAX_OPTION:
        raise Refusal("a login is longer than %d bytes: the servers' own programs cannot be given it" % MAX_OPTION)
    return quoted
