# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Accounts, roles and grants arrive with a copy by rows as they stood at its coordinates: none lost, none changed, none from a later moment.

Compared by the servers' own tables of privileges, and by logging in.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from pairs import SOURCE, TARGET, Pair, until
from test_mydumper import killed, log_of  # noqa: F401  # a fixture
from test_seed_faults import pair_of, prepared, seed  # noqa: F401  # fixtures among them

METHODS = (("mariadb", "dump"), ("mariadb", "mydumper"), ("mysql", "dump"))
DATA = """
CREATE TABLE shop.t (id INT PRIMARY KEY, a INT);
CREATE FUNCTION shop.f() RETURNS INT DETERMINISTIC NO SQL RETURN 1;
CREATE PROCEDURE shop.p() SELECT 1;
"""
BOTH = r"""
GRANT SELECT ON shop.* TO plain; GRANT UPDATE (a) ON shop.t TO headed; GRANT plain TO app@'%' WITH ADMIN OPTION;
CREATE USER locked@'%' IDENTIFIED BY 'z' ACCOUNT LOCK; CREATE USER ''@'10.9.9.9'; CREATE USER prox@'%';
GRANT PROXY ON app@'%' TO prox@'%' WITH GRANT OPTION; GRANT PROXY ON app@'%' TO root@localhost; GRANT plain TO root@localhost;
GRANT EXECUTE ON FUNCTION shop.f TO app@'%'; GRANT EXECUTE ON PROCEDURE shop.p TO app@'%' WITH GRANT OPTION;
GRANT SELECT (id) ON shop.t TO app@'%'; GRANT SELECT ON `sh\_p`.* TO app@'%' WITH GRANT OPTION;
CREATE USER `o'h"a``ra\\x %s`@'10.%' IDENTIFIED BY 'z'; GRANT INSERT ON shop.* TO `o'h"a``ra\\x %s`@'10.%';
CREATE USER old@'%' IDENTIFIED BY 'z'; ALTER USER old@'%' PASSWORD EXPIRE;
CREATE USER root@'%' IDENTIFIED BY 'z'; GRANT ALL ON *.* TO root@'%' WITH GRANT OPTION;
"""
MAKE = {
    "mariadb": r"""
CREATE ROLE plain; CREATE ROLE inner_role; CREATE USER boss@'%' IDENTIFIED BY 'x1'; GRANT inner_role TO boss@'%' WITH ADMIN OPTION;
CREATE ROLE headed WITH ADMIN boss@'%'; CREATE ROLE ended WITH ADMIN plain;
CREATE USER app@'%' IDENTIFIED BY 'pw' REQUIRE SSL WITH MAX_QUERIES_PER_HOUR 5 MAX_USER_CONNECTIONS 7 MAX_STATEMENT_TIME 30;
ALTER USER app@'%' PASSWORD EXPIRE INTERVAL 90 DAY; CREATE USER never@'%' IDENTIFIED BY 'z' PASSWORD EXPIRE NEVER;
CREATE USER subj@'%' REQUIRE SUBJECT '/CN=x TO `a`@`%` WITH GRANT OPTION' ISSUER '/CN=y' CIPHER 'AES';
CREATE USER two@'%' IDENTIFIED VIA mysql_native_password USING PASSWORD('y') OR unix_socket;
GRANT plain TO PUBLIC; GRANT SELECT ON shop.* TO PUBLIC; GRANT UPDATE (a) ON shop.t TO PUBLIC;
GRANT DELETE HISTORY ON shop.* TO app@'%' WITH GRANT OPTION; GRANT BINLOG MONITOR, READ ONLY ADMIN ON *.* TO boss@'%';
""",
    "mysql": r"""
CREATE ROLE plain, inner_role, headed, mand; GRANT inner_role TO headed;
CREATE USER app@'%' IDENTIFIED BY 'pw' REQUIRE SSL WITH MAX_QUERIES_PER_HOUR 5 MAX_USER_CONNECTIONS 7
  PASSWORD EXPIRE INTERVAL 90 DAY PASSWORD HISTORY 3 PASSWORD REUSE INTERVAL 5 DAY PASSWORD REQUIRE CURRENT OPTIONAL
  FAILED_LOGIN_ATTEMPTS 3 PASSWORD_LOCK_TIME 2 COMMENT 'it''s';
CREATE USER boss@'%' IDENTIFIED BY 'x1'; ALTER USER boss@'%' IDENTIFIED BY 'x2' RETAIN CURRENT PASSWORD;
CREATE USER sha@'%' IDENTIFIED WITH sha256_password BY 'zz'; ALTER USER sha@'%' IDENTIFIED BY 'zz2' RETAIN CURRENT PASSWORD;
CREATE USER attr@'%' IDENTIFIED BY 'z' PASSWORD EXPIRE NEVER ATTRIBUTE '{"a": "b\\"c ''d", "n": 1}';
CREATE USER subj@'%' REQUIRE SUBJECT '/CN=x' AND ISSUER '/CN=y' AND CIPHER 'AES';
GRANT headed TO app@'%'; GRANT BACKUP_ADMIN ON *.* TO app@'%' WITH GRANT OPTION;
CREATE USER part@'%'; GRANT SELECT ON *.* TO part@'%'; REVOKE SELECT ON shop.* FROM part@'%';
""",
}
LATER = {
    "mariadb": "SET DEFAULT ROLE plain FOR app@'%'; GRANT PROXY ON ''@'%' TO root@'%' WITH GRANT OPTION;",
    "mysql": "ALTER USER app@'%' DEFAULT ROLE plain, headed; GRANT PROXY ON ''@'' TO root@'%' WITH GRANT OPTION;",
}
#: Each table of privileges but who granted when.
TABLES = {
    "mariadb": {
        "global_priv": "Host, User, Priv",
        "roles_mapping": "*",
        "proxies_priv": "Host, User, Proxied_host, Proxied_user, With_grant",
    },
    "mysql": {
        "user": "*",
        "role_edges": "*",
        "default_roles": "*",
        "global_grants": "*",
        "password_history": "*",
        "proxies_priv": "Host, User, Proxied_host, Proxied_user, With_grant",
    },
}
COMMON = {
    "db": "*",
    "tables_priv": "Host, Db, User, Table_name, Table_priv, Column_priv",
    "columns_priv": "Host, Db, User, Table_name, Column_name, Column_priv",
    "procs_priv": "Host, Db, User, Routine_name, Routine_type, Proc_priv",
}
USER_OF = {"role_edges": "TO_USER"}
#: All accounts that are neither the migration's nor the installation's.
OURS = (
    "SELECT CONCAT('DROP ', KIND, ' ', QUOTE(User), AT, ';') FROM (SELECT User, HOST_OF AS AT, KIND_OF AS KIND FROM mysql.user"
    " WHERE NOT (Host = 'localhost' AND User <> '') AND User NOT LIKE 'nordbridge%' AND User <> 'PUBLIC') AS x ORDER BY 1;"
)


def statements(pair: Pair) -> str:
    """What makes the accounts."""
    return MAKE[pair.client] + BOTH + LATER[pair.client]


def forget(pair: Pair, host: str) -> None:
    """Drop what a test before has made."""
    role = pair.client == "mariadb"
    said = OURS.replace("HOST_OF", "IF(is_role = 'Y', '', CONCAT('@', QUOTE(Host)))" if role else "CONCAT('@', QUOTE(Host))")
    found = pair.sql(host, said.replace("KIND_OF", "IF(is_role = 'Y', 'ROLE', 'USER')" if role else "'USER'"))
    texts = [row[0].replace("\\\\", "\\") for row in found]
    if role and pair.value(host, "SELECT COUNT(*) FROM mysql.global_priv WHERE User = 'PUBLIC';") == "1":
        texts.append("REVOKE ALL PRIVILEGES, GRANT OPTION FROM PUBLIC;")
    binlog = "SET SESSION sql_log_bin = 0;" if host == TARGET else ""
    pair.sql(host, binlog + "\n".join(texts))
    pair.sql(host, binlog + "REVOKE PROXY ON app@'%' FROM root@localhost;", check=False)


def privileges(pair: Pair, host: str) -> dict[str, list]:
    """All that the server keeps about accounts, but the migration's own."""
    found = {}
    for table, columns in {**TABLES[pair.client], **COMMON}.items():
        column = USER_OF.get(table, "User")
        rows = pair.sql(host, f"SELECT {columns} FROM mysql.{table} WHERE {column} NOT LIKE 'nordbridge%';")
        # The installation's accounts are each host's own; what they were granted beside is not.
        if table in ("user", "global_priv", "password_history"):
            rows = [row for row in rows if not (row[0] == "localhost" and row[1])]
        found[table] = sorted(rows if table != "global_priv" else [[*row[:2], unfolded(row[2])] for row in rows])
    return found


def unfolded(priv: str) -> str:
    """An account's record in one form: some of what is not asked for is there as nothing after a change, and left out before."""
    record = json.loads(priv.replace("\\\\", "\\"))
    empty = ("account_locked", "ssl_type", "ssl_cipher", "x509_issuer", "x509_subject")
    return json.dumps({name: value for name, value in record.items() if value or name not in empty}, sort_keys=True)


def shown(pair: Pair, host: str) -> list[str]:
    """SHOW CREATE USER and SHOW GRANTS of each account."""
    who = pair.sql(
        host,
        "SELECT CONCAT('SHOW CREATE USER ', QUOTE(User), '@', QUOTE(Host), '; SHOW GRANTS FOR ', QUOTE(User), '@', QUOTE(Host), ';')"
        " FROM mysql.user WHERE Host <> '' AND User NOT LIKE 'nordbridge%' AND NOT (Host = 'localhost' AND User <> '') ORDER BY 1;",
    )
    hexadecimal = "SET SESSION print_identified_with_as_hex = ON;" if pair.client == "mysql" else ""
    return ["\t".join(row) for row in pair.sql(host, hexadecimal + "\n".join(row[0].replace("\\\\", "\\") for row in who))]


def same(pair: Pair) -> None:
    """Both servers know the same accounts, and the same of each."""
    wanted, found = privileges(pair, SOURCE), privileges(pair, TARGET)
    for table in wanted:
        assert found[table] == wanted[table], table
    assert shown(pair, TARGET) == shown(pair, SOURCE)


def login(pair: Pair, host: str, user: str, password: str) -> str:
    """What a login over TCP says; empty where it works."""
    options = "--get-server-public-key" if pair.client == "mysql" else "--skip-ssl"
    said = pair.sh(host, f"MYSQL_PWD={password} {pair.client} {options} -h 127.0.0.1 -u {user} -NBe 'SELECT 1' 2>&1", check=False)
    return "" if said.strip() == "1" else said


@pytest.fixture
def accounts_of(pair_of):  # noqa: F811
    """A prepared pair whose source has accounts of each kind."""

    def make(flavour: str, rows: int = 400) -> Pair:
        pair = pair_of(flavour, rows=rows, slow=False)
        for host in (SOURCE, TARGET):
            forget(pair, host)
            if flavour == "mysql":
                pair.sql(host, "SET GLOBAL partial_revokes = ON;")
        pair.sql(SOURCE, DATA + statements(pair))
        return pair

    return make


@pytest.mark.parametrize(("flavour", "method"), METHODS)
def test_all_that_an_account_has_arrives(accounts_of, flavour, method):
    pair = accounts_of(flavour)
    # What stands on the target under the same name has no part in it.
    pair.sql(TARGET, "SET SESSION sql_log_bin = 0; CREATE USER boss@'%' IDENTIFIED BY 'other'; GRANT ALL ON *.* TO boss@'%';")
    seed(pair, method).ok()
    same(pair)
    assert login(pair, TARGET, "boss", "x1") == "" and (flavour == "mariadb" or login(pair, TARGET, "boss", "x2") == "")
    assert login(pair, TARGET, "boss", "other") != ""
    found = pair.state()["seed"]
    assert found["refused_grants"] == [] and found["status"] == "done", found
    assert "IDENTIFIED" not in json.dumps(found)


#: A dump that waits between its start and its snapshot until the file appears.
SLOW_DUMP = r"""
# The agent is not root.
mkdir -p -m 777 /opt/itest; rm -f /opt/itest/go /opt/itest/waits
cat > /usr/local/bin/PROGRAM <<'END'
#!/bin/sh
case "$*" in *--help*) ;; *) touch /opt/itest/waits; while [ ! -e /opt/itest/go ]; do sleep 0.1; done;; esac
exec /usr/bin/PROGRAM "$@"
END
chmod 755 /usr/local/bin/PROGRAM
"""
PROGRAMS = {"mariadb": "mariadb-dump", "mysql": "mysqldump"}
WAITS = "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE USER LIKE 'nordbridge%' AND INFO LIKE 'BACKUP STAGE%';"
CHANGES = {
    "mariadb": "ALTER USER app@'%' IDENTIFIED BY 'new' REQUIRE NONE; GRANT SELECT ON shop.t TO PUBLIC; REVOKE UPDATE (a) ON shop.t FROM PUBLIC;",
    "mysql": "ALTER USER app@'%' IDENTIFIED BY 'new' REQUIRE NONE; ALTER USER boss@'%' DISCARD OLD PASSWORD;",
}
CHANGE = """
REVOKE SELECT ON shop.* FROM plain; DROP USER prox@'%'; CREATE USER late@'%' IDENTIFIED BY 'z'; GRANT plain TO late@'%';
DROP ROLE headed;
"""
#: What stops a replica that lacks an account, or has one too many.
AFTERWARDS = """
ALTER USER late@'%' IDENTIFIED BY 'zz'; DROP USER locked@'%'; CREATE USER prox@'%'; CREATE ROLE headed; REVOKE plain FROM late@'%';
DROP USER late@'%'; REVOKE plain FROM root@localhost; CREATE USER last@'%' IDENTIFIED BY 'z';
"""


@contextmanager
def held(pair: Pair, method: str) -> Iterator[Callable[[], bool]]:
    """Keep a copy from its snapshot; tells whether it waits."""
    if method == "mydumper":
        with pair.session(SOURCE, "BACKUP STAGE START"):
            yield lambda: pair.value(SOURCE, WAITS) != "0"
        return
    program = PROGRAMS[pair.client]
    pair.sh(SOURCE, SLOW_DUMP.replace("PROGRAM", program))
    try:
        yield lambda: pair.sh(SOURCE, "ls /opt/itest/waits 2>/dev/null || true") != ""
    finally:
        pair.sh(SOURCE, f"touch /opt/itest/go; rm /usr/local/bin/{program}")


def follows(pair: Pair, method: str, changes: str) -> None:
    """The target replicates, changes of accounts among it, and knows the same accounts afterwards."""
    pair.migrate("-e", f"migration_target_seed_method={method}").wait(900).ok()
    pair.sql(SOURCE, changes + "INSERT INTO shop.orders (note) VALUES ('the last');")
    last = "SELECT COUNT(*) FROM shop.orders WHERE note = 'the last';"
    until("the target has applied all of it", lambda: pair.value(TARGET, last) == "1", seconds=30)
    same(pair)


@pytest.mark.parametrize(("flavour", "method"), METHODS)
def test_accounts_that_change_between_their_reading_and_the_coordinates_are_those_of_the_coordinates(accounts_of, flavour, method):
    pair = accounts_of(flavour)
    with held(pair, method) as waits:
        run = seed(pair, method, lock_wait=120)
        until("the copy waits for its snapshot", lambda: waits() or run.process.poll() is not None, seconds=100)
        pair.sql(SOURCE, CHANGES[flavour] + CHANGE)
    run.ok()
    said = "\n".join(log_of(pair))
    assert "changed on the source while its snapshot was taken: " in said and "snapshot 2 of at most 5" in said, said
    assert "IDENTIFIED" not in said and "$A$" not in said
    same(pair)
    assert login(pair, TARGET, "late", "z") == "" and login(pair, TARGET, "app", "new") == "" and login(pair, TARGET, "app", "pw") != ""
    follows(pair, method, AFTERWARDS)


def test_a_load_that_goes_on_has_the_accounts_of_its_dump(prepared, killed):  # noqa: F811
    pair = prepared("mariadb")
    for host in (SOURCE, TARGET):
        forget(pair, host)
    pair.sql(SOURCE, "CREATE USER app@'%' IDENTIFIED BY 'pw'; CREATE USER boss@'%' IDENTIFIED BY 'x1'; GRANT SELECT ON shop.* TO boss@'%';")
    pair, _whole = killed()
    pair.sql(SOURCE, "CREATE USER late@'%' IDENTIFIED BY 'z'; DROP USER app@'%'; ALTER USER boss@'%' IDENTIFIED BY 'new';")
    seed(pair, "mydumper").ok()
    assert "not loaded again: shop.bulk" in "\n".join(log_of(pair))
    assert login(pair, TARGET, "late", "z") != "" and login(pair, TARGET, "app", "pw") == "" and login(pair, TARGET, "boss", "x1") == ""
    follows(pair, "mydumper", "DROP USER late@'%'; GRANT SELECT ON shop.* TO boss@'%';")


@pytest.mark.parametrize("flavour", ["mariadb", "mysql"])
def test_accounts_that_never_rest_end_the_copy_with_their_names(accounts_of, flavour):
    pair = accounts_of(flavour)
    loop = f"rm -f /root/stop; while [ ! -e /root/stop ]; do {pair.client} -e \"ALTER USER app@'%' PASSWORD EXPIRE NEVER\"; sleep 0.2; done"
    changing = pair.background(SOURCE, loop)
    try:
        seed(pair, "dump").failed("changed on the source while its snapshot was taken", "so it was 5 times", "when they rest")
    finally:
        pair.sh(SOURCE, "touch /root/stop")
        changing.wait(30)
    seed(pair, "dump").ok()
    same(pair)
