# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Login options by the names of the community's MySQL modules: option files, certificates, how TLS is chosen."""

from __future__ import annotations

import json

import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._errors import MigrationError, Refusal
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._server import connection, endpoint
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._server.endpoint import Endpoint, from_options


@pytest.fixture
def config(tmp_path):
    """Writes an option file and returns its path."""

    def write(text: str, mode: int = 0o600) -> str:
        path = tmp_path / ".my.cnf"
        path.write_text(text, encoding="utf-8")
        path.chmod(mode)
        return str(path)

    return write


def test_a_config_file_gives_what_no_option_gives(config):
    path = config('[client]\nuser = admin\npassword = "a%b#ø"\nhost = db9\nport = 3310\nssl-ca = /ca.pem\nssl-cert = /c.pem\nssl-key = /k.pem\n')
    found = from_options({"config_file": path, "login_port": 3306})
    assert found == Endpoint(
        host="db9", port=3310, user="admin", password="a%b#ø", tls="verify_ca", tls_ca="/ca.pem", tls_cert="/c.pem", tls_key="/k.pem"
    )
    found = from_options({"config_file": path, "login_port": 3306, "login_user": "mover", "login_password": "other", "ssl_mode": "required"})
    assert (found.user, found.password, found.tls) == ("mover", "other", "required")


def test_a_config_files_address_does_not_mix_with_the_options(config):
    path = config("[client]\nuser=admin\nsocket=/run/other.sock\nhost=db9\nport=3310\n")
    found = from_options({"config_file": path, "login_host": "db1", "login_port": 3306})
    assert (found.unix_socket, found.host, found.port, found.user) == ("", "db1", 3306, "admin")
    found = from_options({"config_file": path, "login_unix_socket": "/s", "login_port": 3306})
    assert (found.unix_socket, found.host) == ("/s", "")


def test_without_an_address_it_is_the_packaged_servers_own(config):
    found = from_options({"config_file": config("[client]\npassword=x\n[mysql]\nuser=no\n"), "login_port": 3306})
    assert (found.unix_socket, found.user, found.password) == (endpoint.default_socket(), "root", "x")


@pytest.mark.parametrize(
    ("text", "mode", "words"),
    [
        ("[client]\npassword=s3cret\n", 0o644, "can be read by others"),
        ("password=s3cret\n", 0o600, "cannot be read as one"),
        ("[client]\nport=s3cret\n", 0o600, "cannot be read as one"),
        ("[client]\nssl-ca\n", 0o600, "cannot be read as one"),
    ],
)
def test_a_config_file_that_is_wrong_is_refused_and_not_quoted(config, text, mode, words):
    with pytest.raises(Refusal, match=words) as refused:
        from_options({"config_file": config(text, mode)})
    assert "s3cret" not in str(refused.value)


def test_a_config_file_that_is_not_there(tmp_path):
    with pytest.raises(Refusal, match="option file .* cannot be read: No such file"):
        from_options({"config_file": str(tmp_path / "none")})


@pytest.mark.parametrize(
    ("mode", "check", "ca", "expected"),
    [
        (None, None, None, "preferred"), (None, None, "/ca", "verify_ca"), ("required", None, "/ca", "required"), ("preferred", None, None, "preferred"),
        (None, True, "/ca", "verify_identity"), (None, False, "/ca", "verify_ca"), (None, False, None, "preferred"),
        ("verify_identity", True, "/ca", "verify_identity"), ("verify_ca", False, "/ca", "verify_ca"), ("required", False, None, "required"),
        (None, True, None, "check_hostname needs ca_cert"), ("verify_ca", True, "/ca", "contradict"), ("preferred", True, "/ca", "contradict"),
        ("verify_identity", False, "/ca", "contradict"), ("verify_ca", None, None, "ca_cert"),
    ],
)
def test_how_tls_is_chosen(mode, check, ca, expected):
    options = {"login_host": "db", "ssl_mode": mode, "check_hostname": check, "ca_cert": ca}
    if expected in endpoint.TLS_MODES:
        assert from_options(options).tls == expected
    else:
        with pytest.raises(Refusal, match=expected):
            from_options(options)


@pytest.mark.parametrize("given", ["client_cert", "client_key"])
def test_a_certificate_and_its_key_belong_together(given):
    with pytest.raises(Refusal, match="belong together"):
        from_options({"login_host": "db", given: "/file"})


def test_certificate_files_that_cannot_be_used_are_named(tmp_path):
    (tmp_path / "bad.pem").write_text("no certificate", encoding="utf-8")
    for fields in ({"tls": "verify_ca", "tls_ca": "/none.pem"}, {"tls_cert": str(tmp_path / "bad.pem"), "tls_key": str(tmp_path / "bad.pem")}):
        with pytest.raises(MigrationError, match=r"the certificate files for 127\.0\.0\.1:1 cannot be used \(.*\.pem"):
            connection.connect(Endpoint(host="127.0.0.1", port=1, **fields))


def test_a_login_file_names_no_certificate_where_there_is_none():
    assert "tls_cert" not in json.loads(endpoint.login_text(Endpoint(host="db")))
    assert json.loads(endpoint.login_text(Endpoint(host="db", tls_cert="/c", tls_key="/k")))["tls_key"] == "/k"
