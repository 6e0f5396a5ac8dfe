# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All that a copy asks of its source is one server's answer, and from its coordinates on the binary log holds whole rows."""

from __future__ import annotations

import json

import pytest
from pairs import SOURCE, TARGET
from test_seed_faults import equal, pair_of, prepared, seed  # noqa: F401  # fixtures among them

#: A tunnel's end that is not this migration's: each second connection goes to this host's own server.
RELAY = r"""
set -eu
systemctl stop nordbridge-NAME-tunnel nordbridge-NAME-tunnel-proxy nordbridge-old-tunnel 2>/dev/null || true
cat > /root/relay.py <<'END'
import itertools, socket, sys, threading
ends, listener = itertools.cycle(int(port) for port in sys.argv[1:]), socket.create_server(("127.0.0.1", PORT))
def carry(one, other):
    try:
        while data := one.recv(65536):
            other.sendall(data)
        other.shutdown(socket.SHUT_WR)
    except OSError:
        pass
while True:
    client, _ = listener.accept()
    server = socket.create_connection(("127.0.0.1", next(ends)))
    for pair in ((client, server), (server, client)):
        threading.Thread(target=carry, args=pair, daemon=True).start()
END
systemd-run --unit=nordbridge-old-tunnel python3 /root/relay.py PORTS
sed 's,/run/nordbridge-NAME-tunnel/sql.sock,127.0.0.1:13307,' FOLDER/ssh_config > /root/other_config
systemctl stop nordbridge-other-end 2>/dev/null || true
systemd-run --unit=nordbridge-other-end ssh -N -T -F /root/other_config tunnel
for attempt in $(seq 50); do bash -c '</dev/tcp/127.0.0.1/13307' 2>/dev/null && exit 0; sleep 0.2; done
exit 1
"""
LOGIN = r"""
password=$(python3 -c "import json; print(json.load(open('FOLDER/source.json'))['password'])")
user=$(python3 -c "import json; print(json.load(open('FOLDER/source.json'))['user'])")
for host in localhost 127.0.0.1; do
    echo "SET sql_log_bin = 0; CREATE USER IF NOT EXISTS $user@'$host'; ALTER USER $user@'$host' IDENTIFIED BY '$password';"
    echo "GRANT ALL ON *.* TO $user@'$host';"
done | mariadb
"""


@pytest.mark.parametrize("flavour", ["mariadb", "mysql"])
def test_sessions_that_write_as_before_are_waited_for_and_named(pair_of, flavour):  # noqa: F811
    pair = pair_of(flavour, rows=400, slow=False)
    pair.sql(SOURCE, "SET GLOBAL binlog_format = 'MIXED';")
    options = ("-e", "migration_target_seed_method=dump", "-e", "migration_target_max_transaction_seconds=3")
    with pair.session(SOURCE, "SET @me = 'an old pool'") as number:
        run = pair.migrate(*options)
        run.failed(f"session {number} of root", "binlog_format", "have these clients reconnect")
        assert pair.value(SOURCE, "SELECT @@GLOBAL.binlog_format;") == "ROW"
        assert "seed" not in pair.state()
    pair.migrate(*options).wait(900).ok()
    equal(pair)


def test_a_balancer_and_anothers_tunnel_are_refused_by_name(prepared, pair_of):  # noqa: F811
    pair = pair_of("mariadb", rows=400, slow=False)
    prepared.pairs.pop("mariadb")
    pair.sh(TARGET, LOGIN.replace("FOLDER", pair.folder))
    port = json.loads(pair.sh(TARGET, f"cat {pair.folder}/source.json"))["port"]
    relay = RELAY.replace("FOLDER", pair.folder).replace("NAME", pair.name).replace('"127.0.0.1", PORT', f'"127.0.0.1", {port}')
    try:
        pair.sh(TARGET, relay.replace("PORTS", "13307 3306"))
        seed(pair, "dump").failed("connections lead to different servers", "us-db1", "oslo-db1", "give one server's own address")
        pair.sh(TARGET, relay.replace("PORTS", "3306"))
        told = pair.migrate("-e", "migration_target_seed_method=dump")
        told.failed(f"port {port} of this host is held by nordbridge-old-tunnel.service", "migration_target_tunnel_port")
    finally:
        pair.sh(TARGET, "systemctl stop nordbridge-old-tunnel nordbridge-other-end")
        pair.fresh()
