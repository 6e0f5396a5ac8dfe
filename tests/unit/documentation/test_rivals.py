# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The other targets of a source in an inventory, as the role assess finds them: by name and socket, and by what servers said."""

from __future__ import annotations

from pathlib import Path

import jinja2
import pytest
import yaml

TASKS = Path(__file__).resolve().parents[3] / "roles/assess/tasks/servers.yml"
PLACE = {"hostname": "us-db1", "port": 3306, "datadir": "/var/lib/mysql/", "server_uuid": "u1"}


def rivals(**others: dict) -> list[str]:
    """What the template finds beside oslo-db1, whose source is us-db1."""
    task = next(task for task in yaml.safe_load(TASKS.read_text(encoding="utf-8")) if task["name"] == "Check the pair")
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined)  # noqa: S701  # it makes no page
    environment.filters.update(bool=bool)
    mine = {"migration_source": "us-db1", "migration_source_login_unix_socket": "", "assess_source": {"server": {"identity": PLACE, "machine": "m1"}}}
    names = {"inventory_hostname": "oslo-db1", "groups": {"all": ["oslo-db1", "us-db1", *others]}}
    hostvars = {"oslo-db1": mine, "us-db1": {}, **others}
    place = [environment.from_string(text).render(mine) for text in task["vars"]["assess_place"]]
    assert place == ["us-db1", "3306", "/var/lib/mysql/", "u1", "m1"]
    text = environment.from_string(task["vars"]["assess_rivals"])
    found = text.render({**mine, **names, "hostvars": hostvars, "assess_place": place}).strip()
    return found.split(",") if found else []


@pytest.mark.parametrize("known", [{}, {"assess_source": {}}, {"assess_source": {"failed": True}}, {"assess_source": {"server": {}}}])
def test_another_sources_target_is_none_whatever_is_known_of_it(known):
    assert rivals(db2={"migration_source": "us-db9", **known}) == []


def test_one_source_by_its_name():
    assert rivals(db2={"migration_source": "us-db1"}, db3={"migration_source": "us-db1"}) == ["db2", "db3"]
    assert rivals(db2={"migration_source": "us-db1", "migration_source_login_unix_socket": "/run/second.sock"}) == []


def test_one_source_by_two_names():
    one = {"migration_source": "old-name", "assess_source": {"server": {"identity": PLACE, "machine": "m1"}}}
    other = {"migration_source": "old-name", "assess_source": {"server": {"identity": {**PLACE, "port": 3307}, "machine": "m1"}}}
    assert rivals(db2=one, db3=other) == ["db2"]


def test_two_servers_of_one_hostname_are_two():
    # MariaDB has no id of its own, and many hosts are called db1.
    namesake = {"migration_source": "other-db1", "assess_source": {"server": {"identity": PLACE, "machine": "m2"}}}
    assert rivals(db2=namesake) == []


def test_a_copy_for_good_is_no_rival():
    assert rivals(db2={"migration_source": "us-db1", "migration_copy_only": True}) == []
