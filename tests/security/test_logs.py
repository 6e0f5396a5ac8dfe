# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No password of the migration's stands in a log, a statement history or a process list of either server, whatever is switched on there.

General log and slow log of everything, into tables and files, all of the performance schema's histories with long texts, MariaDB's audit
plugin, and a watcher that reads the process list as fast as the server answers.
"""

from __future__ import annotations

import json

import pytest
from pairs import SOURCE, TARGET, Pair

#: With what a shell, a format, a template, an option file and SQL could trip over. At most 32 characters and bytes: servers keep no more.
CANARY = "c4nary"
CONTROL = CANARY + "C'x\"y\\z #%s{1}å-"
REPLICATION = "-" + CANARY + "R'x\"y\\z #%d{2}ø`"
LOUD = {
    "mariadb": """
[mariadb]
performance_schema = ON
performance_schema_max_sql_text_length = 4096
performance-schema-consumer-events-statements-current = ON
performance-schema-consumer-events-statements-history = ON
performance-schema-consumer-events-statements-history-long = ON
performance-schema-instrument = 'statement/%=ON'
log_slow_admin_statements = ON
""",
    "mysql": """
[mysqld]
performance_schema_max_sql_text_length = 4096
performance-schema-consumer-events-statements-history-long = ON
log_raw = ON
log_slow_admin_statements = ON
""",
}
ON = """
SET GLOBAL log_output = 'FILE,TABLE'; SET GLOBAL general_log = ON; SET GLOBAL long_query_time = 0; SET GLOBAL slow_query_log = ON;
SET GLOBAL log_queries_not_using_indexes = ON;
"""
AUDIT = "INSTALL SONAME 'server_audit'; SET GLOBAL server_audit_logging = ON; SET GLOBAL server_audit_query_log_limit = 1048576;"
#: A session that looks at all sessions over and over; what it sees goes to a file.
WATCHER = r"""
cat >/root/watch.py <<'END'
import time, pymysql
raw = pymysql.connect(unix_socket="/run/mysqld/mysqld.sock", user="root", charset="utf8mb4", autocommit=True)
cursor = raw.cursor()
with open("/root/watched", "ab", buffering=0) as out:
    while True:
        try:
            cursor.execute("SELECT INFO FROM information_schema.PROCESSLIST WHERE ID <> CONNECTION_ID() AND INFO IS NOT NULL")
            for (text,) in cursor.fetchall():
                out.write((text if isinstance(text, bytes) else text.encode()) + b"\n")
            time.sleep(0.001)
        except Exception:
            time.sleep(0.05)
            try:
                raw = pymysql.connect(unix_socket="/run/mysqld/mysqld.sock", user="root", charset="utf8mb4", autocommit=True)
                cursor = raw.cursor()
            except Exception:
                pass
END
rm -f /root/watched; setsid python3 /root/watch.py >/dev/null 2>&1 </dev/null & echo $! >/root/watch.pid
"""
#: All files that the servers write, but where replication must keep its password.
FOUND = "grep -rlaF -e %s /var/log /var/lib/mysql /root/watched 2>/dev/null | grep -vE '/master[.]info|/(mysql|undo_0..)[.]?(ibd)?$|#ib_|redo' || true"
HISTORIES = ("events_statements_current", "events_statements_history", "events_statements_history_long")
QUERIES = (
    *("SELECT COUNT(*) FROM performance_schema.%s WHERE SQL_TEXT LIKE CONCAT('%%c4n', 'ary%%');" % name for name in HISTORIES),
    "SELECT COUNT(*) FROM mysql.general_log WHERE CONVERT(argument USING utf8mb4) LIKE CONCAT('%c4n', 'ary%');",
    "SELECT COUNT(*) FROM mysql.slow_log WHERE CONVERT(sql_text USING utf8mb4) LIKE CONCAT('%c4n', 'ary%');",
)
PATIENT = {"migration_cutover_budget": 20, "migration_cutover_fence_seconds": 10, "migration_cutover_lease": 40, "migration_cutover_max_lag": 10}


def loud(pair: Pair, host: str) -> None:
    """Switch on all that writes statements."""
    folder = {"mariadb": "/etc/mysql/mariadb.conf.d", "mysql": "/etc/mysql/mysql.conf.d"}[pair.client]
    pair.sh(host, f"cat >{folder}/zy-loud.cnf <<'END'{LOUD[pair.client]}END\nsystemctl restart {pair.client}")
    if pair.client == "mariadb":
        pair.sql(host, AUDIT)
    pair.sql(host, ON)
    pair.sh(host, WATCHER)


def traces(pair: Pair, host: str) -> list[str]:
    """Where the canary stands."""
    return pair.sh(host, FOUND % CANARY).split() + [query for query in QUERIES if pair.value(host, query) != "0"]


@pytest.fixture(params=["mariadb", "mysql"])
def pair(request) -> Pair:
    """A pair of which both servers write all that they can."""
    pair = request.getfixturevalue(request.param)
    pair.fresh()
    pair.load(2_000)
    for host in (SOURCE, TARGET):
        loud(pair, host)
    yield pair
    for host in (SOURCE, TARGET):
        pair.sh(host, "kill $(cat /root/watch.pid); rm -f /root/watched /root/watch.*", check=False)


def test_no_password_stands_in_what_the_servers_write(pair):
    given = {
        "migration_target_control_password": CONTROL,
        "migration_target_replication_password": REPLICATION,
        "migration_target_seed_method": {"mariadb": "dump", "mysql": "clone"}[pair.client],
        "migration_reverse_replication": True,
        **PATIENT,
    }
    pair.migrate("-e", json.dumps(given)).ok()
    # They write: else the test would show nothing.
    for host in (SOURCE, TARGET):
        assert int(pair.sh(host, "wc -c </root/watched")) > 100
    assert int(pair.value(SOURCE, "SELECT COUNT(*) FROM mysql.general_log;")) > 100
    assert {host: traces(pair, host) for host in (SOURCE, TARGET)} == {SOURCE: [], TARGET: []}
    pair.cutover("-e", json.dumps(given)).ok()
    assert {host: traces(pair, host) for host in (SOURCE, TARGET)} == {SOURCE: [], TARGET: []}
    # The old server follows by a password that was made for it.
    back = json.loads(pair.sh(TARGET, f"cat {pair.folder}/back.json"))["password"]
    assert {host: pair.sh(host, FOUND % back).split() for host in (SOURCE, TARGET)} == {SOURCE: [], TARGET: []}
