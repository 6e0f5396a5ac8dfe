# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a server has at its next start: its program's word, SET PERSIST above it, and the server's own where nobody wrote anything."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._errors import MigrationError
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._optionfiles.program import Program
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._tuning.configured import Configured, configured, written

# As MariaDB 10.11 and MySQL 9.7 print it, much shortened.
HELP = """mariadbd  Ver 10.11.18-MariaDB for debian-linux-gnu on x86_64 (Debian 12)
  --sync-binlog=#     Synchronously flush binary log to disk after every #th event

Variables (--variable-name=value)
and boolean options {FALSE|TRUE}                             Value (after reading options)
------------------------------------------------------------ -------------
log-error                                                    (No default value)
max-allowed-packet                                           67108864
replica-preserve-commit-order                                TRUE
slave-parallel-mode                                          conservative
sync-binlog                                                  5
innodb-flush-log-at-trx-commit                               1

To see what values a running server is using, type
'mysqladmin variables' instead of 'mysqld --verbose --help'.
"""


class Kit:
    def __init__(self, tmp_path):
        self.path = tmp_path / "mysqld"
        self.code = 0
        self.help = HELP
        self.defaults = "--loose-sync_binlog=5 --max-allowed-packet=64M"

    def program(self, **more):
        (self.path.parent / "help").write_text(self.help)
        (self.path.parent / "defaults").write_text("mysqld would have been started with:\n%s\n" % self.defaults)
        self.path.write_text(
            '#!/bin/sh\ncd "$(dirname "$0")"\necho "$@" >> asked\ncase "$*" in *print-defaults) cat defaults;; *help) cat help;; esac\n'
            "exit %d\n" % self.code
        )
        self.path.chmod(0o755)
        return Program(str(self.path), **more)


@pytest.fixture
def kit(tmp_path):
    return Kit(tmp_path)


class Server(SimpleNamespace):
    """Answers the two questions to a server."""

    def __init__(self, name, version, compiled=(), persisted=()):
        def rows(sql, _args):
            known = compiled if "SYSTEM_VARIABLES" in sql else persisted
            return [{"n": variable, "v": value} for variable, value in dict(known).items()]

        super().__init__(name=name, version=version, connection=SimpleNamespace(rows=rows))


NAMES = ("sync_binlog", "innodb_flush_log_at_trx_commit", "max_allowed_packet", "slave_parallel_mode")


def test_mariadb_knows_better_than_its_program_what_it_has_where_nobody_wrote_anything(kit):
    server = Server("mariadb", (10, 11, 18), {"slave_parallel_mode": "optimistic", "sync_binlog": "0"})
    assert configured(server, NAMES, kit.program()) == {
        "sync_binlog": Configured("5", True),
        "max_allowed_packet": Configured("67108864", True),
        "innodb_flush_log_at_trx_commit": Configured("1", False),
        "slave_parallel_mode": Configured("optimistic", False),
    }


def test_what_set_persist_keeps_wins(kit):
    server = Server("mysql", (9, 7, 4), persisted={"sync_binlog": "9"})
    found = configured(server, (*NAMES, "replica_preserve_commit_order"), kit.program())
    assert found["sync_binlog"] == Configured("9", True)
    assert found["replica_preserve_commit_order"] == Configured("ON", False)
    assert configured(Server("mysql", (5, 7, 44), persisted={"sync_binlog": "9"}), NAMES, kit.program())["sync_binlog"].value == "5"


def test_the_running_servers_command_line_is_asked_with_and_its_option_files_come_first(kit, tmp_path):
    program = kit.program(defaults=("--defaults-file=/etc/a.cnf",), arguments=("--sync-binlog=5", "--daemonize"))
    kit.defaults = ""
    configured(Server("mysql", (9, 7, 4)), NAMES, program)
    assert "--defaults-file=/etc/a.cnf --sync-binlog=5 --verbose --help" in (tmp_path / "asked").read_text().splitlines()


@pytest.mark.parametrize(
    "option",
    ["sync_binlog", "sync-binlog", "loose-sync_binlog", "Sync-Binlog", "skip-sync-binlog", "sync-bin", "loose_sync-b"],
)
def test_written_by_any_name(option):
    assert written([option], NAMES) == {"sync_binlog"}


def test_what_belongs_to_others_is_not_ours():
    assert written(["sync", "sync_binlog_period", "binlog", "max-allowed-packets", "user"], NAMES) == set()


def test_a_program_that_does_not_tell_is_an_error(kit):
    kit.code = 1
    with pytest.raises(MigrationError, match="does not tell its values"):
        kit.program().values()
    kit.code, kit.help = 0, "usage"
    with pytest.raises(MigrationError, match="does not tell its values"):
        kit.program().values()
