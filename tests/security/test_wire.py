# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Somebody on the wire: another host key, another certificate, no TLS at all, and servers that ask for the password.

The hosts' own PyMySQL is tried (1.0.2 on Debian 12), and each flavour's replica.
"""

from __future__ import annotations

import secrets

import pytest
from local_user import prepare, received
from pairs import SOURCE, TARGET, Pair, until

PORT = 13399
#: The product's own code as it lies on the host, against a server at this host's loopback.
CLIENT = """python3 -I - NAME TLS PASSWORD <<'END'
import glob, sys
sys.path.insert(0, sorted(glob.glob("/var/lib/mysql_migration*/%s/agent.zip" % sys.argv[1]))[0])
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._server.connection import connect
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._server.endpoint import Endpoint
authority = "/root/wire/one.pem" if sys.argv[2].startswith("verify") else ""
try:
    connect(Endpoint(host="127.0.0.1", port=13399, password=sys.argv[3], tls=sys.argv[2], tls_ca=authority, connect_timeout=5), "x", 5)
    print("logged in")
except Exception as error:
    print(type(error).__name__, error)
END"""
CERTIFICATES = """
mkdir -p /root/wire && cd /root/wire
for name in one other; do
    openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=$name -keyout $name.key -out $name.pem 2>/dev/null
done
"""
ASK = ["clear", "dialog", "full", "switch to full", "sha256", "switch to sha256"]


@pytest.fixture(scope="module", params=["mariadb", "mysql"])
def ready(request) -> Pair:
    """A migration that is READY, copied as the product chooses: CLONE goes through the tunnel, too."""
    pair = request.getfixturevalue(request.param)
    pair.load(200)
    pair.migrate("-e", "migration_target_seed_method=auto").ok()
    for host in (SOURCE, TARGET):
        prepare(pair, host)
    pair.sh(SOURCE, CERTIFICATES)
    return pair


def attempt(pair: Pair, way: str, tls: str, certificate: str = "") -> tuple[bool, bool, str]:
    """Log in at a hostile server; whether it was sent the password, whether anything, and what the operator is told."""
    password = "canary-" + secrets.token_hex(12)
    files = f" /root/wire/{certificate}.pem /root/wire/{certificate}.key" if certificate else ""
    server = pair.background(SOURCE, f"exec python3 /usr/local/fake_server.py {PORT} '{way}' 6{files} 2>&1")
    until("it listens", lambda: pair.sh(SOURCE, f"ss -Htln sport = :{PORT}"))
    told = pair.sh(SOURCE, CLIENT.replace("NAME", pair.name).replace("TLS", tls).replace("PASSWORD", password))
    heard = received(server)
    assert password not in told and "logged in" not in told, told
    return password.encode() in heard, bool(heard), told


@pytest.mark.parametrize("tls", ["required", "verify_ca"])
@pytest.mark.parametrize("way", ["native", "clear", "full"])
def test_a_server_without_tls_is_sent_nothing(ready, way, tls):
    shown, anything, told = attempt(ready, way, tls)
    assert not shown and not anything and "offers no TLS" in told


@pytest.mark.parametrize("certificate", ["", "other"])
@pytest.mark.parametrize("way", ASK)
def test_an_unproven_server_is_not_shown_the_password(ready, way, certificate):
    shown, _anything, told = attempt(ready, way, "preferred", certificate)
    assert not shown and "got none" in told


@pytest.mark.parametrize("way", ["clear", "full", "sha256"])
def test_another_certificate_is_refused(ready, way):
    shown, _anything, told = attempt(ready, way, "verify_ca", "other")
    assert not shown and "certificate" in told.lower()


def test_tls_without_a_check_of_the_certificate_shows_no_password(ready):
    for way in ASK:
        assert not attempt(ready, way, "required", "other")[0], way


def test_another_host_key_gets_neither_a_tunnel_nor_a_request(ready):
    """An sshd of the attacker's at the source's address: here at another port, under the same name."""
    ready.sh(SOURCE, "rm -f /root/wire/host_key*; ssh-keygen -q -t ed25519 -N '' -f /root/wire/host_key;"
                     " /usr/sbin/sshd -p 2222 -h /root/wire/host_key -o PidFile=/root/wire/sshd.pid")  # fmt: skip
    try:
        for host, what in (("tunnel", "-N"), ("agent", "probe")):
            options = "-p 2222 -o ClearAllForwardings=yes -o LogLevel=INFO"
            said = ready.sh(TARGET, f"echo '{{}}' | timeout 8 ssh {options} -F {ready.folder}/ssh_config {host} {what} 2>&1; echo code $?", check=False)
            assert "Host key verification failed" in said and "code 255" in said, said
    finally:
        ready.sh(SOURCE, "kill $(cat /root/wire/sshd.pid)")


REPLICA = {
    "mariadb": "CHANGE MASTER 'mitm' TO MASTER_HOST='127.0.0.1', MASTER_PORT=13399, MASTER_USER='r', MASTER_PASSWORD='THE-SECRET',"
               " MASTER_SSL=1, MASTER_SSL_CA='/etc/mysql/one.pem', MASTER_SSL_VERIFY_SERVER_CERT=1; START SLAVE 'mitm';",
    "mysql": "CHANGE REPLICATION SOURCE TO SOURCE_HOST='127.0.0.1', SOURCE_PORT=13399, SOURCE_USER='r', SOURCE_PASSWORD='THE-SECRET',"
             " SOURCE_SSL=1, SOURCE_SSL_CA='/etc/mysql/one.pem', SOURCE_SSL_VERIFY_SERVER_CERT=1 FOR CHANNEL 'mitm';"
             " START REPLICA FOR CHANNEL 'mitm';",
}  # fmt: skip
FORGET = {
    "mariadb": "STOP SLAVE 'mitm'; RESET SLAVE 'mitm' ALL;",
    "mysql": "STOP REPLICA FOR CHANNEL 'mitm'; RESET REPLICA ALL FOR CHANNEL 'mitm';",
}


@pytest.mark.parametrize("certificate", ["", "other"])
def test_a_replica_shows_no_password_to_another_certificate(ready, certificate):
    """The servers' own clients, by the statements that the bridge tls uses."""
    password = "canary" + secrets.token_hex(8)
    ready.sh(SOURCE, "cp /root/wire/one.pem /etc/mysql/one.pem && chmod 644 /etc/mysql/one.pem")
    files = f" /root/wire/{certificate}.pem /root/wire/{certificate}.key" if certificate else ""
    server = ready.background(SOURCE, f"exec python3 /usr/local/fake_server.py {PORT} clear 8{files} 2>&1")
    until("it listens", lambda: ready.sh(SOURCE, f"ss -Htln sport = :{PORT}"))
    ready.sql(SOURCE, REPLICA[ready.client].replace("THE-SECRET", password))
    heard = received(server)
    ready.sql(SOURCE, FORGET[ready.client])
    assert password.encode() not in heard
