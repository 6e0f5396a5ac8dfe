# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rollback as a whole, on two servers in memory: the new one is the world's source here, and the old one its target."""

from __future__ import annotations

import os
from contextlib import suppress
from types import SimpleNamespace

import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._cutover import launch, location, rollback, steps_of_rollback
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._cutover.lost import in_words
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._errors import MigrationError, Refusal
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._jobs.record import JobStatus
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._migration.phase import phase_of
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._server.endpoint import Endpoint

CUT = {
    "begun": ["preflight"],
    "done": ["preflight", "commit", "promote", "confirm"],
    "facts": {"position": {"gtid": "0-1-50"}, "lease": "t1", "privileges_taken": [["boss", "%", ["SUPER"], []]]},
}
OPTIONS = {
    "migration_id": "shop", "new_hold": "/etc/mysql/new", "old_hold": "/etc/mysql/old", "new_socket": "/run/s", "lossy": False,
    "budget": 5.0, "lease": 10.0, "fence_seconds": 2.0, "max_lag": 1.0, "max_transaction_seconds": 5,
}  # fmt: skip


class Quiet:
    def say(self, *_args, **_numbers) -> None:
        return None


def agent_of(world):
    """The agents of both hosts: the one beside the journal is called by a command of its own."""

    def agent(_id, verb, request, command=None, who="the agent on the source"):
        world.effect(verb if command else "%s old" % verb)
        assert bool(command) == (who != "the agent on the old server's host")
        assert not {"login", "hold", "path", "migration_id"} & set(request), "the host's own affair"
        if verb == "unlease":
            return world.unlease()
        if verb == "release":
            assert (request["token"], request["scheduler"]) == ("t1", "OFF")
            assert request["accounts"] == CUT["facts"]["privileges_taken"]
            world.target.update(read_only=False, hold=False, accounts=set())
            world.after("release")
        return {"against": world.against.get(verb, []), "closed": world.elsewhere}

    return agent


def lease_of(world):
    """The lease on this host."""

    class Kept(world.lease_of_job):
        def __init__(self, _id, _request, server, command):
            assert server == "the new server"
            assert command[:2] == ["env", "SSH_ORIGINAL_COMMAND=lease"]
            super().__init__(world)

    return Kept


def standby_of(world, agent):
    """A connection to the other host that is open before the fence."""

    class PreparedCall:
        def __init__(self, _id, verb, who):
            assert verb == "release" and who == "the agent on the old server's host"
            world.effect("stand by")

        def ask(self, request):
            world.effect("standby release")
            return agent("shop", "release", request, who="the agent on the old server's host")

    return PreparedCall


def looked(world):
    """The look at both servers, of which the hold's part is the real one."""

    def reasons(c):
        world.effect("preflight")
        return steps_of_rollback.hold_reasons(c.location.ask_fenced_host("holdable", {})["against"], steps_of_rollback.ROLLBACK_NAMES)

    return reasons


@pytest.fixture
def back(world, monkeypatch, tmp_path):
    """Run the rollback; returns its result, its MigrationError, or the fact of death."""
    world.journal.update("cutover done", cutover=CUT)
    world.target["accounts"] = {"boss"}

    agent = agent_of(world)
    monkeypatch.setattr(location, "call", agent)
    monkeypatch.setattr(location, "PreparedCall", standby_of(world, agent))
    monkeypatch.setattr(location, "Lease", lease_of(world))
    monkeypatch.setattr(rollback, "read_login_file", lambda path: Endpoint(host="x", user=os.path.basename(path), password="s3cret"))
    monkeypatch.setattr(rollback, "place_policy", lambda _id, policy: world.policies.append(policy))
    world.policies = []
    monkeypatch.setattr(rollback, "directory", lambda _id: str(tmp_path))
    monkeypatch.setattr(steps_of_rollback, "_reasons", looked(world))
    monkeypatch.setattr(steps_of_rollback, "following_reasons", lambda *_args: [])
    monkeypatch.setattr(steps_of_rollback, "lost_writes", lambda *_args, **_more: {"transactions": 50})
    monkeypatch.setattr(location, "remove_hold", lambda _path: pytest.fail("the hold beside the journal is the fenced server's"))

    def once(**options):
        try:
            return rollback.run({**OPTIONS, **options}, Quiet())
        except MigrationError as error:
            return error
        except world.Dead as death:
            return death
        finally:
            # A death comes when what was being written has landed; see test_killed_before_the_record_landed for the other case.
            with suppress(OSError):
                world.journal.settle()

    return once


def went_back(world) -> bool:
    new, old = world.source, world.target
    opened = not old["read_only"] and not old["hold"] and not old["accounts"]
    return new["read_only"] and new["hold"] and opened and not old["replica"]


def stayed(world) -> bool:
    new, old = world.source, world.target
    return not new["read_only"] and not new["hold"] and not new["accounts"] and old["read_only"] and old["hold"] and old["replica"]


def test_it_is_the_cutover_the_other_way_round(world, back):
    result = back()
    assert went_back(world), (world.source, world.target)
    order = (
        "stand by", "arm", "hold", "take privileges", "close fence", "history end", "wait", "take", "standby release", "release old",
        "promote target", "beat",
    )  # fmt: skip
    places = [world.log.index(name) for name in order]
    assert places == sorted(places), world.log
    assert result["write_stop_server_s"] >= 0 and "lost" not in result
    assert phase_of(world.journal.read()) == "rolled_back"
    assert world.journal.read()["cutover"] == CUT


# --- with clients behind a switch ---

BACK = {"type": "haproxy", "frontend": "mysql", "old_server": "new", "new_server": "old"}


@pytest.fixture
def through(clients, back):
    """A rollback that drives a switch. The words are the switches': what they know as new is where clients go."""
    return lambda **options: back(switches=[BACK], **options)


def test_clients_wait_from_just_before_the_fence_until_the_old_server_has_taken_over(clients, through):
    result = through()
    log = clients.log
    assert log.index("check switches") < log.index("arm"), "what cannot work is found before anything is touched"
    assert log[log.index("pause clients") :][:3] == ["pause clients", "cut", "close fence"]
    assert log.index("release old") < log.index("promote target") < log.index("switch")
    assert clients.clients == "new" and result["switches_s"] == [{"switch": "haproxy mysql"}]
    assert went_back(clients)


@pytest.mark.parametrize("effect", ["pause clients", "cut", "close fence", "wait", "take"])
def test_what_fails_before_the_commit_lets_clients_go_on(clients, through, effect):
    clients.failing[effect] = MigrationError("no")
    assert "nothing has moved" in str(through())
    assert clients.clients == "old" and stayed(clients)


@pytest.mark.parametrize("effect", ["promote target", "switch", "release lock"])
def test_killed_after_the_commit_the_next_run_takes_clients_along(clients, through, effect):
    clients.killing = effect
    through()
    assert clients.dead
    clients.revive()
    through()
    assert clients.clients == "new" and "undo clients" not in clients.log and went_back(clients)
    assert clients.taken_up == [{"switch": BACK, "facts": {"maxconn": 200}}]


HAPROXY = {"type": "haproxy", "socket": "/s", "listen": "h:1", "frontend": "f", "old_server": "us", "new_server": "oslo"}
MOVED = {**HAPROXY, "new_server": None, "new_address": "10.0.0.2"}
PROGRAM = {"type": "command", "argv": ["/x"]}
ADDRESSES = {"migration_id": "shop", "old_address": "10.0.0.1:3306", "new_address": "10.0.0.2:3306"}
TOLD = {**PROGRAM, **ADDRESSES}
FORWARDER = {"type": "forwarder", "migration_id": "shop", "new_address": "10.0.0.2"}
NO_FORWARDER = {**FORWARDER, "type": "forwarder_off"}
HAPROXY_BACK = {**HAPROXY, "old_server": "oslo", "new_server": "us"}


@pytest.mark.parametrize(
    ("driven", "given", "drive", "wanted"),
    [
        ([], [], True, []),
        # What the cutover drove needs not be said again.
        ([HAPROXY, FORWARDER], [], True, [NO_FORWARDER, HAPROXY_BACK]),
        # Said again, it is in the cutover's words.
        ([HAPROXY], [{**HAPROXY, "socket": "/t"}], True, [{**HAPROXY_BACK, "socket": "/t"}]),
        ([], [PROGRAM], True, [{**TOLD, "old_address": "10.0.0.2:3306", "new_address": "10.0.0.1:3306"}]),
        # A forwarder never stays.
        ([HAPROXY, FORWARDER], [HAPROXY], True, [NO_FORWARDER, HAPROXY_BACK]),
        ([HAPROXY, FORWARDER], [{"type": "forwarder"}], True, [NO_FORWARDER]),
        ([HAPROXY, FORWARDER], [HAPROXY], False, [NO_FORWARDER]),
        ([HAPROXY], [], False, []),
    ],
)
def test_what_the_cutover_drove_is_driven_back(driven, given, drive, wanted):
    params = {**ADDRESSES, "switches": given, "drive_switches": drive}
    assert rollback.switches_of(params, [{"switch": one, "facts": {"maxconn": 9}} for one in driven]) == wanted


def test_an_address_that_is_not_known_is_asked_for_before_anything_is_touched():
    moved = {name: value for name, value in MOVED.items() if value}
    params = {**ADDRESSES, "switches": [], "drive_switches": True}
    with pytest.raises(Refusal, match="nothing was touched: .*give it as old_address .*rollback_switches"):
        rollback.switches_of(params, [{"switch": moved, "facts": {}}])
    (found,) = rollback.switches_of(params, [{"switch": moved, "facts": {"address": "10.0.0.9:3310"}}])
    assert (found["new_address"], found["new_port"], found["old_address"]) == ("10.0.0.9", 3310, "10.0.0.2")
    # Given again, it is known all the same what it was.
    (again,) = rollback.switches_of({**params, "switches": [MOVED]}, [{"switch": moved, "facts": {"address": "10.0.0.9:3310"}}])
    assert again == found


def test_done_once_it_is_not_done_again(world, back):
    back()
    world.revive()
    assert back()["attempt"] == 1
    assert world.log == []


def test_what_has_not_arrived_is_not_left_behind(world, back):
    world.arriving, world.written = False, 120
    answer = str(back())
    assert "the old server had not applied the new server's last write" in answer and "nothing has moved" in answer
    assert "source" not in answer and "target" not in answer
    assert stayed(world) and world.target["threads"]
    world.revive()
    world.arriving = True
    back()
    assert went_back(world) and world.applied == world.written


@pytest.mark.parametrize("effect", ["hold", "arm", "close fence", "wait", "stop replica"])
def test_killed_before_the_commit_the_next_run_undoes_first(world, back, effect):
    world.failing[effect] = world.Dead()
    assert isinstance(back(), world.Dead)
    world.revive()
    back()
    assert went_back(world)


@pytest.mark.parametrize("effect", ["reset replica all", "promote target", "release old"])
def test_killed_after_the_commit_the_next_run_goes_forward(world, back, effect):
    world.failing[effect] = world.Dead()
    assert "goes forward only" in str(back())
    assert phase_of(world.journal.read()) == "rolling_back"
    world.revive()
    back()
    assert went_back(world)
    assert world.lease == "committed"


def test_a_bridge_that_is_down_is_found_before_the_fence(world, back):
    world.failing["probe old"] = MigrationError("no route")
    assert "no route" in str(back())
    assert "close fence" not in world.log and stayed(world)


def test_a_server_that_cannot_be_reached_is_named_by_what_it_is_in_a_rollback(world, back):
    # To the steps the fenced server is the source.
    world.source_gone = True
    assert str(back()) == "the new server: not there" and world.log == []


def test_a_server_that_is_lost_meanwhile_is_named_so_too(world, back):
    real = world.effect

    def effect(name):
        real(name)
        world.source_gone = world.source_gone or name == "arm"

    world.effect = effect
    answer = str(back())
    assert "the new server: lost" in answer and "source" not in answer and "target" not in answer


def test_a_standby_that_was_lost_is_replaced_by_a_new_connection(world, back):
    world.failing["standby release"] = MigrationError("the agent did not answer")
    back()
    assert went_back(world) and world.log.count("release old") == 1


def test_an_applier_that_came_back_does_not_mix_what_is_given_up_under_the_new_writes(world, back):
    world.arriving, world.written = False, 150
    back(lossy=True)
    assert world.log.index("take") < world.log.index("stop replica") < world.log.index("release old")


def test_without_a_follower_nothing_is_waited_for_and_what_is_lost_is_noted_behind_the_fence(world, back):
    world.target.update(replica=False, threads=False)
    world.arriving, world.written = False, 150
    result = back(lossy=True)
    assert result["lost"] == {"transactions": 50}
    assert "wait" not in world.log and "stop replica" not in world.log
    assert not world.target["read_only"] and world.source["read_only"]


def test_without_a_follower_a_failure_undoes_too(world, back):
    world.target.update(replica=False, threads=False)
    world.failing["take"] = MigrationError("no answer")
    assert "nothing has moved" in str(back(lossy=True))
    assert not world.source["read_only"] and world.target["read_only"] and not world.target["threads"]


def test_a_migration_that_was_not_cut_over_has_nothing_to_roll_back(world, back):
    world.journal.update("ready", cutover=None, catchup={})
    assert "phase ready" in str(back())
    world.journal.update("committed", cutover={**CUT, "done": ["commit"]})
    assert "run the playbook cutover again first" in str(back())
    assert world.log == []


def test_the_gate():
    rollback.check_gate("shop", "shop")
    for gate in ("", "other"):
        with pytest.raises(Refusal, match="-e rollback=shop"):
            rollback.check_gate(gate, "shop")


def test_a_job_that_died_is_told_by_what_its_journal_says(world, back, monkeypatch):
    monkeypatch.setattr(launch, "directory", lambda _id: world.journal.directory)
    status, params = JobStatus("lost", 1, {}, "it was killed", ""), {"migration_id": "shop", "lease": 10.0}
    assert str(launch.died(status, params, "rollback", "the new server")) == "it was killed; the new server opens again when its lease of 10.0 s ends"
    world.failing["take"] = world.Dead()
    back()
    assert str(launch.died(status, params, "rollback", "the new server")) == (
        "it was killed; it may be committed, and goes forward only then; else the new server opens again when its lease of 10.0 s ends"
    )
    world.revive()
    world.failing["promote target"] = world.Dead()
    back()
    assert str(launch.died(status, params, "rollback", "the new server")) == "it was killed; the rollback is committed, and goes forward only"


def test_what_would_be_lost_in_words():
    lost = {"transactions": 4, "from": "0-1-5", "to": "0-2-9", "own": 1, "tables": {"a.b": {"deleted": 1, "inserted": 2}}}
    text = in_words(lost)
    assert text == "4 transactions (0-1-5 to 0-2-9), 1 of them the migration's own heartbeat; rows: a.b 2 inserted, 1 deleted"
    assert "not counted" in in_words({**lost, "tables": None})
    many = {"t%02d" % number: {"inserted": 1} for number in range(30)}
    assert "and 10 more tables" in in_words({**lost, "tables": many})


class Side:
    """One server as the last look before the fence sees it."""

    def __init__(self, read_only, written="", foreign=""):
        self.closed, self.written, self.foreign, self.identity = read_only, written, foreign, None

    def read_only(self):
        return self.closed

    def gtid_foreign(self, _other):
        return self.foreign

    def gtid_extra(self, have, allowed):
        return ",".join(one for one in have.split(",") if int(one.split("-")[2]) > int(allowed.split("-")[2]))


@pytest.mark.parametrize(
    "new, old, words",
    [
        (Side(False), Side(True), ""),
        # History of before the cutover, by a server that only the old one remembers.
        (Side(False), Side(True, foreign="0-7-40"), ""),
        (Side(False), Side(True, foreign="0-7-40,0-1-60"), "the old server holds transactions that did not come from the new server: 0-1-60"),
        (Side(True), Side(True), "the new server is read-only already"),
        (Side(False), Side(False), "the old server is writable before it is promoted"),
    ],
)
def test_the_last_look_before_the_fence(monkeypatch, new, old, words):
    for name in ("check_two", "session_reasons", "why_not", "replication_reasons"):
        monkeypatch.setattr(steps_of_rollback, name, lambda *_args: [])
    c = SimpleNamespace(
        servers=SimpleNamespace(source=new, target=old), options={"migration_id": "shop", "cutover": {"position": {"gtid": "0-1-50"}}},
        location=SimpleNamespace(ask_fenced_host=lambda _verb, _request: {"against": []}),
    )  # fmt: skip
    monkeypatch.setattr(steps_of_rollback, "_prepare", lambda _c: pytest.fail("refused"))
    if words:
        with pytest.raises(Refusal, match="nothing was frozen: %s.*lose_writes=shop" % words):
            steps_of_rollback.preflight(c)
    else:
        monkeypatch.setattr(steps_of_rollback, "_prepare", lambda _c: None)
        steps_of_rollback.preflight(c)


def test_permission_is_asked_for_with_the_list(monkeypatch):
    class Pair:
        def __enter__(self):
            server = type("Server", (), {"identity": type("I", (), {"hostname": "oslo-db1"}), "retention_seconds": lambda self: 7200})
            return server(), server()

        def __exit__(self, *_exc):
            return None

    lost = {"transactions": 3, "from": "0-1-5", "to": "0-2-8", "own": 1, "tables": {"a.b": {"inserted": 2}}, "kept_in": "log.7:44"}
    monkeypatch.setattr(rollback, "open_pair", lambda _id: Pair())
    monkeypatch.setattr(rollback, "follows", lambda *_args: False)
    monkeypatch.setattr(rollback, "lost_writes", lambda *_args: lost)
    state = {"cutover": CUT}
    with pytest.raises(Refusal) as refused:
        rollback._permitted({"migration_id": "shop", "lose_writes": ""}, state)
    for words in ("would LOSE", "3 transactions", "a.b 2 inserted", "log.7:44", "for 2 hours", "-e lose_writes=shop"):
        assert words in str(refused.value)
    assert rollback._permitted({"migration_id": "shop", "lose_writes": "shop"}, state) == (True, lost)
    with pytest.raises(Refusal, match="no write is given up"):
        rollback._permitted({"migration_id": "shop", "lose_writes": "other"}, state)
    # A follower that runs is waited for, whatever was permitted; one that has stopped is given up by permission only.
    monkeypatch.setattr(rollback, "follows", lambda *_args: True)
    monkeypatch.setattr(rollback, "_broken", lambda _old: False)
    assert rollback._permitted({"migration_id": "shop", "lose_writes": "shop"}, state) == (False, {})
    monkeypatch.setattr(rollback, "_broken", lambda _old: True)
    assert rollback._permitted({"migration_id": "shop", "lose_writes": "shop"}, state) == (True, lost)
    assert rollback._permitted({"migration_id": "shop", "lose_writes": ""}, state) == (False, {})


def test_a_hold_that_would_be_worthless_is_refused_before_the_fence(world, back):
    world.against["holdable"] = ["SET PERSIST keeps read_only = OFF"]
    answer = back()
    assert "nothing was frozen" in str(answer) and "would open the new server again" in str(answer)
    assert "hold" not in world.log
