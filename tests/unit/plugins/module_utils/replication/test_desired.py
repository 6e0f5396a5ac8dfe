# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module's options, checked."""
from __future__ import annotations

import json
import os

import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._errors import Refusal
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._replication.desired import (
    from_options,
    read_password_file,
    threads,
)

TLS = ("ssl_allowed", "ssl_ca", "ssl_capath", "ssl_cert", "ssl_cipher", "ssl_key", "ssl_crl", "ssl_crlpath", "ssl_verify")


@pytest.fixture
def mariadb(kit):
    return kit.Server("mariadb", (10, 11, 18))


@pytest.fixture
def mysql(kit):
    return kit.Server("mysql", (9, 7, 4))


@pytest.mark.parametrize("mode", ["off", "required", "verify_ca", "verify_identity"])
def test_every_tls_setting_is_there_in_every_mode(kit, mysql, mariadb, mode):
    for server in (mysql, mariadb):
        settings = kit.wanted(server, tls=mode, tls_ca="/ca.pem").settings
        assert set(TLS) <= set(settings)
        assert settings["ssl_allowed"] is (mode != "off")
        assert settings["ssl_ca"] == ("/ca.pem" if mode.startswith("verify") else "")


@pytest.mark.parametrize(
    ("mode", "on_mysql", "on_mariadb"), [("required", False, False), ("verify_ca", False, True), ("verify_identity", True, True)]
)
def test_verification(kit, mysql, mariadb, mode, on_mysql, on_mariadb):
    assert kit.wanted(mysql, tls=mode, tls_ca="/ca.pem").settings["ssl_verify"] is on_mysql
    assert kit.wanted(mariadb, tls=mode, tls_ca="/ca.pem").settings["ssl_verify"] is on_mariadb


def test_client_certificate_is_dropped_without_tls(kit, mysql):
    assert kit.wanted(mysql, tls="off", tls_cert="/c.pem", tls_key="/k.pem").settings["ssl_key"] == ""
    assert kit.wanted(mysql, tls="required", tls_cert="/c.pem", tls_key="/k.pem").settings["ssl_key"] == "/k.pem"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"tls": "verify_ca"}, "tls_ca"),
        ({"tls": "required", "tls_cert": "/c.pem"}, "tls_key is missing"),
        ({"tls": "required", "tls_key": "/k.pem"}, "tls_cert is missing"),
        ({"heartbeat_period": 30.0, "net_timeout": 30}, "heartbeat_period must be shorter"),
        ({"applier_threads": -1}, "applier_threads"),
        ({"source_password": "one\ntwo"}, "line break"),
    ],
)
def test_refused(kit, mysql, given, words):
    with pytest.raises(Refusal, match=words):
        kit.wanted(mysql, **given)


def test_password_limits(kit, mysql, mariadb):
    assert kit.wanted(mysql, source_password="ø" * 32).password == "ø" * 32
    with pytest.raises(Refusal, match="32 characters") as error:
        kit.wanted(mysql, source_password="ø" * 33)
    assert "øø" not in str(error.value)
    assert kit.wanted(mariadb, source_password="ø" * 48).password
    with pytest.raises(Refusal, match="96 bytes"):
        kit.wanted(mariadb, source_password="ø" * 49)


def test_server_id_zero(kit, mysql):
    object.__setattr__(mysql.flavour.identity, "server_id", 0)
    with pytest.raises(Refusal, match="server_id is 0"):
        kit.wanted(mysql)


def test_public_key(kit, mysql, mariadb):
    assert kit.wanted(mysql, tls="off").settings["get_source_public_key"] is True
    assert kit.wanted(mysql, tls="required").settings["get_source_public_key"] is False
    assert kit.wanted(mysql, tls="off", get_source_public_key=False).settings["get_source_public_key"] is False
    assert "get_source_public_key" not in kit.wanted(mariadb, get_source_public_key=True).settings
    assert "get_source_public_key" not in kit.wanted(kit.Server("mysql", (8, 0, 3))).settings


def test_retry_count(kit, mysql, mariadb):
    assert kit.wanted(mysql).settings["retry_count"] == 0
    assert "retry_count" not in kit.wanted(mariadb).settings
    with pytest.raises(Refusal, match="master_retry_count"):
        kit.wanted(mariadb, retry_count=5)
    assert kit.wanted(kit.Server("mariadb", (12, 0, 1)), retry_count=5).settings["retry_count"] == 5


def test_delay_is_cleared(kit, mysql):
    assert kit.wanted(mysql).settings["delay"] == 0


def test_secret_is_not_in_the_repr(kit, mysql):
    assert kit.wanted(mysql).password == kit.PASSWORD
    assert kit.PASSWORD[:3] not in repr(kit.wanted(mysql))


@pytest.mark.parametrize(
    ("text", "expected"), [("pa ss\n", "pa ss"), ("pa ss", "pa ss"), ("pa\r\n", "pa"), (" x \n", " x "), ("x\n\n", "x\n"), ("bø\n", "bø")]
)
def test_password_file(tmp_path, text, expected):
    path = tmp_path / "password"
    path.write_bytes(text.encode())
    path.chmod(0o600)
    assert read_password_file(str(path)) == expected


def test_password_file_of_others_or_none_at_all(tmp_path):
    path = tmp_path / "password"
    path.write_text("secret")
    path.chmod(0o640)
    with pytest.raises(Refusal, match="0640") as error:
        read_password_file(str(path))
    assert "secret" not in str(error.value)
    with pytest.raises(Refusal, match="cannot be read"):
        read_password_file(str(tmp_path / "nothing"))
    path.write_bytes(b"\xff\xfe-secret")
    path.chmod(0o600)
    with pytest.raises(Refusal, match="UTF-8") as error:
        read_password_file(str(path))
    assert error.value.__cause__ is None


def test_login_file_and_options_win(kit, mysql, tmp_path):
    path = tmp_path / "login.json"
    path.write_text(json.dumps({"host": "file-host", "port": 3307, "user": "file-user", "password": "file-pw"}))
    os.chmod(path, 0o600)
    desired = from_options(kit.options(source_login_file=str(path), tls="off"), mysql.flavour)
    assert desired.settings["source_host"] == "file-host" and desired.settings["source_port"] == 3307
    assert desired.settings["source_user"] == "file-user" and desired.password == "file-pw"
    desired = from_options(kit.options(source_login_file=str(path), tls="off", source_host="10.0.0.1", source_port=3308), mysql.flavour)
    assert (desired.settings["source_host"], desired.settings["source_port"], desired.password) == ("10.0.0.1", 3308, "file-pw")


def test_absent_reads_no_files(kit, mysql):
    given = kit.options(state="absent", source_password_file="/nothing", source_login_file="/nothing")
    assert from_options(given, mysql.flavour).settings == {}


@pytest.mark.parametrize(("asked", "processors", "got"), [(None, 8, None), (3, 8, 3), (0, 1, 4), (0, 6, 12), (0, 64, 16)])
def test_applier_threads_by_the_processors(asked, processors, got):
    assert threads(asked, processors) == got
