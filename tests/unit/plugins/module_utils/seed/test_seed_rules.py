# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._errors import MigrationError, Refusal, ServerError
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._seed import client
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._seed import run as seed
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._seed.catalogue import changed_objects, read_catalogue
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._seed.methods.dump.dump import Copy
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._seed.source import dump_command
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._seed.target_checks import (
    check_apart,
    check_arrived,
    check_target,
    check_two,
    clear_target,
    loader_only,
)
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._server.identity import Identity


class Connection:
    name = "target"

    def __init__(self, failing=None):
        self.ran, self.failing = [], failing or {}

    def run(self, sql, args=None):
        assert args is None or isinstance(args, tuple)
        for part, errno in self.failing.items():
            if part in sql:
                raise ServerError("boom in %s" % sql, errno)
        self.ran.append(sql)

    def variable(self, name):
        return "OFF"


class Target:
    def __init__(self, schemas=(), replicates=False, failing=None):
        self.connection, self.schemas, self.replicates = Connection(failing), list(schemas), replicates
        self.closed = None
        self.identity = Identity("mariadb", (10, 11, 18), "10.11.18", "", "oslo-db1", 3306, 2, "", "/var/lib/mysql", 0)

    def user_schemas(self):
        return list(self.schemas)

    def replica_rows(self):
        return [{}] if self.replicates else []

    def statement(self, name):
        return name.upper()

    def admit_loader(self):
        self.closed = False

    def set_read_only(self, on):
        self.closed = on


class TestTwoServers:
    """Each by its own connection; cloned machines tell the same of themselves."""

    def test_one_server_by_two_ways_is_refused_and_no_lock_is_left(self, memory):
        with pytest.raises(Refusal, match="source and target are the same server \\(db1"):
            check_two(memory.server(), memory.server("target"))
        assert memory.named == {}

    def test_a_lock_is_seen_where_identities_differ(self, memory):
        source, target = memory.server(), memory.server("target")
        target.identity = replace(target.identity, hostname="alias")
        with pytest.raises(Refusal, match="the same server"):
            check_two(source, target)

    def test_an_identity_is_seen_where_the_lock_is_not(self, memory_server):
        one, other = memory_server("mysql"), memory_server("mysql")
        with pytest.raises(Refusal, match="the same server"):
            check_two(one.server(), other.server())

    def test_two_are_two(self, memory_server):
        one, other = memory_server("mysql"), memory_server("mysql")
        other.hostname = "db2"
        check_two(one.server(), other.server())
        assert one.named == other.named == {}
        check_apart(one.server(), other.server())

    def test_two_that_cannot_replicate_are_refused(self, memory_server):
        one, other = memory_server("mysql"), memory_server("mariadb")
        other.hostname = "db2"
        with pytest.raises(Refusal, match="between flavours"):
            check_apart(one.server(), other.server())


class TestLanding:
    def test_an_empty_target_needs_no_permission(self):
        assert check_target(Target(), "shop", None, "", {}) == ([], [])

    @pytest.mark.parametrize("wipe", ["", "other", "Shop"])
    @pytest.mark.parametrize("ours", [None, [], ["a"]])
    def test_data_that_is_not_ours_is_never_erased_without_permission(self, wipe, ours):
        with pytest.raises(Refusal, match="wipe_target=shop") as told:
            check_target(Target(["a", "b"]), "shop", ours, wipe, {})
        assert ("a, b" in str(told.value)) is (ours != ["a"])

    def test_with_permission_all_is_erased(self):
        assert check_target(Target(["a", "b"]), "shop", None, "shop", {}) == (["a", "b"], ["a", "b"])

    def test_our_own_half_is_erased_without_asking(self):
        assert check_target(Target(["a"]), "shop", ["a", "b"], "", {}) == (["a"], [])

    def test_a_permission_counts_once(self):
        used = {"at": 1800000000.0, "word": "shop", "schemas": ["a"], "server": "oslo-db1 (port 3306)"}
        state = {"erasures": [used]}
        words = "used at 2027-01-15 08:00:00 UTC, for a of oslo-db1 .port 3306., and does not count .* -e wipe_target=shop@2"
        with pytest.raises(Refusal, match=words):
            check_target(Target(["c"]), "shop", None, "shop", state)
        # Its own unfinished copy needs none.
        assert check_target(Target(["a"]), "shop", ["a"], "shop", state) == (["a"], [])
        assert check_target(Target(["c"]), "shop", None, "shop@2", state) == (["c"], ["c"])
        with pytest.raises(Refusal, match="shop@3"):
            check_target(Target(["c"]), "shop", None, "shop@2", {"erasures": [used, {**used, "word": "shop@2"}]})
        # None may be given in advance.
        with pytest.raises(Refusal, match="wipe_target=shop$"):
            check_target(Target(["c"]), "shop", None, "shop@2", {})

    def test_anothers_replica_is_refused_with_permission_too(self):
        with pytest.raises(Refusal, match="already replicates"):
            check_target(Target(replicates=True), "shop", None, "shop", {})
        assert check_target(Target(replicates=True), "shop", [], "", {}) == ([], [])

    def test_erasing_leaves_no_word_in_the_binary_log(self):
        target = Target(replicates=True)
        clear_target(target, ["a`b"])
        ran = target.connection.ran
        assert ran[:2] == ["STOP_REPLICA", "RESET_REPLICA"]
        assert ran.index("SET SESSION sql_log_bin = 0") < ran.index("DROP DATABASE `a``b`")

    def test_the_target_is_closed_however_the_copy_ends(self):
        seed = SimpleNamespace(target=Target())
        before = seed.target
        with pytest.raises(KeyError), loader_only(seed):
            assert before.closed is False
            # A physical copy connects again to a server that it restarted.
            seed.target = Target()
            raise KeyError
        assert seed.target.closed is True

    def test_arrival(self):
        check_arrived({"table a.b": "1"}, {"table a.b": "2", "table a.c": "1"})
        with pytest.raises(MigrationError, match="1 of 2 objects did not arrive: view a.v"):
            check_arrived({"table a.b": "1", "view a.v": "1"}, {"table a.b": "1"})


@pytest.mark.parametrize(
    ("entry", "found"),
    [
        ({}, None),
        ({"status": "running", "target": "me", "schemas": ["a"]}, ["a"]),
        ({"status": "running", "target": "another", "schemas": ["a"]}, None),
        ({"status": "done", "target": "me", "schemas": ["a"]}, None),
        ({"status": "running", "target": "me"}, []),
    ],
)
def test_only_an_unfinished_copy_onto_this_very_target_is_ours(entry, found):
    assert seed.unfinished(entry, "me") == found


class TestCatalogue:
    def rows(self, **changes):
        row = {"a": "shop", "b": "orders", "c": "BASE TABLE", "d": "InnoDB", "e": "2026-01-01", "f": "utf8mb4_bin", "g": ""}
        return {**row, **changes}

    def read(self, **changes):
        rows = self.rows(**changes)

        class One:
            def rows(self, sql, args):
                assert args == (("shop",),) and "ORDER BY 1, 2, 3" in sql
                return [rows] if "information_schema.TABLES" in sql else []

        return read_catalogue(One(), ["shop"])

    def test_the_same_twice(self):
        assert changed_objects(self.read(), self.read()) == []

    @pytest.mark.parametrize("change", [{"d": "MyISAM"}, {"e": "2026-01-02"}, {"f": "utf8mb4_general_ci"}, {"g": "partitioned"}])
    def test_a_changed_definition(self, change):
        assert changed_objects(self.read(), self.read(**change)) == ["table shop.orders"]

    def test_came_and_went(self):
        assert changed_objects(self.read(), self.read(b="new")) == ["table shop.new", "table shop.orders"]

    def test_no_schemas_no_question(self):
        assert read_catalogue(None, []) == {}


class TestProgress:
    def copy(self, sizes):
        return Copy([("s", "t%d" % number, size) for number, size in enumerate(sizes)], None, None)

    @pytest.mark.parametrize(
        ("begun", "text", "done"),
        [(0, 0, 0), (0, 50, 0), (1, 50, 50), (1, 500, 100), (2, 20, 100), (2, 150, 150), (3, 999, 310), (9, 999, 310)],
    )
    def test_whole_tables_by_their_size_and_the_passing_one_by_its_text(self, begun, text, done):
        copy = self.copy([100, 200, 10])
        copy.reader.tables, copy.reader.total = begun, text
        assert copy.done() == done

    def test_it_costs_the_same_with_very_many_tables(self):
        copy = self.copy([1] * 200000)
        copy.tables = None  # nothing may go through them any more
        copy.reader.tables = 150000
        assert copy.done() == 149999
        assert self.copy([]).done() == 0


def test_the_agent_runs_dump_programs_only(monkeypatch):
    monkeypatch.setattr(dump_command, "find_program", lambda names: pytest.fail("looked for %s" % names))
    with pytest.raises(MigrationError, match="no other program"):
        dump_command.stream_dump({"programs": ["mysqldump", "/bin/sh"]})


def test_the_loader_gives_a_dump_no_command_and_no_file_of_this_host(monkeypatch):
    monkeypatch.setattr(client, "find_program", lambda names: "/usr/bin/" + names[0])
    stage = client.client_stage(SimpleNamespace(client_programs=("mariadb",)), 7, "SET x = 1", "--schema")
    assert {"--binary-mode", "--local-infile=0", "--defaults-file=/proc/self/fd/7"} <= set(stage.argv)
    assert stage.argv[-1] == "--database=--schema" and stage.pass_fds == (7,)
