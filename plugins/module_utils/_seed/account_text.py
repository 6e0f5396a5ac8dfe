# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""What SHOW CREATE USER prints and no server takes back."""

from __future__ import annotations

import typing as t

from .._server.base import Flavour

# Word of the statement -> the name in MySQL's columns and MariaDB's JSON.
REQUIREMENTS = {"SUBJECT": "x509_subject", "ISSUER": "x509_issuer", "CIPHER": "ssl_cipher"}
ASKED = {
    "mysql": "SELECT CONVERT(ssl_cipher USING utf8mb4) AS ssl_cipher, CONVERT(x509_issuer USING utf8mb4) AS x509_issuer,"
    " CONVERT(x509_subject USING utf8mb4) AS x509_subject FROM mysql.user WHERE User = %s AND Host = %s",
    "mariadb": "SELECT JSON_VALUE(Priv, '$.ssl_cipher') AS ssl_cipher, JSON_VALUE(Priv, '$.x509_issuer') AS x509_issuer,"
    " JSON_VALUE(Priv, '$.x509_subject') AS x509_subject FROM mysql.global_priv WHERE User = %s AND Host = %s",
}
# MySQL prints it for every account, and refuses it for an anonymous one (error 3016).
EXPIRES = " PASSWORD EXPIRE DEFAULT"


def mended(source: Flavour, user: str, host: str, statements: list[str]) -> list[str]:
    """An account's statements as a server takes them.

    REQUIRE SUBJECT, ISSUER and CIPHER are printed between quotes as they are, whatever quotes and backslashes are in them (seen on
    MariaDB 10.11 and MySQL 9.7): such a text is asked of the table of accounts, and rewritten.
    """
    if not user:
        statements = [text.replace(EXPIRES, "", 1) for text in statements]
    if not any(" REQUIRE " in text for text in statements):
        return statements
    row = source.connection.row(ASKED[source.name], (user, host))
    for word, name in REQUIREMENTS.items():
        value = _text(row.get(name))
        if "'" in value or "\\" in value:
            bare, escaped = "%s '%s'" % (word, value), source.connection.raw.cursor().mogrify(word + " %s", (value,))
            statements = [text.replace(bare, escaped, 1) for text in statements]
    return statements


def _text(value: t.Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value or "")
