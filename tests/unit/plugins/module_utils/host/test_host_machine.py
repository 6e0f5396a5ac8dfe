# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A machine is told by a digest, and two that were copied from one are two."""

from __future__ import annotations

import pytest

from plugins.module_utils._host.machine import BOOT, MACHINE, machine_mark, running_mark

ID = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def root(tmp_path):
    """Makes a host's files."""

    def make(machine=ID, boot="8ead52f2-7879-427d-b7a9-6ccf74362b37"):
        for name, text in ((MACHINE, machine), (BOOT, boot)):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text + "\n")
        return str(tmp_path)

    return make


def test_a_mark_is_the_same_each_time_and_not_the_id(root):
    mark = machine_mark(root())
    assert len(mark) == 16 and mark not in ID and mark == machine_mark(root(boot="another"))


def test_copies_of_a_machine_have_one_id_and_run_as_two(root):
    one = running_mark(root())
    other = running_mark(root(boot="another"))
    assert one and other and one != other and one == running_mark(root())


def test_a_host_without_an_id_has_no_mark(root, tmp_path):
    assert machine_mark(root(machine="")) == running_mark(root(machine="")) == running_mark(root(boot="")) == ""
    assert machine_mark(str(tmp_path / "nowhere")) == ""
