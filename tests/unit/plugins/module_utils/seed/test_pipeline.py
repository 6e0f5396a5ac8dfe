# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stream, with small real programs."""

from __future__ import annotations

import hashlib
import time

import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._errors import MigrationError
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._seed.pipeline import Pipeline, Stage, client_words


def sh(text, name=None):
    return Stage(name or text, ["sh", "-c", text])


def run(*stages, request=b"", taps=None):
    Pipeline(list(stages), request, taps or [lambda chunk: None] * (len(stages) - 1)).run()


@pytest.mark.parametrize(
    "said, told",
    [
        (
            b"--------------\nINSERT INTO `t` VALUES (1,'secret\n--------------\n\n"
            b"ERROR 1064 (42000) at line 9: You have an error; use near 'secret\n' at line 449\n",
            "ERROR 1064 (42000) at line 9: You have an error; use near '...' at line 449",
        ),
        (
            b"ERROR 1062 (23000) at line 9: Duplicate entry 'secret' for key 'PRIMARY'",
            "ERROR 1062 (23000) at line 9: Duplicate entry '...' for key 'PRIMARY'",
        ),
        (
            b"ERROR 1366 (22007) at line 9: Incorrect string value: 'secret' for column `a`",
            "ERROR 1366 (22007) at line 9: Incorrect string value: '...' for column `a`",
        ),
        (
            b"ERROR 1054 (42S22) at line 9: Unknown column 'late' in 'SELECT'",
            "ERROR 1054 (42S22) at line 9: Unknown column 'late' in 'SELECT'",
        ),
        (b"ERROR at line 9: secret", ""),
    ],
)
def test_a_clients_words_hold_no_part_of_the_data(said, told):
    assert client_words(said) == told


def test_who_was_killed_is_named_first():
    with pytest.raises(MigrationError) as caught:
        run(sh("echo x; kill -9 $$", "the dump"), sh("cat", "middle"), sh("cat >/dev/null; echo cut short >&2; exit 1", "the loader"))
    assert str(caught.value).startswith("the copy broke: the dump was killed by signal 9; the loader ended with 1: cut short")


def test_what_goes_in_comes_out_and_passes_each_tap(tmp_path):
    first, second, data = [], [], b"0123456789abcdef" * 100000
    out = tmp_path / "out"
    run(sh("cat"), sh("cat"), sh("cat > %s" % out), request=data, taps=[first.append, second.append])
    for found in (b"".join(first), b"".join(second), out.read_bytes()):
        assert hashlib.sha256(found).digest() == hashlib.sha256(data).digest()


@pytest.mark.parametrize("broken", [0, 1, 2])
def test_a_stage_that_fails_is_named_with_its_words(broken):
    stages = [sh("cat", "one"), sh("cat", "two"), sh("cat", "three")]
    stages[broken] = sh("cat > /dev/null; echo out of luck >&2; exit 3", "the broken one")
    with pytest.raises(MigrationError, match="the broken one ended with 3: out of luck"):
        run(*stages, request=b"x")


def test_a_giver_that_fails_after_the_data_fails_the_copy():
    with pytest.raises(MigrationError, match="giver ended with 7"):
        run(sh("echo all; exit 7", "giver"), sh("cat"))


def test_a_taker_that_stops_early_ends_the_giver_too():
    started = time.monotonic()
    with pytest.raises(MigrationError, match="disk full"):
        run(sh("cat /dev/zero", "giver"), sh("head -c 10 >/dev/null; echo disk full >&2; exit 1", "taker"))
    assert time.monotonic() - started < 10


def test_words_come_before_those_who_only_lost_their_neighbour():
    with pytest.raises(MigrationError) as told:
        run(sh("cat /dev/zero", "giver"), sh("echo disk full >&2; exit 1", "taker"))
    assert str(told.value).index("disk full") < str(told.value).find("giver ended") or "giver ended" not in str(told.value)


def test_a_taker_that_is_content_with_a_part_is_a_failure():
    # The giver writes everything into the pipe and is content too: no exit code tells.
    giver = sh("sleep 0.3; echo the rest", "giver")
    with pytest.raises(MigrationError, match="taker ended before it had taken everything"):
        run(giver, sh("exec true", "taker"))


def test_a_program_that_is_not_there():
    with pytest.raises(MigrationError, match="unpacker could not be started: /no/such"):
        run(sh("cat"), Stage("unpacker", ["/no/such"]), sh("cat"))


def test_a_tap_that_fails_ends_the_stream_without_its_text():
    def tap(_chunk):
        raise ValueError("row: secret")

    with pytest.raises(MigrationError) as told:
        run(sh("cat /dev/zero"), sh("cat"), taps=[tap])
    assert "unexpected ValueError" in str(told.value) and "secret" not in str(told.value)


def test_nobody_reads_the_request():
    run(sh("exec true"), sh("cat"), request=b"x" * 300000)


def test_a_row_that_is_too_large_for_the_target_is_told_as_that():
    assert "max_allowed_packet" in client_words(b"ERROR 2006 (HY000) at line 59: Server has gone away")
    assert "max_allowed_packet" not in client_words(b"ERROR 1062 (23000) at line 9: Duplicate entry 'secret' for key 'PRIMARY'")


def test_what_a_program_says_of_a_failure_that_its_exit_code_hides_counts():
    def look(messages):
        if b"left out" in messages:
            raise MigrationError("something was left out")

    quiet = Stage("quiet", ["sh", "-c", "cat >/dev/null; echo fine >&2"], look=look)
    run(sh("echo data"), quiet)
    with pytest.raises(MigrationError, match="something was left out"):
        run(sh("echo data"), Stage("unpacker", ["sh", "-c", "cat >/dev/null; echo one was left out >&2"], look=look))
    with pytest.raises(MigrationError, match="ended with 3"):
        run(sh("echo data"), Stage("unpacker", ["sh", "-c", "cat >/dev/null; echo one was left out >&2; exit 3"], look=look))
