# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The cutover as a whole, on two servers in memory: order, undo, death, and what a second run makes of it."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._cutover.history import joined, nothing
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._errors import MigrationError, ServerError

FORWARD = [
    "holdable", "preflight", "ask scheduler", "position", "arm", "set source scheduler", "hold", "take privileges", "close fence", "end sessions",
    "history end", "wait", "stop replica", "compare", "sessions ended", "history end", "take", "position", "promote target", "ask target", "stop replica",
    "reset replica all", "remove hold", "ask source", "position", "release lock", "set target scheduler", "ask target", "beat", "held", "look",
]  # fmt: skip
BEFORE_COMMIT = FORWARD[: FORWARD.index("take")]


def reopened(world) -> bool:
    source, target = world.source, world.target
    return (
        not source["read_only"] and not source["locked"] and not source["hold"] and source["scheduler"] == "ON" and not source["accounts"]
        and target["read_only"] and target["hold"] and target["replica"] and target["threads"]
    )  # fmt: skip


def moved(world) -> bool:
    source, target = world.source, world.target
    return source["read_only"] and source["hold"] and not target["read_only"] and not target["hold"] and not target["replica"]


def test_the_order_of_effects(world, cut):
    result = cut()
    assert world.log == FORWARD
    assert moved(world)
    assert result["position"]["gtid"] == "0-1-100"
    assert result["privileges_taken"] == [["boss", "%", ["SUPER"], []]] and result["sessions_ended"] == 3
    assert result["events_woken"] == 1
    assert 0 <= result["write_stop_server_s"] < 5
    assert list(result["warnings"]) == ["data_not_compared"]
    assert world.target["scheduler"] == "ON"


def test_a_lease_that_has_fired_is_never_promoted_over(world, cut, monkeypatch):
    real = world.effect

    def effect(name):
        if name == "take":
            world.fire()
        real(name)

    monkeypatch.setattr(world, "effect", effect)
    answer = cut()
    assert "the server has opened itself again" in str(answer)
    assert "promote target" not in world.log
    assert reopened(world)


def test_a_lease_that_is_still_opening_the_source_holds_up_the_undo(world, cut):
    world.arriving, world.written, world.settled = False, 101, False
    assert "undo is incomplete" in str(cut())
    world.settled = True
    world.arriving = True
    assert "write_stop_server_s" in cut()
    assert moved(world)


def test_a_source_whose_two_connections_end_on_two_servers_is_not_cut_over(world, cut, monkeypatch):
    module = __import__("%s.run" % ROOMS, fromlist=["open_flavour"])
    real = module.open_flavour

    def opened(connection):
        server = real(connection)
        if connection.name == "watch":
            server.identity = SimpleNamespace(**{**vars(server.identity), "datadir": "/other"})
        return server

    monkeypatch.setattr(module, "open_flavour", opened)
    assert "different servers" in str(cut()) and world.log == []


def test_a_finished_cutover_is_not_done_twice(world, cut):
    first = cut()
    del world.log[:]
    assert cut() == first
    assert world.log == []


def test_without_a_finished_seed_nothing_is_touched(world, cut):
    world.journal.update("seed started", seed={"status": "running"})
    assert "no finished seed" in str(cut())
    assert world.log == []


def test_a_refused_preflight_leaves_nothing_to_undo(world, cut):
    world.failing["preflight"] = MigrationError("lag")
    answer = cut()
    assert (str(answer), answer.facts) == ("lag", {"outcome": "undone"})
    assert world.log == ["holdable", "preflight", "ask source"]
    assert not world.journal.read().get("cutover", {}).get("begun")


@pytest.mark.parametrize("effect", sorted(set(BEFORE_COMMIT) - {"holdable", "preflight"}))
@pytest.mark.parametrize("error", [ServerError("refused", 1), OSError("disk"), KeyError("s3cret")], ids=["server", "os", "key"])
def test_each_failure_before_the_commit_reopens_the_source(world, cut, effect, error):
    world.failing[effect] = error
    answer = cut()
    world.failing.clear()
    if effect in ("hold", "set source scheduler") and "incomplete" in str(answer):
        answer = cut() and answer  # the undo itself asks these too: the second run finishes it
    assert isinstance(answer, MigrationError)
    assert "s3cret" not in str(answer)
    if "incomplete" not in str(answer):
        assert reopened(world)
        assert world.journal.read()["cutover"]["begun"] == []
        assert "run the same command to try again" in str(answer)
        assert moved(world) is False
    assert cut() and moved(world)


def test_the_source_takes_writes_again_before_anything_else_is_undone(world, cut):
    world.arriving, world.written = False, 101
    answer = cut()
    assert "had not applied" in str(answer) and "writes were stopped for 0." in str(answer)
    assert world.log[world.log.index("wait") + 1 :][:2] == ["end", "ask source"]
    assert reopened(world)
    assert answer.facts == {"outcome": "undone"}


def test_a_failure_after_replication_stopped_starts_it_again(world, cut):
    world.target["heartbeat"] = 6
    assert "heartbeat has not arrived" in str(cut())
    undo = world.log[world.log.index("stop replica") + 1 :]
    assert undo[:3] == ["compare", "end", "start replica"]
    assert reopened(world)


def test_a_connection_to_the_sources_host_that_is_lost_is_replaced_for_the_undo(world, cut):
    world.target["heartbeat"] = 6
    world.failing["end"] = MigrationError("lost")
    assert "undone" in str(cut())
    assert world.log.index("end") < world.log.index("unlease") < world.log.index("start replica")
    assert reopened(world)


def test_a_source_that_another_has_closed_is_not_called_writable(world, cut):
    world.failing["arm"] = MigrationError("this server was cut over by migration other to oslo-db2")
    world.source["read_only"] = True
    answer = cut()
    assert answer.facts == {"outcome": "closed"}
    assert "migration other" in str(answer) and "does not take writes" in str(answer) and "writable again" not in str(answer)


def test_a_lease_that_was_used_up_before_the_fence_is_named_as_the_limit(world, cut, monkeypatch):
    world.arriving, world.written = False, 101
    assert "within the write stop's budget of 5.0 s" in str(cut())
    assert "within what was left of the lease: the steps before the fence took 0.0 s of its 3.0 s" in str(cut(lease=3.0))


def test_a_target_whose_applier_stands_is_not_waited_for(world, cut):
    world.arriving, world.written = False, 101
    cut()
    assert world.log.count("wait") == 1


def test_a_wait_goes_on_in_slices_until_the_budget_is_used_up(world, cut, monkeypatch):
    clock = [1000.0]
    monkeypatch.setattr("%s.steps_before_commit.time" % ROOMS, SimpleNamespace(monotonic=lambda: clock[0], time=lambda: clock[0], sleep=lambda _s: None))
    monkeypatch.setattr("%s.context.time" % ROOMS, SimpleNamespace(monotonic=lambda: clock[0]))
    real, waited = world.effect, []

    def effect(name):
        if name == "wait":
            waited.append(name)
            clock[0] += 1.0
            world.arriving = len(waited) == 3
        real(name)

    monkeypatch.setattr(world, "effect", effect)
    world.arriving, world.written = False, 101
    assert "position" in cut() and len(waited) == 3


ROOMS = "ansible_collections.nordbridge.mysql_migration.plugins.module_utils._cutover"


def test_a_wait_that_runs_out_never_promotes(world, cut):
    world.arriving, world.written = False, 101
    cut()
    assert "promote target" not in world.log
    assert world.target["read_only"]


def test_the_position_is_read_behind_the_fence(world, cut):
    cut()
    assert world.log.index("history end") > world.log.index("close fence")


def test_a_source_that_writes_behind_the_fence_is_not_left(world, cut, monkeypatch):
    real = world.after

    def late(name):
        if name == "wait":
            world.written += 1
        real(name)

    monkeypatch.setattr(world, "after", late)
    assert "wrote behind the fence" in str(cut())
    assert reopened(world)


def test_transactions_that_are_not_the_sources_stop_it(world, cut):
    world.applied = 105
    assert "not the source's" in str(cut())
    assert reopened(world)


def test_a_used_up_budget_stops_it(world, cut, monkeypatch):
    monkeypatch.setattr("%s.context.Context.remaining" % ROOMS, lambda self: 0.0)
    assert "had not applied" in str(cut())
    assert "promote target" not in world.log


def test_no_acknowledgement_no_promotion(world, cut, monkeypatch):
    asked = []
    real = world.effect

    def effect(name):
        if name == "history end":
            asked.append(name)
            if len(asked) == 2:
                raise ServerError("source: lost", 2013)
        real(name)

    monkeypatch.setattr(world, "effect", effect)
    assert "undone" in str(cut())
    assert "promote target" not in world.log
    assert reopened(world)


def test_a_commit_that_the_disk_did_not_take_did_not_happen(world, cut, monkeypatch):
    real = world.journal._update

    def update(event, changes):
        if event == "cutover: position done":
            raise OSError(28, "No space left on device")
        return real(event, changes)

    monkeypatch.setattr(world.journal, "_update", update)
    assert "undone" in str(cut())
    assert "promote target" not in world.log and "take" not in world.log
    assert reopened(world)


@pytest.fixture
def lost(world, monkeypatch):
    """The commit takes place and its answer is lost; asked again, the source's host says so, or does not answer for a while."""
    real, silent = world.effect, []
    world.failing["end"] = MigrationError("lost")

    def effect(name):
        if name == "unlease" and silent:
            silent.pop()
            raise MigrationError("the agent on the source did not answer")
        real(name)
        if name == "take":
            world.lease = "committed"
            monkeypatch.setattr(world, "effect", lambda name: effect(name) if name == "unlease" else real(name))
            raise MigrationError("no answer about the lease")

    monkeypatch.setattr(world, "effect", effect)
    monkeypatch.setattr("%s.steps_before_commit.time.sleep" % ROOMS, lambda _seconds: None)
    return silent


def test_a_commit_whose_answer_was_lost_is_asked_for_and_kept(world, cut, lost):
    lost.extend([1, 2])
    result = cut()
    assert moved(world) and "write_stop_server_s" in result
    assert world.log.index("take") < world.log.index("unlease") < world.log.index("promote target")
    # The fence's session is in doubt with the answer: it is looked for what was written since, and nothing was.
    assert world.log[world.log.index("unlease") :][:4] == ["unlease", "ask target", "close fence", "history end"]
    assert "start replica" not in world.log


def test_a_commit_in_doubt_promotes_nothing_and_opens_nothing(world, cut, lost, monkeypatch):
    lost.extend(range(1000))
    world.failing["end"] = MigrationError("lost")
    monkeypatch.setattr("%s.steps_before_commit.DOUBT_SECONDS" % ROOMS, -10.0)
    answer = cut()
    assert answer.facts == {"outcome": "undecided"}
    assert "does not say whether" in str(answer) and "run the same command again" in str(answer)
    assert world.target["read_only"] and world.source["read_only"] and world.source["hold"]
    assert "open fence" not in world.log
    lost.clear()
    world.revive()
    cut()
    assert moved(world)
    assert "open fence" not in world.log


def test_killed_between_the_commit_and_the_promotion_the_next_run_goes_forward(world, cut):
    world.killing = "take"
    cut()
    assert "commit" not in world.journal.read()["cutover"]["done"], "the journal does not know, and is not asked"
    world.revive()
    assert "write_stop_server_s" in cut()
    assert moved(world)
    assert "open fence" not in world.log and "unhold" not in world.log


def test_killed_before_the_commit_took_place_the_source_opens(world, cut):
    world.failing["take"] = world.Dead()
    cut()
    assert "position" in world.journal.read()["cutover"]["facts"]
    world.revive()
    world.failing["preflight"] = MigrationError("not now")
    assert str(cut()) == "not now"
    assert world.log.index("unlease") < world.log.index("start replica")
    assert reopened(world)


def test_after_the_commit_a_target_that_lost_what_it_had_is_not_promoted_without_the_source(world, cut):
    world.failing["promote target"] = world.Dead()
    cut()
    world.revive()
    world.applied, world.source_gone = 99, True
    assert "lacks transactions" in str(cut())
    assert world.target["read_only"]
    world.source_gone = False
    cut()
    assert moved(world) and world.applied == 100


def test_a_target_that_a_restart_closed_again_is_opened(world, cut, monkeypatch):
    real = world.after

    def restart(name):
        real(name)
        if name == "release lock":
            world.target["read_only"] = True

    monkeypatch.setattr(world, "after", restart)
    cut()
    assert moved(world)


@pytest.mark.parametrize("effect", ["hold", "take privileges", "arm", "close fence", "wait", "stop replica"])
def test_killed_before_the_commit_the_next_run_undoes_first(world, cut, effect):
    world.killing = effect
    assert isinstance(cut(), world.Dead)
    world.revive()
    world.failing["preflight"] = MigrationError("not now")
    assert str(cut()) == "not now"
    assert reopened(world), (world.source, world.target)
    world.revive()
    cut()
    assert moved(world)


def test_killed_before_it_looked_at_the_scheduler_it_does_not_stop_it(world, cut):
    world.failing["ask scheduler"] = world.Dead()
    cut()
    world.revive()
    world.failing["preflight"] = MigrationError("not now")
    cut()
    assert world.source["scheduler"] == "ON"


@pytest.mark.parametrize(
    "effect, done", [("promote target", "commit"), ("stop replica", "switch"), ("reset replica all", "switch"), ("remove hold", "switch")]
)
def test_killed_after_the_commit_the_next_run_goes_forward(world, cut, monkeypatch, effect, done):
    real = world.effect

    def effect_after_commit(name):
        if name == "promote target":
            world.failing[effect] = world.Dead()
        real(name)

    monkeypatch.setattr(world, "effect", effect_after_commit)
    cut()
    monkeypatch.setattr(world, "effect", real)
    assert world.journal.read()["cutover"]["done"][-1] == done
    world.revive()
    result = cut()
    assert moved(world)
    assert "open fence" not in world.log and "unhold" not in world.log
    assert result["write_stop_server_s"] >= 0


@pytest.mark.parametrize("effect", ["take", "promote target"])
def test_killed_before_the_record_landed_the_next_run_asks_and_goes_forward(world, cut, monkeypatch, effect):
    """The position was waited for; that the commit is done, and what came after it, was not."""
    real = world.journal.update_behind
    monkeypatch.setattr(world.journal, "update_behind", lambda event, **changes: event == "cutover: position done" and real(event, **changes))
    world.killing = effect
    cut()
    journalled = world.journal.read()["cutover"]
    assert journalled["begun"][-1] == "position" and journalled["done"][-1] == "position"
    world.revive()
    result = cut()
    assert moved(world), result
    assert "open fence" not in world.log and "unhold" not in world.log


def test_a_target_that_crashed_before_it_forgot_replication_is_promoted_once_more(world, cut):
    world.failing["reset replica all"] = world.Dead()
    cut()
    world.revive()
    world.target.update(read_only=True, threads=True)  # a restart: the hold is there, and replication starts by itself
    world.applied -= 1
    result = cut()
    assert world.applied == world.written and moved(world)
    assert world.log.index("close fence") < world.log.index("wait") < world.log.index("promote target") < world.log.index("reset replica all")
    assert result["promoted_position"] == {"file": "binlog.000001", "position": 100}


def test_a_target_that_was_killed_while_it_forgot_replication_is_opened_without_it(world, cut):
    """Replication cannot be started any more then, and nothing is missing."""
    world.failing["reset replica all"] = world.Dead()
    cut()
    world.revive()
    world.target.update(read_only=True, threads=False)
    world.failing["start replica"] = ServerError("target: Replica failed to initialize applier metadata structure", 1872)
    cut()
    assert moved(world)


def test_two_servers_that_took_writes_are_told_each_time_until_somebody_knows(world, cut):
    late = {**nothing("binary logs"), "transactions": 3, "gtids": ["0-1-101 to 103"], "tables": {"shop.orders": {"inserted": 3}}}
    world.proof = joined(late, nothing("binary logs"))
    for _time in range(2):
        answer = cut()
        assert answer.facts == {"outcome": "committed"}
        for word in ("TWO SERVERS TOOK WRITES", "0-1-101 to 103", "shop.orders 3 inserted", "-e accept_late_writes=shop"):
            assert word in str(answer)
        world.revive()
    assert "accept_late_writes=shop" in str(cut(accept_late_writes="other"))
    assert cut(accept_late_writes="shop")["history"]["two_writable"] is True


def test_a_promotion_whose_mark_died_with_its_process_is_looked_at_from_before_the_fence(world, cut, monkeypatch):
    real, seen = world.journal.update_behind, []
    monkeypatch.setattr(world.journal, "update_behind", lambda event, **changes: event == "cutover: position done" and real(event, **changes))
    monkeypatch.setattr("%s.steps_after_commit.look" % ROOMS, lambda _fenced, _promoted, facts, *_more: seen.append(facts["promoted_position"]) or world.proof)
    world.killing = "promote target"
    cut()
    world.revive()
    cut()
    assert seen == [{"file": "binlog.000001", "position": 100}]


def test_a_log_that_cannot_be_read_fails_no_cutover(world, cut):
    world.proof = joined(nothing("not read: no program"), nothing("binary logs"))
    assert "is not shown" in cut()["history"]["words"]


def test_killed_after_the_commit_late_writes_are_fetched(world, cut):
    world.failing["promote target"] = world.Dead()
    cut()
    world.revive()
    world.written += 3  # a session that the variable does not stop, once the lock was gone
    cut()
    assert world.applied == world.written
    assert (
        world.log.index("close fence") < world.log.index("history end") < world.log.index("start replica") < world.log.index("promote target")
    )
    assert moved(world)


def test_late_writes_that_do_not_arrive_are_not_left_behind(world, cut):
    world.failing["promote target"] = world.Dead()
    cut()
    world.revive()
    world.written, world.arriving = world.written + 3, False
    assert "committed" in str(cut())
    assert world.target["read_only"]
    world.arriving = True
    cut()
    assert moved(world) and world.applied == world.written


def test_after_the_commit_the_source_may_be_gone(world, cut):
    world.failing["promote target"] = world.Dead()
    cut()
    world.revive()
    world.source_gone = True
    result = cut()
    assert not world.target["read_only"]
    assert result["source_unreachable_after_commit"] is True


def test_before_the_commit_a_source_that_is_gone_keeps_the_journal(world, cut, monkeypatch):
    real = world.after

    def vanish(name):
        real(name)
        if name == "wait":
            world.source_gone = world.host_gone = True

    monkeypatch.setattr(world, "after", vanish)
    monkeypatch.setattr("%s.steps_before_commit.DOUBT_SECONDS" % ROOMS, -10.0)
    answer = cut()
    assert "does not say whether that was committed" in str(answer) and "commit failed: " in str(answer)
    assert answer.facts == {"outcome": "undecided"}
    assert "lease" in world.journal.read()["cutover"]["begun"]
    world.source_gone = world.host_gone = False
    monkeypatch.setattr(world, "after", real)
    world.revive()
    world.failing["preflight"] = MigrationError("not now")
    assert str(cut()) == "not now"
    assert reopened(world)


def test_an_undo_that_fails_says_what_is_left_and_is_finished_by_the_next_run(world, cut):
    world.target["heartbeat"] = 6
    world.failing["start replica"] = ServerError("target: gone", 2013)
    answer = cut()
    assert "the undo is incomplete" in str(answer) and "check: target: gone" in str(answer) and "heartbeat has not arrived" in str(answer)
    assert answer.facts == {"outcome": "undone"}, "the source takes writes"
    assert not world.source["read_only"] and world.source["scheduler"] == "ON" and not world.source["hold"]
    world.revive()
    world.failing["preflight"] = MigrationError("not now")
    assert str(cut()) == "not now"
    assert reopened(world)


def test_facts_of_an_undone_attempt_do_not_reach_the_next(world, cut):
    world.arriving, world.written = False, 101
    cut()
    assert world.journal.read()["cutover"]["facts"] == {}
    world.arriving = True
    assert cut()["position"]["gtid"] == "0-1-101"
    assert world.journal.read()["cutover"]["attempt"] == 2


def test_half_of_the_source_counts_as_gone_after_the_commit(world, cut, monkeypatch):
    world.failing["promote target"] = world.Dead()
    cut()
    world.revive()
    module = "%s.run" % ROOMS
    real = __import__(module, fromlist=["connect"]).connect

    def connect(login, name, **options):
        if name == "watch":
            raise ServerError("source: too many connections", 1040)
        return real(login, name, **options)

    monkeypatch.setattr("%s.connect" % module, connect)
    assert cut()["source_unreachable_after_commit"] is True
    assert not world.target["read_only"]


def test_the_lock_is_given_back_only_when_the_ended_sessions_are_gone(world, cut, monkeypatch):
    still, ended = [2, 1, 0], []
    connection = type(world).connection

    def value(self, sql, args=None):
        if "COUNT(*)" in sql:
            assert args == ([31, 32],) and world.source["locked"]
            return still.pop(0)
        return 0

    def run(self, sql, args=None):
        if sql.startswith("KILL"):
            ended.append(sql)
        else:
            real(self, sql, args)

    real = connection.run
    others = [{"id": number, "user": "app", "own": "nordbridge_ctl"} for number in (31, 32)]
    monkeypatch.setattr(connection, "rows", lambda self, sql, args=None: others if "COMMAND NOT IN" in sql else [])
    monkeypatch.setattr(connection, "value", value)
    monkeypatch.setattr(connection, "run", run)
    assert cut()["sessions_ended"] == 3 + 2
    assert ended == ["KILL 31", "KILL 32"] and still == []


def test_a_hold_that_others_make_worthless_after_the_commit_is_no_good_end(world, cut):
    world.against["held"] = ["read_only would be OFF by line 3 of /etc/mysql/my.cnf instead of ON"]
    answer = cut()
    assert "is committed and stopped at confirm" in str(answer) and "line 3 of /etc/mysql/my.cnf" in str(answer)
    assert moved(world)
    del world.against["held"]
    del world.log[:]
    cut()
    assert world.log[-3:] == ["beat", "held", "look"] and "arm" not in world.log


def test_what_would_close_the_promoted_server_is_a_warning(world, cut):
    world.elsewhere = ["read_only is ON by line 7 of /etc/mysql/my.cnf"]
    assert "line 7 of /etc/mysql/my.cnf" in cut()["warnings"]["restart"]
