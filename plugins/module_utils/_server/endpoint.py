# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""Where a server listens and who logs in there: the one description that every connection starts from."""
from __future__ import annotations

import configparser
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
    :param tls_ca: file of the authority that signs servers' certificates
    :param tls_cert: file of the certificate that the client shows, with its key in tls_key
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
    tls_cert: str = ""
    tls_key: str = ""

    def __post_init__(self) -> None:
        texts = ("unix_socket", "host", "user", "password", "tls", "tls_ca", "tls_cert", "tls_key")
        wrong = [name for name in texts if not isinstance(getattr(self, name), str)]
        wrong += [name for name in ("port", "connect_timeout") if type(getattr(self, name)) is not int]  # pylint: disable=unidiomatic-typecheck  # no bool
        if wrong:
            raise Refusal("a server's endpoint: %s must be text, port and connect_timeout whole numbers; wrong: %s" % (", ".join(texts), ", ".join(wrong)))
        if not self.unix_socket and not self.host:
            raise Refusal("a server's endpoint needs login_unix_socket, or login_host and login_port: neither is given")
        if self.tls not in TLS_MODES:
            raise Refusal("tls mode %r is unknown; use one of %s" % (self.tls, ", ".join(TLS_MODES)))
        if self.tls in ("verify_ca", "verify_identity") and not self.tls_ca:
            raise Refusal("tls mode %s needs the file of a certificate authority (ca_cert)" % self.tls)
        if bool(self.tls_cert) != bool(self.tls_key):
            raise Refusal("client_cert and client_key belong together: one of them is not given")

    @property
    def address(self) -> str:
        """The address for messages: no secret is in it."""
        return self.unix_socket or "%s:%d" % (self.host, self.port)


# The login options of every module that talks to a server: option name -> Endpoint field. The names are those of the community's
# MySQL modules where these have one: https://docs.ansible.com/ansible/latest/collections/community/mysql/mysql_info_module.html
LOGIN_OPTIONS = {
    "login_unix_socket": "unix_socket",
    "login_host": "host",
    "login_port": "port",
    "login_user": "user",
    "login_password": "password",
    "ssl_mode": "tls",
    "ca_cert": "tls_ca",
    "client_cert": "tls_cert",
    "client_key": "tls_key",
    "connect_timeout": "connect_timeout",
}
# What the group [client] of an option file may say: its option -> Endpoint field.
CONFIG_OPTIONS = {
    "user": "user",
    "password": "password",
    "socket": "unix_socket",
    "host": "host",
    "port": "port",
    "ssl-ca": "tls_ca",
    "ssl-cert": "tls_cert",
    "ssl-key": "tls_key",
}
ADDRESS = ("unix_socket", "host", "port")


def login_argument_spec() -> dict:
    """The argument spec of LOGIN_OPTIONS, C(login_file), C(config_file) and C(check_hostname)."""
    return {
        "login_file": {"type": "path"},
        "config_file": {"type": "path"},
        "login_unix_socket": {"type": "path"},
        "login_host": {"type": "str"},
        "login_port": {"type": "int", "default": 3306},
        "login_user": {"type": "str"},
        "login_password": {"type": "str", "no_log": True},
        "ssl_mode": {"type": "str", "choices": list(TLS_MODES), "aliases": ["login_tls"]},
        "ca_cert": {"type": "path", "aliases": ["ssl_ca", "login_tls_ca"]},
        "client_cert": {"type": "path", "aliases": ["ssl_cert"]},
        # A file's name, and no secret.
        "client_key": {"type": "path", "aliases": ["ssl_key"], "no_log": False},
        "check_hostname": {"type": "bool"},
        "connect_timeout": {"type": "int", "default": 10},
    }


def from_options(params: dict) -> Endpoint:
    """The endpoint that a module's login options describe.

    C(login_file) wins over all others; what an option gives wins over C(config_file), whose address counts where no option gives one.
    """
    if params.get("login_file"):
        return read_login_file(params["login_file"])
    given = {name: params[option] for option, name in LOGIN_OPTIONS.items() if params.get(option) not in (None, "")}
    if params.get("config_file"):
        given = _with_config(given, read_config_file(params["config_file"]))
    if not given.get("unix_socket") and not given.get("host"):
        given["unix_socket"] = default_socket()
    given["tls"] = _tls_mode(given.get("tls"), params.get("check_hostname"), bool(given.get("tls_ca")))
    return Endpoint(**given)


def _with_config(given: dict, config: dict) -> dict:
    """What the options and an option file say together."""
    if given.get("unix_socket") or given.get("host"):
        config = {name: value for name, value in config.items() if name not in ADDRESS}
    elif config.get("unix_socket") or config.get("host"):
        # The port of the options is a default, and none of this address.
        given = {name: value for name, value in given.items() if name not in ADDRESS}
    return {**config, **given}


def _tls_mode(mode: str | None, check_hostname: bool | None, authority: bool) -> str:
    """How TLS is treated, as C(ssl_mode) and C(check_hostname) say together.

    :raises Refusal: where they contradict each other, or there is no authority to check against
    """
    if check_hostname is None:
        return mode or ("verify_ca" if authority else "preferred")
    if check_hostname and not authority:
        raise Refusal("check_hostname needs ca_cert, the file of the authority that signs servers' certificates")
    if mode and (mode == "verify_identity") != check_hostname:
        raise Refusal("ssl_mode: %s and check_hostname: %s contradict each other" % (mode, str(check_hostname).lower()))
    return "verify_identity" if check_hostname else mode or ("verify_ca" if authority else "preferred")


def read_config_file(path: str) -> dict:
    """What the group [client] of an option file such as ~/.my.cnf says, as fields of an Endpoint; read by PyMySQL's own parser."""
    _check_private(path, "option file")
    try:
        from pymysql.optionfile import Parser  # pylint: disable=import-outside-toplevel  # a host without it logs in nowhere

        # As PyMySQL itself reads it: a "%" is a "%".
        parser = Parser(interpolation=None, strict=False, allow_no_value=True)
        parser.read(path, encoding="utf-8")
        found = {field_: parser.get("client", name) for name, field_ in CONFIG_OPTIONS.items() if parser.has_option("client", name)}
        if "port" in found:
            found["port"] = int(found["port"])
    except ImportError:
        raise Refusal("PyMySQL is missing for the Python that Ansible uses on this host; install python3-pymysql") from None
    except (TypeError, ValueError, configparser.Error):
        # The parser's own message would show the line, and that may be the password's.
        raise Refusal("the option file %s cannot be read as one: check its group [client]" % path) from None
    return {name: value for name, value in found.items() if value}


def _check_private(path: str, what: str) -> None:
    """Refuse a file with a login that is not there, or that others may read."""
    try:
        mode = os.stat(path).st_mode
    except OSError as error:
        raise Refusal("the %s %s cannot be read: %s" % (what, path, error.strerror)) from error
    if stat.S_IMODE(mode) & 0o077:
        raise Refusal("the %s %s can be read by others (mode %04o); make it 0600" % (what, path, stat.S_IMODE(mode)))


def default_socket() -> str:
    """The socket of the packaged server on Debian, Ubuntu and the Red Hat family; the first that exists."""
    places = ("/run/mysqld/mysqld.sock", "/var/lib/mysql/mysql.sock")
    return next((place for place in places if os.path.exists(place)), places[0])


def read_login_file(path: str) -> Endpoint:
    """An endpoint from its JSON file, which nobody but its owner may read."""
    _check_private(path, "login file")
    try:
        with open(path, encoding="utf-8") as handle:
            data = json.load(handle)
    except OSError as error:
        raise Refusal("the login file %s cannot be read: %s" % (path, error.strerror)) from error
    except ValueError as error:
        raise Refusal("the login file %s is not valid JSON" % path) from error
    return Endpoint(**data)


def login_text(endpoint: Endpoint) -> str:
    """The text of an endpoint's login file."""
    # A program that a host got before there were client certificates reads this, too: what is not used is not named.
    fields = {name: value for name, value in asdict(endpoint).items() if value or name not in ("tls_cert", "tls_key")}
    return json.dumps(fields, sort_keys=True)


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
