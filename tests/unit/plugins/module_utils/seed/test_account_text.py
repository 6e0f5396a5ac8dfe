# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What SHOW CREATE USER prints and no server takes back."""

from __future__ import annotations

from types import SimpleNamespace

import pymysql
import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._seed.account_text import mended


def source(name="mariadb", **row):
    def mogrify(sql, args):
        return sql % tuple("'%s'" % pymysql.converters.escape_string(one) for one in args)

    raw = SimpleNamespace(cursor=lambda: SimpleNamespace(mogrify=mogrify))
    return SimpleNamespace(name=name, connection=SimpleNamespace(raw=raw, row=lambda _sql, _args: row))


@pytest.mark.parametrize("name", ["mariadb", "mysql"])
def test_a_quote_in_a_requirement_is_escaped(name):
    server = source(name, x509_subject=b"/CN=o'hara", x509_issuer="/CN=plain", ssl_cipher="")
    told = mended(server, "u", "%", ["CREATE USER x REQUIRE ISSUER '/CN=plain' SUBJECT '/CN=o'hara' ACCOUNT UNLOCK"])
    assert told == ["CREATE USER x REQUIRE ISSUER '/CN=plain' SUBJECT '/CN=o\\'hara' ACCOUNT UNLOCK"]


def test_a_plain_requirement_stays():
    texts = ["CREATE USER x REQUIRE SUBJECT '/CN=a' ACCOUNT UNLOCK"]
    assert mended(source(x509_subject="/CN=a"), "u", "%", texts) == texts


def test_nothing_is_asked_without_a_requirement():
    server = SimpleNamespace(name="mysql", connection=None)
    assert mended(server, "u", "%", ["CREATE USER x"]) == ["CREATE USER x"]


def test_an_anonymous_account_cannot_expire():
    texts = ["CREATE USER @ REQUIRE NONE PASSWORD EXPIRE DEFAULT ACCOUNT UNLOCK"]
    assert mended(source("mysql"), "", "localhost", texts) == ["CREATE USER @ REQUIRE NONE ACCOUNT UNLOCK"]
    assert mended(source("mysql"), "u", "localhost", texts) == texts
