# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""A PyMySQL connection that shows no password to a server that has not proven who it is.

PyMySQL 1.0.2 (Debian 12) goes on in clear text where TLS is asked for and the server offers none, and every version up to 1.2.4 answers
the plugins mysql_clear_password and dialog with the password itself. The plugins caching_sha2_password and sha256_password can ask for the password,
too: inside TLS in clear, else encrypted with a key that the server sends. So who answers is judged before anything is sent:
https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_connection_phase.html
"""

from __future__ import annotations

import typing as t

try:
    import pymysql
    from pymysql.connections import Connection as RawConnection
    from pymysql.constants import CLIENT
except ImportError:  # said clearly by connect()
    pymysql, RawConnection = None, object

# CR_SSL_CONNECTION_ERROR and CR_AUTH_PLUGIN_CANNOT_LOAD of the servers' client library.
TLS_ERROR, PLUGIN_ERROR = 2026, 2059
# What a server may ask for that shows it the password: never, and only where it has proven who it is.
NEVER = frozenset(("mysql_clear_password", "dialog", "mysql_old_password"))
PROVEN_ONLY = frozenset(("sha256_password",))
# caching_sha2_password's request for the password itself: AuthMoreData, then 4 (perform_full_authentication).
FULL_AUTHENTICATION = b"\x01\x04"


class ProvenConnection(RawConnection):
    """PyMySQL's connection with a look at each thing that the server asks for.

    :param need_tls: refuse a server without TLS
    :param proven: whether the path itself, or TLS with verification, shows that the right server answers
    """

    def __init__(self, *args: t.Any, need_tls: bool, proven: bool, **options: t.Any) -> None:
        self._need_tls, self._proven, self._logging_in = need_tls, proven, False
        super().__init__(*args, **options)

    def _request_authentication(self) -> None:
        """The client's answer to the server's greeting, with the password's proof in it."""
        if self._need_tls and not self.server_capabilities & CLIENT.SSL:
            raise pymysql.err.OperationalError(TLS_ERROR, "the server offers no TLS, and no password was sent")
        if not self.server_capabilities & CLIENT.PLUGIN_AUTH:
            raise pymysql.err.OperationalError(PLUGIN_ERROR, "the server knows no authentication plugins, and no password was sent")
        self._check_plugin(self._auth_plugin_name)
        self._logging_in = True
        super()._request_authentication()
        self._logging_in = False

    def _process_auth(self, plugin_name: bytes, *rest: t.Any) -> t.Any:
        """Another plugin, by the server's wish."""
        self._check_plugin(plugin_name)
        return super()._process_auth(plugin_name, *rest)

    def _read_packet(self, *args: t.Any, **options: t.Any) -> t.Any:
        packet = super()._read_packet(*args, **options)
        if self._logging_in and not self._proven and self.password and packet.get_all_data()[:2] == FULL_AUTHENTICATION:
            self._refuse("caching_sha2_password's full authentication")
        return packet

    def _check_plugin(self, plugin: str | bytes) -> None:
        name = plugin.decode("latin-1") if isinstance(plugin, bytes) else plugin
        if name in NEVER:
            raise pymysql.err.OperationalError(PLUGIN_ERROR, "the server asks for the password in clear text (%s), and got none" % name)
        if name in PROVEN_ONLY and not self._proven and self.password:
            self._refuse(name)

    @staticmethod
    def _refuse(what: str) -> t.NoReturn:
        raise pymysql.err.OperationalError(
            PLUGIN_ERROR,
            "the server asks for the password itself (%s) and has not proven who it is, so it got none: log in by its socket, or set"
            " ca_cert to the file of the authority that signs its certificate" % what,
        )
