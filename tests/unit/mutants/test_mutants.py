# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of mutants is whole, and what the grammar yields can be told apart and found again."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from by_grammar import chosen, mutants
from by_hand import TABLE
from equivalent import EQUIVALENT
from mutant import UTILS, Mutant, apply
from mutants import BY_HAND, PACKAGES, ROOT, functions, suspects, wrong_reasons
from trial import Known

SOURCE = '''"""Words: 0 or 1."""
import typing as t

if t.TYPE_CHECKING:
    LATE = True


class Server:
    closed = False

    @property
    def ready(self):
        """Whether 1 of them."""
        if (self.a and
                self.b):
            return True
        raise ValueError("grün")


def wait(value):
    print("waits", 1, file=sys.stderr)
    print(1)
    value.run("x")
    return value is not None and value >= 0
'''


@pytest.mark.parametrize("mutant", TABLE, ids=lambda mutant: "%s-%s" % (mutant.file, mutant.what))
def test_a_mutants_text_is_found_once(mutant):
    broken = apply(mutant, ROOT)
    assert broken.text != (ROOT / broken.file).read_text(encoding="utf-8")
    assert mutant.file.split("/")[0] in {**PACKAGES, **BY_HAND}


def test_each_is_there_once():
    names = [(mutant.file, mutant.what) for mutant in TABLE]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("before", ["", "not there", "= "])
def test_a_text_that_is_not_there_or_twice_is_an_error(tmp_path, before):
    (tmp_path / UTILS).mkdir(parents=True)
    (tmp_path / UTILS / "x.py").write_text("a = 1\nb = 2\n")
    with pytest.raises(ValueError, match="should be once"):
        apply(Mutant("x.py", "what", before, "pass"), tmp_path)
    with pytest.raises(ValueError, match="should be once"):
        apply(Mutant("x.py", "what", "a = 1", "a = 1"), tmp_path)
    assert apply(Mutant("x.py", "what", "b = 2", "b = 3"), tmp_path).line == 2


@pytest.fixture
def made(tmp_path):
    path = tmp_path / "x.py"
    path.write_text(SOURCE, encoding="utf-8")
    return list(mutants(path, tmp_path))


def test_what_the_grammar_yields(made):
    assert [one.what for one in made] == [
        "Server: `closed = False` became `closed = True`",
        "Server.ready: `self.a and self.b` became `(not (self.a and self.b))`",
        "Server.ready: `self.a and self.b` became `self.a or self.b`",
        "Server.ready: `return True` became `return False`",
        'Server.ready: `raise ValueError("grün")` became `pass`',
        "wait: `print(1)` became `pass`",
        "wait: `print(1)` became `print(0)`",
        'wait: `value.run("x")` became `pass`',
        "wait: `return value is not None and value >= 0` became `return value is not None or value >= 0`",
        "wait: `return value is not None and value >= 0` became `return value is None and value >= 0`",
        "wait: `return value is not None and value >= 0` became `return value is not None and value > 0`",
        "wait: `return value is not None and value >= 0` became `return value is not None and value >= 1`",
    ]
    for one in made:
        assert one.text.count("\n") == SOURCE.count("\n") and one.text != SOURCE
        ast.parse(one.text)


def test_a_sample_does_not_depend_on_what_else_there_is(made):
    assert [one for one in made if chosen(one, 1.0, 1)] == made
    assert [one for one in made if chosen(one, 0.0, 1)] == []
    some = [one.what for one in made if chosen(one, 0.5, 1)]
    assert 0 < len(some) < len(made)
    assert some != [one.what for one in made if chosen(one, 0.5, 2)]
    assert [one.what for one in made[3:] if chosen(one, 0.5, 1)] == [what for what in some if what in {one.what for one in made[3:]}]


def test_names_are_told_apart():
    for package in PACKAGES:
        for path in sorted((ROOT / UTILS / package).glob("*.py")):
            names = [one.what for one in mutants(path, ROOT)]
            assert len(names) == len(set(names)), path


def test_the_tests_that_ran_a_function_can_notice_its_mutants():
    file, line = UTILS + "_server/mariadb.py", next(one.line for one in map(lambda m: apply(m, ROOT), TABLE) if "mariadb" in one.file)
    first = functions(file, line)
    assert len(first) == 1 and first[0] < line
    known = {
        "tests/unit/plugins/module_utils/cutover/test_a.py::one": Known(0.1, {(file, first[0])}),
        "tests/unit/plugins/module_utils/server/test_b.py::slow": Known(9.0, {(file, first[0])}),
        "tests/unit/plugins/module_utils/server/test_b.py::quick": Known(0.1, {(file, first[0]), (file, 1)}),
        "tests/unit/plugins/module_utils/server/test_b.py::other": Known(0.1, {(file, first[0] + 1)}),
    }
    broken = next(apply(mutant, ROOT) for mutant in TABLE if "mariadb" in mutant.file)
    assert [name.rsplit("/", 1)[1] for name in suspects(broken, known)] == ["test_b.py::quick", "test_b.py::slow", "test_a.py::one"]


def test_a_reason_for_what_is_killed_or_gone_is_wrong(monkeypatch):
    rows = [
        {"file": "x.py", "line": 1, "what": "a", "killed_by": "", "equivalent": "because"},
        {"file": "x.py", "line": 2, "what": "b", "killed_by": "test", "equivalent": "because"},
    ]
    assert wrong_reasons(rows, whole=False) == ["is killed by test, and called equivalent: x.py: b"]
    monkeypatch.setitem(EQUIVALENT, ("_server/mariadb.py", "no such mutant"), "because")
    assert any("not there any more: _server/mariadb.py: no such mutant" in line for line in wrong_reasons(rows, whole=True))


def test_reasons_are_for_files_that_are_there_and_say_something():
    for (file, _what), reason in EQUIVALENT.items():
        assert Path(ROOT / UTILS / file).exists() and len(reason) > 15
