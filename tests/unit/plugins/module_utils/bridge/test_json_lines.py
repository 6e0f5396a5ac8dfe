# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lines to a program that stays and its answers, and what is said where none comes."""

from __future__ import annotations

import sys

import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._bridge.json_lines import JsonLinesProcess
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._errors import MigrationError

ECHO = "import sys\nfor line in sys.stdin: print('[%d]' % len(line.strip()), flush=True)"


@pytest.fixture
def talk():
    """Start a Python program; ended with the test."""
    started = []

    def start(text):
        started.append(JsonLinesProcess([sys.executable, "-c", text], "it is lost", "no answer came"))
        return started[-1]

    yield start
    for one in started:
        one.close()
        assert one.process.poll() is not None


def test_an_answer_for_each_line(talk):
    one = talk(ECHO)
    for word in ("abc", "ø"):
        one.say(word)
        assert one.answer(20) == [len(word)]


def test_two_answers_that_came_together_are_two(talk):
    one = talk("import sys; print('1\\n2', flush=True); sys.stdin.read()")
    assert (one.answer(20), one.answer(20)) == (1, 2)


def test_a_program_that_ends_is_told_at_once_with_its_last_words(talk):
    with pytest.raises(MigrationError, match=r"^no answer came: why it ended$"):
        talk("import sys; sys.exit('why it ended')").answer(600)
    with pytest.raises(MigrationError, match=r"^no answer came: it has ended$"):
        talk("").answer(600)


def test_a_program_that_is_silent_is_not_waited_for_longer(talk):
    with pytest.raises(MigrationError, match=r"^no answer came within 0\.2 s$"):
        talk("import sys; sys.stdin.read()").answer(0.2)


def test_what_is_no_answer_is_shown(talk):
    with pytest.raises(MigrationError, match="no answer came, but hello"):
        talk("print('hello')").answer(20)


def test_a_line_that_nobody_hears(talk):
    one = talk("import sys; sys.exit('gone')")
    one.process.wait(20)
    with pytest.raises(MigrationError, match="^it is lost: Broken pipe: gone"):
        one.say("x")


def test_a_program_that_is_not_there():
    with pytest.raises(MigrationError, match="it is lost: /nowhere could not be started: No such file"):
        JsonLinesProcess(["/nowhere"], "it is lost", "no answer came")
