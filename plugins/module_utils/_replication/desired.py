# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""What a replica should be: the module's options, checked, as settings that can be held against its status."""
from __future__ import annotations

import os
import stat
import typing as t
from dataclasses import dataclass, field

from .._errors import Refusal
from .._server.base import Flavour
from .._server.endpoint import read_login_file
from .._server.unlogged import logged_argument_spec

# The values of option tls.
TLS_MODES = ("off", "required", "verify_ca", "verify_identity")

# The modes for which SOURCE_SSL_VERIFY_SERVER_CERT is 1. A MySQL replica that has a CA and not this option verifies the
# chain alone; MariaDB has one switch for chain and name, whose default changed in 11.4, so verify_ca means both there.
VERIFYING = {"mysql": ("verify_identity",), "mariadb": ("verify_ca", "verify_identity")}

# Longest replication password: MySQL counts characters and fails, MariaDB counts bytes and cuts silently.
# https://dev.mysql.com/doc/refman/en/change-replication-source-to.html , MariaDB's MAX_PASSWORD_LENGTH
PASSWORD_LIMIT: dict[str, tuple[int, str, t.Callable[[str], int]]] = {
    "mysql": (32, "characters", len),
    "mariadb": (96, "bytes", lambda text: len(text.encode("utf-8"))),
}

# Settings that a flavour's statement knows, from which version on. MariaDB 12.0.1: MDEV-25674, not run here.
SINCE: dict[str, dict[str, tuple]] = {
    "retry_count": {"mysql": (5, 7), "mariadb": (12, 0, 1)},
    "get_source_public_key": {"mysql": (8, 0, 4)},
}


@dataclass(frozen=True)
class Desired:
    """A replica's desired state.

    :param settings: ReplicaStatus field -> value, all that is managed; empty where no source is named
    :param password: None where none is given
    :param gtid: the seed's set or position; None where none is given, empty for "from the first binary log"
    :param start_timeout: seconds
    """

    state: str = "started"
    settings: dict = field(default_factory=dict)
    password: str | None = field(default=None, repr=False)
    always_password: bool = False
    gtid: str | None = None
    log_file: str | None = None
    log_position: int | None = None
    applier_threads: int | None = None
    net_timeout: int | None = None
    replace_source: bool = False
    start_timeout: float = 60


def from_options(params: dict, flavour: Flavour) -> Desired:
    """The desired state that the module's options describe.

    :raises Refusal: for options that cannot work, before anything is touched
    """
    login = _login(params) if params["state"] != "absent" else {"source_host": "", "password": None}
    password = login.pop("password")
    settings = {}
    if login["source_host"]:
        settings = dict(login, delay=0, **_tls(params, flavour.name))
        settings.update(positioning=params["positioning"], connect_retry=params["connect_retry"])
        settings.update(heartbeat_period=params["heartbeat_period"])
        settings.update(_versioned(params, flavour))
        _check(params, flavour, password)
    return Desired(
        state=params["state"],
        settings=settings,
        password=password,
        always_password=params["update_password"] == "always",
        gtid=None if params["gtid"] is None else "".join(params["gtid"].split()),
        log_file=params["source_log_file"],
        log_position=params["source_log_pos"],
        applier_threads=threads(params["applier_threads"], os.cpu_count() or 1),
        net_timeout=params["net_timeout"],
        replace_source=params["replace_source"],
        start_timeout=params["start_timeout"],
    )


def threads(asked: int | None, processors: int) -> int | None:
    """The threads that apply. By the processors there are two for each, for a thread waits for locks and its turn to commit."""
    return asked if asked != 0 else max(4, min(16, 2 * processors))


def _login(params: dict) -> dict:
    """Host, port, user and password of the source; an option wins over the login file."""
    found = {"source_host": "", "source_port": 3306, "source_user": "", "password": None}
    if params["source_login_file"]:
        endpoint = read_login_file(params["source_login_file"])
        found.update(source_host=endpoint.host, source_port=endpoint.port, source_user=endpoint.user, password=endpoint.password)
    if params["source_password_file"]:
        found["password"] = read_password_file(params["source_password_file"])
    options = {"source_host": "source_host", "source_port": "source_port", "source_user": "source_user", "password": "source_password"}
    found.update({name: params[option] for name, option in options.items() if params[option] is not None})
    return found


def read_password_file(path: str) -> str:
    """A file's content without the newline at its end; nobody but its owner may read it."""
    try:
        mode = os.stat(path).st_mode
        with open(path, encoding="utf-8", newline="") as handle:
            text = handle.read()
    except OSError as error:
        raise Refusal("source_password_file %s cannot be read: %s" % (path, error.strerror)) from error
    except UnicodeDecodeError:
        # Without its cause: the exception carries the file's bytes.
        raise Refusal("source_password_file %s is not valid UTF-8" % path) from None
    if stat.S_IMODE(mode) & 0o077:
        raise Refusal("source_password_file %s can be read by others (mode %04o); make it 0600" % (path, stat.S_IMODE(mode)))
    return text[:-2] if text.endswith("\r\n") else text[:-1] if text.endswith("\n") else text


def _tls(params: dict, flavour: str) -> dict:
    """Every TLS setting, also those that are not wanted: servers differ in what they take for granted."""
    mode = params["tls"]
    for option in ("tls_cert", "tls_key"):
        if bool(params["tls_cert"]) != bool(params["tls_key"]) and not params[option]:
            raise Refusal("%s is missing: a client certificate needs tls_cert and tls_key" % option)
    verifies = mode.startswith("verify")
    if verifies and not params["tls_ca"]:
        raise Refusal("tls: %s needs tls_ca, the file of the certificate authority on the replica's host" % mode)
    on = mode != "off"
    return {
        "ssl_allowed": on,
        "ssl_ca": params["tls_ca"] if verifies else "",
        "ssl_capath": "",
        "ssl_cert": (params["tls_cert"] or "") if on else "",
        "ssl_cipher": "",
        "ssl_key": (params["tls_key"] or "") if on else "",
        "ssl_crl": "",
        "ssl_crlpath": "",
        "ssl_verify": mode in VERIFYING[flavour],
    }


def _versioned(params: dict, flavour: Flavour) -> dict:
    """The settings that not every server has: with their defaults where it has them, refused where asked for in vain."""
    asked = {"retry_count": params["retry_count"], "get_source_public_key": params["get_source_public_key"]}
    defaults = {"retry_count": 0, "get_source_public_key": params["tls"] == "off"}
    known = {name for name, since in SINCE.items() if flavour.version >= since.get(flavour.name, (1000,))}
    # A public key that nobody needs does no harm: roles may set it for both flavours.
    if asked["retry_count"] is not None and "retry_count" not in known:
        raise Refusal(
            "retry_count cannot be set on %s: this server reads it at its start only; "
            "set master_retry_count in its configuration and leave the option out" % flavour.identity.label
        )
    return {name: defaults[name] if asked[name] is None else asked[name] for name in sorted(known)}


def _check(params: dict, flavour: Flavour, password: str | None) -> None:
    """What the server would refuse late, or take silently for something else."""
    if flavour.identity.server_id == 0:
        raise Refusal("%s: server_id is 0: a replica needs one of its own; set it in the configuration" % flavour.connection.name)
    limit, unit, length = PASSWORD_LIMIT[flavour.name]
    if password is not None and length(password) > limit:
        raise Refusal("the source's password is longer than the %d %s that %s keeps for replication" % (limit, unit, flavour.name))
    if password is not None and any(char in password for char in "\n\r\0"):
        raise Refusal("the source's password holds a line break or a NUL: servers keep it in a file of lines and would cut it")
    if params["net_timeout"] is not None and params["heartbeat_period"] >= params["net_timeout"]:
        raise Refusal("heartbeat_period must be shorter than net_timeout, or an idle connection is taken for a broken one")
    if params["applier_threads"] is not None and params["applier_threads"] < 0:
        raise Refusal("applier_threads must be 0 (by the processors) or more; 1 applies one transaction at a time")


def argument_spec() -> dict:
    """The module's options apart from the login."""
    return {
        "state": {"type": "str", "choices": ["started", "stopped", "absent"], "default": "started"},
        "source_host": {"type": "str"},
        "source_port": {"type": "int"},
        "source_user": {"type": "str"},
        "source_password": {"type": "str", "no_log": True},
        "source_password_file": {"type": "path", "no_log": False},
        "source_login_file": {"type": "path"},
        "update_password": {"type": "str", "choices": ["always", "on_create"], "default": "on_create", "no_log": False},
        "replace_source": {"type": "bool", "default": False},
        "positioning": {"type": "str", "choices": ["gtid", "file"], "default": "gtid"},
        "gtid": {"type": "str"},
        "source_log_file": {"type": "str"},
        "source_log_pos": {"type": "int"},
        "tls": {"type": "str", "choices": list(TLS_MODES), "default": "required"},
        "tls_ca": {"type": "path"},
        "tls_cert": {"type": "path"},
        "tls_key": {"type": "path", "no_log": False},
        "get_source_public_key": {"type": "bool", "no_log": False},
        "connect_retry": {"type": "int", "default": 10},
        "retry_count": {"type": "int"},
        "heartbeat_period": {"type": "float", "default": 10.0},
        "net_timeout": {"type": "int"},
        "applier_threads": {"type": "int"},
        "start_timeout": {"type": "float", "default": 60.0},
        "migration_id": {"type": "str"},
        **logged_argument_spec(),
    }
