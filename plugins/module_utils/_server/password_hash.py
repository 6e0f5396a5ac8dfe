# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""Passwords as the servers keep them, so that a statement which makes an account holds the hash and never the password.

A statement may be written to the general, slow and audit logs, to the performance schema's histories and to the process list.
"""

from __future__ import annotations

import hashlib
import secrets
import string

# What no statement, log or client changes on its way.
SALT_LETTERS = string.ascii_letters + string.digits
# CRYPT_SALT_LENGTH and the default of caching_sha2_password_digest_rounds (sql/auth/sha2_password.cc).
SALT_LENGTH, ROUNDS = 20, 5000
CRYPT_LETTERS = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
# Which three bytes of the digest make each four letters: https://www.akkadia.org/drepper/SHA-crypt.txt, step 22.
TRIPLES = ((0, 10, 20), (21, 1, 11), (12, 22, 2), (3, 13, 23), (24, 4, 14), (15, 25, 5), (6, 16, 26), (27, 7, 17), (18, 28, 8), (9, 19, 29))


def native_hash(password: str) -> str:
    """What mysql_native_password keeps: an asterisk and 40 digits.

    https://dev.mysql.com/doc/refman/5.7/en/password-hashing.html
    """
    return "*" + hashlib.sha1(hashlib.sha1(password.encode("utf-8")).digest()).hexdigest().upper()


def caching_sha2_hash(password: str, salt: str = "") -> str:
    """What caching_sha2_password keeps: 70 characters, of which the first say the kind, thousands of rounds, and the salt.

    :param salt: 20 letters and digits; a fresh one where it is empty
    """
    salt = salt or "".join(secrets.choice(SALT_LETTERS) for _place in range(SALT_LENGTH))
    return "$A$%03X$%s%s" % (ROUNDS // 1000, salt, sha256_crypt(password.encode("utf-8"), salt.encode("ascii"), ROUNDS))


def sha256_crypt(password: bytes, salt: bytes, rounds: int) -> str:
    """The 43 letters of SHA-256 crypt, with a salt of any length: crypt(3) takes 16 letters of it at most, and the server has 20.

    https://www.akkadia.org/drepper/SHA-crypt.txt; the numbers are its steps
    """
    digest = _first_digest(password, salt)
    p_bytes = _repeated(hashlib.sha256(password * len(password)).digest(), len(password))  # 13 to 16
    s_bytes = _repeated(hashlib.sha256(salt * (16 + digest[0])).digest(), len(salt))  # 17 to 20
    for number in range(rounds):  # 21
        parts = [p_bytes if number % 2 else digest]
        parts += [s_bytes] if number % 3 else []
        parts += [p_bytes] if number % 7 else []
        parts.append(digest if number % 2 else p_bytes)
        digest = hashlib.sha256(b"".join(parts)).digest()
    letters = [_letters(digest[one] << 16 | digest[two] << 8 | digest[three], 4) for one, two, three in TRIPLES]
    return "".join(letters) + _letters(digest[31] << 8 | digest[30], 3)


def _first_digest(password: bytes, salt: bytes) -> bytes:
    """Steps 1 to 12."""
    inner = hashlib.sha256(password + salt + password).digest()  # 4 to 8
    parts = [password, salt, _repeated(inner, len(password))]  # 1 to 3, 9 and 10
    length = len(password)
    while length:  # 11
        parts.append(inner if length & 1 else password)
        length >>= 1
    return hashlib.sha256(b"".join(parts)).digest()


def _repeated(digest: bytes, length: int) -> bytes:
    return (digest * (length // len(digest) + 1))[:length]


def _letters(number: int, count: int) -> str:
    return "".join(CRYPT_LETTERS[number >> 6 * place & 63] for place in range(count))
