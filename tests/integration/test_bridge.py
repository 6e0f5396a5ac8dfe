# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nothing of the data and no password crosses between the hosts in the clear, from the first packet to the last."""

from __future__ import annotations

import json
import secrets
import subprocess
from dataclasses import dataclass, field
from typing import Any

import pytest
from pairs import SOURCE, TARGET, Pair, until

CAPTURE = "/root/capture.pcap"
#: What a client needs to say to talk in the clear, and to insist on not doing so.
CLEAR = {"mariadb": "--ssl=0", "mysql": "--ssl-mode=DISABLED --get-server-public-key"}
TLS = {"mariadb": "--ssl", "mysql": "--ssl-mode=REQUIRED"}
#: A zstd stream's first bytes: the copy is compressed, so that a canary in it could not be read even in the clear.
PACKED = bytes.fromhex("28b52ffd")
#: MariaDB 10.11 brings no certificate: an authority and what it signs, for the address that the target dials.
CERTIFICATE = """
set -e
mkdir -p /etc/mysql/tls && cd /etc/mysql/tls
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=authority -keyout ca.key -out ca.pem
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=us-db1 -keyout server.key -out server.csr
echo subjectAltName=DNS:us-db1,IP:ADDRESS > names
openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 -extfile names -out server.pem
chown -R mysql: . && chmod 600 ./*.key
printf '[mysqld]\\nssl_ca=/etc/mysql/tls/ca.pem\\nssl_cert=/etc/mysql/tls/server.pem\\nssl_key=/etc/mysql/tls/server.key\\n' \
    > /etc/mysql/conf.d/certificate.cnf
systemctl restart mariadb
"""


@dataclass
class Crossed:
    """A migration that was overheard."""

    pair: Pair
    bridge: str
    secrets: dict[str, bytes] = field(default_factory=dict)
    capture: bytes = b""

    @property
    def options(self) -> tuple[str, str]:
        """What chooses the bridge."""
        return "-e", f"migration_bridge={self.bridge}"


def overhear(pair: Pair) -> subprocess.Popen:
    """Everything between the two hosts, into a file on the target."""
    listener = pair.background(TARGET, f"exec tcpdump -i any --immediate-mode -s 0 -B 65536 -U -w {CAPTURE} host {pair.address(SOURCE)}")
    until("tcpdump listens", lambda: pair.sh(TARGET, f"test -s {CAPTURE} && echo yes || true"), seconds=15)
    return listener


def heard(pair: Pair, listener: subprocess.Popen) -> bytes:
    """End it, and fetch what was heard."""
    pair.sh(TARGET, "sleep 1; pkill -INT -x tcpdump")
    words, _none = listener.communicate(timeout=20)
    assert "\n0 packets dropped by kernel" in words, words
    done = subprocess.run([*pair.ssh(TARGET), f"cat {CAPTURE}; rm {CAPTURE}"], capture_output=True, check=True)
    return done.stdout


def canary(pair: Pair, name: str) -> bytes:
    """A row on the source that can be recognised anywhere."""
    text = f"canary-{name}-{secrets.token_hex(12)}"
    pair.sql(SOURCE, f"INSERT INTO shop.orders (note) VALUES ('{text}');")
    return text.encode()


def passwords(pair: Pair) -> dict[str, bytes]:
    """The passwords of the migration's own accounts."""
    read = {name: json.loads(pair.sh(TARGET, f"cat {pair.folder}/{name}.json"))["password"] for name in ("source", "replication")}
    assert min(len(text) for text in read.values()) >= 16
    return {name: text.encode() for name, text in read.items()}


@pytest.fixture(scope="module", params=["mariadb-ssh_tunnel", "mysql-tls", "mariadb-tls"])
def crossed(request) -> Crossed:
    """A whole migration, overheard."""
    name, bridge = request.param.split("-")
    pair = request.getfixturevalue(name)
    pair.fresh()
    pair.load(2000)
    found = Crossed(pair, bridge)
    if (name, bridge) == ("mariadb", "tls"):
        pair.migrate(*found.options).failed("bridge is tls, and the source has no certificate", "nothing was touched")
        assert pair.sql(SOURCE, "SELECT User FROM mysql.user WHERE User LIKE 'nordbridge%';") == []
        pair.sh(SOURCE, CERTIFICATE.replace("ADDRESS", pair.address(SOURCE)))
    found.secrets["a row before the copy"] = canary(pair, "before")
    listener = overhear(pair)
    pair.migrate(*found.options).ok()
    found.secrets["a row while replicating"] = text = canary(pair, "during")
    arrived = f"SELECT COUNT(*) FROM shop.orders WHERE note = '{text.decode()}';"
    until("the canary has crossed", lambda: pair.value(TARGET, arrived) == "1", seconds=15)
    pair.cutover(*found.options).ok()
    assert pair.value(TARGET, "SELECT @@global.read_only;") == "0"
    found.secrets.update(passwords(pair))
    found.capture = heard(pair, listener)
    return found


def test_no_row_and_no_password_crosses_in_the_clear(crossed):
    assert len(crossed.capture) > 500_000, "hardly anything was overheard"
    assert crossed.capture.count(b"SSH-2.0-") >= 2, "the copy's own beginning was not overheard"
    assert [name for name, text in crossed.secrets.items() if text in crossed.capture] == []
    assert PACKED not in crossed.capture, "the copy's stream is in the clear"


def test_the_same_ears_hear_what_is_in_the_clear(crossed):
    pair, password = crossed.pair, secrets.token_hex(12)
    # As a new client would, that knows of no encryption.
    pair.sql(SOURCE, f"SET GLOBAL read_only = OFF; CREATE USER plain@'%' IDENTIFIED BY '{password}'; GRANT SELECT ON shop.* TO plain@'%';")
    listener = overhear(pair)
    login = f"{pair.client} --no-defaults -h {pair.address(SOURCE)} -u plain --password={password} {CLEAR[pair.client]} -NB"
    pair.sh(TARGET, f"{login} -e 'SELECT note FROM shop.orders'")
    capture = heard(pair, listener)
    assert [name for name, text in crossed.secrets.items() if text in capture] == ["a row before the copy", "a row while replicating"]


def test_the_migrations_accounts_come_from_the_bridges_end_alone(crossed):
    text = crossed.pair.sql(SOURCE, "SELECT User, Host FROM mysql.user WHERE User LIKE 'nordbridge%' ORDER BY 1, 2;")
    hosts = {row[1] for row in text}
    # The copy's own program logs in on the source itself, by the socket.
    own = {"localhost", "127.0.0.1" if crossed.bridge == "ssh_tunnel" else crossed.pair.address(TARGET)}
    assert hosts == own, "the migration's accounts may come from elsewhere"


def login_as_replica(pair: Pair, options: str) -> str:
    """What the target's client is told when it logs in on the source with the replication's own password."""
    script = f"""
import json
login = json.load(open("{pair.folder}/replication.json"))
text = login["password"].replace(chr(92), chr(92) * 2).replace('"', chr(92) + '"')
print('[client]\\nuser=' + login["user"] + '\\npassword="' + text + '"')
"""
    command = f"{pair.client} --defaults-file=/root/login.cnf -h {pair.address(SOURCE)} {options} -NBe \"SELECT 'logged in'\" 2>&1 || true"
    return pair.sh(TARGET, f"umask 077; python3 - > /root/login.cnf <<'END'\n{script}\nEND\n{command}; rm /root/login.cnf")


def test_the_replications_account_takes_no_login_in_the_clear(crossed):
    if crossed.bridge != "tls":
        pytest.skip("the tunnel's account is for the loopback alone")
    assert "logged in" in login_as_replica(crossed.pair, TLS[crossed.pair.client])
    answer = login_as_replica(crossed.pair, CLEAR[crossed.pair.client])
    assert "logged in" not in answer
    assert "denied" in answer or "insecure transport" in answer, answer


def over(crossed: Crossed, host: str, what: str, options: str = "") -> Any:
    """What ssh answers to a use of the migration's keys on the target."""
    command = f"timeout 10 ssh -F {crossed.pair.folder}/ssh_config -o ClearAllForwardings=yes -o LogLevel=INFO {options} {host} {what}"
    return crossed.pair.sh(TARGET, f"echo '{{}}' | {command} 2>&1 || true")


def test_the_keys_open_nothing_else(crossed):
    assert '"agent": 2' in over(crossed, "agent", "probe")
    for what in ("'cat /etc/shadow'", "'dump; id'", "''"):
        answer = over(crossed, "agent", what)
        assert "root:" not in answer and "uid=" not in answer
        assert "does not know" in answer, answer
    assert "SSH-2.0" not in over(crossed, "agent", "", "-W 127.0.0.1:22")
    if crossed.bridge == "ssh_tunnel":
        assert "uid=" not in over(crossed, "tunnel", "id")
        answer = over(crossed, "tunnel", "", "-W 127.0.0.1:22")
        assert "SSH-2.0" not in answer and "prohibited" in answer, answer
