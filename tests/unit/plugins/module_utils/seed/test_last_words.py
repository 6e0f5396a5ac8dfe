# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A server that does not start: its own last words are in the message."""

from __future__ import annotations

import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._errors import MigrationError
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._seed import last_words


@pytest.fixture
def said(monkeypatch, tmp_path):
    """What the programs print, by the first word."""
    told = {"journalctl": "", "my_print_defaults": ""}
    monkeypatch.setattr(last_words, "_run", lambda command: told[command[0]])
    return told


def broken():
    raise MigrationError("systemctl start x failed: see the journal")


def test_errors_of_the_journal_come_along(said):
    said["journalctl"] = "starting\n[ERROR] InnoDB: redo log is of another server\n[Note] bye\n"
    with pytest.raises(MigrationError, match=r"systemctl start x failed.*its log ends: \[ERROR\] InnoDB: redo log is of another server$"):
        last_words.with_last_words("mariadb", "x", broken)


def test_the_file_that_the_configuration_names_last_is_read(said, tmp_path):
    log = tmp_path / "error.log"
    log.write_text("[ERROR] plugin\n[ERROR] Aborting\n")
    said["my_print_defaults"] = "--log-error=/none\n--log_error=%s\n" % log
    assert last_words.last_words("mysql", "x") == "[ERROR] plugin | [ERROR] Aborting"


def test_without_an_error_the_last_lines_are_told(said):
    said["journalctl"] = "one\ntwo\n"
    assert last_words.last_words("mariadb", "x") == "one | two"


def test_nothing_said_adds_nothing_and_a_start_that_works_asks_nobody(said):
    with pytest.raises(MigrationError, match="see the journal$"):
        last_words.with_last_words("mariadb", "x", broken)
    last_words.with_last_words("mariadb", "x", lambda: None)


def test_the_words_are_bounded(said):
    said["journalctl"] = "[ERROR] %s\n" % ("x" * 9000)
    assert len(last_words.last_words("mariadb", "x")) <= last_words.LETTERS
