# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What would open a held server at its next restart, on real servers: it is found with its place before anything is frozen, and told
where it comes behind the commit.

The tests of a flavour share one migration in this order; the cutover in the middle is a real one.
"""

from __future__ import annotations

import json
from contextlib import ExitStack, contextmanager

import pytest
from pairs import PATIENT, SOURCE, TARGET, Pair, until

SERVICE_DROPIN = "/etc/systemd/system/%s.service.d"
EVENT = """
CREATE EVENT shop.tick ON SCHEDULE EVERY 1 SECOND DO INSERT INTO shop.ticks (server) VALUES (@@hostname);
"""


@pytest.fixture(scope="module", params=["mariadb", "mysql"])
def pair(request) -> Pair:
    """Two hosts; the source has an event that writes."""
    made = request.getfixturevalue(request.param)
    made.sh(SOURCE, "printf '[mysqld]\nevent_scheduler = ON\n' > /etc/mysql/conf.d/application.cnf")
    made.load(200)
    made.sql(SOURCE, "CREATE TABLE shop.ticks (id INT AUTO_INCREMENT PRIMARY KEY, server VARCHAR(64));" + EVENT)
    return made


def persist(pair: Pair, host: str) -> None:
    pair.sql(host, "SET PERSIST_ONLY super_read_only = OFF; SET PERSIST_ONLY read_only = OFF; SET PERSIST_ONLY event_scheduler = ON;")


def reset(pair: Pair, host: str) -> None:
    pair.sql(host, "RESET PERSIST super_read_only; RESET PERSIST read_only; RESET PERSIST event_scheduler;")


@contextmanager
def persisted(pair: Pair, host: str):
    """What only MySQL has."""
    persist(pair, host)
    try:
        yield "SET PERSIST keeps super_read_only = OFF", "run RESET PERSIST read_only", "run RESET PERSIST event_scheduler"
    finally:
        reset(pair, host)


@contextmanager
def later_file(pair: Pair, host: str):
    """A file that is read after ours."""
    name = "super-read-only" if pair.client == "mysql" else "read-only"
    path = f"/etc/mysql/{pair.client}.conf.d/zzz-application.cnf"
    pair.sh(host, f"printf '[mysqld]\n# ours\nloose-{name} = 0\nenable-event-scheduler\n' > {path}")
    try:
        yield f"{name.replace('-', '_')} would be OFF by line 3 of {path}", f"event_scheduler would be ON by line 4 of {path}"
    finally:
        pair.sh(host, f"rm {path}")


@contextmanager
def behind_the_include(pair: Pair, host: str):
    """The main file goes on behind its last include, in a group of the flavour's own."""
    group = "mariadb-10.11" if pair.client == "mariadb" else "mysqld-9.7"
    path = pair.sh(host, "readlink -f /etc/mysql/my.cnf").strip()
    name = "super_read_only" if pair.client == "mysql" else "read_only"
    pair.sh(host, f"cp {path} /root/my.cnf.before; printf '\n[{group}]\n{name} = 0\n' >> {path}")
    try:
        yield f"{name} would be OFF by line", "/etc/mysql/"
    finally:
        pair.sh(host, f"cat /root/my.cnf.before > {path}")


@contextmanager
def unit_option(pair: Pair, host: str):
    """An option that the unit gives from its next start on; the running server does not have it."""
    folder = SERVICE_DROPIN % pair.client
    name = "super-read-only" if pair.client == "mysql" else "read-only"
    text = f"[Service]\\nEnvironment=MYSQLD_OPTS=--skip-{name}\\n"
    pair.sh(host, f"mkdir -p {folder}; printf '{text}' > {folder}/options.conf; systemctl daemon-reload")
    if pair.client == "mysql":
        # Debian's unit has no variable of its own.
        pair.sh(host, f"printf 'ExecStart=\\nExecStart=/usr/sbin/mysqld $MYSQLD_OPTS\\n' >> {folder}/options.conf; systemctl daemon-reload")
    try:
        yield f"{name.replace('-', '_')} would be OFF by the command line of {pair.client}.service", "remove or change that"
    finally:
        pair.sh(host, f"rm -r {folder}; systemctl daemon-reload")


@contextmanager
def init_file(pair: Pair, host: str):
    """Statements that are run at each start."""
    path = f"/etc/mysql/{pair.client}.conf.d/a-application.cnf"
    pair.sh(host, f"printf '[mysqld]\ninit_file = /etc/mysql/start.sql\n' > {path}; echo 'SET GLOBAL read_only = 0;' > /etc/mysql/start.sql")
    try:
        yield f"/etc/mysql/start.sql are run at each start (init_file by line 2 of {path}): take out line 1",
    finally:
        pair.sh(host, f"rm {path} /etc/mysql/start.sql")


@contextmanager
def all_of(places, pair: Pair, host: str):
    """Several at once that do not contradict each other."""
    with ExitStack() as stack:
        yield [word for place in places for word in stack.enter_context(place(pair, host))]


#: For the plan together, for the cutover one by one.
TOGETHER = {"mariadb": (later_file, init_file), "mysql": (persisted, later_file, init_file)}
SINGLE = {"mariadb": (behind_the_include, unit_option), "mysql": (persisted, behind_the_include, unit_option)}


def held(pair: Pair) -> list[str]:
    """Why an old server is not closed for good, by its own host's agent."""
    answer = pair.sh(SOURCE, f"echo '{{}}' | SSH_ORIGINAL_COMMAND=held /var/lib/mysql_migration_agent/{pair.name}/agent")
    return json.loads(answer)["against"]


# --- before anything is copied ----------------------------------------------


def test_the_plan_names_what_would_open_either_server(pair):
    """All at once, before hours of copying."""
    with all_of(TOGETHER[pair.client], pair, SOURCE) as source, all_of(TOGETHER[pair.client], pair, TARGET) as target:
        pair.migrate("--check").failed("P39 [source]", "P48 [target]", *source, *target)
    assert pair.state() == {}, "nothing was begun"


def test_a_target_that_others_would_close_is_a_warning(pair):
    path = f"/etc/mysql/{pair.client}.conf.d/replica.cnf"
    pair.sh(TARGET, f"printf '[mysqld]\nread_only\n' > {path}")
    pair.migrate().ok()
    assert "[W] P49 [target] read_only is ON by line 2 of " + path in pair.runs[-1].words


# --- before anything is frozen ----------------------------------------------


def test_the_cutover_refuses_what_would_open_the_source(pair):
    for place in SINGLE[pair.client]:
        with place(pair, SOURCE) as words:
            pair.cutover().failed("nothing was frozen", "a restart would open the source again", *words)
            assert pair.sql(SOURCE, "SELECT @@global.read_only, @@global.event_scheduler;") == [["0", "ON"]]
            assert "source_hold" not in pair.state().get("cutover", {}).get("facts", {}), "no lease was asked for"


def test_the_cutover_refuses_what_would_open_the_target(pair):
    with later_file(pair, TARGET) as words:
        pair.cutover().failed("nothing was frozen", "the target would take writes after a restart, before it is promoted", *words)


# --- behind the commit ------------------------------------------------------


def test_after_the_remedy_it_is_cut_over_and_the_old_server_stays_closed_through_a_restart(pair):
    run = pair.cutover(*PATIENT).ok()
    assert "the promoted server would be closed by its next restart: read_only is ON by line 2 of" in run.words
    pair.sh(SOURCE, f"systemctl restart {pair.client}")
    until("the old server is back", lambda: pair.sql(SOURCE, "SELECT 1;", check=False) == [["1"]], seconds=60)
    assert pair.sql(SOURCE, "SELECT @@global.read_only, @@global.event_scheduler;") == [["1", "OFF"]]
    if pair.client == "mysql":
        assert pair.value(SOURCE, "SELECT @@global.super_read_only;") == "1"
    rows = pair.value(SOURCE, "SELECT COUNT(*) FROM shop.ticks;")
    assert "ERROR 1290" in pair.sh(SOURCE, f"{pair.client} -e \"INSERT INTO shop.ticks (server) VALUES ('late')\" 2>&1", check=False)
    assert pair.value(SOURCE, "SELECT COUNT(*) FROM shop.ticks;") == rows
    assert held(pair) == []


def test_what_comes_behind_the_commit_is_found(pair):
    with later_file(pair, SOURCE) as words:
        for word in words:
            assert word in "; ".join(held(pair))
    path = f"/etc/mysql/{pair.client}.conf.d/zz-nordbridge-hold.cnf"
    pair.sh(SOURCE, f"mv {path} /root/held.cnf")
    assert "is not there as it was written" in held(pair)[0]
    pair.sh(SOURCE, f"mv /root/held.cnf {path}")
    assert held(pair) == []
