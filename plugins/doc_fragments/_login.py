# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How to reach a server and log in there: the options of every module that talks to one, said once."""

from __future__ import annotations


class ModuleDocFragment:
    """Section for C(extends_documentation_fragment); the options are those of C(_server/endpoint.login_argument_spec)."""

    DOCUMENTATION = r"""
options:
  login_file:
    description:
      - File with the server's address and login as JSON, which this collection's roles write with mode C(0600).
      - It wins over all other login options. A file that others may read is refused.
    type: path
  config_file:
    description:
      - Option file such as C(~/.my.cnf) on the managed host. Its group C([client]) gives C(user), C(password), C(socket), C(host), C(port),
        C(ssl-ca), C(ssl-cert) and C(ssl-key) where no option gives them. A file that others may read is refused.
      - None is read where this is not set, so that a file in somebody's home never leads to another server.
    type: path
  login_unix_socket:
    description:
      - The server's socket. It wins over O(login_host) and O(login_port).
      - Where neither this nor O(login_host) is set, the packaged server's own is used, C(/run/mysqld/mysqld.sock)
        or C(/var/lib/mysql/mysql.sock).
    type: path
  login_host:
    description: The server's name or address.
    type: str
  login_port:
    description: The server's port. Only used with O(login_host).
    type: int
    default: 3306
  login_user:
    description:
      - The account that logs in. V(root) where neither this nor O(config_file) gives one.
      - The packaged servers let V(root) in over the socket without a password
        when the operating system's user is C(root) as well (C(become=true)).
    type: str
  login_password:
    description: The account's password.
    type: str
  ssl_mode:
    description:
      - Whether the connection is encrypted. Has no effect on a socket.
      - V(preferred) encrypts where the server can, and checks no certificate. It is for paths that are already encrypted.
      - V(required) fails where the server cannot encrypt, and checks no certificate.
      - V(verify_ca) checks that O(ca_cert) has signed the server's certificate.
      - V(verify_identity) checks the server's name in the certificate as well.
      - Where it is not set, it is V(verify_ca) with O(ca_cert), V(verify_identity) with O(check_hostname=true), else V(preferred).
    type: str
    choices: [preferred, required, verify_ca, verify_identity]
    aliases: [login_tls]
  ca_cert:
    description: File with the certificate of the authority that signs servers' certificates. V(verify_ca) and V(verify_identity) need it.
    type: path
    aliases: [ssl_ca, login_tls_ca]
  client_cert:
    description: File with the certificate that the client shows to the server, for accounts that ask for one (C(REQUIRE X509)).
    type: path
    aliases: [ssl_cert]
  client_key:
    description: File with the private key of O(client_cert).
    type: path
    aliases: [ssl_key]
  check_hostname:
    description: Whether the server's name is checked in its certificate. V(true) needs O(ca_cert).
    type: bool
  connect_timeout:
    description: Seconds to wait for the connection.
    type: int
    default: 10
requirements:
  - PyMySQL 0.9.3 or later for the Python of the host that the module runs on (Debian package C(python3-pymysql))
"""
