# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""The CHANGE statement: where a replica's source is, and how it is reached."""

from __future__ import annotations

import typing as t

from .._server.base import Flavour
from .desired import Desired
from .status import ReplicaStatus
from .step import Step

# ReplicaStatus field -> option of the CHANGE statement.
OPTIONS = {
    "source_host": "SOURCE_HOST",
    "source_port": "SOURCE_PORT",
    "source_user": "SOURCE_USER",
    "connect_retry": "SOURCE_CONNECT_RETRY",
    "retry_count": "SOURCE_RETRY_COUNT",
    "heartbeat_period": "SOURCE_HEARTBEAT_PERIOD",
    "delay": "SOURCE_DELAY",
    "get_source_public_key": "GET_SOURCE_PUBLIC_KEY",
}
TLS_OPTIONS = {
    "ssl_allowed": "SOURCE_SSL",
    "ssl_ca": "SOURCE_SSL_CA",
    "ssl_capath": "SOURCE_SSL_CAPATH",
    "ssl_cert": "SOURCE_SSL_CERT",
    "ssl_cipher": "SOURCE_SSL_CIPHER",
    "ssl_key": "SOURCE_SSL_KEY",
    "ssl_crl": "SOURCE_SSL_CRL",
    "ssl_crlpath": "SOURCE_SSL_CRLPATH",
    "ssl_verify": "SOURCE_SSL_VERIFY_SERVER_CERT",
}
# In every CHANGE statement: the defaults for TLS differ between versions, and a MariaDB that is not told the heartbeat
# period sets it back to half of its net timeout.
ALWAYS = frozenset(TLS_OPTIONS) | {"heartbeat_period"}
# Another host or port is another source, whose coordinates mean something else.
ADDRESS = frozenset(("source_host", "source_port"))


# How each flavour says that a replica asks by GTID or by coordinates.
POSITIONING = {
    "mysql": {"gtid": ("SOURCE_AUTO_POSITION", "1"), "file": ("SOURCE_AUTO_POSITION", "0")},
    "mariadb": {"gtid": ("SOURCE_USE_GTID", "slave_pos"), "file": ("SOURCE_USE_GTID", "no")},
}


def change_step(flavour: Flavour, desired: Desired, status: ReplicaStatus, changed: dict, password: bool) -> Step:
    """The CHANGE statement.

    Host and port are in it only where they differ: naming them alone makes a server forget its position.
    All TLS options are in it always (ALWAYS), so that no version's default decides about encryption.
    """
    moved = bool(ADDRESS & set(changed))
    names = dict(OPTIONS, **TLS_OPTIONS)
    chosen = [name for name in names if name in changed or name in ALWAYS or (moved and name in ADDRESS)]
    parts = [(names[name], "%s", _number(desired.settings[name])) for name in chosen]
    if password:
        parts.append(("SOURCE_PASSWORD", "%s", desired.password))
    if "positioning" in changed or moved:
        option, word = POSITIONING[flavour.name][desired.settings["positioning"]]
        parts.append((option, word, None))
    if moved and desired.settings["positioning"] == "file":
        parts += [("SOURCE_LOG_FILE", "%s", desired.log_file), ("SOURCE_LOG_POS", "%s", desired.log_position)]
    texts = ["%s = %s" % (flavour.source_option(option), word) for option, word, _value in parts]
    bound = [(option, value) for option, word, value in parts if word == "%s"]
    secrets = frozenset(place for place, (option, _value) in enumerate(bound) if option == "SOURCE_PASSWORD")
    return Step("%s %s" % (flavour.statement("change_source"), ", ".join(texts)), tuple(value for _option, value in bound), secrets)


def _number(value: t.Any) -> t.Any:
    """Booleans as the servers want them in this statement."""
    return int(value) if isinstance(value, bool) else value
