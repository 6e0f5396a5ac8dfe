# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The switches' rules, against a HAProxy of a few lines, and the guard as the process that it is."""

from __future__ import annotations

import os
import socket
import sys
import threading
import time

import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._errors import MigrationError, Refusal
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._switch import client, forwarder, pause_guard
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._switch.registry import open_switch, read_switches, switches_back

PACKAGE = pause_guard.__name__
HEADER = "# pxname,svname,qcur,qmax,scur,smax,slim,status,bck,addr,"


def is_open(client: socket.socket) -> bool:
    """Whether the other side has not closed it."""
    client.setblocking(False)
    try:
        return client.recv(1, socket.MSG_PEEK) != b""
    except BlockingIOError:
        return True


class FakeHaproxy:
    """Answers as 2.6 was seen to."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.level = "admin"
        self.maxconn, self.configured = 4000, 4000
        self.frontend = "mysql"
        self.clients: list = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listen = "127.0.0.1:%d" % self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()
        self.status = {"old": "no check", "new": "MAINT"}
        self.backup = {"old": "0", "new": "0"}
        self.address = "10.0.0.1:3306"
        self.asked: list[str] = []
        self.answer = ""  # to every command that changes something, where not empty
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(path)
        self._socket.listen(8)
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _peer = self._socket.accept()
            except OSError:
                return
            with connection:
                connection.sendall((self.reply(connection.makefile().readline().strip()) + "\n").encode())

    def _accept(self) -> None:
        while True:
            try:
                self.clients.append(self.listener.accept())
            except OSError:
                return

    def close(self) -> None:
        self.listener.close()
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def reply(self, command: str) -> str:
        words = command.split()
        if command == "show cli level":
            return self.level + "\n"
        if command == "show info":
            return "Name: HAProxy\nMaxconn: %d\nHard_maxconn: 4000\n" % self.maxconn
        if command == "show sess":
            own = [
                ("0x7f%02x" % number, "%s:%d" % peer, self.frontend)
                for number, (client, peer) in enumerate(self.clients)
                if is_open(client)
            ]
            form = "%s: proto=tcpv4 src=%s fe=%s be=mysql srv=old ts=00"
            return "\n".join(form % row for row in [*own, ("0x55aa", "10.0.0.9:5", "mysql")]) + "\n"
        if command == "show stat":
            rows = ["mysql,FRONTEND,,,0,0,200,OPEN,,"]
            rows += [
                "mysql,%s,0,0,0,0,,%s,%s,%s," % (name, state, self.backup[name], self.address if name == "old" else "10.0.0.2:3306")
                for name, state in self.status.items()
            ]
            return "\n".join([HEADER, *rows, "mysql,BACKEND,0,0,0,0,20,UP,0,"]) + "\n"
        self.asked.append(command)
        if self.answer:
            return self.answer + "\n"
        if words[:3] == ["set", "maxconn", "global"]:
            self.maxconn = int(words[3]) or self.configured
        if words[:2] == ["set", "server"] and words[3] == "state":
            self.status[words[2].split("/")[1]] = {"maint": "MAINT", "ready": "UP"}[words[4]]
        if words[:2] == ["set", "server"] and words[3] == "addr":
            before, self.address = self.address, "%s:%s" % (words[4], words[6])
            # 2.6 says "no need to change the addr", 3.0 this.
            return "nothing changed" if before == self.address else "IP changed from 'x' to 'y'"
        return ""


@pytest.fixture
def haproxy(tmp_path):
    found = FakeHaproxy(str(tmp_path / "admin.sock"))
    yield found
    found.close()


def definition(haproxy, **changes):
    given = {
        "type": "haproxy",
        "socket": haproxy.path,
        "listen": haproxy.listen,
        "frontend": "mysql",
        "old_server": "old",
        "new_server": "new",
        **changes,
    }
    return {name: value for name, value in given.items() if value is not None}


@pytest.fixture
def note(tmp_path):
    """A program that notes its stages, and fails at those that the folder names."""
    program = tmp_path / "note"
    program.write_text(
        '#!/bin/sh\necho "$1 $NORDBRIDGE_OLD $NORDBRIDGE_NEW" >> %s/noted\n[ -e "%s/slow-$1" ] && sleep 30\n'
        '[ -e "%s/fail-$1" ] && { echo "cannot $1"; exit 3; }\nexit 0\n' % ((tmp_path,) * 3)
    )
    program.chmod(0o755)
    return {"type": "command", "argv": [str(program)], "timeout_seconds": 2}


def noted(tmp_path) -> list[str]:
    path = tmp_path / "noted"
    return [line.split()[0] for line in path.read_text().splitlines()] if path.exists() else []


# --- options ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"type": "proxysql"}, "must be one of command, forwarder, haproxy, not 'proxysql'"),
        ({"type": "haproxy", "socket": "/s", "new_server": "n"}, "frontend is missing; listen is missing; old_server is missing"),
        ({"type": "haproxy", "argv": ["/x"], "listen": "h:1", "frontend": "f", "old_server": "o"}, "argv is not one of its options"),
        (
            {"type": "haproxy", "listen": "h:1", "frontend": "f", "old_server": "o", "new_server": "n"},
            "needs either socket, or host and port",
        ),
        (
            {"type": "haproxy", "host": "h", "listen": "h:1", "frontend": "f", "old_server": "o", "new_server": "n"},
            "needs either socket, or host and port",
        ),
        ({"type": "haproxy", "socket": "s", "listen": "h:1", "frontend": "f", "old_server": "o", "new_server": "n"}, "no absolute path"),
        ({"type": "haproxy", "socket": "/s", "listen": "h:1", "frontend": "f", "old_server": "o"}, "either new_server"),
        (
            {"type": "haproxy", "socket": "/s", "listen": "h:1", "frontend": "f; shutdown", "old_server": "o", "new_server": "n"},
            "is no name",
        ),
        (
            {"type": "haproxy", "socket": "/s", "listen": "h:1", "frontend": "f", "old_server": "o", "new_address": "a b"},
            "is no IP address",
        ),
        (
            {"type": "haproxy", "host": "h", "port": "x", "listen": "h:1", "frontend": "f", "old_server": "o", "new_server": "n"},
            "port must be a whole number",
        ),
        (
            {
                "type": "haproxy",
                "host": "h",
                "port": 1,
                "where": "source",
                "listen": "h:1",
                "frontend": "f",
                "old_server": "o",
                "new_server": "n",
            },
            "by its socket, not by host and port",
        ),
        ({"type": "command"}, "argv is missing"),
        ({"type": "command", "argv": "/bin/true"}, "argv must be a list of texts"),
        ({"type": "command", "argv": ["true"]}, "no absolute path"),
        ({"type": "command", "argv": ["/bin/true"], "timeout_seconds": 61}, "at most 60"),
        ({"type": "command", "argv": ["/bin/true"], "where": "source"}, "where must be target"),
    ],
)
def test_options_that_cannot_work_are_refused(given, words):
    with pytest.raises(Refusal, match=words):
        open_switch(given)


def test_a_program_is_told_the_addresses_and_a_proxy_is_not():
    found = read_switches(
        [
            {"type": "command", "argv": ["/x"], "socket": None},
            {"type": "haproxy", "socket": "/s", "listen": "h:1", "frontend": "f", "old_server": "o", "new_server": "n"},
        ],
        "shop", "a:3306", "b:3306",
    )  # fmt: skip
    assert found[0] == {"type": "command", "argv": ["/x"], "migration_id": "shop", "old_address": "a:3306", "new_address": "b:3306"}
    assert "new_address" not in found[1] and read_switches(None) == []


# --- haproxy ----------------------------------------------------------------


def test_the_commands_and_their_order(haproxy):
    switch = open_switch(definition(haproxy))
    facts = switch.check()
    assert facts == {"maxconn": 4000} and haproxy.asked == [], "looking changes nothing"
    for verb in ("pause", "cut", "switch", "release"):
        getattr(switch, verb)(facts)
    assert haproxy.asked == [
        "set maxconn global 1", "shutdown session 0x55aa", "set server mysql/old state maint",
        "set server mysql/new state ready", "shutdown sessions server mysql/old", "set maxconn global 4000",
    ]  # fmt: skip


def test_a_server_that_gets_another_address(haproxy):
    switch = open_switch(definition(haproxy, new_server=None, new_address="10.0.0.2", new_port=3310))
    assert switch.check() == {"maxconn": 4000, "address": "10.0.0.1:3306"}
    for _again in range(2):
        switch.switch({})
    assert haproxy.address == "10.0.0.2:3310"
    assert haproxy.asked.count("shutdown sessions server mysql/old") == 1, "the second time they are the new server's"
    assert haproxy.status["old"] == "no check"


def test_an_undo_changes_no_server(haproxy):
    switch = open_switch(definition(haproxy))
    facts = switch.check()
    switch.pause(facts)
    switch.undo(facts)
    assert haproxy.maxconn == 4000 and haproxy.status == {"old": "no check", "new": "MAINT"}


def test_a_pause_of_somebody_else_is_refused(haproxy):
    switch = open_switch(definition(haproxy))
    haproxy.maxconn = 1
    with pytest.raises(Refusal, match="somebody holds it: set maxconn global 0"):
        switch.check()
    switch.release({})
    assert haproxy.maxconn == 4000, "what is not known is what is configured"


def test_an_address_that_leads_elsewhere_is_refused(haproxy, monkeypatch):
    monkeypatch.setattr("%s.haproxy.COMMAND_SECONDS" % PACKAGE.rpartition(".")[0], 0.2)
    haproxy.frontend = "other"
    with pytest.raises(Refusal, match="does not lead to frontend mysql"):
        open_switch(definition(haproxy)).check()
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(Refusal, match="nothing takes connections at listen"):
        open_switch(definition(haproxy, listen="127.0.0.1:%d" % port)).check()


@pytest.mark.parametrize(
    ("change", "state", "words"),
    [
        ({"frontend": "x", "backend": "mysql"}, {}, r"no frontend x \(there are: mysql\)"),
        ({"backend": "x"}, {}, r"no backend x \(there are: mysql\)"),
        ({"new_server": "x"}, {}, r"no server x \(it has: old, new\)"),
        ({}, {"new": "UP"}, "takes clients already"),
        ({}, {"new": "no check"}, "takes clients already"),
        ({}, {"old": "MAINT"}, "clients are not sent to it"),
    ],
)
def test_what_is_not_as_named_is_refused(haproxy, change, state, words):
    haproxy.status.update(state)
    with pytest.raises(Refusal, match=words):
        open_switch(definition(haproxy, **change)).check()


def test_a_backup_server_takes_no_clients_yet(haproxy):
    haproxy.status["new"], haproxy.backup["new"] = "UP", "1"
    assert open_switch(definition(haproxy)).check() == {"maxconn": 4000}


def test_a_socket_without_the_right_is_refused(haproxy):
    haproxy.level = "operator"
    with pytest.raises(Refusal, match="level admin"):
        open_switch(definition(haproxy)).check()


def test_an_answer_is_an_error(haproxy):
    haproxy.answer = "Permission denied"
    with pytest.raises(MigrationError, match="Permission denied"):
        open_switch(definition(haproxy)).pause({})


def test_a_haproxy_that_does_not_run_pauses_nobody(haproxy, tmp_path):
    switch = open_switch(definition(haproxy, socket=str(tmp_path / "none")))
    switch.undo({"maxconn": 4000})
    with pytest.raises(MigrationError, match="no HAProxy answers"):
        switch.check()
    with pytest.raises(MigrationError, match="no HAProxy answers"):
        switch.release({"maxconn": 4000})


# --- command ----------------------------------------------------------------


def test_a_program_that_takes_too_long_is_ended(note, tmp_path):
    (tmp_path / "slow-switch").touch()
    began = time.monotonic()
    with pytest.raises(MigrationError, match=r"did not end switch within 0\.3 s"):
        open_switch({**note, "timeout_seconds": 0.3}).switch({})
    assert time.monotonic() - began < 5


def test_a_programs_failure_is_told_in_its_words(note, tmp_path):
    (tmp_path / "fail-pause").touch()
    with pytest.raises(MigrationError, match="ended pause with code 3: cannot pause"):
        open_switch(note).pause({})


def test_looking_does_not_run_it(note, tmp_path):
    open_switch(note).check()
    assert noted(tmp_path) == []
    os.chmod(note["argv"][0], 0o600)
    if os.getuid():
        with pytest.raises(Refusal, match="not executable"):
            open_switch(note).check()
    os.unlink(note["argv"][0])
    with pytest.raises(Refusal, match="no such program"):
        open_switch(note).check()


def test_a_program_gets_no_environment_but_its_own(tmp_path, monkeypatch):
    monkeypatch.setenv("MYSQL_PWD", "s3cret")
    program = tmp_path / "env"
    program.write_text("#!/bin/sh\nenv > %s/seen\n" % tmp_path)
    program.chmod(0o755)
    open_switch({"type": "command", "argv": [str(program)], "old_address": "a:1"}).switch({})
    seen = (tmp_path / "seen").read_text()
    assert "s3cret" not in seen and "NORDBRIDGE_OLD=a:1" in seen


# --- forwarder ----------------------------------------------------------------


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """The host's programs: each notes how it was called, iptables knows its rules."""
    folder = tmp_path / "bin"
    folder.mkdir()
    texts = {
        # Each rule is kept in the words that ask for it.
        "iptables": """case "$5" in
            -C) grep -qxF "rule $*" "$F/rules" 2>/dev/null; exit;;
            -I) echo "rule $*" | sed s/-I/-C/ >> "$F/rules";;
            -D) : > "$F/rules";;
        esac""",
        "systemd-run": ': > "$F/active"',
        "systemctl": 'case "$1" in stop) rm "$F/active";; *) [ -e "$F/active" ]; exit;; esac',
    }
    for name, text in texts.items():
        (folder / name).write_text('#!/bin/sh\nF=%s\necho "%s $*" >> $F/calls\n%s\n' % (tmp_path, name, text))
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", "%s:%s" % (folder, os.environ["PATH"]))
    monkeypatch.setattr(forwarder, "PROXY", ("/bin/sh",))
    return tmp_path


def calls(folder) -> list[str]:
    path = folder / "calls"
    return path.read_text().splitlines() if path.exists() else []


def test_a_forwarder_is_set_up_once(programs):
    (given,) = read_switches([{"type": "forwarder"}], "shop", "10.0.0.1:3306", "10.0.0.2:3306")
    switch = open_switch(given)
    for _again in range(2):
        switch.release({})
    made = [line for line in calls(programs) if line.startswith("systemd-run") or " -I " in line]
    assert made == [
        "systemd-run --quiet --unit nordbridge-shop-forward --socket-property=ListenStream=33066 -- /bin/sh 10.0.0.2:3306",
        "iptables -w 2 -t nat -I PREROUTING -p tcp --dport 3306 ! -s 10.0.0.2 -m addrtype --dst-type LOCAL"
        " -m comment --comment nordbridge-shop-forward -j REDIRECT --to-ports 33066",
    ]


def test_before_the_promotion_nobody_is_forwarded(programs):
    switch = open_switch({"type": "forwarder", "new_address": "127.0.0.1"})
    for verb in ("pause", "cut", "undo"):
        getattr(switch, verb)({})
    assert calls(programs) == []


def test_a_forwarder_that_cannot_work_is_refused(programs, monkeypatch):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        given = {"type": "forwarder", "new_address": "127.0.0.1", "new_port": listener.getsockname()[1]}
        with pytest.raises(Refusal, match="does not reach it"):
            open_switch(given).check()
        listener.listen()
        open_switch(given).check()
    (programs / "bin/iptables").unlink()
    monkeypatch.setenv("PATH", str(programs / "bin"))
    monkeypatch.setattr(forwarder, "PROXY", ("/nowhere",))
    with pytest.raises(Refusal, match="lacks iptables, systemd-socket-proxyd"):
        open_switch(given).check()
    with pytest.raises(Refusal, match="needs the target's IPv4 address"):
        open_switch({"type": "forwarder", "new_address": "oslo-db1"})


def test_a_forwarder_is_removed_for_the_way_back_and_put_back_by_an_undo(programs):
    (given,) = read_switches([{"type": "forwarder"}], "shop", "10.0.0.1:3306", "10.0.0.2:3306")
    switch, away = open_switch(given), open_switch(open_switch(given).back({}))
    assert away.check() == {"forwards": False}
    switch.release({})
    facts = away.check()
    assert facts == {"forwards": True}
    del_rule = "iptables -w 2 -t nat -D PREROUTING -p tcp --dport 3306 ! -s 10.0.0.2"
    for _again in range(2):
        away.pause(facts)
    removed = [line for line in calls(programs) if " -D " in line or " stop " in line]
    assert removed[0].startswith(del_rule) and removed[1:] == ["systemctl stop nordbridge-shop-forward.socket"], removed
    assert not (programs / "rules").read_text() and not (programs / "active").exists()
    away.undo(facts)
    assert away.check() == {"forwards": True}
    away.switch(facts)
    away.release(facts)
    assert away.check() == {"forwards": False}
    away.undo({"forwards": False})
    assert away.check() == {"forwards": False}, "what a boot had removed is not put back"


def test_where_nothing_can_forward_there_is_nothing_to_remove(programs, monkeypatch):
    away = open_switch({"type": "forwarder_off", "new_address": "10.0.0.2", "migration_id": "shop"})
    (programs / "bin/iptables").unlink()
    monkeypatch.setenv("PATH", str(programs / "bin"))
    assert away.check() == {"forwards": False}
    away.pause({"forwards": False})


# --- the way back -------------------------------------------------------------


def test_the_way_back_of_each_kind(haproxy, note):
    told = {**note, "old_address": "a:3306", "new_address": "b:3306"}
    forwarder_on = {"type": "forwarder", "new_address": "10.0.0.2", "migration_id": "shop"}
    driven = [definition(haproxy), told, forwarder_on]
    found = switches_back([{"switch": one, "facts": {"maxconn": 4000}} for one in driven])
    # Who would be sent elsewhere by it must not come before its removal.
    assert found == [
        {**forwarder_on, "type": "forwarder_off"},
        definition(haproxy, old_server="new", new_server="old"),
        {**told, "old_address": "b:3306", "new_address": "a:3306"},
    ]


def test_an_address_is_set_back_to_what_it_was(haproxy):
    forth = open_switch(definition(haproxy, new_server=None, new_address="10.0.0.2"))
    facts = forth.check()
    forth.switch(facts)
    back = open_switch(forth.back(facts))
    assert back.check()["address"] == "10.0.0.2:3306"
    back.switch({})
    assert haproxy.address == "10.0.0.1:3306"
    with pytest.raises(Refusal, match=r"old leads to 10.0.0.1:3306 already"):
        back.check()
    # A restart has forgotten the cutover, and its configuration says the third.
    haproxy.address = "10.0.0.3:3306"
    with pytest.raises(Refusal, match=r"leads to 10.0.0.3:3306, and .* at 10.0.0.2:3306: .* set server mysql/old addr 10.0.0.2 port 3306"):
        back.check()
    forth.check()
    with pytest.raises(Refusal, match="clients are said to be at 10.0.0.1:3310"):
        open_switch({**forth.given, "old_address": "10.0.0.1", "old_port": 3310}).check()


def test_a_way_back_that_is_not_known_is_refused_with_all_of_its_switches(haproxy, note):
    forth = definition(haproxy, new_server=None, new_address="10.0.0.2")
    with pytest.raises(Refusal, match="address that server mysql/old had .* old_address; .*was not given both servers' addresses"):
        switches_back([{"switch": forth, "facts": {"maxconn": 4000}}, {"switch": note, "facts": {}}])
    (found,) = switches_back([{"switch": {**forth, "old_address": "10.0.0.1"}, "facts": {}}])
    assert (found["new_address"], found["new_port"]) == ("10.0.0.1", 3306)


def test_clients_that_a_forwarder_would_send_elsewhere_wait_for_its_removal(switching, haproxy, monkeypatch):
    away = {"type": "forwarder_off", "new_address": "10.0.0.2", "migration_id": "shop"}
    one = switching(switches=[definition(haproxy), away], job="rollback")
    asked = []
    monkeypatch.setattr(one, "_insist", lambda verb, places: asked.append((verb, places)) or [])
    one.switch()
    assert asked == [("switch", ["source"]), ("switch", ["target"])]


# --- the guard, as a process -------------------------------------------------


@pytest.fixture
def switching(haproxy, note, monkeypatch):
    """HAProxy and a program behind one guard."""
    code = "import sys; from %s import main; main()" % PACKAGE
    monkeypatch.setitem(client.COMMANDS, "target", lambda _id: [sys.executable, "-c", code])
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path for path in sys.path if path))
    made = []

    def make(**options):
        made.append(client.Switching({"migration_id": "shop", "job": "cutover", "lease": 10.0, "switches": [definition(haproxy), note], **options}))
        return made[-1]

    yield make
    for one in made:
        one.close()


def until(check, seconds=10.0):
    deadline = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_whole_cutover(switching, haproxy, tmp_path):
    one = switching()
    one.check()
    one.pause()
    assert haproxy.maxconn == 1
    one.cut()
    one.switch()
    assert one.errors == [] and haproxy.maxconn == 4000 and haproxy.status == {"old": "MAINT", "new": "UP"}
    assert noted(tmp_path) == ["pause", "switch", "release"]
    report = one.report()
    assert report[0]["switch"].startswith("haproxy ") and set(report[1]) == {
        "switch",
        "check_s",
        "pause_s",
        "cut_s",
        "switch_s",
        "release_s",
    }
    one.close()
    assert noted(tmp_path) == ["pause", "switch", "release"], "what was released is not released again"


def test_the_end_of_the_job_releases_at_once(switching, haproxy, tmp_path):
    one = switching()
    one.check()
    one.pause()
    one._guards["target"]._process.process.stdin.close()
    until(lambda: haproxy.maxconn == 4000 and noted(tmp_path) == ["pause", "undo"])
    assert haproxy.status["new"] == "MAINT"


def test_silence_releases_when_the_time_is_up(switching, haproxy):
    one = switching(lease=0.5)
    one.check()
    one.pause()
    assert haproxy.maxconn == 1
    until(lambda: haproxy.maxconn == 4000)


def test_nobody_waits_for_another_switch(switching, haproxy, note, tmp_path):
    (tmp_path / "slow-switch").touch()
    one = switching()
    one.check()
    one.pause()
    waiting = threading.Thread(target=one.switch)
    waiting.start()
    until(lambda: haproxy.maxconn == 4000, seconds=1.5)
    assert haproxy.status["new"] == "UP" and waiting.is_alive()
    waiting.join(20)
    assert "did not end switch" in one.errors[0]


def test_what_could_not_be_released_after_the_switch_is_released_forward(haproxy, monkeypatch):
    kept = pause_guard.PauseGuard({"switches": [definition(haproxy)], "seconds": 5})
    for verb in ("check", "pause"):
        assert kept.do(verb)["errors"] == [""]
    with monkeypatch.context() as patch:
        patch.setattr(haproxy, "reply", lambda command: "busy" if "maxconn" in command else FakeHaproxy.reply(haproxy, command))
        assert "busy" in kept.do("switch")["errors"][0]
    assert haproxy.maxconn == 1 and kept.paused_until
    monkeypatch.setattr(kept.switches[0], "undo", lambda _facts: pytest.fail("back to the old server"))
    kept.abandon()
    assert haproxy.maxconn == 4000 and not kept.paused_until
    assert haproxy.status == {"old": "MAINT", "new": "UP"}


def test_every_reason_is_told_at_once(switching, haproxy, tmp_path):
    haproxy.status["new"] = "UP"
    (tmp_path / "note").unlink()
    with pytest.raises(Refusal, match="nothing was frozen: .*takes clients already.*no such program"):
        switching().check()


def test_a_pause_that_fails_is_undone_where_it_was_begun(switching, haproxy, tmp_path):
    (tmp_path / "fail-pause").touch()
    one = switching()
    one.check()
    with pytest.raises(MigrationError, match="cannot pause"):
        one.pause()
    one.undo()
    assert haproxy.maxconn == 4000 and noted(tmp_path) == ["pause", "undo"]


def test_a_switch_that_fails_keeps_no_other_from_its_work(switching, haproxy, tmp_path):
    one = switching()
    one.check()
    one.pause()
    haproxy.answer = "Permission denied"
    one.switch()
    assert len(one.errors) == 1 and one.errors[0].count("Permission denied") == 2
    assert noted(tmp_path) == ["pause", "switch", "release"]
    haproxy.answer = ""
    one.switch()
    assert one.errors == [] and haproxy.maxconn == 4000 and haproxy.status["new"] == "UP"


def test_a_keeper_that_died_is_replaced_where_it_matters(switching, haproxy):
    one = switching()
    one.check()
    one.pause()
    one._guards["target"]._process.process.kill()
    one.switch()
    assert one.errors == [] and haproxy.maxconn == 4000 and haproxy.status["new"] == "UP"


def test_another_process_undoes_with_what_was_noted(switching, haproxy):
    one = switching()
    one.check()
    held = one.paused
    haproxy.maxconn = 1
    another = switching(switches=[entry["switch"] for entry in held])
    another.take_up(held)
    another.undo()
    assert haproxy.maxconn == 4000


def test_the_agent_drives_no_switch_of_the_targets(note):
    with pytest.raises(Refusal, match="on the old server's host drives no switch of the new server's host"):
        pause_guard.serve({"switches": [note], "seconds": 1})


def test_without_switches_no_process_is_started(monkeypatch):
    monkeypatch.setattr(client, "JsonLinesProcess", lambda *_args, **_more: pytest.fail("started"))
    one = client.Switching({"migration_id": "shop", "lease": 10.0})
    for verb in ("check", "pause", "cut", "switch", "undo", "close"):
        getattr(one, verb)()
    assert one.report() == [] and one.errors == []
