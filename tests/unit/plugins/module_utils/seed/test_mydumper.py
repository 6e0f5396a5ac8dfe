# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules of the copy by mydumper: what it needs, what its files carry, one snapshot, and a load that goes on."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._errors import MigrationError, Refusal, ServerError
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._seed import conditions
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._seed.methods.dump.dump_text import Coordinates
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._seed.methods.mydumper import (
    dump_directory,
    mydumper,
    mydumper_command,
    mydumper_run,
    row_files,
    row_load,
)
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._seed.methods.mydumper.dump_directory import DumpDirectory
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._seed.methods.mydumper.row_files import Table
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._seed.pipeline import Pipeline, Stage
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._seed.source import freeze
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._seed.source.dump_command import dump_options
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._seed.source.freeze import CommitBlock

PLACE = {"file": "binlog.000002", "position": 4711, "gtid": "0-1-42"}
METADATA = "Started dump at: 2026-11-22 13:00:00\nSHOW MASTER STATUS:\n\tLog: binlog.000002\n\tPos: 4711\n\tGTID:0-1-42\n\n%s"
REPLICA = "SHOW SLAVE STATUS:\n\tHost: elsewhere\n\tLog: other.000009\n\tPos: 1\n\tGTID:9-9-9\n\n"
END = "Finished dump at: 2026-11-22 13:00:09\n"


# --- the program ----------------------------------------------------------------


def help_without(*options):
    return "\n".join("  -x, %s     words" % option for option in mydumper_command.NEEDED if option not in options)


def test_what_its_help_does_not_name_is_told():
    assert mydumper_command.lacking(help_without()) == []
    assert mydumper_command.lacking(help_without("--no-locks")) == ["--no-locks"]
    # A longer name is another option.
    assert "--regex" in mydumper_command.lacking(help_without("--regex") + "\n  --regex-file  words")


def test_all_that_is_asked_for_is_probed_and_nothing_of_it_is_secret():
    asked = {option.split("=")[0] for option in mydumper_command.options("/x", 2, "^(shop)\\.")}
    assert asked <= set(mydumper_command.NEEDED)
    text = mydumper_command.option_file("[client]\nuser=\"ctl\"\n", 10)
    assert text.startswith("[client]\n") and "\n[mydumper]\ninit-command=SET SESSION " in text and "lock_wait_timeout = 10" in text


def test_its_coordinates_are_the_sources_own_and_not_those_of_the_sources_source():
    assert mydumper_command.parse_metadata(METADATA % (REPLICA + END)) == Coordinates(**PLACE)
    assert mydumper_command.parse_metadata(METADATA.replace("0-1-42", "(null)") % END).gtid == ""


@pytest.mark.parametrize("text", [METADATA % "", REPLICA + END, "Started dump at: x\n" + END, ""])
def test_metadata_without_coordinates_or_end_is_a_failure(text):
    with pytest.raises(MigrationError, match="not whole"):
        mydumper_command.parse_metadata(text)


def test_what_it_calls_critical_is_a_failure_whatever_its_exit_code(tmp_path):
    words = "echo '** Message: 10:00:00.1: Thread 1 connected'; echo '** (mydumper:7): CRITICAL **: 10:00:00.2: Failed to set time zone'"
    log = tmp_path / "log"
    with mydumper_run.DumpProcess(["sh", "-c", words], subprocess.DEVNULL, str(log)) as running, pytest.raises(MigrationError, match="Failed to set time zone"):
        running.check()
    assert "Thread 1 connected" in log.read_text()


def test_its_end_lets_nobody_wait_for_its_snapshots(tmp_path):
    with mydumper_run.DumpProcess(["sh", "-c", "echo 'Access denied' >&2; exit 1"], subprocess.DEVNULL, str(tmp_path / "log")) as running:
        assert running.stand.wait(10)
        with pytest.raises(MigrationError, match="mydumper ended with 1: Access denied"):
            running.check()


def test_a_program_that_nobody_needs_any_more_is_ended(tmp_path):
    began = time.monotonic()
    with mydumper_run.DumpProcess(["sleep", "60"], subprocess.DEVNULL, str(tmp_path / "log")) as running:
        assert running.runs()
    assert time.monotonic() - began < 10 and not running.runs()


@pytest.mark.parametrize("trip, asked, threads", [(0.0002, 4, 4), (0.05, 4, 4), (0.1, 4, 1), (0.1, 0, 1), (0.07, 8, 3)])
def test_no_more_threads_than_get_their_snapshots_in_time(trip, asked, threads):
    assert mydumper_run.thread_count(asked, trip, 5.0) == threads


def test_a_source_that_is_too_far_away():
    with pytest.raises(Refusal, match="round trip of 300 ms .* about 10.4 s, and 5.0 s are allowed"):
        mydumper_run.thread_count(2, 0.3, 5.0)


# --- the pair -------------------------------------------------------------------


def pair(source=None, target=None, host=None, **found):
    program = {"found": True, "lacks": [], **found}
    there = {"free_bytes": 1 << 40, "stashed": 0, "mydumper": program, **(host or {})}
    one = {"rows": "", "not_innodb": [], "bytes": 1000, "host": None, **(source or {})}
    return one, {"bytes": 0, "host": there, **(target or {})}


def test_a_pair_that_it_can_serve():
    assert mydumper.obstacle(*pair()) == ""


@pytest.mark.parametrize(
    "given, words",
    [
        ({"found": False}, "lacks mydumper (package mydumper)"),
        ({"lacks": ["--no-locks"]}, "needed: --no-locks"),
        ({"source": {"rows": "shop.t.u is of type uuid"}}, "shop.t.u is of type uuid"),
        ({"source": {"not_innodb": ["shop.log (MyISAM)"]}}, "InnoDB's tables alone: shop.log (MyISAM)"),
        ({"target": {"host": None}}, "not looked at"),
        ({"host": {"free_bytes": None}}, "cannot be seen"),
        ({"source": {"bytes": 1 << 40}}, "MB free, and files and tables need"),
    ],
)
def test_why_it_cannot_serve(given, words):
    assert words in mydumper.obstacle(*pair(**given))


def test_what_an_earlier_try_left_takes_no_room():
    source, target = pair({"bytes": 100 << 30}, {"bytes": 90 << 30}, {"free_bytes": 20 << 30, "stashed": 120 << 30})
    assert mydumper.obstacle(source, target) == ""


class Server:
    """A server that knows what it is told to know."""

    def __init__(self, understands=True, holds=True, schemas=("shop",), answers=()):
        self.understands, self.holds, self.schemas, self.answers, self.asked = understands, holds, list(schemas), list(answers), []
        self.connection = self

    def rows(self, sql, args=None):
        self.asked.append((sql, args))
        if sql == "SHOW MASTER STATUS":
            if not self.understands:
                raise ServerError("the server does not understand this statement", 1064)
            return []
        return self.answers.pop(0)

    def statement(self, _name):
        if not self.holds:
            raise Refusal("no statement")
        return "BACKUP STAGE BLOCK_COMMIT"

    def user_schemas(self):
        return self.schemas


def test_a_server_that_does_not_understand_its_question_is_known_beforehand():
    assert "SHOW MASTER STATUS, which this server does not understand" in conditions.rows_obstacle(Server(understands=False))
    assert "a lock over commits alone, and this server has none" in conditions.rows_obstacle(Server(holds=False))
    assert conditions.rows_obstacle(Server(schemas=())) == ""


def test_odd_names_and_columns_of_a_server_are_told_with_their_number():
    names = [{"s": "shop", "n": "a.%d" % number, "b": 0, "k": "BASE TABLE"} for number in range(7)]
    assert conditions.rows_obstacle(Server(answers=[names, []])).endswith("; the name of shop.a.4 holds ., and 2 more")


# --- the files ------------------------------------------------------------------


@pytest.mark.parametrize("schema, name", [("a/b", "t"), ("shop", "o'hara"), ("shop", "x`y"), ("shop", "a\\b"), ("shop", "a.b"), ("a.b", "t")])
def test_names_that_no_file_or_statement_can_hold(schema, name):
    assert len(row_files.unfit_names([Table(schema, name, 0)])) == 1


def test_names_that_it_takes():
    assert row_files.unfit_names([Table("größe ø", 'a"b%s#$@- ', 0), Table("shop", "orders", 0)]) == []
    assert "too long" in row_files.unfit_names([Table("日" * 64, "本" * 64, 0)])[0]


def column(name="c", kind="int", extra="", table="t"):
    return {"s": "shop", "n": table, "c": name, "d": kind, "e": extra}


@pytest.mark.parametrize(
    "columns, words",
    [
        ([column(kind="uuid")], ["shop.t.c is of type uuid"]),
        ([column(extra="INVISIBLE")], ["shop.t.c is invisible, and would be left out"]),
        # Of a table with a generated column it names all others.
        ([column("g", extra="VIRTUAL GENERATED"), column(extra="INVISIBLE")], []),
        ([column("g", extra="STORED GENERATED, INVISIBLE")], []),
        ([column("g", "uuid", "VIRTUAL GENERATED")], []),
        ([column(extra="DEFAULT_GENERATED")], ["shop.t.c has an expression as its default, and mydumper takes that for a generated column"]),
        ([column("a`b")], ["the name of shop.t.a`b holds `"]),
        # A view's columns are no table's.
        ([column(kind="uuid", table="v")], []),
    ],
)
def test_columns_that_would_be_lost_or_changed(columns, words):
    assert row_files.unfit_columns([Table("shop", "t", 0)], columns) == words


def test_the_pattern_is_of_these_schemas_alone():
    told = row_files.pattern(["shop_1", "a-b (c)", "ø", "$"])
    assert told == r"^(shop_1|a\x2db\x20\x28c\x29|\xc3\xb8|\x24)\." and told.isascii()


def files(folder, *names, text=b"x;\n"):
    for name in names:
        (folder / name).write_bytes(text)
    return str(folder)


def test_each_table_has_its_files_in_their_order(tmp_path):
    folder = files(tmp_path, "metadata", "shop.t.00002.sql", "shop.t.00001.sql", "shop.u.sql", "shop.seq.sql", "größe.日.sql")
    tables = [Table("shop", "t", 1), Table("shop", "u", 1), Table("größe", "日", 1)]
    assert row_files.find_files(folder, tables, {"shop.seq"}) == {
        ("shop", "t"): ["shop.t.00001.sql", "shop.t.00002.sql"],
        ("shop", "u"): ["shop.u.sql"],
        ("größe", "日"): ["größe.日.sql"],
    }


def test_a_table_without_a_file_and_a_file_without_a_table(tmp_path):
    folder = files(tmp_path, "metadata", "shop.t.sql", "shop.late.sql")
    with pytest.raises(MigrationError, match=r"left out 1 tables \(shop.u\) and wrote 1 files of unknown tables \(shop.late.sql\)"):
        row_files.find_files(folder, [Table("shop", "t", 1), Table("shop", "u", 1)], set())


def test_a_file_ends_with_a_whole_statement(tmp_path):
    files(tmp_path, "whole.sql")
    files(tmp_path, "empty.sql", text=b"")
    files(tmp_path, "cut.sql", text=b"INSERT INTO `t` VALUES\n(1),\n(2)")
    assert [row_files.file_size(str(tmp_path / name)) for name in ("whole.sql", "empty.sql")] == [3, 0]
    with pytest.raises(MigrationError, match="cut.sql is cut off"):
        row_files.file_size(str(tmp_path / "cut.sql"))


@pytest.mark.parametrize("flavour", ["mariadb", "mysql"])
def test_the_parts_of_a_dump_hold_no_rows_and_no_coordinates(flavour):
    known = "--master-data --source-data --gtid --set-gtid-purged --init-command --no-tablespaces --column-statistics"
    first, last = (dump_options(flavour, True, known, ["shop"], 10, part) for part in ("definitions", "triggers"))
    for options in (first, last):
        assert "--no-data" in options and not [option for option in options if "-data=" in option or option == "--gtid"]
    assert first.index("--skip-triggers") > first.index("--triggers")
    assert last.index("--skip-events") > last.index("--events") and "--no-create-info" in last


# --- one snapshot ---------------------------------------------------------------

AGENT = """
import json, select, sys, time
request = json.loads(sys.stdin.readline())
print(json.dumps({"place": PLACE}), flush=True)
ready = select.select([sys.stdin], [], [], request["seconds"])[0]
word = bool(ready and sys.stdin.readline())
print(json.dumps({"asked": word, "place": AFTER, "seconds": 0.25}), flush=True)
"""


def hold(seconds=5.0, after=None, text=AGENT):
    text = text.replace("PLACE", repr(PLACE)).replace("AFTER", repr(after or PLACE))
    return CommitBlock("shop", {"login": {}, "lock_wait": 1, "seconds": seconds}, [sys.executable, "-c", text])


def test_commits_are_held_up_until_the_word():
    with hold() as held:
        assert held.place == PLACE
        assert held.release() == 0.25


def test_a_hold_that_ended_by_itself_is_no_snapshot():
    with hold(seconds=0.05) as held:
        time.sleep(0.5)
        with pytest.raises(MigrationError, match="longer than the 0.1 s .*target_seed_hold_seconds.* not of one time"):
            held.release()


def test_a_source_that_went_on_under_the_hold_is_no_snapshot():
    with hold(after={**PLACE, "position": 4712}) as held, pytest.raises(MigrationError, match="not of one time"):
        held.release()


def test_an_agent_that_cannot_hold_tells_why():
    why = "could not be held up: the agent gave no answer: Lock wait"
    with pytest.raises(MigrationError, match=why), hold(text="import sys; sys.exit('Lock wait timeout')"):
        pass


class Source:
    """What the agent's verb asks of the server."""

    gtid_on = True
    places = ()

    def __init__(self, ran):
        self.ran = ran

    def statement(self, name):
        return name

    def binlog_position(self):
        return PLACE["file"], PLACE["position"]

    def gtid_written(self):
        return PLACE["gtid"]


@pytest.mark.parametrize("word, asked", [("release\n", True), ("", False)])
def test_the_agent_lets_go_at_a_word_and_at_the_end_of_its_input(word, asked, monkeypatch, capsys):
    ran = []
    connection = SimpleNamespace(run=ran.append)
    monkeypatch.setattr(freeze, "connect", lambda *_all: _Context(connection))
    monkeypatch.setattr(freeze, "open_flavour", lambda _connection: Source(ran))
    read, write = os.pipe()
    os.write(write, word.encode())
    os.close(write)
    with os.fdopen(read) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        freeze.serve({"login": {"unix_socket": "/x"}, "lock_wait": 7, "seconds": 5})
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert told[0] == {"place": PLACE} and told[1]["asked"] is asked and told[1]["place"] == PLACE
    assert ran == ["SET SESSION lock_wait_timeout = 7", "backup_lock", "hold_commits", "backup_unlock"]


class _Context:
    def __init__(self, value):
        self.value = value

    def __enter__(self):
        return self.value

    def __exit__(self, *_all):
        return None


# --- the ledger -----------------------------------------------------------------


def test_only_a_whole_dump_of_the_same_is_gone_on_with(tmp_path):
    place = DumpDirectory(str(tmp_path / "dump"))
    place.begin()
    now = {"format": dump_directory.FORMAT, "migration_id": "shop", "source": "us-db1", "target": "oslo-db1"}
    assert dump_directory.why_not(place.read(), now) == "there is no whole dump"
    place.close({**now, "coordinates": PLACE})
    assert dump_directory.why_not(place.read(), now) == ""
    for name in ("migration_id", "source", "target", "format"):
        assert dump_directory.why_not(place.read(), {**now, name: "other"}) == "it is of another %s" % name.replace("_", " ")


def test_what_is_loaded_counts_while_this_kernel_runs(tmp_path):
    place = DumpDirectory(str(tmp_path / "dump"), lambda: "boot 1")
    place.begin()
    place.note(begun=[("shop", "early")])
    assert place.loaded()[:2] == (False, set())
    place.note(defined=True)
    place.note(begun=[("shop", "a"), ("shop", "b")])
    place.note(tables=[("shop", "a")])
    assert place.loaded() == (True, {("shop", "a")}, {("shop", "b"), ("shop", "early")})
    with open(tmp_path / "dump" / "loaded.jsonl", "a") as stream:
        stream.write('{"boot": "boot 1", "tables": [["shop", "b"]')  # cut off by a crash
    assert place.loaded()[1] == {("shop", "a")}
    assert DumpDirectory(str(tmp_path / "dump"), lambda: "boot 2").loaded() == (False, set(), set())
    place.begin_load()
    assert place.loaded() == (False, set(), set())


def test_a_dump_lies_on_the_file_system_of_the_data(tmp_path, monkeypatch):
    data = tmp_path / "lib" / "mysql"
    data.mkdir(parents=True)
    (tmp_path / "link").symlink_to(data)
    assert dump_directory.location(str(tmp_path / "link"), "shop") == str(tmp_path / "lib" / "nordbridge-dump-shop")
    place = DumpDirectory(dump_directory.location(str(data), "shop"))
    place.begin()
    files(tmp_path / "lib" / "nordbridge-dump-shop" / "rows", "a.b.sql", text=b"1234;\n")
    assert dump_directory.kept_bytes(str(data)) == 6
    real = os.stat
    monkeypatch.setattr(dump_directory.os, "stat", lambda path: SimpleNamespace(st_dev=len(str(path))) if "lib" in str(path) else real(path))
    assert dump_directory.location(str(data), "shop") == str(data / ".nordbridge-dump-shop")
    monkeypatch.undo()
    dump_directory.forget_others(str(data), "shop")
    assert dump_directory.kept_bytes(str(data)) == 0 and dump_directory.folder_bytes(place.folder) == 0


def lost(tmp_path, logs=None, written="0-1-50", erase=(), size=3):
    files(tmp_path, "shop.t.sql")
    source = SimpleNamespace(
        connection=SimpleNamespace(rows=lambda _sql: [{"Log_name": name, "File_size": end} for name, end in (logs or {}).items()]),
        gtid_written=lambda: written,
        gtid_includes=lambda have, want: int(have.split("-")[2]) >= int(want.split("-")[2]),
    )
    ledger = {"coordinates": PLACE, "schemas": ["shop"], "files": [{"table": ["shop", "t"], "files": [["shop.t.sql", size]]}]}
    return mydumper._lost(SimpleNamespace(source=source, erase=list(erase)), SimpleNamespace(rows=str(tmp_path)), ledger)


LOGS = {"binlog.000002": 9000, "binlog.000003": 4}


def test_a_dump_that_is_still_of_use(tmp_path):
    assert lost(tmp_path, LOGS, erase=["shop"]) == ""


@pytest.mark.parametrize(
    "changed, words",
    [
        ({"logs": {"binlog.000003": 4}}, "binlog.000002, from whose position 4711 the target would replicate, is gone"),
        ({"logs": {"binlog.000002": 4000}}, "is gone"),
        ({"logs": LOGS, "written": "0-1-7"}, "was started over: it does not hold 0-1-42"),
        ({"logs": LOGS, "erase": ["shop", "strange"]}, "other schemas"),
        ({"logs": LOGS, "size": 4}, "its file shop.t.sql is gone, or another"),
    ],
)
def test_a_dump_that_is_of_no_use_any_more(changed, words, tmp_path):
    assert words in lost(tmp_path, **changed)


# --- the load -------------------------------------------------------------------

BIG = row_load.UNIT_BYTES + 1


def test_small_tables_go_together_and_pieces_of_a_large_one_apart():
    parts = {("a", "1"): [("a.1.sql", 5)], ("a", "2"): [("a.2.sql", 7)], ("b", "1"): [("b.1.sql", 1)], ("b", "done"): [("x", 9)]}
    parts["a", "big"] = [("a.big.00001.sql", BIG), ("a.big.00002.sql", 10)]
    units = row_load.plan_units(parts, {("b", "done")})
    assert [unit.files for unit in units] == [("a.big.00001.sql",), ("a.1.sql", "a.2.sql"), ("a.big.00002.sql",), ("b.1.sql",)]
    assert units[1].tables == (("a", "1"), ("a", "2")) and units[1].schema == "a"


def test_no_unit_holds_too_many_tables():
    parts = {("a", "t%04d" % number): [("f%d" % number, 1)] for number in range(2 * row_load.UNIT_TABLES + 1)}
    assert [len(unit.tables) for unit in row_load.plan_units(parts, set())] == [row_load.UNIT_TABLES, row_load.UNIT_TABLES, 1]


def load(units, command, streams=2, tick=lambda: None):
    arrived = []

    def start(unit, _number):
        return Pipeline([Stage("files", ["echo", *unit.files]), Stage("client", ["sh", "-c", command(unit)])], b"", [lambda _chunk: None])

    job = row_load.TableLoader(units, start, arrived.extend)
    try:
        job.run(streams, tick, 0.02)
        return arrived, None
    except BaseException as error:
        return arrived, error


def units_of(*names):
    return [row_load.Unit("a", (("a", name.partition("/")[0]),), (name,), 1) for name in names]


def test_a_table_is_whole_once_all_of_its_pieces_are():
    arrived, error = load(units_of("big/1", "small", "big/2"), lambda unit: "cat > /dev/null")
    assert error is None and sorted(arrived) == [("a", "big"), ("a", "small")]


def test_a_table_of_which_a_piece_failed_is_not():
    arrived, error = load(units_of("big/1", "big/2", "small"), lambda unit: "cat >/dev/null; test %s != big/2" % unit.files[0], streams=1)
    assert arrived == [] and "while loading a.big" in str(error)


def test_a_failure_ends_the_other_streams():
    began = time.monotonic()
    arrived, error = load(units_of("slow", "bad"), lambda unit: "exec sleep 60" if unit.files[0] == "slow" else "sleep 0.2; exit 3")
    assert time.monotonic() - began < 20 and arrived == [] and "client ended with 3" in str(error)


def test_whoever_stops_the_copy_ends_the_streams():
    def stop():
        if time.monotonic() - began > 0.3:
            raise MigrationError("stopped early")

    began = time.monotonic()
    _arrived, error = load(units_of("one", "two", "three"), lambda unit: "exec sleep 60", tick=stop)
    assert str(error) == "stopped early" and time.monotonic() - began < 20


def test_streams_by_the_processors_within_bounds(monkeypatch):
    for cores, streams in ((1, 2), (4, 4), (64, 8)):
        monkeypatch.setattr(row_load.os, "cpu_count", lambda cores=cores: cores)
        assert row_load.stream_count(0) == streams
    assert (row_load.stream_count(3), row_load.stream_count(1000)) == (3, row_load.LOCKS)


class Loaded:
    """A target's connection."""

    def __init__(self, definitions=None, holders=()):
        self.ran, self.definitions, self.holders = [], definitions or {}, dict(holders)

    def run(self, sql):
        self.ran.append(sql)
        if sql.startswith("KILL"):
            self.holders = {name: number for name, number in self.holders.items() if "KILL %d" % number != sql}

    def value(self, _sql, args):
        return self.holders.get(args[0])

    def row(self, sql):
        text = self.definitions.get(sql.rpartition(" ")[2])
        if text is None:
            raise ServerError("no such table", 1146)
        return {"Create Table": text}


def test_sessions_that_outlived_their_job_are_ended_and_no_others():
    connection = Loaded(holders={row_load.stream_lock("shop", 1): 77, row_load.stream_lock("other", 1): 78})
    row_load.end_orphans(connection, "shop")
    assert connection.ran == ["KILL 77"]


def test_a_table_that_was_begun_is_made_again_by_its_own_definition():
    connection = Loaded({"`shop`.`t`": "CREATE TABLE `t` (…) AUTO_INCREMENT=4711"})
    known = row_load.read_definitions(connection, [("shop", "t"), ("shop", "gone")])
    assert list(known) == ["shop\0t"]
    row_load.make_again(connection, known, [("shop", "t")])
    assert connection.ran[-3:] == ["USE `shop`", "DROP TABLE IF EXISTS `t`", "CREATE TABLE `t` (…) AUTO_INCREMENT=4711"]
    assert "SET SESSION sql_log_bin = 0" in connection.ran and "SET SESSION foreign_key_checks = 0" in connection.ran
    with pytest.raises(MigrationError, match="shop.gone is neither"):
        row_load.make_again(connection, known, [("shop", "gone")])


def test_a_definition_survives_a_crash_between_drop_and_create(tmp_path):
    place = DumpDirectory(str(tmp_path / "dump"))
    place.begin()
    assert place.keep_definitions({"shop\0t": "CREATE 1"}) == {"shop\0t": "CREATE 1"}
    # The next time the table is not there.
    assert place.keep_definitions({}) == {"shop\0t": "CREATE 1"}


def test_a_stream_takes_bytes_as_they_are_and_no_value_that_is_made_to_fit():
    for words in ("sql_log_bin = 0", "time_zone = '+00:00'", "STRICT_ALL_TABLES", "character_set_client = binary", "foreign_key_checks = 0"):
        assert words in row_load.SESSION
    assert io.StringIO(row_load.SESSION).readline().count("SET") == 1


@pytest.mark.parametrize("kind", ["link", "folder", "fifo", "anothers"])
def test_what_mydumper_wrote_is_plain_files_of_its_user(tmp_path, kind):
    (tmp_path / "metadata").write_text("text")
    assert mydumper_run.take_over(str(tmp_path), os.getuid()) == b"text"
    makers = {"link": lambda path: os.symlink("/etc/passwd", path), "folder": os.mkdir, "fifo": os.mkfifo, "anothers": lambda path: None}
    makers[kind](tmp_path / "shop.t.sql")
    with pytest.raises(MigrationError, match="shop.t.sql, which is|metadata, which belongs to user"):
        mydumper_run.take_over(str(tmp_path), 4711 if kind == "anothers" else os.getuid())


def test_rows_without_metadata_are_not_whole(tmp_path):
    with pytest.raises(MigrationError, match="no metadata"):
        mydumper_run.take_over(str(tmp_path), os.getuid())
