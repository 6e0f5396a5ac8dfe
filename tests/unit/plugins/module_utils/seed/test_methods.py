# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The choice of a method, and what the physical ones require."""

from __future__ import annotations

import io
from types import SimpleNamespace

import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._errors import MigrationError, Refusal
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._seed import (
    backup_command,
    clone,
    mariadb_backup,
    methods,
    physical,
)


class Variables:
    """A connection that knows variables and answers of statements by their first words."""

    def __init__(self, variables=None, answers=None):
        self.values = variables or {}
        self.answers = answers or {}

    def variable(self, name):
        return self.values.get(name)

    def variables(self, *names):
        return {name: self.values[name] for name in names if name in self.values}

    def rows(self, sql, args=None):
        return next((rows for head, rows in self.answers.items() if head in sql), [])


def server(name="mysql", version=(9, 7, 4), variables=None, answers=None):
    connection = Variables({"innodb_page_size": "16384", **(variables or {})}, {"SUM(DATA_LENGTH": [{"n": 1000}], **(answers or {})})
    identity = SimpleNamespace(datadir="/", version=version)
    return SimpleNamespace(name=name, version=version, connection=connection, identity=identity, user_schemas=lambda: ["shop"])


def seed(source, target):
    return SimpleNamespace(source=source, target=target, options={"service": ""})


@pytest.fixture(autouse=True)
def managed(monkeypatch):
    """A service manager that does what it is told."""
    for module in (clone, mariadb_backup):
        monkeypatch.setattr(module, "manager_obstacle", lambda flavour, unit: "")
    monkeypatch.setattr(clone, "restarts_by_itself", lambda flavour, unit: True)
    monkeypatch.setattr(mariadb_backup.shutil, "which", lambda name: "/usr/bin/" + name)


def test_auto_takes_clone_for_mysql_and_says_why_not_the_other():
    method, not_taken = methods.choose(seed(server(), server()), "auto")
    assert method.name == "clone"
    assert not_taken == {"mariadb-backup": "mariadb-backup is MariaDB's"}


def test_auto_takes_the_backup_for_mariadb():
    pair = seed(server("mariadb", (10, 11, 18)), server("mariadb", (10, 11, 18)))
    assert methods.choose(pair, "auto")[0].name == "mariadb-backup"


@pytest.mark.parametrize(
    "source, target, word",
    [
        (server(), server(variables={"innodb_page_size": "8192"}), "innodb_page_size"),
        (server(version=(8, 4, 3)), server(version=(9, 7, 4)), "series differ"),
        (server(version=(8, 0, 16)), server(version=(8, 0, 16)), "8.0.17"),
        (server(version=(8, 0, 30)), server(version=(8, 0, 31)), "equal versions"),
        (server(variables={"default_table_encryption": "ON"}), server(), "default_table_encryption"),
        (server(answers={"ENGINE <> 'InnoDB'": [{"s": "shop", "t": "log", "e": "MyISAM"}]}), server(), "shop.log (MyISAM)"),
        (server(answers={"SUM(DATA_LENGTH": [{"n": 1 << 60}]}), server(), "MB free"),
    ],
)
def test_clone_is_not_taken_and_the_dump_is(source, target, word):
    method, not_taken = methods.choose(seed(source, target), "auto")
    assert method.name == "dump"
    assert word in not_taken["clone"]


def test_a_named_method_that_cannot_serve_is_refused():
    with pytest.raises(Refusal, match="clone: CLONE is MySQL's; nothing was touched"):
        methods.choose(seed(server("mariadb", (10, 11, 18)), server("mariadb", (10, 11, 18))), "clone")


def test_a_target_without_the_program_falls_back(monkeypatch):
    monkeypatch.setattr(mariadb_backup.shutil, "which", lambda name: None if name == "mbstream" else "/usr/bin/" + name)
    pair = seed(server("mariadb", (10, 11, 18)), server("mariadb", (10, 11, 18)))
    method, not_taken = methods.choose(pair, "auto")
    assert method.name == "dump"
    assert "mbstream (package mariadb-backup" in not_taken["mariadb-backup"]


@pytest.mark.parametrize("name", mariadb_backup.INFO_FILES)
def test_coordinates_of_a_backup(tmp_path, name):
    (tmp_path / name).write_text("binlog.000007\t4711\t0-1-42,1-2-3\n")
    assert mariadb_backup.read_info(str(tmp_path)) == {"file": "binlog.000007", "position": 4711, "gtid": "0-1-42,1-2-3"}


def test_a_backup_without_coordinates_is_a_failure(tmp_path):
    with pytest.raises(MigrationError, match="no coordinates"):
        mariadb_backup.read_info(str(tmp_path))


def test_a_backup_counts_only_when_it_says_so():
    backup_command.check_words({"zstd": 0, "mariadb-backup": 0}, io.BytesIO(b"x" * 5000 + b"\ncompleted OK!\n"))
    with pytest.raises(MigrationError, match="does not say so"):
        backup_command.check_words({"zstd": 0, "mariadb-backup": 0}, io.BytesIO(b"completed OK!" + b"x" * 5000))
    with pytest.raises(MigrationError, match="zstd ended with 1"):
        backup_command.check_words({"zstd": 1, "mariadb-backup": 0}, io.BytesIO(b"completed OK!\n"))


def test_no_secret_is_among_the_backups_arguments():
    assert all("pass" not in option and "user" not in option for option in backup_command.backup_options("/tmp/x", 2))


def test_memory_is_bounded():
    assert (128 << 20) <= mariadb_backup.memory() <= (8 << 30)


def test_room_is_for_the_files_and_something_beside():
    source = server(answers={"SUM(DATA_LENGTH": [{"n": 0}]})
    assert physical.room_obstacle(source, "/nowhere/at/all").startswith("the target's data directory /nowhere/at/all cannot be seen")
