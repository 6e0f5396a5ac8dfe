# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A hostile source: streams, option files, programs, dumps and names that would gain something on the target."""

from __future__ import annotations

import base64
import json
import shutil
from pathlib import Path

import pytest
from attacker import BACKUP, DUMP, LDD, LOADER, install, library, put_back
from pairs import ROOT, SOURCE, TARGET, Pair

PROGRAM = "/usr/bin/mariadb-backup"
FILES = ("-e", "migration_target_seed_method=mariadb-backup")
BORROWED = ("-e", json.dumps({"migration_target_seed_borrow_programs": ["mariadb-backup", "mariadbd"]}))
#: Where anything that came from the source could have been put on the target.
PLACES = ("/tmp", "/var/tmp", "", "/root", "/etc", "/etc/cron.d", "/usr/bin", "/var/lib", "/var/lib/mysql", "/var/lib/mysql_migration")
TRACES = "ls -d %s 2>/dev/null || true" % " ".join(place + "/evil*" for place in PLACES)


def as_it_was(pair) -> None:
    """The target's server runs with its own, and nothing of the source's lies anywhere."""
    assert pair.sh(TARGET, TRACES) == ""
    assert pair.value(TARGET, "SELECT COUNT(*) FROM information_schema.SCHEMATA WHERE schema_name = 'shop';") == "0"
    assert pair.sh(TARGET, "ls -a /var/lib/mysql | grep nordbridge- || true") == ""
    units = "systemctl list-units --all --plain --no-legend 'nordbridge-*-unpack*' 'nordbridge-*-prepare*' 'nordbridge-*-server*'"
    assert pair.sh(TARGET, units).strip() == ""


@pytest.fixture
def hostile(mariadb):
    """A source whose backup program is the attacker's; called with what it adds to the stream."""

    def make(added: dict[str, bytes]) -> Pair:
        mariadb.fresh()
        mariadb.load(400)
        mariadb.sh(TARGET, "rm -rf /tmp/evil* /var/tmp/evil*")
        packed = {name: base64.b64encode(data).decode() for name, data in added.items()}
        mariadb.sh(SOURCE, f"cat >/usr/local/added.json <<'END'\n{json.dumps(packed)}\nEND\n")
        install(mariadb, SOURCE, PROGRAM, BACKUP)
        return mariadb

    yield make
    put_back(mariadb, SOURCE, PROGRAM)


@pytest.mark.parametrize(
    "name, words",
    [
        ("../evil.ibd", ""),
        ("/tmp/evil.ibd", ""),
        ("shop/../../evil.ibd", ""),
        ("evil.so", "evil.so"),
        ("my.cnf", "my.cnf"),
        ("shop/evil.cnf", "shop/evil.cnf"),
        ("shop/deep/evil.ibd", ""),
        ("shop/evil\x1b[31m.ibd", "evil\\x1b[31m.ibd"),
    ],
)
def test_a_stream_with_a_name_that_no_backup_has(hostile, name, words):
    pair = hostile({name: b"evil"})
    run = pair.migrate(*FILES)
    run.failed(*([words, "no backup of a server holds that"] if words else []))
    assert "\x1b" not in run.output
    as_it_was(pair)


@pytest.mark.skipif(not shutil.which("cc"), reason="no compiler on this machine")
def test_a_plugin_in_the_streams_option_file_is_not_loaded(hostile):
    option = (
        "[mysqld]\ninnodb_checksum_algorithm=full_crc32\ninnodb_data_file_path=ibdata1:12M:autoextend\ninnodb_log_file_size=100663296\n"
        "innodb_page_size=16384\ninnodb_undo_directory=./\ninnodb_undo_tablespaces=0\ninnodb_compression_level=6\n"
        "plugin_load=evil=evil.MYD\nplugin-dir=/var/lib/mysql/.nordbridge-new/shop\nplugin_load_add=evil2=evil.MYD\n"
    )
    pair = hostile({"backup-my.cnf": option.encode(), "shop/evil.MYD": library()})
    pair.migrate(*FILES).ok()
    assert pair.state()["seed"]["method"] == "mariadb-backup"
    assert pair.sh(TARGET, TRACES) == ""
    assert "left out: plugin_dir, plugin_load, plugin_load_add" in pair.sh(TARGET, f"cat {pair.folder}/jobs/seed/log")


def test_an_option_of_another_kind_is_refused(hostile):
    pair = hostile({"backup-my.cnf": b"[mysqld]\ninnodb_page_size=16384\ninnodb_data_file_path=/etc/passwd:1M\n"})
    pair.migrate(*FILES).failed("backup-my.cnf with innodb_data_file_path = /etc/passwd:1M, which is no value of it")
    as_it_was(pair)


# --- the source's own programs ------------------------------------------------


@pytest.fixture(scope="module")
def later():
    """A target of a later series, which needs the source's programs."""
    pair = Pair("mariadb-10.5", "mariadb-10.11")
    # A migration's id is 31 characters long at most.
    pair.name = pair.name.partition("-mariadb")[0] + "-lent"
    pair.folder = f"/var/lib/mysql_migration/{pair.name}"
    pair.out = ROOT / "build/integration" / pair.name
    pair.up()
    yield pair
    for run in pair.runs:
        if run.process.poll() is None:
            run.kill()
    pair.down()


def lend_evil(pair, act: str, code: int, outside: str = "/var/lib/mysql_migration") -> None:
    """The source lends a loader that does this."""
    pair.fresh()
    pair.sql(SOURCE, "CREATE DATABASE shop; CREATE TABLE shop.orders (id INT PRIMARY KEY);")
    text = LOADER.replace("ACT", act).replace("CODE", str(code)).replace("SOURCE-ADDRESS", pair.address(SOURCE)).replace("OUTSIDE", outside)
    pair.sh(SOURCE, f"cat >/usr/local/loader <<'END-OF-LOADER'\n{text}\nEND-OF-LOADER\nchmod 755 /usr/local/loader")
    install(pair, SOURCE, "/usr/bin/ldd", LDD)


def test_without_the_owners_word_no_program_of_the_source_runs(later):
    lend_evil(later, "", 9)
    run = later.migrate(*FILES)
    run.failed(
        "P12", "mariadb-backup and mariadbd are not allowed there", "migration_target_seed_borrow_programs: [mariadb-backup, mariadbd]",
        "nothing was touched",
    )
    assert later.sh(TARGET, "ls -d /var/lib/mysql_migration_programs 2>/dev/null || true") == ""
    as_it_was(later)


def test_a_borrowed_program_gains_nothing(later):
    lend_evil(later, "", 9)
    run = later.migrate(*FILES, *BORROWED)
    owner = later.sh(TARGET, "id -u mysql").strip()
    run.failed(f"GOT uid={owner} END", "the prepare failed")
    as_it_was(later)


@pytest.mark.parametrize(
    "act, words",
    [
        ('ln -s /etc/shadow "$new/shop/evil.ibd"', ("shop/evil.ibd, which is a symbolic link",)),
        ('rm -f "$new/ibdata1"; ln -s /etc/shadow "$new/ibdata1"', ("ibdata1, which is a symbolic link",)),
        ('mkfifo "$new/undo001"', ("undo001, which is a fifo",)),
        ('echo "[mysqld]" >"$new/my.cnf"', ("my.cnf, which is none of the names",)),
        ('cp /bin/sh "$new/shop/evil.ibd"; chmod 6755 "$new/shop/evil.ibd" && exit 7; exit 8', ("the prepare failed",)),
        ('mknod "$new/shop/evil.ibd" b 8 0 && exit 7; exit 8', ("the prepare failed",)),
    ],
)
def test_what_a_borrowed_program_leaves_is_not_followed(later, act, words):
    lend_evil(later, act + "\necho 'completed OK!' >&2; exit 0", 0)
    run = later.migrate(*FILES, *BORROWED)
    run.failed(*words)
    assert "(7)" not in run.words
    as_it_was(later)


# --- rows ---------------------------------------------------------------------

EVIL_SQL = {
    "a shell": "\n\\! touch /tmp/evil\nsystem touch /tmp/evil2\n",
    "a file to write": "\n\\T /tmp/evil\nSELECT 1;\n",
    "a file to run": "\n\\. /root/secret.sql\n",
    "a file to read": "\nCREATE TABLE shop.evil (t TEXT);\nLOAD DATA LOCAL INFILE '/root/secret.sql' INTO TABLE shop.evil;\n",
}
DUMPS = {"mariadb": "/usr/bin/mariadb-dump", "mysql": "/usr/bin/mysqldump"}


@pytest.mark.parametrize("what", list(EVIL_SQL))
@pytest.mark.parametrize("flavour", ["mariadb", "mysql"])
def test_a_dump_gets_no_shell_and_no_file_of_the_targets_root(flavour, what, request):
    pair = request.getfixturevalue(flavour)
    pair.fresh()
    pair.load(40)
    pair.sh(TARGET, "rm -rf /tmp/evil*; echo 'CREATE SCHEMA secret;' >/root/secret.sql; chmod 600 /root/secret.sql")
    pair.sh(SOURCE, f"cat >/usr/local/added.sql <<'END-OF-SQL'\n{EVIL_SQL[what]}\nEND-OF-SQL\n")
    path = pair.sh(SOURCE, f"readlink -f {DUMPS[flavour]}").strip()
    install(pair, SOURCE, path, DUMP)
    try:
        pair.migrate().wait()
    finally:
        put_back(pair, SOURCE, path)
    assert pair.sh(TARGET, TRACES) == ""
    assert pair.sql(TARGET, "SHOW SCHEMAS LIKE 'secret';") == []
    # Whether or not the table was made: nothing of the file is in it.
    assert "SCHEMA" not in str(pair.sql(TARGET, "SELECT t FROM shop.evil;", check=False))


# --- names --------------------------------------------------------------------

NAMES = (
    "{{ lookup('pipe', 'touch /tmp/evil') }}",
    "{% raw %}x",
    "a'b\"c`d",
    "x\x1b]0;owned\x07\x1b[2J",
    "line\nbreak",
    "$(touch /tmp/evil); `touch /tmp/evil2`",
    "--result-file=/tmp/evil",
)


@pytest.mark.parametrize("flavour", ["mariadb", "mysql"])
def test_names_of_a_server_stay_names(flavour, request):
    pair = request.getfixturevalue(flavour)
    pair.fresh()
    texts = []
    for number, name in enumerate(NAMES):
        quoted = name.replace("`", "``")
        texts.append(f"CREATE DATABASE `{quoted}`; CREATE TABLE `{quoted}`.`{quoted}` (id INT PRIMARY KEY) ENGINE={'MyISAM' if number % 2 else 'InnoDB'};")
        texts.append(f"INSERT INTO `{quoted}`.`{quoted}` VALUES ({number});")
    pair.sql(SOURCE, "\n".join(texts))
    pair.sh(TARGET, "rm -rf /tmp/evil*")
    # With files, with rows, and as a plan, as loudly as Ansible can; another MyISAM table makes the plan name names.
    # The risk of MyISAM is taken: nobody writes to them. mariadb-backup 10.11 itself cannot lock a table with a backtick in its name.
    method = {"mariadb": "dump", "mysql": "auto"}[flavour]
    for more in (("--check",), ("-e", f"migration_target_seed_method={method}", "-e", "waive=P30")):
        run = pair.migrate("-vvv", "--diff", *more)
        run.wait()
        assert "\x1b" not in run.output and "\x07" not in run.output
        assert "Traceback" not in run.output
    assert run.process.returncode == 0, run.tail
    for number, name in enumerate(NAMES):
        quoted = name.replace("`", "``")
        assert pair.value(TARGET, f"SELECT id FROM `{quoted}`.`{quoted}`;") == str(number)
    for host in (SOURCE, TARGET):
        assert pair.sh(host, "ls -d /tmp/evil* 2>/dev/null || true") == ""
    assert not list(ROOT.glob("evil*")) and not Path("/tmp/evil").exists()
