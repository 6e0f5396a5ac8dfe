# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check mode on untouched hosts shows the whole plan and writes nothing anywhere."""

from __future__ import annotations

import pytest
from pairs import SOURCE, TARGET, Pair

FILES = r"""
for place in /etc /var/lib/mysql_migration* /root/.ssh /usr/local /opt /home; do
    [ -e "$place" ] || continue
    find "$place" -xdev -printf '%y %m %u %g %p -> %l\n'
    find "$place" -xdev -type f -exec sha256sum {} +
done | sort
ls /var/lib | sort
systemctl list-unit-files --no-legend | sort
"""
#: Variables that tell the time or what has happened, and not how the server is set.
MOVING = ("TIMESTAMP", "UPTIME", "GTID_", "INNODB_BUFFER_POOL_DUMP", "RAND_SEED", "LAST_", "IDENTITY", "PSEUDO", "ERROR_COUNT", "WARNING_COUNT")
NAMES = {
    "mariadb": "SELECT CONCAT(QUOTE(User), '@', QUOTE(Host)) FROM mysql.user WHERE is_role = 'N' AND User <> 'PUBLIC' ORDER BY 1;",
    "mysql": "SELECT CONCAT(QUOTE(User), '@', QUOTE(Host)) FROM mysql.user ORDER BY 1;",
}


def everything(pair: Pair, host: str) -> dict[str, list[str]]:
    """All that a migration could have changed on a host, line by line."""
    seen = {"files": pair.sh(host, FILES).splitlines()}
    variables = pair.sql(host, "SHOW GLOBAL VARIABLES;")
    seen["variables"] = [" = ".join(row) for row in variables if not row[0].upper().startswith(MOVING)]
    accounts = [row[0] for row in pair.sql(host, NAMES[pair.client])]
    seen["grants"] = ["\t".join(row) for name in accounts for row in pair.sql(host, f"SHOW CREATE USER {name}; SHOW GRANTS FOR {name};")]
    seen["objects"] = ["\t".join(row) for row in pair.sql(host, (
        "SELECT TABLE_SCHEMA, TABLE_NAME, CREATE_TIME FROM information_schema.TABLES"
        " WHERE TABLE_SCHEMA NOT IN ('information_schema', 'performance_schema', 'sys') ORDER BY 1, 2; SHOW DATABASES;"
    ))]  # fmt: skip
    written = {"mariadb": "SELECT @@gtid_binlog_state;", "mysql": "SELECT @@gtid_executed;"}
    seen["written"] = ["\t".join(row) for row in pair.sql(host, written[pair.client])]
    return seen


@pytest.mark.parametrize("flavour", ["mariadb", "mysql"])
def test_check_mode_shows_the_plan_and_changes_nothing(request, flavour):
    pair = request.getfixturevalue(flavour)
    pair.load(400, tables=1)
    # Ansible's own folder for temporary files is made by any task.
    pair.sh(SOURCE, "mkdir -p -m 0700 /root/.ansible/tmp")
    before = {host: everything(pair, host) for host in (SOURCE, TARGET)}
    assert min(len(before[SOURCE][name]) for name in ("files", "variables")) > 300
    run = pair.start("--check", "--diff").ok()
    for host in (SOURCE, TARGET):
        after = everything(pair, host)
        for name, lines in before[host].items():
            gone, come = set(lines) - set(after[name]), set(after[name]) - set(lines)
            assert (gone, come) == (set(), set()), f"{host}: {name}"
        assert not [line for line in after["files"] if "nordbridge" in line]
        assert not [line for line in after["grants"] + after["objects"] if "nordbridge" in line]
    assert "MIGRATION PLAN" in run.output
    for words in (
        "log_bin" if flavour == "mariadb" else "binlog_expire_logs_seconds",
        "zz-nordbridge-binlog.cnf",
        "zz-nordbridge-hold.cnf",
        "super_read_only" if flavour == "mysql" else "read_only = ON",
        "nordbridge_repl",
        "nordbridge_ctl",
        f"{pair.folder}/agent",
        f"Description=Tunnel of migration {pair.name} to {SOURCE}",
        "ExecStart=/usr/bin/ssh -N -T",
        "Copy the data",
        "proxy-tunnel.json",
        "Catch up",
    ):
        assert words in run.output, f"the plan does not tell of {words}:\n{run.tail}"
    assert run.recap()["changed"] >= 8, run.tail
    assert run.recap()["failed"] == 0
