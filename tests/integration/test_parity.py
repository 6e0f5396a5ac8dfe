# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All that is no row, on real servers: each planted difference is found by its name, nothing else is, and a cutover waits for its repair.

The tests of a flavour share one migration, in this order.
"""

from __future__ import annotations

import application
import pytest
from pairs import PATIENT, SOURCE, TARGET

VERIFY = "nordbridge.mysql_migration.verify"
OPEN = {"mariadb": "SET SESSION sql_log_bin = 0;", "mysql": "SET GLOBAL super_read_only = OFF; SET SESSION sql_log_bin = 0;"}
CLOSE = {"mariadb": "", "mysql": "SET GLOBAL super_read_only = ON;"}
SCHEMA = """
CREATE DATABASE shape; USE shape;
CREATE TABLE a (id INT PRIMARY KEY, name VARCHAR(20) DEFAULT 'x' COMMENT 'c', n INT, KEY n (n));
CREATE TABLE b (id INT PRIMARY KEY, a INT, CONSTRAINT fk FOREIGN KEY (a) REFERENCES a (id) ON DELETE CASCADE);
CREATE TABLE p (id INT PRIMARY KEY) PARTITION BY RANGE (id) (PARTITION p0 VALUES LESS THAN (10), PARTITION p1 VALUES LESS THAN MAXVALUE);
CREATE VIEW v AS SELECT id FROM a;
CREATE FUNCTION f(x INT) RETURNS INT DETERMINISTIC RETURN x + 1;
CREATE PROCEDURE r(IN x INT) SELECT x;
CREATE TRIGGER t BEFORE INSERT ON a FOR EACH ROW SET NEW.n = 1;
CREATE TRIGGER gone BEFORE UPDATE ON a FOR EACH ROW SET NEW.n = 2;
CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO SELECT 1;
CREATE USER shaper@'%' IDENTIFIED BY 'shaper-Pass-1'; GRANT SELECT, INSERT ON shape.* TO shaper@'%';
CREATE USER late@'%' IDENTIFIED BY 'late-Pass-1';
CREATE USER key_changed@'%' IDENTIFIED BY 'old-Pass-1';
"""
#: What is done on the target, behind the replication's back: the object that must be named -> the statements, and those that undo them.
PLANTED = {
    "schema shape": ("ALTER DATABASE shape COLLATE utf8mb4_bin;", ""),
    "column shape.a.name": ("ALTER TABLE shape.a ALTER name SET DEFAULT 'y';", "ALTER TABLE shape.a ALTER name SET DEFAULT 'x';"),
    "table shape.p": ("ALTER TABLE shape.p COMMENT 'other';", "ALTER TABLE shape.p COMMENT '';"),
    "index shape.a.n": ("DROP INDEX n ON shape.a;", "CREATE INDEX n ON shape.a (n);"),
    "foreign key shape.b.fk": (
        "ALTER TABLE shape.b DROP FOREIGN KEY fk; ALTER TABLE shape.b ADD CONSTRAINT fk FOREIGN KEY (a) REFERENCES shape.a (id);",
        "ALTER TABLE shape.b DROP FOREIGN KEY fk; ALTER TABLE shape.b ADD CONSTRAINT fk FOREIGN KEY (a) REFERENCES shape.a (id) ON DELETE CASCADE;",
    ),
    "partition shape.p.p0": (
        "ALTER TABLE shape.p REORGANIZE PARTITION p0 INTO (PARTITION p0 VALUES LESS THAN (5), PARTITION px VALUES LESS THAN (10));",
        "ALTER TABLE shape.p REORGANIZE PARTITION p0, px INTO (PARTITION p0 VALUES LESS THAN (10));",
    ),
    "view shape.v": ("CREATE OR REPLACE VIEW shape.v AS SELECT id + 1 AS id FROM shape.a;", "CREATE OR REPLACE VIEW shape.v AS SELECT id FROM shape.a;"),
    "routine shape.FUNCTION.f": (
        "DROP FUNCTION shape.f; CREATE FUNCTION shape.f(x INT) RETURNS INT DETERMINISTIC RETURN x + 2;",
        "DROP FUNCTION shape.f; CREATE FUNCTION shape.f(x INT) RETURNS INT DETERMINISTIC RETURN x + 1;",
    ),
    "routine shape.PROCEDURE.r": ("DROP PROCEDURE shape.r;", "CREATE PROCEDURE shape.r(IN x INT) SELECT x;"),
    "trigger shape.t": (
        "DROP TRIGGER shape.t; CREATE TRIGGER shape.t BEFORE INSERT ON shape.a FOR EACH ROW SET NEW.n = 9;",
        "DROP TRIGGER shape.t; CREATE TRIGGER shape.t BEFORE INSERT ON shape.a FOR EACH ROW SET NEW.n = 1;",
    ),
    "trigger shape.gone": ("DROP TRIGGER shape.gone;", "CREATE TRIGGER shape.gone BEFORE UPDATE ON shape.a FOR EACH ROW SET NEW.n = 2;"),
    "event shape.e": ("ALTER EVENT shape.e ON SCHEDULE EVERY 2 DAY;", "ALTER EVENT shape.e ON SCHEDULE EVERY 1 DAY;"),
    "account shaper@%": ("REVOKE INSERT ON shape.* FROM shaper@'%';", "GRANT INSERT ON shape.* TO shaper@'%';"),
    "account late@%": ("DROP USER late@'%';", "CREATE USER late@'%' IDENTIFIED BY 'late-Pass-1';"),
    "account key_changed@%": ("SET PASSWORD FOR key_changed@'%' = {password};", ""),
}
PASSWORD = {"mariadb": "PASSWORD('new-Pass-2')", "mysql": "'new-Pass-2'"}
#: What goes with another difference: a view's columns, a procedure's parameters, the partitions beside the one that was divided.
BESIDE = {"column shape.v.id", "parameter shape.r.1", "partition shape.p.px", "partition shape.p.p1"}


@pytest.fixture(scope="module", params=["mariadb", "mysql"])
def ready(request):
    """A migration that is READY, of data that are odd and definitions of each kind."""
    pair = request.getfixturevalue(request.param)
    pair.load(100)
    # The demo's data: names, types and definitions that are odd.
    application.start(pair.name, pair.out / "application", 2)
    application.stop(pair.out / "application")
    pair.sql(SOURCE, SCHEMA)
    if pair.client == "mariadb":
        pair.sql(SOURCE, "CREATE SEQUENCE shape.q START WITH 5; SELECT NEXTVAL(shape.q);")
    pair.migrate().ok()
    return pair


def parity(pair) -> dict:
    return pair.state()["verification"]["parity"]


def verify(pair, *arguments: str):
    return pair.start(*arguments, playbook=VERIFY)


def test_a_copy_is_like_its_source_in_all_that_is_no_row(ready):
    found = parity(ready)
    assert found["different"] == {} and found["unread"] == [] and found["explained"] == 0
    kinds = {"schema", "table", "column", "index", "foreign key", "constraint", "partition", "view", "routine", "parameter", "trigger", "event", "account"}
    assert {kind for kind, count in found["compared"].items() if count} >= kinds
    assert found["compared"]["sequence"] == (ready.client == "mariadb")


def test_changes_that_come_by_replication_are_no_difference(ready):
    ready.sql(
        SOURCE,
        "ALTER TABLE shape.a ADD COLUMN later INT; CREATE USER tmp@'%' IDENTIFIED BY 'tmp-Pass-1'; DROP USER tmp@'%'; GRANT UPDATE ON shape.* TO shaper@'%';",
    )
    verify(ready).ok()
    assert parity(ready)["different"] == {}


def plant(ready, which: int) -> None:
    """Do (0) or undo (1) all of it on the target, and nowhere else."""
    text = "".join(pair[which] for pair in PLANTED.values()).replace("{password}", PASSWORD[ready.client])
    ready.sql(TARGET, OPEN[ready.client] + text + CLOSE[ready.client])


def test_all_that_is_planted_is_found_by_name_and_nothing_else(ready):
    if ready.client == "mariadb":
        ready.sql(TARGET, OPEN["mariadb"] + "DROP SEQUENCE shape.q; CREATE SEQUENCE shape.q START WITH 1;")
    plant(ready, 0)
    run = verify(ready).failed("all rows are equal, and these differ between source and target", "migration_verify_exclude")
    found = parity(ready)["different"]
    wanted = {*PLANTED} | ({"sequence shape.q"} if ready.client == "mariadb" else set())
    assert wanted - set(found) == set()
    # What another kind says of the same object is no invention.
    places = {name.rpartition(" ")[2] for name in wanted}
    assert {name for name in set(found) - wanted - BESIDE if name.rpartition(" ")[2] not in places} == set(), found
    assert "IDENTIFIED" not in run.output and "new-Pass" not in run.output


def test_a_cutover_waits_for_it_or_for_a_waiver(ready):
    ready.cutover().failed("do not count as compared", "these differ between source and target", "-e waive=P64")
    assert ready.state().get("cutover", {}).get("done", []) == []


def test_what_is_left_out_by_name_is_left_out_alone(ready):
    verify(ready, "-e", '{"migration_verify_exclude": ["shape.*", "shaper@*", "late@*", "key_changed@*"]}').failed("schema shape")
    assert list(parity(ready)["different"]) == ["schema shape"]


def test_after_the_repair_it_is_alike_again_and_cut_over(ready):
    plant(ready, 1)
    collation = ready.value(SOURCE, "SELECT DEFAULT_COLLATION_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = 'shape';")
    make = "SHOW CREATE USER key_changed@'%'"
    told = ready.value(SOURCE, make + ";") if ready.client == "mariadb" else ""
    text = f"ALTER DATABASE shape COLLATE {collation};"
    if ready.client == "mariadb":
        text += told.replace("CREATE USER", "ALTER USER") + "; SELECT SETVAL(shape.q, 100000);"
        for account in ("late",):
            text += ready.value(SOURCE, f"SHOW CREATE USER {account}@'%';").replace("CREATE USER", "ALTER USER") + ";"
        ready.sql(TARGET, OPEN["mariadb"] + text)
    else:
        # Hashes with a salt of their own: the source's go over as they are.
        rows = ready.sql(SOURCE, "SELECT User, HEX(authentication_string) FROM mysql.user WHERE User IN ('late', 'key_changed');")
        for user, digest in rows:
            text += f"ALTER USER {user}@'%' IDENTIFIED WITH caching_sha2_password AS 0x{digest};"
        ready.sql(TARGET, OPEN["mysql"] + text + CLOSE["mysql"])
    verify(ready).ok()
    ready.cutover(*PATIENT).ok()
