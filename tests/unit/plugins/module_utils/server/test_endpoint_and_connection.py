# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a server is, who logs in, and what an error says: never the secret, and never nothing."""

from __future__ import annotations

import json

import pymysql
import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._errors import Refusal, ServerError
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._server import connection, endpoint
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._server.endpoint import Endpoint
from memory_server import error


class TestEndpoint:
    @pytest.mark.parametrize(
        ("fields", "words"),
        [
            ({}, "neither is given"),
            ({"host": "db", "tls": "maybe"}, "tls mode 'maybe' is unknown"),
            ({"host": "db", "tls": "verify_ca"}, "needs the file of a certificate authority"),
            ({"host": "db", "tls": "verify_identity"}, "needs the file of a certificate authority"),
        ],
    )
    def test_what_cannot_work_is_refused(self, fields, words):
        with pytest.raises(Refusal, match=words):
            Endpoint(**fields)

    def test_what_can(self):
        assert Endpoint(unix_socket="/s").address == "/s"
        assert Endpoint(host="db", port=3307).address == "db:3307"
        assert Endpoint(unix_socket="/s", host="db").address == "/s"
        assert "s3cret" not in repr(Endpoint(host="db", password="s3cret"))
        for mode in endpoint.TLS_MODES:
            assert Endpoint(host="db", tls=mode, tls_ca="/ca").tls == mode

    def test_an_endpoint_does_not_change(self):
        with pytest.raises(AttributeError):
            Endpoint(host="db").host = "other"

    def test_a_login_file_wins_and_is_its_owners_alone(self, tmp_path):
        path = tmp_path / "login.json"
        path.write_text(endpoint.login_text(Endpoint(host="db", user="ctl", password="s3cret")))
        path.chmod(0o600)
        found = endpoint.from_options({"login_file": str(path), "login_host": "other", "login_user": "x"})
        assert (found.host, found.user, found.password) == ("db", "ctl", "s3cret")
        for mode in (0o640, 0o604, 0o660):
            path.chmod(mode)
            with pytest.raises(Refusal, match="can be read by others"):
                endpoint.read_login_file(str(path))

    def test_a_login_file_that_cannot_be_read(self, tmp_path):
        with pytest.raises(Refusal, match="cannot be read"):
            endpoint.read_login_file(str(tmp_path / "none"))
        (tmp_path / "bad").write_text("{")
        (tmp_path / "bad").chmod(0o600)
        with pytest.raises(Refusal, match="not valid JSON"):
            endpoint.read_login_file(str(tmp_path / "bad"))

    def test_options(self, monkeypatch):
        assert endpoint.from_options({"login_host": "db", "login_port": 3307, "login_password": ""}) == Endpoint(host="db", port=3307)
        assert endpoint.from_options({"login_user": "root"}).unix_socket in ("/run/mysqld/mysqld.sock", "/var/lib/mysql/mysql.sock")

    def test_an_option_file_for_programs(self):
        text = endpoint.client_options(Endpoint(unix_socket="/s", user="ro\"ot", password="a\\b"))
        assert text == '[client]\nuser="ro\\"ot"\npassword="a\\\\b"\nsocket="/s"\n'
        assert endpoint.client_options(Endpoint(host="db", port=3307)) == '[client]\nuser="root"\nhost="db"\nport=3307\nprotocol=TCP\n'
        assert json.loads(endpoint.login_text(Endpoint(host="db")))["host"] == "db"

    @pytest.mark.parametrize("password", ["a\nuser=root", "a\rb", "a\tb", "a\0b", "x" * 4001, '"' * 2001, "\u00e6" * 2001])
    def test_no_login_is_more_than_its_line_of_an_option_file(self, password):
        """The programs read lines of 4,094 bytes, and the rest of a longer one as the next option."""
        with pytest.raises(Refusal, match="own programs cannot be given it"):
            endpoint.client_options(Endpoint(host="db", password=password))

    @pytest.mark.parametrize("wrong", [{"user": ["root\nresult-file=/x"]}, {"password": 7}, {"port": "3306"}, {"port": True}, {"unix_socket": None}])
    def test_a_login_has_types(self, wrong):
        with pytest.raises(Refusal, match="endpoint"):
            Endpoint(**{"host": "db", **wrong})


class TestConnection:
    def test_rows_and_what_is_made_of_them(self, memory):
        open_ = memory.open()
        memory.answers["ask"] = [{"a": 1, "b": 2}, {"a": 3, "b": 4}]
        assert (open_.rows("ask"), open_.row("ask"), open_.value("ask")) == (memory.answers["ask"], {"a": 1, "b": 2}, 1)
        memory.answers["ask"] = []
        assert (open_.rows("ask"), open_.row("ask"), open_.value("ask")) == ([], {}, None)
        memory.answers["ask %s"] = []
        open_.run("ask %s", (1,))
        assert memory.log[-1] == "ask 1"
        assert open_.variable("read_only") == "OFF" and open_.variable("none") is None
        assert open_.variables("read_only", "none") == {"read_only": "OFF"}
        assert open_.id == open_.raw.number

    def test_an_error_names_server_number_and_statement(self, memory):
        memory.answers["ask"] = error(1290, "read-only")
        with pytest.raises(ServerError, match=r"^source: \[1290\] read-only \(statement: ask\)$") as caught:
            memory.open().rows("ask")
        assert caught.value.errno == 1290

    def test_a_syntax_error_does_not_quote_what_was_bound_into_the_statement(self, memory):
        memory.answers["ask"] = error(1064, "near 's3cret'")
        with pytest.raises(ServerError) as caught:
            memory.open().rows("ask")
        assert "s3cret" not in str(caught.value) and "does not understand" in str(caught.value)

    def test_a_known_error_says_what_to_do(self, memory):
        memory.answers["ask"] = error(1227, "denied")
        with pytest.raises(ServerError, match="; grant the privilege"):
            memory.open().rows("ask")

    @pytest.mark.parametrize("lost", [OSError("gone"), AttributeError("no attribute 'read'")])
    def test_a_lost_connection_is_a_servers_error(self, memory, lost):
        memory.answers["ask"] = lost
        with pytest.raises(ServerError, match="the connection is lost") as caught:
            memory.open().rows("ask")
        assert caught.value.errno == 2013

    @pytest.mark.parametrize(("length", "shown"), [(119, 119), (120, 120), (121, 120)])
    def test_a_long_statement_is_cut(self, length, shown):
        assert len(connection._head("x" * length)) == shown

    @pytest.mark.parametrize(
        ("raised", "parts"),
        [(pymysql.err.OperationalError(2003, "no"), (2003, "no")), (RuntimeError("why"), (0, "why")), (OSError("why"), (0, "why")),
         (RuntimeError("one", "two"), (0, "('one', 'two')"))],
    )  # fmt: skip
    def test_an_errors_number_and_words(self, raised, parts):
        assert connection._parts(raised) == parts

    @pytest.fixture
    def opened(self, monkeypatch):
        asked = []

        def connect(**options):
            asked.append(options)
            raise pymysql.err.OperationalError(2003, "Can't connect")

        monkeypatch.setattr(connection, "ProvenConnection", connect)
        return asked

    @pytest.mark.parametrize(
        ("where", "there"), [({"unix_socket": "/s"}, {"unix_socket": "/s"}), ({"host": "db", "port": 3307}, {"host": "db", "port": 3307})]
    )
    def test_it_goes_where_the_endpoint_says_and_waits_no_longer(self, opened, where, there):
        with pytest.raises(ServerError, match=r"\[2003\] Can't connect; is the server running") as caught:
            connection.connect(Endpoint(**where, password="s3cret", connect_timeout=7), "source", read_timeout=30)
        assert "s3cret" not in str(caught.value) and len(opened) == 1
        used = opened[0]
        assert {name: used[name] for name in ("unix_socket", "host", "port") if name in used} == there
        assert (used["connect_timeout"], used["read_timeout"], used["write_timeout"], used["autocommit"]) == (7, 30, 30, True)
