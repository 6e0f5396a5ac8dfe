# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SHOW GRANTS of both flavours. Lines marked (seen) were printed by MariaDB 10.11.18 or MySQL 9.7.4."""

from __future__ import annotations

import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._assess.privileges import (
    EVERYTHING,
    NEEDS,
    PURPOSES,
    grant_statement,
    missing,
    parse_grants,
    unquote,
)

MARIADB_ROOT = [  # (seen)
    "GRANT `r1` TO `root`@`localhost` WITH ADMIN OPTION",
    "GRANT ALL PRIVILEGES ON *.* TO `root`@`localhost` IDENTIFIED VIA mysql_native_password USING 'invalid'"
    " OR unix_socket WITH GRANT OPTION",
    "GRANT PROXY ON ''@'%' TO 'root'@'localhost' WITH GRANT OPTION",
]
MARIADB_LOW = [  # (seen)
    "GRANT `r2` TO `low2`@`localhost`",
    "GRANT BINLOG MONITOR, READ_ONLY ADMIN, REPLICATION SLAVE ADMIN, SLAVE MONITOR ON *.* TO `low2`@`localhost`"
    " IDENTIFIED BY PASSWORD '*B69027D44F6E5EDC07F1AEAD1477967B16F28227'",
    "GRANT ALL PRIVILEGES ON `te\\_st`.* TO `low2`@`localhost`",
    "GRANT SELECT (`a`), INSERT (`a`, `b`), UPDATE ON `a1`.`t``x` TO `low2`@`localhost`",
]
MARIADB_ROLE = [  # (seen)
    "GRANT `r1` TO `low`@`localhost`",
    "GRANT USAGE ON *.* TO `low`@`localhost` IDENTIFIED BY PASSWORD '*B69027D44F6E5EDC07F1AEAD1477967B16F28227'",
    "GRANT SELECT, RELOAD ON *.* TO `r1`",
    "SET DEFAULT ROLE `r1` FOR `low`@`localhost`",
]
MYSQL_LOW = [  # (seen)
    "GRANT SELECT ON *.* TO `low2`@`localhost`",
    "GRANT ALL PRIVILEGES ON `te\\_st`.* TO `low2`@`localhost`",
    "REVOKE SELECT ON `mysql`.* FROM `low2`@`localhost`",
    "GRANT SELECT (`a`), INSERT (`a`, `b`), UPDATE ON `a1`.`t``x` TO `low2`@`localhost`",
    "GRANT EXECUTE ON PROCEDURE `a1`.`p1` TO `low2`@`localhost`",
    "GRANT `r2`@`%`,`r3`@`10.%` TO `low2`@`localhost`",
]
MYSQL_ALL = [  # (seen, shortened)
    "GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, RELOAD, SHUTDOWN, PROCESS, FILE, REFERENCES, INDEX, ALTER, SHOW DATABASES, SUPER,"
    " CREATE TEMPORARY TABLES, LOCK TABLES, EXECUTE, REPLICATION SLAVE, REPLICATION CLIENT, CREATE VIEW, SHOW VIEW, CREATE ROUTINE,"
    " ALTER ROUTINE, CREATE USER, EVENT, TRIGGER, CREATE TABLESPACE, CREATE ROLE, DROP ROLE ON *.* TO `low3`@`localhost` WITH GRANT OPTION",
    "GRANT BACKUP_ADMIN,BINLOG_ADMIN,CLONE_ADMIN,CONNECTION_ADMIN,REPLICATION_SLAVE_ADMIN,SESSION_VARIABLES_ADMIN,SET_ANY_DEFINER,"
    "SYSTEM_VARIABLES_ADMIN,XA_RECOVER_ADMIN ON *.* TO `low3`@`localhost` WITH GRANT OPTION",
    "GRANT PROXY ON ``@`` TO `root`@`localhost` WITH GRANT OPTION",
]
MYSQL_57 = [
    "GRANT ALL PRIVILEGES ON *.* TO 'root'@'localhost' WITH GRANT OPTION",
    "GRANT PROXY ON ''@'' TO 'root'@'localhost' WITH GRANT OPTION",
]


def names(found: list[dict]) -> set:
    return {entry["privilege"] for entry in found}


def test_mariadb_root_has_everything() -> None:
    grants = parse_grants(MARIADB_ROOT, "mariadb")
    assert grants.everywhere == {EVERYTHING} and grants.grantable and grants.roles == ["r1"]
    assert not any(missing(grants, "mariadb", (10, 11, 18), PURPOSES))


@pytest.mark.parametrize("lines", [MYSQL_ALL, MYSQL_57])
def test_mysql_root_has_everything(lines: list) -> None:
    grants = parse_grants(lines, "mysql")
    assert grants.grantable and not grants.roles and not grants.schemas
    assert not any(missing(grants, "mysql", (9, 7, 4) if lines is MYSQL_ALL else (5, 7, 44), PURPOSES))


def test_levels_quotes_columns_and_routines() -> None:
    for flavour, lines in (("mariadb", MARIADB_LOW), ("mysql", MYSQL_LOW)):
        grants = parse_grants(lines, flavour)
        assert grants.schemas == {"te\\_st": {EVERYTHING}}
        assert grants.objects[("a1", "t`x")] == {"SELECT", "INSERT", "UPDATE"}
        assert not grants.grantable
    assert grants.objects[("a1", "p1")] == {"EXECUTE"}
    assert grants.roles == ["r2", "r3@10.%"]


def test_a_role_that_is_active_counts_one_that_is_not_does_not() -> None:
    active = parse_grants(MARIADB_ROLE, "mariadb")
    assert active.has("SELECT") and active.has("RELOAD") and active.roles == ["r1"]
    assert not parse_grants(MARIADB_LOW, "mariadb").has("SELECT")


def test_no_hash_is_kept() -> None:
    for lines in (MARIADB_LOW, MARIADB_ROLE, MARIADB_ROOT):
        assert "B69027" not in repr(parse_grants(lines, "mariadb")) and "invalid" not in repr(parse_grants(lines, "mariadb"))


def test_all_privileges_is_not_the_right_to_pass_on() -> None:
    grants = parse_grants(["GRANT ALL PRIVILEGES ON *.* TO `a`@`%`"], "mariadb")
    assert grants.has("READ_ONLY ADMIN") and not grants.has("GRANT OPTION")
    assert names(missing(grants, "mariadb", (10, 11, 18), ["target_admin"])) == {"GRANT OPTION"}
    # as a name it is no option
    assert not parse_grants(["GRANT SELECT ON *.* TO `a WITH GRANT OPTION`@`%`"], "mysql").grantable
    assert not parse_grants(["GRANT SELECT ON `s`.* TO `a`@`%` WITH GRANT OPTION"], "mysql").grantable


def test_privileges_on_one_schema_are_not_enough_and_are_named() -> None:
    grants = parse_grants(["GRANT USAGE ON *.* TO `a`@`%`", "GRANT ALL PRIVILEGES ON `shop`.* TO `a`@`%`"], "mysql")
    assert not grants.everywhere
    lacks = {entry["privilege"]: entry for entry in missing(grants, "mysql", (9, 7, 4), ["source_admin"])}
    assert lacks["SELECT"]["instead"] == "granted on shop only"
    assert lacks["RELOAD"]["instead"] == "", "RELOAD exists for the whole server only"


def test_a_partial_revoke_takes_away() -> None:
    grants = parse_grants(MYSQL_LOW, "mysql")
    assert "SELECT" in grants.everywhere and not grants.has("SELECT")
    assert grants.instead("SELECT") == "revoked on mysql"
    assert names(missing(grants, "mysql", (9, 7, 4), ["assess"])) >= {"SELECT", "PROCESS"}


def test_dynamic_privileges_or_super() -> None:
    plain = "GRANT SELECT, PROCESS, REPLICATION CLIENT, REPLICATION SLAVE ON *.* TO `a`@`%`"
    without = parse_grants([plain], "mysql")
    assert names(missing(without, "mysql", (9, 7, 4), ["assess"])) == {"XA_RECOVER_ADMIN"}
    assert not missing(without, "mysql", (5, 7, 44), ["assess"]), "5.7 has no such privilege"
    dynamic = parse_grants([plain, "GRANT XA_RECOVER_ADMIN ON *.* TO `a`@`%`"], "mysql")
    assert not missing(dynamic, "mysql", (9, 7, 4), ["assess"])
    lacks = {entry["privilege"]: entry["alternatives"] for entry in missing(without, "mysql", (9, 7, 4), ["target_admin"])}
    assert lacks["SYSTEM_VARIABLES_ADMIN"] == ["SUPER"] and lacks["SET_ANY_DEFINER"] == []
    assert "SUPER" in names(missing(without, "mysql", (5, 7, 44), ["target_admin"]))


def test_mariadb_super_shrinks_with_the_versions() -> None:
    grants = parse_grants(["GRANT SUPER ON *.* TO `a`@`%`"], "mariadb")
    lacks = [names(missing(grants, "mariadb", version, ["source_admin"])) for version in ((10, 6, 1), (10, 11, 1), (11, 4, 1))]
    assert "READ_ONLY ADMIN" not in lacks[0] and "READ_ONLY ADMIN" in lacks[1]
    assert "BINLOG ADMIN" not in lacks[1] and "BINLOG ADMIN" in lacks[2]


def test_mariadb_words_of_old() -> None:
    grants = parse_grants(["GRANT REPLICATION CLIENT, REPLICA MONITOR, REPLICATION REPLICA ON *.* TO `a`@`%`"], "mariadb")
    assert grants.everywhere == {"BINLOG MONITOR", "SLAVE MONITOR", "REPLICATION SLAVE"}
    assert parse_grants(["GRANT REPLICATION CLIENT ON *.* TO `a`@`%`"], "mysql").has("REPLICATION CLIENT")


@pytest.mark.parametrize(
    "line",
    [
        'GRANT SELECT ON "my ON db".* TO "a"@"%"',
        "GRANT SELECT ON `my ON db`.* TO `a`@`%` REQUIRE SSL",
        "GRANT SELECT ON `my ON db`.* TO `x TO y`@`%`",
    ],
)
def test_quoted_words_are_names(line: str) -> None:
    assert parse_grants([line], "mysql").schemas == {"my ON db": {"SELECT"}}


def test_other_lines() -> None:
    grants = parse_grants(
        ["GRANT EXECUTE ON PACKAGE BODY `s`.`p` TO `a`@`%`", "GRANT SELECT ON plain.t TO a@localhost", "", "SET x"], "mariadb"
    )
    assert grants.objects == {("s", "p"): {"EXECUTE"}, ("plain", "t"): {"SELECT"}}
    assert unquote("'it''s'") == "it's" and unquote("plain") == "plain"


def test_each_lack_is_named_once_with_all_reasons() -> None:
    found = missing(parse_grants([], "mysql"), "mysql", (9, 7, 4), ["source_admin", "target_admin"])
    assert len(found) == len(names(found))
    reload = next(entry for entry in found if entry["privilege"] == "RELOAD")
    assert reload["why"] == "flush and lock for a consistent copy; load and reset"


def test_purposes_are_the_same_for_both_flavours() -> None:
    assert set(NEEDS["mysql"]) == set(NEEDS["mariadb"]) == set(PURPOSES)


def test_grant_statement() -> None:
    assert (
        grant_statement("o'x@10.%", [{"privilege": "RELOAD"}, {"privilege": "PROCESS"}]) == "GRANT RELOAD, PROCESS ON *.* TO 'o''x'@'10.%'"
    )
    assert grant_statement("a@b", [{"privilege": "GRANT OPTION"}]) == "GRANT USAGE ON *.* TO 'a'@'b' WITH GRANT OPTION"


def test_words_begin_and_end_with_a_version() -> None:
    nothing = parse_grants([], "mysql")

    def lacks(version: tuple) -> set:
        return names(missing(nothing, "mysql", version, ["target_admin"]))

    assert "XA_RECOVER_ADMIN" in lacks((8, 0)), "the first version counts"
    assert "SET_USER_ID" in lacks((8, 0, 36)) and "SET_USER_ID" not in lacks((8, 4)) and "SET_ANY_DEFINER" in lacks((8, 4))


def test_where_else_a_privilege_holds() -> None:
    lines = ["GRANT RELOAD ON *.* TO `a`@`%`", "REVOKE SELECT ON `mysql`.* FROM `a`@`%`"]
    lines += ["GRANT SELECT ON `s%d`.* TO `a`@`%%`" % number for number in range(5)]
    assert parse_grants(lines, "mysql").instead("SELECT") == "granted on s0, s1, s2, s3, s4 only", "nothing global was there to revoke"
    lines.append("GRANT SELECT ON `s5`.* TO `a`@`%`")
    assert parse_grants(lines, "mysql").instead("SELECT") == "granted on s0, s1, s2, s3, s4 and 1 more only"
