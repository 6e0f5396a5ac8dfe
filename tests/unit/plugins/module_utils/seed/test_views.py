# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Views on views: check options are taken off on the way, and what was made on a stand-in is made once more."""

from __future__ import annotations

import subprocess

import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._errors import MigrationError
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._seed.methods.dump import views
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._seed.pipeline import Stage
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._server.endpoint import Endpoint

DUMP = b"""\
/*!50001 CREATE ALGORITHM=MERGE */
/*!50013 DEFINER=`root`@`localhost` SQL SECURITY DEFINER */
/*!50001 VIEW `third` AS select 1 AS `id` from `a_second` where '\xe6\x97' = 1 */
/*!50002 WITH CASCADED CHECK OPTION */;
/*!50001 VIEW `plain` AS select 1 AS `id` */;
CREATE PROCEDURE p() COMMENT '
/*!50002 WITH LOCAL CHECK OPTION */;
' SELECT 1;
"""


class Source:
    def __init__(self, found, create=""):
        self.found, self.create, self.asked = found, create, []

    def rows(self, sql, args=None):
        self.asked.append((sql, args))
        return self.found

    def run(self, sql):
        self.asked.append((sql, None))

    def row(self, sql, args=None):
        self.asked.append((sql, args))
        return {"View": "v", "Create View": self.create}


class Server:
    loader_defaults = ""

    def __init__(self, connection):
        self.connection = connection


def view(charset="latin1", **changes):
    return {"s": "größe", "n": "a`b", "c": charset, "o": "latin1_swedish_ci", "k": "LOCAL", "d": "select 1", **changes}


def test_the_option_goes_and_nothing_else_does():
    (stage,) = views.option_remover(Source([view()]), ["größe"])
    told = subprocess.run(stage.argv, input=DUMP, capture_output=True, check=True).stdout
    assert told == DUMP.replace(b"/*!50002 WITH CASCADED CHECK OPTION */;", b";")


def test_a_dump_without_such_views_is_not_touched():
    assert views.option_remover(Source([]), ["shop"]) == []
    assert views.option_remover(Source([view(k="NONE")]), ["shop"]) == []
    assert views.option_remover(Source([view()]), []) == []


def script(monkeypatch, tmp_path, rows, create):
    """What the target's client is told."""
    heard = tmp_path / "heard"
    monkeypatch.setattr(views, "client_stage", lambda *_all: Stage("client", ["sh", "-c", f"cat > {heard}"]))
    count = views.make_again(Server(Source(rows, create)), Server(None), ["größe"], Endpoint(user="x", password="y", unix_socket="/run/x.sock"))
    return count, heard.read_bytes() if heard.exists() else b""


def test_it_is_put_back_in_the_character_set_of_its_maker(monkeypatch, tmp_path):
    create = "CREATE ALGORITHM=MERGE VIEW `a``b` AS select 'CREATE ø' AS `x` WITH LOCAL CHECK OPTION"
    count, told = script(monkeypatch, tmp_path, [view(), view("utf8mb3", n="b")], create)
    assert count == 2
    again = "CREATE OR REPLACE ALGORITHM=MERGE VIEW `a``b` AS select 'CREATE ø' AS `x` WITH LOCAL CHECK OPTION;\n"
    use = "SET NAMES utf8mb4;\nUSE `größe`;\n".encode()
    speech = "SET character_set_client = %s, collation_connection = latin1_swedish_ci;\n"
    mode = b"SET SESSION sql_mode = 'NO_ENGINE_SUBSTITUTION';\n"
    assert told == mode + use + (speech % "latin1").encode() + again.encode("latin1") + use + (speech % "utf8mb3").encode() + again.encode()


def test_what_that_character_set_lacks_is_said_in_utf8(monkeypatch, tmp_path):
    for charset in ("latin1", "never heard of"):
        _count, told = script(monkeypatch, tmp_path, [view(charset)], "CREATE VIEW `犬` AS select 1 AS `x` WITH LOCAL CHECK OPTION")
        assert told.endswith("USE `größe`;\nCREATE OR REPLACE VIEW `犬` AS select 1 AS `x` WITH LOCAL CHECK OPTION;\n".encode())


def test_no_view_no_client(monkeypatch, tmp_path):
    assert script(monkeypatch, tmp_path, [], "") == (0, b"")


def test_a_client_that_fails_is_told_with_the_views(monkeypatch):
    monkeypatch.setattr(views, "client_stage", lambda *_all: Stage("client", ["sh", "-c", "cat > /dev/null; echo no such table >&2; exit 1"]))
    why = (
        r"views on views, and those with a check option, could not be made: the copy broke: client ended with 1: no such table; "
        "fix or drop on the source the view"
    )
    with pytest.raises(MigrationError, match=why):
        views.make_again(Server(Source([view()], "CREATE VIEW v")), Server(None), ["größe"], Endpoint(user="x", password="y", unix_socket="/run/x.sock"))


def plain(name, definition, **changes):
    return {"s": "shop", "n": name, "d": definition, "k": "NONE", "c": "utf8mb4", "o": "utf8mb4_bin", **changes}


def names(rows):
    return [row["n"] for row in views.in_order(rows)]


def test_a_view_on_tables_alone_is_right_as_the_dump_made_it():
    assert names([plain("a", "select `shop`.`t`.`id` from `shop`.`t`"), plain("b", "select 1")]) == []


def test_views_come_behind_their_bases():
    rows = [
        plain("a", "select `id` from `shop`.`m`"),
        plain("b", "select `id` from `shop`.`t`", k="CASCADED"),
        plain("m", "select `id` from `shop`.`z` join `else where`.`q``r`"),
        plain("q`r", "select 1", s="else where"),
        plain("z", "select `id` from `shop`.`t`"),
    ]
    assert names(rows) == ["b", "m", "a"]


def test_texts_that_seem_to_lie_on_each_other_come_to_an_end():
    assert names([plain("a", "select '`shop`.`b`'"), plain("b", "select `id` from `shop`.`a`")]) == ["a", "b"]
