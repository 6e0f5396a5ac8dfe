# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The choice of a method, and what the physical ones require."""

from __future__ import annotations

import io
import tarfile

import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._errors import MigrationError, Refusal
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._seed.methods import registry
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._seed.methods.mariadb_backup import (
    mariadb_backup,
    ship_programs,
    upgrade,
)
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._seed.methods.mydumper import mydumper
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._seed.source import backup_command

PROGRAMS = {"mariadb-backup": "10.11.18", "mbstream": "?", "mariadb-upgrade": "?", "mariadbd": "10.11.18", "ldd": "?"}


def conditions(flavour="mysql", version=(9, 7, 4), host=None, values=None, programs=None, places=None, **changes):
    """A server's conditions without an obstacle; the backup program is of the server's version."""
    text = ".".join(map(str, version))
    known = {**PROGRAMS, "mariadb-backup": text, "mariadbd": text, **(programs or {})}
    there = {"machine": "x86_64", "programs": known, "manager": "", "restarts": True, "free_bytes": 1 << 40, **(host or {})}
    there = {"open_files": 1024, "mydumper": {"found": True, "lacks": []}, "stashed": 0, **there}
    facts = {"flavour": flavour, "version": list(version), "encrypted": [], "not_innodb": [], "rows": "", "bytes": 1000, "host": there}
    facts["tablespaces"] = 3
    facts["borrow"] = list(ship_programs.SHIPPED)
    facts["values"] = {"innodb_page_size": "16384", "innodb_data_file_path": "ibdata1:12M:autoextend", "performance_schema": "ON", **(values or {})}
    facts["places"] = {"outside": [], "directories": {}, "known": [], "general": [], **(places or {})}
    return {**facts, **changes}


def mariadb(version=(10, 11, 18), **changes):
    return conditions("mariadb", version, **changes)


def test_auto_takes_clone_for_mysql_and_says_why_not_the_others():
    choice = registry.choose(conditions(), conditions(), "auto")
    assert choice.method.name == "clone"
    assert choice.not_taken == {"mariadb-backup": "mariadb-backup is MariaDB's", "mydumper": mydumper.ONLY_BY_NAME, "dump": "clone is faster"}


def test_auto_takes_the_backup_for_mariadb():
    choice = registry.choose(mariadb(), mariadb(), "auto")
    assert choice.method.name == "mariadb-backup"
    assert choice.not_taken == {"clone": "CLONE is MySQL's", "mydumper": mydumper.ONLY_BY_NAME, "dump": "mariadb-backup is faster"}


def test_mydumper_is_taken_by_name_and_never_by_itself():
    lost = {"programs": {"mbstream": ""}}
    assert registry.choose(mariadb(), mariadb(**lost), "auto").method.name == "dump"
    choice = registry.choose(mariadb(), mariadb(), "mydumper")
    assert choice.method.name == "mydumper" and choice.not_taken["dump"] == "mydumper was asked for"
    with pytest.raises(Refusal, match="the method mydumper cannot serve this pair: the target lacks mydumper"):
        registry.choose(mariadb(), mariadb(host={"mydumper": {"found": False, "lacks": []}}), "mydumper")


def test_a_named_method_is_taken_though_another_is_faster():
    choice = registry.choose(mariadb(), mariadb(), "dump")
    assert choice.method.name == "dump"
    assert choice.not_taken["mariadb-backup"] == "dump was asked for"


@pytest.mark.parametrize(
    "source, target, word",
    [
        (conditions(), conditions(values={"innodb_page_size": "8192"}), "innodb_page_size is 16384 on the source and 8192 on the target"),
        (conditions(), conditions(values={"innodb_data_file_path": "ibdata1:1G"}), "innodb_data_file_path"),
        (conditions(version=(8, 4, 3)), conditions(), "series differ: 8.4 and 9.7"),
        (conditions(version=(8, 0, 16)), conditions(version=(8, 0, 16)), "8.0.17"),
        (conditions(version=(8, 0, 30)), conditions(version=(8, 0, 31)), "equal versions"),
        (conditions(encrypted=["default_table_encryption"]), conditions(), "default_table_encryption"),
        (conditions(not_innodb=["shop.log (MyISAM)"]), conditions(), "shop.log (MyISAM)"),
        (conditions(bytes=1 << 60), conditions(), "MB free"),
        (
            conditions(),
            conditions(places={"directories": {"innodb_undo_directory": "/srv/undo"}}),
            "outside its data directory (innodb_undo_directory = /srv/undo)",
        ),
        (conditions(), conditions(values={"performance_schema": "OFF"}), "performance_schema is OFF on the target"),
        (
            conditions(places={"outside": [{"name": "shop.t", "path": "/srv/fast/shop/t.ibd"}]}),
            conditions(),
            "files of tables lie outside the source's data directory: shop.t (/srv/fast/shop/t.ibd)",
        ),
        (conditions(), conditions(host={"free_bytes": None}), "cannot be seen"),
        (conditions(), conditions(host={"restarts": False}), "Restart=no"),
        (conditions(), conditions(host={"manager": "no systemd"}), "no systemd"),
    ],
)
def test_clone_is_not_taken_and_the_dump_is(source, target, word):
    choice = registry.choose(source, target, "auto")
    assert choice.method.name == "dump"
    assert word in choice.not_taken["clone"]


def test_a_host_that_was_not_looked_at_takes_no_files():
    choice = registry.choose(conditions(), {**conditions(), "host": None}, "auto")
    assert (choice.method.name, choice.not_taken["clone"]) == ("dump", "the target's host was not looked at")
    choice = registry.choose({**mariadb(), "host": None}, mariadb(), "auto")
    assert choice.not_taken["mariadb-backup"] == "the source's host was not looked at"


def test_a_named_method_that_cannot_serve_is_refused():
    with pytest.raises(Refusal, match="the method clone cannot serve this pair: CLONE is MySQL's"):
        registry.choose(mariadb(), mariadb(), "clone")


@pytest.mark.parametrize(
    "source, target, word",
    [
        (mariadb(), mariadb(programs={"mbstream": ""}), "the target lacks mbstream (package mariadb-backup)"),
        (mariadb(programs={"mariadb-backup": ""}), mariadb(), "the source lacks mariadb-backup"),
        (mariadb(), mariadb(programs={"mariadb-backup": ""}), "the target lacks mariadb-backup"),
        (mariadb(programs={"mariadb-backup": "11.8.6"}), mariadb(), "mariadb-backup on the source is 11.8.6, its server 10.11"),
        (mariadb((10, 5, 23)), mariadb((12, 1, 2)), "tried is 10.5 to 11.8 only"),
        (mariadb((10, 5, 23), host={"machine": "aarch64"}), mariadb((11, 8, 6)), "(aarch64) do not run on the target (x86_64)"),
        (mariadb((10, 5, 23), programs={"ldd": ""}), mariadb((11, 8, 6)), "the upgrade needs ldd on the source"),
        (mariadb((10, 5, 23)), mariadb((11, 8, 6), borrow=[]), "mariadb-backup and mariadbd are not allowed there"),
        (mariadb((10, 5, 23)), mariadb((11, 8, 6), borrow=["mariadbd"]), "target_seed_borrow_programs: [mariadb-backup, mariadbd]"),
        (mariadb((10, 5, 23)), mariadb((11, 8, 6), programs={"mariadb-upgrade": ""}), "mariadb-upgrade on the target"),
        (mariadb((10, 5, 23), values={"innodb_compression_algorithm": "lz4"}), mariadb((11, 8, 6)), "lz4"),
    ],
)
def test_the_backup_is_not_taken_and_the_dump_is(source, target, word):
    choice = registry.choose(source, target, "auto")
    assert choice.method.name == "dump"
    assert word in choice.not_taken["mariadb-backup"]


@pytest.mark.parametrize("versions", [((10, 5, 23), (10, 11, 18)), ((10, 11, 18), (11, 8, 6)), ((10, 5, 23), (11, 8, 6))])
def test_files_are_upgraded_though_the_target_has_no_backup_program(versions):
    source, target = mariadb(versions[0]), mariadb(versions[1], programs={"mariadb-backup": ""})
    assert registry.choose(source, target, "auto").method.name == "mariadb-backup"


def test_another_choice_than_the_planned_one_is_explained():
    choice = registry.choose(mariadb(), mariadb(programs={"mbstream": ""}), "auto")
    assert registry.change_of_choice("mariadb-backup", choice).startswith("planned was mariadb-backup; meanwhile: the target lacks mbstream")
    assert registry.change_of_choice("dump", choice) == ""
    assert registry.change_of_choice("", choice) == ""


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


def test_what_the_source_lends_is_what_its_loader_loads():
    told = (
        "\tlinux-vdso.so.1 (0x00007ffd1c5f2000)\n\tlibpcre2-8.so.0 => /lib/x86_64-linux-gnu/libpcre2-8.so.0 (0x00007f1)\n"
        "\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f2)\n\t/lib64/ld-linux-x86-64.so.2 (0x00007f3)\n"
    )
    assert ship_programs.libraries(told) == {
        "lib/libpcre2-8.so.0": "/lib/x86_64-linux-gnu/libpcre2-8.so.0",
        "lib/libc.so.6": "/lib/x86_64-linux-gnu/libc.so.6",
        "loader": "/lib64/ld-linux-x86-64.so.2",
    }
    with pytest.raises(MigrationError, match="lacks the library libodd.so.1"):
        ship_programs.libraries("\tlibodd.so.1 => not found\n")


@pytest.mark.parametrize("name, kind", [("../etc/passwd", tarfile.REGTYPE), ("/etc/passwd", tarfile.REGTYPE), ("lib/x", tarfile.SYMTYPE)])
def test_what_arrives_as_programs_lands_in_its_folder_only(tmp_path, name, kind):
    member = tarfile.TarInfo(name)
    member.type = kind
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(member, io.BytesIO())
    buffer.seek(0)
    with tarfile.open(fileobj=buffer) as archive, pytest.raises(MigrationError, match="belongs to none"):
        upgrade._unpack(archive, archive.getmembers()[0], str(tmp_path))
    assert not list(tmp_path.iterdir())
