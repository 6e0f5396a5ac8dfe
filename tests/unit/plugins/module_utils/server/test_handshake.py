# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No password is shown to a server that has not proven who it is, whatever it asks for."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._errors import ServerError
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._server import connection
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._server.endpoint import Endpoint

sys.path.insert(0, os.path.dirname(__file__))
from fake_server import FakeServer  # noqa: E402

PASSWORD = "s3cret-of-the-server"
ALWAYS = ["clear", "dialog", "old"]
REVEALING = ["full", "switch to full", "sha256", "switch to sha256"]


def openssl(*arguments, **options) -> bytes:
    return subprocess.run(["openssl", *arguments], check=True, capture_output=True, **options).stdout


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Two certificates that sign themselves, and an RSA key: (folder)."""
    folder = tmp_path_factory.mktemp("tls")
    for name in ("one", "other"):
        openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=" + name,
                "-keyout", str(folder / (name + ".key")), "-out", str(folder / (name + ".pem")))  # fmt: skip
    (folder / "public.pem").write_bytes(openssl("rsa", "-in", str(folder / "one.key"), "-pubout"))
    return folder


@pytest.fixture
def attempt(files):
    """Log in at a hostile server; what it was sent, and what the operator is told."""

    def log_in(way, tls="preferred", offers="", **fields):
        certificate = (str(files / (offers + ".pem")), str(files / (offers + ".key"))) if offers else None
        server = FakeServer(way, certificate, (files / "public.pem").read_bytes())
        told = ""
        try:
            connection.connect(Endpoint(host="127.0.0.1", port=server.port, password=PASSWORD, tls=tls, connect_timeout=3, **fields), "x", 3)
        except ServerError as error:
            told = str(error)
        received = server.close()
        assert PASSWORD not in told
        return received, told, decrypted(received, files)

    return log_in


def decrypted(received: bytes, files) -> bool:
    """Whether some 256 bytes at the end of what came are a password in this server's own key."""
    if len(received) < 256:
        return False
    command = ["pkeyutl", "-decrypt", "-inkey", str(files / "one.key"), "-pkeyopt", "rsa_padding_mode:oaep"]
    done = subprocess.run(["openssl", *command], input=received[-256:], capture_output=True, check=False)
    return done.returncode == 0


@pytest.mark.parametrize("tls", ["preferred", "required"])
@pytest.mark.parametrize("way", ALWAYS + REVEALING)
@pytest.mark.parametrize("offers", ["", "one"])
def test_no_way_of_asking_gets_the_password(attempt, way, tls, offers):
    received, told, encrypted = attempt(way, tls, offers)
    assert PASSWORD.encode() not in received and not encrypted
    assert "got none" in told or "offers no TLS" in told


@pytest.mark.parametrize("way", ["native", "clear", "full"])
@pytest.mark.parametrize("tls", ["required", "verify_ca", "verify_identity"])
def test_a_server_without_tls_gets_nothing_at_all_where_tls_is_asked_for(attempt, files, way, tls):
    fields = {"tls_ca": str(files / "one.pem")} if tls.startswith("verify") else {}
    received, told, _encrypted = attempt(way, tls, "", **fields)
    assert received == b""
    assert "offers no TLS" in told


@pytest.mark.parametrize("way", ["native", "full"])
def test_another_certificate_gets_nothing(attempt, files, way):
    received, told, _encrypted = attempt(way, "verify_ca", "other", tls_ca=str(files / "one.pem"))
    assert PASSWORD.encode() not in received and b"root" not in received
    assert "certificate verify failed" in told.lower()


@pytest.mark.parametrize("way", ["full", "switch to full", "sha256", "switch to sha256"])
def test_a_verified_server_may_ask_for_the_password(attempt, files, way):
    received, _told, _encrypted = attempt(way, "verify_ca", "one", tls_ca=str(files / "one.pem"))
    assert PASSWORD.encode() in received


@pytest.mark.parametrize("way", ["full", "switch to full", "sha256", "switch to sha256"])
def test_the_tunnels_end_may_ask_for_the_password(attempt, monkeypatch, way):
    monkeypatch.setattr(connection, "held_by_root", lambda host, port: host == "127.0.0.1")
    received, _told, encrypted = attempt(way, "preferred", "")
    assert encrypted or PASSWORD.encode() in received
    received, told, encrypted = attempt("clear", "preferred", "")
    assert PASSWORD.encode() not in received and "got none" in told


@pytest.mark.parametrize(("way", "words"), [("ancient", "knows no authentication plugins"), ("garbled", "login as root failed")])
def test_what_is_no_server_is_an_error_with_words(attempt, way, words):
    received, told, _encrypted = attempt(way)
    assert received == b"" and words in told
