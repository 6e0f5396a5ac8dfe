# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Text from other hosts: no terminal obeys what is shown of it."""

from __future__ import annotations

import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils import _module
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._errors import MigrationError
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._jobs.progress import Progress
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._module import run_module
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._text import tail, visible, visible_data


@pytest.mark.parametrize(
    "text, shown",
    [
        ("plain \u00e4\u4e2d\U0001f600 {{ x }} $(id) `id`", "plain \u00e4\u4e2d\U0001f600 {{ x }} $(id) `id`"),
        ("a\tb\nc", "a\tb\nc"),
        ("\x1b]0;title\x07", "\\x1b]0;title\\x07"),
        ("\x9b31m\x7f\r\x00", "\\x9b31m\\x7f\\x0d\\x00"),
        ("abc\u202etxt.exe\u2066\u200b\ufeff", "abc\\u202etxt.exe\\u2066\\u200b\\ufeff"),
        ("\udcff", "\\udcff"),
    ],
)
def test_hidden_characters_are_shown_as_escapes(text, shown):
    assert visible(text) == shown
    assert visible(visible(text)) == shown


def test_data_keeps_its_form():
    data = {"a\x1b": ["\x1b", 1, None, True, 1.5, ("\x9b",)], 3: {"b": "\r"}}
    assert visible_data(data) == {"a\\x1b": ["\\x1b", 1, None, True, 1.5, ["\\x9b"]], 3: {"b": "\\x0d"}}


def test_a_programs_last_words():
    assert tail(b"one\ntwo \x1b[2Jthree\xff") == "one two \\x1b[2Jthree\ufffd"


def test_a_jobs_progress(tmp_path, capsys):
    Progress(str(tmp_path / "progress.json")).say("seed", "table \x1b[2J")
    assert "\x1b" not in capsys.readouterr().out
    assert "x1b[2J" in (tmp_path / "progress.json").read_text()


class Module:
    """What a module says."""

    params: dict = {}
    check_mode = False

    def __init__(self, **_spec):
        self.said = []
        Module.last = self

    def warn(self, text):
        self.said.append(text)

    def exit_json(self, **result):
        self.said.append(result)
        raise SystemExit

    fail_json = exit_json


def fail(_params, _check_mode):
    error = MigrationError("host \x1b[31m")
    error.facts = {"host": "\x9b"}
    raise error


@pytest.mark.parametrize(
    "function, said",
    [
        (fail, [{"msg": "host \\x1b[31m", "host": "\\x9b"}]),
        (lambda *_all: {"changed": False, "warnings": ["\x07"], "version": "10\x1b"}, ["\\x07", {"changed": False, "version": "10\\x1b"}]),
    ],
)
def test_every_module_shows_what_it_was_told(monkeypatch, function, said):
    monkeypatch.setattr(_module, "AnsibleModule", Module)
    with pytest.raises(SystemExit):
        run_module(function, {})
    assert Module.last.said == said
