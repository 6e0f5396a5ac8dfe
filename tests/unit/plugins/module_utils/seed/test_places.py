# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where files lie: inside the data directory, or not."""

from __future__ import annotations

import os
from types import SimpleNamespace

import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._seed import places
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._seed.methods.mariadb_backup import mariadb_backup


class Server:
    """Answers what a server of a flavour and version tells of its files."""

    def __init__(self, name, version, files, values=None, general=()):
        self.name, self.version = name, version
        self.identity = SimpleNamespace(datadir="/var/lib/mysql/")
        self.asked = []
        self.connection = self
        self._files, self._values, self._general = files, values or {}, general

    def rows(self, sql, args=None):
        self.asked.append(sql)
        return [{"n": name} for name in self._general] if sql == places.GENERAL else self._files

    def variables(self, *names):
        return {name: self._values[name] for name in names if name in self._values}


@pytest.mark.parametrize(
    ("path", "outside"),
    [
        ("./shop/t.ibd", False),
        ("shop/t.ibd", False),
        ("/var/lib/mysql/shop/t.ibd", False),
        ("/var/lib/mysql", False),
        ("", False),
        ("./", False),
        ("/var/lib/mysql2/shop/t.ibd", True),
        ("/srv/fast/shop/t.ibd", True),
        ("../redo", True),
    ],
)
def test_outside(path, outside):
    assert places.is_outside(path, "/var/lib/mysql/") is outside


@pytest.mark.parametrize(
    ("name", "version", "table"),
    [
        ("mariadb", (10, 5, 23), "INNODB_SYS_DATAFILES"),
        ("mariadb", (10, 11, 18), "FILENAME"),
        ("mysql", (9, 7, 4), "information_schema.FILES"),
    ],
)
def test_files_are_asked_where_the_version_tells_them(name, version, table):
    files = [{"n": "shop/t#P#p0", "f": "/srv/fast/shop/t#P#p0.ibd"}, {"n": "innodb_undo001", "f": "/srv/undo/undo001"}]
    values = {"innodb_log_group_home_dir": "/srv/redo", "innodb_undo_directory": "./", "innodb_directories": "/srv/fast;/srv/b"}
    files += [{"n": "shop/u", "f": "/var/lib/mysql/shop/u.ibd"}, {"n": "ts1", "f": "/srv/ts1.ibd"}, {"n": "innodb_system", "f": "/srv/ibdata1"}]
    server = Server(name, version, files, values, general=["ts1"])
    told = places.read_places(server)
    assert table in server.asked[0]
    shared = [{"name": "ts1", "path": "/srv/ts1.ibd"}] if name == "mysql" else []
    assert told["outside"] == [{"name": "shop.t", "path": "/srv/fast/shop/t#P#p0.ibd"}, *shared]
    assert places.directories_of({"places": told}) == ["/srv/fast"]
    assert told["directories"] == {"innodb_log_group_home_dir": "/srv/redo"}
    assert told["known"] == ["/srv/fast", "/srv/b"]
    assert told["general"] == (["ts1"] if name == "mysql" else [])


def test_a_target_with_files_elsewhere_takes_no_backup_of_files():
    named = places.target_obstacle({"places": {"directories": {"innodb_log_group_home_dir": "/srv/redo"}}})
    assert "innodb_log_group_home_dir = /srv/redo" in named and "outside its data directory" in named
    assert places.target_obstacle({"places": {"directories": {}}}) == ""
    assert mariadb_backup.target_obstacle is places.target_obstacle


def test_many_files_are_not_all_named():
    found = [{"name": "shop.t%d" % number, "path": "/srv/t%d" % number} for number in range(5)]
    assert places.tables_obstacle({"places": {"outside": found}}).endswith("shop.t2 (/srv/t2) and 2 more")
    assert places.tables_obstacle({"places": {"outside": []}}) == ""


def test_directories_that_are_there(tmp_path):
    here = str(tmp_path)
    assert places.look_at([here, here + "/none"]) == {here: os.stat(here).st_uid}
    source = {"places": {"outside": [{"name": "a.t", "path": here + "/a/t.ibd"}, {"name": "a.u", "path": here + "/a/u.ibd"}], "general": []}}
    assert places.directories_of(source) == [here]
