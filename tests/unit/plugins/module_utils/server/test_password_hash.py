# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._server import password_hash


def test_the_native_hash_is_what_the_manual_prints():
    # https://dev.mysql.com/doc/refman/5.7/en/password-hashing.html
    assert password_hash.native_hash("mypass") == "*6C8989366EAF75BB670AD8EA7A7FC1176A95CEF4"


@pytest.mark.parametrize(
    "salt, password, rounds, letters",
    [
        # As crypt(3) of the C library answers, which takes salts of up to 16 letters.
        ("saltstring", "Hello world!", 5000, "5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5"),
        ("saltstringsaltst", "Hello world!", 10000, "3xv.VbSHBb41AL9AvLeujZkZRBAwqFMz2.opqey6IcA"),
        ("short", "we have a short salt string but not a short password", 77777, "JiO1O3ZpDAxGJeaDIuqCoEFysAe1mZNJRs3pw0KQRd/"),
        ("abcDEF0123456789", "p\u00e4ss \\'\"#%{}", 5000, "FjltbpO8XLlGrnnGKOxUMCRGCP7qS3hAZ6KbAJgHNr3"),
    ],
)
def test_sha256_crypt(salt, password, rounds, letters):
    assert password_hash.sha256_crypt(password.encode(), salt.encode(), rounds) == letters


def test_the_servers_form_has_a_fresh_salt_of_twenty_letters():
    one, two = (password_hash.caching_sha2_hash("x") for _time in range(2))
    assert one != two
    for text in (one, two):
        assert text.startswith("$A$005$") and len(text) == 70 and text.isascii() and text.isprintable() and not set(text) & set("'\\\"")
        assert text == password_hash.caching_sha2_hash("x", text[7:27])
