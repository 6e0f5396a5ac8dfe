# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The proof from the binary logs: what both programs printed on real servers is read, and what nobody should have written is told."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._cutover import history
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._cutover.history import (
    Place,
    Summary,
    Unread,
    before,
    beyond,
    in_words,
    joined,
    look,
    nothing,
    rows_since,
)
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._cutover.log_text import Reader
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._errors import ServerError
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._server.mariadb import MariaDB
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._server.mysql import MySQL

RECORDED = Path(__file__).parent / "recorded"
# Printed by mariadb-binlog and mysqlbinlog, with --base64-output=DECODE-ROWS --verbose, after the same statements: rows of the migration's
# own schema alone and beside others, FLUSH, ANALYZE, a definition and a value that look like events, XA, a transaction of another server.
MARIADB, MYSQL = (RECORDED / name for name in ("mariadb-10.11.txt", "mysql-9.7.txt"))
UUID, OTHER = "955a8d1e-eab4-11f1-b3ca-02c1e24c0c4c", "3e11fa47-71ca-11e1-9e33-c80aa9429562"
TARGET = {"server_id": 2, "server_uuid": ""}
#: 2026-11-27 22:49:55 UTC, when all of it was written.
THEN = 1795819795


def read(path: Path):
    return list(Reader().read(path.read_bytes().splitlines(True)))


def plain(path: Path) -> list[bytes]:
    """As the program prints it without --verbose."""
    return [line for line in path.read_bytes().splitlines(True) if not line.startswith(b"### ")]


@pytest.mark.parametrize(
    ("path", "gtids"),
    [
        (MARIADB, ["0-1-%d" % number for number in range(6, 16)] + ["0-2-16", "0-1-17", "0-1-18"]),
        (MYSQL, ["%s:%d" % (UUID, number) for number in range(6, 14)] + [OTHER + ":7"] + ["%s:%d" % (UUID, number) for number in (14, 15)]),
    ],
)
def test_each_transaction_is_found_once_whatever_its_text_looks_like(path, gtids):
    assert [one.gtid for one in read(path)] == gtids
    assert [one.gtid for one in Reader().read(plain(path))] == gtids
    assert {one.at for one in read(path)} == {THEN}


@pytest.mark.parametrize("path", [MARIADB, MYSQL])
def test_what_each_transaction_did(path):
    told = read(path)
    assert told[0].own and told[0].tables == {"nordbridge_migration.heartbeat": {"updated": 1}}
    # The heartbeat beside other rows does not make them the migration's.
    assert not told[1].own and told[1].tables["shop.orders"] == {"inserted": 2, "updated": 1}
    assert told[2].tables == {"shop.orders": {"deleted": 1}}
    assert [dict(one.statements) for one in told[3:7]] == [{"FLUSH": 1}, {"FLUSH": 1}, {"ANALYZE": 1}, {"CREATE TABLE": 1}]
    assert [one.idle for one in told[2:8]] == [False, True, True, True, False, False]
    assert told[7].tables == {"shop.or`ders": {"inserted": 2}}
    assert dict(told[-1].statements) == {"XA COMMIT": 1} and not told[-1].idle and not told[-1].own
    assert told[-2].tables == {"shop.orders": {"inserted": 1}} and not told[-2].statements


def test_a_statement_that_was_logged_as_text_and_the_servers_that_wrote():
    told = read(MARIADB)
    assert dict(told[8].statements) == {"INSERT": 1} and told[8].tables == {}
    assert [one.server_id for one in told] == [1] * 10 + [2, 1, 1]
    assert (told[0].offset, told[9].offset) == (1279, 336)


def test_tables_are_known_without_their_rows():
    for path in (MARIADB, MYSQL):
        assert [set(one.tables) for one in Reader().read(plain(path))] == [set(one.tables) for one in read(path)]
        assert all(not sum(rows.values()) for one in Reader().read(plain(path)) for rows in one.tables.values())


def test_what_nobody_should_have_written_is_added_up():
    found = Summary(lambda one: one.server_id == 2)
    assert [found.add(one) for one in read(MARIADB)].count(True) == 8
    told = found.told("binary logs")
    assert told["gtids"] == ["0-1-7 to 8", "0-1-12 to 15", "0-1-17 to 18"]
    assert (told["transactions"], told["own"], told["replicated"], told["without_rows"]) == (8, 1, 1, {"FLUSH": 2, "ANALYZE": 1})
    assert told["tables"]["shop.orders"] == {"inserted": 4, "updated": 1, "deleted": 1}
    assert told["statements"] == {"CREATE TABLE": 1, "INSERT": 1, "XA COMMIT": 1}
    assert (told["first"], told["last"]) == (THEN, THEN)


class Wire:
    """A server's answers."""

    def __init__(self, folder: Path, names: list[str], state: str = "", heads: dict[str, str] | None = None) -> None:
        self.folder, self.names, self.state, self.heads = folder, names, state, heads or {}

    def variable(self, name: str) -> str:
        return {"log_bin_basename": str(self.folder / "bin") if self.names else ""}.get(name, self.state)

    def rows(self, sql: str, args: tuple = ()) -> list[dict]:
        if sql == "SHOW BINARY LOGS":
            return [{"Log_name": name} for name in self.names]
        assert sql.startswith("SHOW BINLOG EVENTS")
        return [{"Event_type": "Format_desc", "Info": "[x]"}, {"Event_type": "Gtid_list", "Info": "[%s]" % self.heads.get(args[0], "")}]

    def row(self, _sql: str, _args: object = None) -> dict:
        return {"File": self.names[-1], "Position": 4242}


#: Prints the recording from the asked place on, and notes what it was asked for.
PROGRAM = """#!/bin/sh
echo "$@" >> {noted}
case "$*" in *--verbose*) show=cat;; *) show='grep -v ^###';; esac
for file; do :; done
case "$*" in *--server-id=1*bin.1) exit 0;; esac
$show "$file"
"""


@pytest.fixture
def server(tmp_path, monkeypatch):
    """A MariaDB whose logs are the recording, and the program that prints it."""
    text = MARIADB.read_bytes()
    at = text.index(b"# at 4\n")
    for name, part in (("bin.1", text[:at]), ("bin.2", text[at:])):
        (tmp_path / name).write_bytes(part)
    program = tmp_path / "mariadb-binlog"
    program.write_text(PROGRAM.format(noted=tmp_path / "noted"))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", "%s:%s" % (tmp_path, os.environ["PATH"]))
    wire = Wire(tmp_path, ["bin.1", "bin.2"], "0-2-16,0-1-18", {"bin.1": "0-1-5", "bin.2": "0-1-14"})
    return MariaDB(wire, SimpleNamespace(server_id=1, server_uuid="", version=(10, 11, 18)))  # type: ignore[arg-type]


def asked(server) -> list[str]:
    path = server.connection.folder / "noted"
    return path.read_text().splitlines() if path.exists() else []


def test_nothing_is_read_where_the_servers_own_gtids_say_that_there_is_nothing(server):
    assert beyond(server, {"gtid": "0-1-18"}, TARGET) == nothing("gtid sets")
    # What came from the other server by replication is none of its own writes.
    server.connection.state = "0-2-99,0-1-18"
    assert beyond(server, {"gtid": "0-1-18"}, TARGET)["basis"] == "gtid sets"
    assert asked(server) == []


def test_what_lies_behind_the_recorded_position_is_read_from_the_newest_log_that_begins_before_it(server):
    told = beyond(server, {"gtid": "0-1-14"}, TARGET)
    assert told["gtids"] == ["0-1-15", "0-1-17 to 18"] and told["basis"] == "binary logs" and told["replicated"] == 1
    assert told["tables"] == {"shop.orders": {"inserted": 2}}
    assert [line.rpartition("/")[2] for line in asked(server)] == ["bin.2", "bin.2"]
    assert "--start-position=336" in asked(server)[1] and "--verbose" in asked(server)[1]
    told = beyond(server, {"gtid": "0-1-13"}, TARGET)
    assert told["gtids"] == ["0-1-14 to 15", "0-1-17 to 18"]


def test_only_the_first_log_is_read_from_a_place_within_it(server):
    log = history.Log(server, 5.0)
    assert list(log.read(history.Place("bin.1", 500)))
    assert ["--start-position" in line for line in asked(server)] == [True, False], "the next one has no such place"
    (server.connection.folder / "noted").unlink()
    assert list(log.read(history.Place("bin.2", 4)))
    assert "--start-position" not in asked(server)[0], "its head is no place to begin at"


def test_without_gtids_the_position_says_where_to_begin(server):
    assert beyond(server, {"file": "bin.2", "position": 4242, "gtid": ""}, TARGET)["basis"] == "position"
    told = beyond(server, {"file": "bin.1", "position": 1279, "gtid": ""}, TARGET)
    assert told["transactions"] == 8 and "--start-position=1279" in asked(server)[0]


def test_what_cannot_be_read_is_said_and_never_taken_for_nothing(server, monkeypatch):
    monkeypatch.setattr(MariaDB, "log_programs", ("no-such-program",))
    told = beyond(server, {"gtid": "0-1-14"}, TARGET)
    assert told["basis"] == "not read: this host has no no-such-program"
    assert told["transactions"] == 4 and told["gtids"] == ["0-1-18"]
    words = in_words(joined(told, nothing("binary logs")))
    assert "TWO SERVERS" in words and "no-such-program" in words


@pytest.mark.parametrize(
    ("program", "seconds", "why"),
    [
        ("#!/bin/sh\necho 'ERROR: Reading encrypted log files' >&2; exit 1", 10.0, "cannot read bin.2: ERROR: Reading encrypted log files"),
        ("#!/bin/sh\nexec sleep 20", 0.3, "reading bin.2 took too long"),
    ],
)
def test_a_program_that_fails_or_hangs_costs_bounded_time(server, program, seconds, why):
    (server.connection.folder / "mariadb-binlog").write_text(program)
    assert beyond(server, {"gtid": "0-1-14"}, TARGET, seconds)["basis"].endswith(why)
    assert rows_since(server, {"file": "bin.2", "position": 4}, seconds) is None


def test_logs_that_are_gone_are_missed(server):
    server.connection.names = ["bin.2"]
    assert "no longer there" in beyond(server, {"gtid": "0-1-5"}, TARGET)["basis"]
    assert "bin.1 is no longer there" in before(server, {"file": "bin.1", "position": 9}, "")["basis"]
    server.connection.names = []
    assert before(server, {"file": "", "position": 0}, "")["basis"] == "not read: the server has no binary log"


def test_writes_before_the_promotion_are_looked_for_by_the_servers_own_number(server):
    told = before(server, {"file": "bin.2", "position": 649}, "0-1-14")
    # This program prints all, whatever it is told to leave out.
    assert told["transactions"] == 4 and told["gtids"] == ["0-1-15", "0-2-16", "0-1-17 to 18"]
    assert [line.rpartition("/")[2] for line in asked(server)] == ["bin.2", "bin.2"]
    assert "--server-id=1" in asked(server)[0] and "--stop-position=649" in asked(server)[0]


def test_a_log_that_begins_with_own_writes_leads_to_the_one_before(server):
    before(server, {"file": "bin.2", "position": 649}, "0-1-5")
    assert [line.rpartition("/")[2] for line in asked(server)][:2] == ["bin.1", "bin.2"]
    assert "--stop-position" not in asked(server)[0]


def test_rows_are_counted_by_table_and_kind(server):
    assert rows_since(server, {"file": "bin.2", "position": 4}, 10.0) == {"shop.orders": {"inserted": 3}}


def test_mysql_leaves_known_transactions_out_and_tells_servers_by_their_uuid(monkeypatch):
    server = MySQL(None, SimpleNamespace(server_id=1, server_uuid=UUID))  # type: ignore[arg-type]
    assert server.log_options(UUID + ":1-5") == ["--exclude-gtids=%s:1-5" % UUID] and server.log_options("") == []
    assert server.gtid_own("%s:1-5,%s:7:tag:1" % (OTHER, UUID)) == UUID + ":7:tag:1"
    monkeypatch.setattr(MySQL, "gtid_written", lambda self: "all")
    monkeypatch.setattr(MySQL, "gtid_extra", lambda self, have, allowed: "%s:9,%s:6" % (OTHER, UUID))
    assert server.gtid_strange("known", 2, OTHER) == UUID + ":6"
    assert server.gtid_strange("known", 2, "") == "%s:9,%s:6" % (OTHER, UUID)


def test_mariadb_tells_servers_by_their_number():
    wire = SimpleNamespace(variable=lambda _name: "0-2-16,0-1-18,7-1-3")
    server = MariaDB(wire, SimpleNamespace(server_id=1, server_uuid=""))  # type: ignore[arg-type]
    assert server.gtid_strange("0-1-18,7-1-3", 2) == "" and server.gtid_strange("0-1-18", 2) == "7-1-3"
    assert server.gtid_strange("0-1-15,7-1-3", 2) == "0-1-18" and server.gtid_strange("0-1-15,7-1-3", 9) == "0-2-16,0-1-18"
    assert server.gtid_own("0-2-16,0-1-18") == "0-1-18"
    behind = server.log_filter("0-1-15")
    assert [behind(gtid) for gtid in ("0-1-15", "0-1-16", "3-1-1", "")] == [False, True, True, True]


def test_the_proof_of_both_is_of_one_piece():
    facts = {"position": {"gtid": "0-1-5"}, "promoted_position": {"file": "bin.1", "position": 7}}
    requests: list[dict] = []

    def ask(request: dict) -> dict:
        requests.append(request)
        return nothing("binary logs" if request["question"] == "before" else "gtid sets")

    proof = look(ask, ask, facts, "0-1-2", TARGET, 3.0)
    assert (proof["two_writable"], proof["basis"]) == (False, "binary logs")
    assert in_words(proof) == "the binary logs show that nobody wrote on two servers"
    assert sorted(request["question"] for request in requests) == ["before", "beyond"]
    ahead = next(request for request in requests if request["question"] == "before")
    assert (ahead["mark"], ahead["seed"], ahead["seconds"]) == ({"file": "bin.1", "position": 7}, "0-1-2", 3.0)

    def gone(_request: dict) -> dict:
        raise ServerError("source: it is gone", 2003)

    proof = look(gone, ask, facts, "0-1-2", TARGET)
    assert not proof["two_writable"] and proof["basis"] == "not read: source: it is gone"
    assert in_words(proof) == "whether two servers took writes is not shown (not read: source: it is gone)"


def test_two_that_took_writes_are_told_with_tables_and_transactions():
    found = Summary()
    for one in read(MARIADB)[1:3]:
        found.add(one)
    words = in_words(joined(found.told("binary logs"), nothing("binary logs")))
    assert words.startswith("TWO SERVERS TOOK WRITES: the old server wrote 2 transactions (0-1-7 to 8), 2026-11-27 22:49:55 to ")
    assert "shop.orders 2 inserted, 1 updated, 1 deleted" in words and words.endswith("behind the recorded position")
    words = in_words(joined(nothing("gtid sets"), found.told("binary logs")))
    assert "the new server wrote 2 transactions" in words and words.endswith("of its own before its promotion")


def test_a_request_is_answered_without_its_login(server):
    request = {"question": "beyond", "seconds": 5.0, "position": {"gtid": "0-1-18"}, "other": TARGET, "login": {"password": "x"}}
    assert history.answer(server, request)["basis"] == "gtid sets"


def test_a_place_that_is_not_there_is_refused(server):
    with pytest.raises(Unread, match="no longer there"):
        list(history.Log(server, 5.0).read(Place("bin.9")))
