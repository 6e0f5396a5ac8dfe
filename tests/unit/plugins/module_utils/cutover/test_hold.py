# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hold's file, and the proof that a server would follow it."""

from __future__ import annotations

import dataclasses
import os
import sys
from types import SimpleNamespace

import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._cutover import hold
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._errors import MigrationError, Refusal
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._optionfiles.program import Program
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._optionfiles.table import Table
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._optionfiles.unit import Unit
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._server.flavour import FLAVOURS
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._server.identity import Identity

MARIADB, MARIADB12, MYSQL = ("mariadb", (10, 11, 18)), ("mariadb", (12, 1, 2)), ("mysql", (9, 7, 4))
CLOSED = {"read_only": "ON", "super_read_only": "ON", "event_scheduler": "OFF"}
#: A program that reads the option files of one directory.
PROGRAM = """#!%s
import os
print("would have been started with the following arguments:")
for name in sorted(os.listdir(%r)):
    for line in open(os.path.join(%r, name)):
        if line[0] not in "#[!\\n":
            print("--" + line.strip().replace(" = ", "="), end=" ")
"""


class Connection:
    """Variables, and what SET PERSIST keeps."""

    name = "server"

    def __init__(self, values: dict) -> None:
        self.values, self.persisted, self.ran = dict(values), {}, []

    def variable(self, name):
        return self.values.get(name)

    def variables(self, *names):
        return {name: self.values[name] for name in names if name in self.values}

    def at_once(self, *names):
        return {name: {"ON": "1", "OFF": "0"}[self.values[name]] for name in names}

    def rows(self, sql, _args=None):
        assert "persisted_variables" in sql
        return [{"n": name, "v": value} for name, value in self.persisted.items()]

    def run(self, sql):
        self.ran.append(sql)
        name, _equals, value = sql.split()[2:]
        self.values[name] = value


@pytest.fixture
def host(tmp_path, monkeypatch):
    """A host's option files, its program, and a server on it."""
    folder, root, program = tmp_path / "conf.d", tmp_path / "my.cnf", tmp_path / "mysqld"
    folder.mkdir()
    root.write_text("!includedir %s/\n" % folder)
    program.write_text(PROGRAM % (sys.executable, str(folder), str(folder)))
    program.chmod(0o755)
    made = SimpleNamespace(program=Program(str(program), defaults=("--defaults-file=%s" % root,)), folder=folder, path=str(folder / hold.NAME))
    monkeypatch.setattr(hold, "find_program", lambda _server: made.program)
    monkeypatch.setattr(hold, "check_place", lambda _path: None)

    def server(flavour, version, **values):
        identity = Identity(flavour, version, "", "", "us-db1", 3306, 1, "", str(tmp_path), 0)
        return FLAVOURS[flavour](Connection({"read_only": "OFF", "super_read_only": "OFF", "event_scheduler": "ON", **values}), identity)

    made.server = server
    return made


def both(host, server):
    """What is said before the file is written, and after."""
    before = hold.predict_hold(server, host.path)
    written = hold.Hold(server, host.path)
    written.dropin.write(written.text)
    after = hold.Hold(server, host.path).against()
    written.dropin.restore()
    return before, after


def test_text():
    text = hold.hold_text("mysqld", [("read_only", "ON"), ("event_scheduler", "OFF")])
    assert text.splitlines()[1:] == ["[mysqld]", "read_only = ON", "event_scheduler = OFF"]
    assert text.startswith("#") and text.endswith("\n")


@pytest.mark.parametrize(
    "path",
    ["/etc/passwd", "/etc/mysql/my.cnf", "/tmp/zz-nordbridge-hold.cnf", "/etc/../tmp/zz-nordbridge-hold.cnf",
     "/etc/no-such-folder/zz-nordbridge-hold.cnf", "etc/zz-nordbridge-hold.cnf", "/etc/a b/zz-nordbridge-hold.cnf"],
)  # fmt: skip
def test_other_places_are_refused(path):
    server = SimpleNamespace(name="mariadb", version=(10, 11, 18), hold_settings=(("read_only", "ON"),))
    for function in (hold.check_place, hold.remove_hold, *(lambda path, ask=ask: ask(server, path) for ask in (
        hold.place_hold, hold.predict_hold, hold.prove_hold,
    ))):  # fmt: skip
        with pytest.raises(Refusal):
            function(path)


@pytest.mark.parametrize("kind", [MARIADB, MARIADB12, MYSQL])
def test_placed_once_proven_and_removed_once(host, kind):
    server = host.server(*kind)
    assert both(host, server) == ([], [])
    assert hold.prove_hold(server, host.path)[0].endswith("is not there as it was written")
    assert hold.place_hold(server, host.path) is True
    assert os.stat(host.path).st_mode & 0o777 == 0o644
    assert hold.place_hold(server, host.path) is False
    open_now = hold.prove_hold(server, host.path)
    assert open_now and all(" now: SET GLOBAL" in words for words in open_now)
    server.connection.values.update(CLOSED)
    assert hold.prove_hold(server, host.path) == []
    assert hold.remove_hold(host.path) is True
    assert hold.remove_hold(host.path) is False


@pytest.mark.parametrize(
    ("kind", "option", "words"),
    [
        (MARIADB, "read_only = 0", "read_only would be OFF by line 2 of "),
        (MARIADB, "skip-read-only", "read_only would be OFF by line 2 of "),
        (MARIADB, "loose-read-only = yes", "read_only would be OFF"),
        (MARIADB, "read_on = off", "read_only would be OFF"),
        (MARIADB, "read_only = 2", "read_only would be OFF"),
        (MARIADB, "enable-event-scheduler", "event_scheduler would be ON"),
        (MARIADB, "event-scheduler = 1", "event_scheduler would be ON"),
        (MARIADB12, "read_only = 0", "read_only would be OFF"),
        (MYSQL, "super-read-only = 0", "super_read_only would be OFF"),
        (MYSQL, "event_scheduler", "event_scheduler would be ON"),
    ],
)
def test_what_is_read_later_wins(host, kind, option, words):
    (host.folder / "zzz.cnf").write_text("[mysqld]\n%s\n" % option)
    for against in both(host, host.server(*kind)):
        assert len(against) == 1 and words in against[0] and "zzz.cnf" in against[0], against


@pytest.mark.parametrize(
    ("kind", "option"),
    [
        (MARIADB, "event_scheduler = DISABLED"),
        (MARIADB, "event_scheduler = 2"),
        (MARIADB12, "read_only = NO_LOCK_NO_ADMIN"),
        # super_read_only=ON wins over it where both are options, whatever their order.
        (MYSQL, "read_only = 0"),
        (MYSQL, "read_buffer_size = 1M"),
    ],
)
def test_what_does_no_harm(host, kind, option):
    (host.folder / "zzz.cnf").write_text("[mysqld]\n%s\n" % option)
    assert both(host, host.server(*kind)) == ([], [])


def test_what_set_persist_keeps(host):
    server = host.server(*MYSQL)
    server.connection.persisted = {"super_read_only": "OFF", "read_only": "OFF", "event_scheduler": "ON", "max_connections": "7"}
    for against in both(host, server):
        assert [words.rpartition(": run ")[2] for words in against] == [
            "RESET PERSIST super_read_only", "RESET PERSIST read_only", "RESET PERSIST event_scheduler",
        ]  # fmt: skip
    server.connection.persisted = {"super_read_only": "ON", "event_scheduler": "DISABLED"}
    assert both(host, server) == ([], [])


def test_the_unit(host):
    unit = Unit("mariadb.service", ("--read-only=0",))
    host.program = dataclasses.replace(host.program, arguments=unit.arguments, unit=unit)
    for against in both(host, host.server(*MARIADB)):
        assert len(against) == 1 and "by the command line of mariadb.service" in against[0]
    host.program = dataclasses.replace(host.program, arguments=(), unit=Unit("mariadb.service", stale=True))
    for against in both(host, host.server(*MARIADB)):
        assert len(against) == 1 and against[0].endswith("run systemctl daemon-reload")


def test_statements_at_each_start(host, tmp_path):
    (host.folder / "a.cnf").write_text("[mysqld]\ninit_file = init.sql\n")
    server = host.server(*MARIADB)
    assert both(host, server) == ([], []), "a file that is not there"
    (tmp_path / "init.sql").write_text("SET GLOBAL max_connections = 7;\nSET GLOBAL read_only=0;\n")
    for against in both(host, server):
        assert len(against) == 1 and "init.sql" in against[0] and "a.cnf" in against[0] and against[0].endswith("take out line 2")


def test_a_file_that_nobody_reads(host, tmp_path):
    (tmp_path / "my.cnf").write_text("[mysqld]\n")
    against = hold.predict_hold(host.server(*MARIADB), host.path)
    assert len(against) == 1 and "not among the files that the server reads" in against[0]


def test_what_is_not_proven_is_put_back(host):
    (host.folder / "zzz.cnf").write_text("[mysqld]\nread_only = 0\n")
    server = host.server(*MARIADB)
    with pytest.raises(MigrationError, match="us-db1 .* would not be closed after its next restart: read_only would be OFF"):
        hold.place_hold(server, host.path)
    assert not os.path.exists(host.path)
    old = "# Written by nordbridge.mysql_migration: older.\n"
    (host.folder / hold.NAME).write_text(old)
    with pytest.raises(MigrationError):
        hold.place_hold(server, host.path)
    assert (host.folder / hold.NAME).read_text() == old


def test_somebody_elses_file_is_left_alone(host):
    (host.folder / hold.NAME).write_text("[mysqld]\nport = 1\n")
    with pytest.raises(Refusal, match="was not written by this module"):
        hold.place_hold(host.server(*MARIADB), host.path)


def test_a_server_that_is_closed_by_others_too(host):
    server = host.server(*MYSQL)
    hold.place_hold(server, host.path)
    assert hold.opened_by_nobody(server, host.path) == []
    (host.folder / "a.cnf").write_text("[mysqld]\nread_only\n")
    server.connection.persisted = {"super_read_only": "ON"}
    found = hold.opened_by_nobody(server, host.path)
    assert len(found) == 2 and "line 2 of" in found[0] and found[1].endswith("(RESET PERSIST super_read_only)")


def test_the_module_sets_the_same_at_run_time(host):
    server = host.server(*MYSQL, super_read_only="ON")
    planned = hold.hold_server(server, host.path, True)
    assert planned["changed"] and not os.path.exists(host.path) and not server.connection.ran
    done = hold.hold_server(server, host.path, False)
    # A super_read_only whose read_only is off, as SET PERSIST can leave it, closes nothing.
    assert "running read_only = OFF" in planned["diff"]["before"] and "running read_only = ON" in planned["diff"]["after"]
    assert "running super_read_only = ON" in planned["diff"]["after"], "what is so already stays"
    assert done["diff"] == planned["diff"] and server.connection.ran == ["SET GLOBAL read_only = ON", "SET GLOBAL event_scheduler = OFF"]
    assert hold.hold_server(server, host.path, False)["changed"] is False
    (host.folder / "zzz.cnf").write_text("[mysqld]\nevent_scheduler = ON\n")
    for check in (True, False):
        with pytest.raises(MigrationError, match=r"zzz\.cnf"):
            hold.hold_server(server, host.path, check)


@pytest.mark.parametrize(("read_only", "super_read_only"), [("ON", "ON"), ("ON", "OFF"), ("OFF", "ON"), ("OFF", "OFF")])
def test_mysql_is_closed_by_both_variables(host, read_only, super_read_only):
    server = host.server(*MYSQL, read_only=read_only, super_read_only=super_read_only)
    assert server.read_only() is (read_only == super_read_only == "ON")


def test_words_of_all_versions():
    assert Table(hold.SETTINGS, "mysql", (5, 7, 44)).meaning("super_read_only", "1") == ("super_read_only", "ON")
    assert Table(hold.SETTINGS, *MARIADB12).meaning("read-only", "3") == ("read_only", "ON")
    assert Table(hold.SETTINGS, *MARIADB).meaning("super_read_only", "1") is None
    # From 12.0.1 on it is a word of four.
    assert Table(hold.SETTINGS, "mariadb", (12, 0, 1)).meaning("read_only", "NO_LOCK") == ("read_only", "ON")
    assert Table(hold.SETTINGS, "mariadb", (12, 0, 0)).meaning("read_only", "NO_LOCK") != ("read_only", "ON")
