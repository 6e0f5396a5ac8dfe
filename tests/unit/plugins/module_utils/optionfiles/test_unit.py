# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The unit that starts a server, from the service manager's own words."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._optionfiles import program
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._optionfiles.program import Program
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._optionfiles.unit import Unit, expand, make_unit, unit_name

# Debian 12, as it prints it.
SHOWN = """ExecStart={ path=/usr/sbin/mariadbd ; argv[]=/usr/sbin/mariadbd $MYSQLD_OPTS --port=${PORT} ; ignore_errors=no ; pid=64 ; status=0/0 }
Environment=%s
EnvironmentFiles=%s (ignore_errors=yes)
User=mysql
NeedDaemonReload=%s
"""


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("9:name=systemd:/libpod_parent/libpod-24/system.slice/mariadb.service\n0::/libpod_parent/libpod-24\n", "mariadb.service"),
        ("0::/system.slice/system-mysql.slice/mysql@two.service\n", "mysql@two.service"),
        ("0::/system.slice/docker.service/abc\n", "docker.service"),
        ("0::/user.slice/user-0.slice/session-3.scope\n8:pids:/system.slice/other.service\n", ""),
        ("", ""),
    ],
)
def test_the_unit_of_a_process(text, name):
    assert unit_name(text) == name


def made(environment="", file="/none", stale="no", manager="", programs=("mariadbd",)):
    return make_unit("mariadb.service", SHOWN % (environment, file, stale), manager, programs)


def test_its_arguments_with_their_variables():
    unit = made("PORT=3307 \"MYSQLD_OPTS=--read-only=0 --init-connect='SET x'\"")
    assert unit.arguments == ("--read-only=0", "--init-connect=SET x", "--port=3307")
    assert (unit.user, unit.stale) == ("mysql", False)


def test_the_units_own_variables_come_before_the_managers_and_its_files_before_both(tmp_path):
    assert made(manager="MYSQLD_OPTS=--a\nPORT=1\n").arguments == ("--a", "--port=1")
    assert made("MYSQLD_OPTS=--b", manager="MYSQLD_OPTS=--a\n").arguments == ("--b", "--port=")
    file = tmp_path / "mysql"
    file.write_text("# sysconfig\nMYSQLD_OPTS=\"--c --d\"\nPORT=2\n")
    assert made("MYSQLD_OPTS=--b", str(file), "yes").arguments == ("--c", "--d", "--port=2")
    assert made(stale="yes").stale is True


def test_a_wrapper_is_no_program_of_ours():
    assert made(programs=("mysqld",)) is None
    assert make_unit("x.service", "", "", ("mysqld",)) is None


def test_a_dollar_that_is_none():
    assert expand("--init-connect=a$$b", {}) == ["--init-connect=a$b"]


def test_what_may_be_read_is_asked_as_its_user(monkeypatch):
    monkeypatch.setattr(program.shutil, "which", lambda name: "/usr/bin/" + name)
    monkeypatch.setattr(program.os, "geteuid", lambda: 0)
    asked = []
    monkeypatch.setattr(program.subprocess, "run", lambda command, **_more: asked.append(command))
    for unit in (Unit("mariadb.service", user="nobody"), Unit("mariadb.service", user="root"), Unit("mariadb.service"), None):
        Program("/usr/sbin/mariadbd", unit=unit)._ask("--print-defaults")
    plain = ["/usr/sbin/mariadbd", "--print-defaults"]
    assert asked[0][:2] == ["/usr/bin/setpriv", "--reuid=nobody"] and asked[0][-2:] == plain
    assert asked[1:] == [plain, plain, plain]


def test_the_next_starts_arguments_are_the_units_and_not_those_of_the_last_one(monkeypatch):
    monkeypatch.setattr(program, "_pid", lambda _server: 7)
    monkeypatch.setattr(program, "_executable", lambda _pid: "/usr/sbin/mariadbd")
    running = {"cmdline": ["/usr/sbin/mariadbd", "--read-only=1"], "environ": ["HOME=/a", "MYSQL_HOME=/b", "SECRET=x"]}
    monkeypatch.setattr(program, "_zero_separated", lambda path: running[path.rpartition("/")[2]])
    server = SimpleNamespace(server_programs=("mariadbd",), identity=SimpleNamespace(datadir="/none"))
    found = Unit("mariadb.service", ("--defaults-group-suffix=_2", "--read-only=0"), {"HOME": "/c", "OTHER": "y"})
    monkeypatch.setattr(program, "unit_of", lambda _pid, _programs: found)
    made = program.find_program(server)
    assert (made.defaults, made.arguments) == (("--defaults-group-suffix=_2",), ("--read-only=0",))
    assert made.environment == {"HOME": "/c", "MYSQL_HOME": "/b"} and made.command_line_name == "the command line of mariadb.service"
    monkeypatch.setattr(program, "unit_of", lambda _pid, _programs: None)
    made = program.find_program(server)
    assert made.arguments == ("--read-only=1",) and made.command_line_name == "the command line of the running server"
