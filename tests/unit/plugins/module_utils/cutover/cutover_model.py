# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A world for the cutover's state machine, small enough to be explored whole.

What decides (order, next action, what follows from a result) is the real machine. What is modelled here is what its steps
do, one effect at a time, and what may come between any two of them: clients' writes, the replica's progress, the lease's
service, and as many faults as the bound allows: death of the job, restarts of either server or of the source's host, a cut
network, requests that take effect although their answer is lost, requests that take effect long after their sender has given
up, a lease whose end the disk does not take, and a source that loses its newest write. A job that hangs is one that the lease's
end overtakes. Beside them others act: a client with every privilege, whose session stays open, writes through read-only and
sets it back; somebody whose option file wins over ours; and another migration of the same source. Anybody may start the
cutover again whenever no job runs.

Rules keeps the effects by name. A planted mistake replaces one of them, or the machine's order or its functions.
"""

from __future__ import annotations

from collections import deque
from typing import Callable, Iterator, NamedTuple, Optional

from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._cutover import machine
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._cutover.steps import CUTOVER_STEPS

Action = machine.Action

#: Each step's effects, in order. A step that is not named here has none on what the model knows.
AGAIN = ("again: close fence", "again: position", "again: start replica", "again: wait", "again: stop replica")
EFFECTS = {
    ("do", "preflight"): ("ask hold", "preflight"),
    ("do", "lease"): ("token", "arm"),
    ("do", "events_off"): ("events off",),
    ("do", "stage"): ("hold", "take privileges"),
    ("do", "pause"): ("pause clients",),
    ("do", "fence"): ("close fence", "end sessions"),
    ("do", "position"): ("position",),
    ("do", "wait"): ("wait",),
    ("do", "check"): ("stop replica", "compare"),
    ("do", "commit"): ("sessions ended", "ask source", "take"),
    ("do", "promote"): (*AGAIN, "open target"),
    ("do", "forget"): (*AGAIN, "again: open target", "stop replica", "reset replica", "unhold target"),
    ("do", "release"): ("keep closed", "release lock"),
    ("do", "switched"): ("switch clients",),
    ("do", "confirm"): ("keep open", "beat", "prove hold"),
    ("undo", "lease"): ("end lease",),
    ("undo", "pause"): ("let clients go",),
    ("undo", "check"): ("start replica",),
}  # fmt: skip


class World(NamedTuple):
    """All that can differ. Servers are always up: a restart is one moment in which what is not persisted is lost."""

    # the source's server
    read_only: bool = False
    lock: str = ""  # whose session holds it: nobody's, or the job's. One whose owner has died is taken to be gone at once
    events: bool = True
    written: int = 0  # writes that clients had acknowledged
    privileges: bool = True  # whether strangers' accounts have those by which one writes through read-only and sets it back
    boss: bool = False  # whether a session is open that logged in with them
    # the source's host
    hold: bool = False  # the configuration that a restart reads
    overridden: bool = False  # another place wins over it
    # by number: "" never armed, "armed", "fired", "opening", "over", "committed"; "unrecorded": ended by the clock, and open
    leases: tuple = ()
    other: bool = False  # another migration has cut this source over: its target takes writes
    flight: tuple = ()  # requests that are still to take effect: (effect, lease)
    # the target
    applied: int = 0
    diverged: bool = False  # it has a write that the source lost, and whose number the source gives to another
    threads: bool = True
    replica: bool = True
    target_read_only: bool = True
    target_hold: bool = True
    # between them
    cut: bool = False
    # the journal
    begun: tuple = ()
    done: tuple = ()
    token: int = -1
    end: int = -1  # the position, as it was journalled at the commit
    # the job
    alive: bool = False
    state: Optional[machine.State] = None
    action: Optional[Action] = None
    at: int = 0
    position: int = -1
    session: bool = False
    target_session: bool = False
    fenced: bool = False  # this process holds the fence that it closed
    outcome: str = ""
    # what is left of the bounds
    writes: int = 2
    faults: int = 2
    # who else acts in this world
    with_boss: bool = False
    with_other: bool = False
    with_loss: bool = False
    with_override: bool = False

    @property
    def accepts(self) -> bool:
        """Whether a client's write on the source would be acknowledged."""
        return not self.read_only and not self.lock

    @property
    def committed(self) -> bool:
        """Whether the point of no return lies behind, by the definition: the lease ended by the commit."""
        return "committed" in self.leases


#: The position is to be read behind the fence that was closed again.
ANEW = -2

Step = tuple  # label, world, result: "" where the step goes on, "ok" where the action is complete, or "failed", "committed"
FAIL = "failed"


def kill_sessions(w: World) -> World:
    """All sessions of the migration's account on the source are ended, and with them what they had asked for."""
    flight = tuple(one for one in w.flight if one[0] != "close fence")
    return w._replace(lock="", session=False, fenced=False, flight=flight)


#: A lease that may still open the source, or has not been seen to have done so.
PENDING = ("armed", "fired", "opening", "unrecorded")


class Rules:
    """The effects, by name, and the real machine."""

    order = CUTOVER_STEPS
    rerun_checks_position = True
    privileged = False
    #: Leases that are told apart; more would only be needed while an old request is under way for ever.
    attempts = 3

    def __init__(self) -> None:
        self._next: dict = {}
        self.plan = {step.name: step for step in self.order}

    # --- the machine ---

    def next_action(self, state: machine.State) -> Action:
        """The real machine's word. It is a pure function: the same question is asked once."""
        found = self._next.get(state)
        if found is None:
            found = self._next[state] = machine.next_action(state, self.order)
        return found

    def after(self, state: machine.State, action: Action, result: str) -> machine.State:
        """The real machine's word."""
        return machine.after(state, action, result, self.order)

    def resume(self, begun: tuple, done: tuple) -> machine.State:
        """The real machine's word."""
        return machine.resume(begun, done, self.order)

    # --- how requests run_steps ---

    def ask_source(self, w: World, effect: Callable[[World], World]) -> Iterator[Step]:
        """A statement on the job's session on the source."""
        if not w.session or w.cut:
            yield "no answer", self._lost(w), FAIL
            return
        yield "", effect(w), ""
        if w.faults:
            yield "and the answer is lost", self._lost(effect(w._replace(faults=w.faults - 1))), FAIL

    @staticmethod
    def _lost(w: World) -> World:
        """The job's session on the source is of no use any more, and its lock is gone."""
        return w._replace(session=False, fenced=False, lock="" if w.lock == "job" else w.lock)

    def ask_host(self, w: World, name: str) -> Iterator[Step]:
        """A request to the agent on the source's host."""
        if w.cut:
            yield "no answer", w, FAIL
            return
        request = (name, w.token)
        done, result = self.host_effect(w, request)
        yield "", done, result
        if w.faults:
            poorer = w._replace(faults=w.faults - 1)
            yield "and the answer is lost", self.host_effect(poorer, request)[0], FAIL
            yield "is under way, and given up", poorer._replace(flight=tuple(sorted(w.flight + (request,)))), FAIL

    def host_effect(self, w: World, request: tuple) -> tuple[World, str]:
        """What the agent does: nothing under a lease that does not stand."""
        name, token = request
        return getattr(self, "host_" + name.replace(" ", "_"))(w, token)

    # --- the source's host ---

    @staticmethod
    def lease_at(w: World, token: int, word: str) -> World:
        """A lease's new word."""
        leases = w.leases + ("",) * (token + 1 - len(w.leases))
        return w._replace(leases=leases[:token] + (word,) + leases[token + 1 :])

    @staticmethod
    def word(w: World, token: int) -> str:
        """A lease's word."""
        return w.leases[token] if 0 <= token < len(w.leases) else ""

    def is_free(self, w: World) -> bool:
        """Whether no fence holds the source, nor is one's end still under way."""
        return not w.other and not any(word in PENDING or word == "committed" for word in w.leases)

    def host_arm(self, w: World, token: int) -> tuple[World, str]:
        """Arm, if it was not ended before, and the source is nobody else's."""
        return (self.lease_at(w, token, "armed"), "") if self.word(w, token) == "" and self.is_free(w) else (w, FAIL)

    def host_take(self, w: World, token: int) -> tuple[World, str]:
        """End the lease by the commit; refused where it ended otherwise, or where somebody could write."""
        if self.word(w, token) == "committed":
            return w, ""
        if self.word(w, token) == "armed" and self.is_closed(w):
            return self.lease_at(w, token, "committed"), ""
        return w, FAIL

    @staticmethod
    def is_closed(w: World) -> bool:
        """What the host sees for itself: read-only, and nobody left who logged in before."""
        return w.read_only and not w.boss

    def host_end_lease(self, w: World, token: int) -> tuple[World, str]:
        """End the lease by its service's work, done at once; or learn that the commit has ended it. Another's source is left alone."""
        word = self.word(w, token)
        if word == "committed":
            return w, "committed"
        if word in PENDING:
            w = self.reopened(self.unheld(w))
            return self.lease_at(w, token, "over"), ""
        return w, ""

    def host_hold(self, w: World, token: int) -> tuple[World, str]:
        """Write the configuration, while the lease is there that would remove it, and see that a restart would follow it."""
        if self.word(w, token) != "armed":
            return w, FAIL
        return (w._replace(hold=True), "") if not w.overridden else (w, FAIL)

    def host_take_privileges(self, w: World, token: int) -> tuple[World, str]:
        """Nobody but the migration has them from here on; who is logged in keeps them."""
        return (w._replace(privileges=False), "") if self.word(w, token) == "armed" else (w, FAIL)

    def host_end_sessions(self, w: World, token: int) -> tuple[World, str]:
        """Whoever logged in with them is gone."""
        return (w._replace(boss=False), "") if self.word(w, token) == "armed" else (w, FAIL)

    @staticmethod
    def unheld(w: World) -> World:
        """The lease's first work: a restart from here on opens the source, too."""
        return w._replace(hold=False)

    @staticmethod
    def reopened(w: World) -> World:
        """The lease's second."""
        return kill_sessions(w)._replace(read_only=False, events=True, privileges=True)

    def lease_moves(self, w: World) -> Iterator[tuple[str, World]]:
        """What the services do by themselves. A lease ends early only by a fault: the job is quicker otherwise."""
        for token, word in enumerate(w.leases):
            if word == "armed" and (w.faults or not w.alive):
                yield "the lease ends", self.lease_at(w, token, "fired")._replace(faults=w.faults - w.alive)
                if w.faults:
                    # Neither the word nor the hold's removal: the file system is read-only.
                    unrecorded = self.lease_at(self.reopened(w), token, "unrecorded")
                    yield "the lease ends, and the disk does not take it", unrecorded._replace(faults=w.faults - 1)
            elif word == "unrecorded":
                # The service goes on: it looks at the server each time, which a restart may have closed by the hold that is still there.
                if w.read_only:
                    yield "the lease opens the source once more", self.reopened(w)
                else:
                    yield "the disk takes the lease's end", self.lease_at(self.unheld(w), token, "over")
            elif word == "fired":
                yield "the lease removes the hold", self.lease_at(self.unheld(w), token, "opening")
            elif word == "opening":
                yield "the lease opens the source", self.lease_at(self.reopened(w), token, "over")

    # --- effects: the steps to the commit ---

    def ask_hold(self, w: World) -> Iterator[Step]:
        """Refuse what would make the hold worthless while nothing is frozen yet."""
        yield "", w, FAIL if w.cut or w.overridden else ""

    def preflight(self, w: World) -> Iterator[Step]:
        """Refuse what is not READY."""
        ready = w.session and not w.cut and w.accepts and w.target_read_only and w.threads and w.replica and w.target_session
        yield "", w, "" if ready and self.trusted(w) else FAIL

    @staticmethod
    def trusted(w: World) -> bool:
        """A target that was ahead of its source is never trusted again, however its position looks now."""
        return not w.diverged

    def token(self, w: World) -> Iterator[Step]:
        """Journal the lease's name."""
        yield "", w._replace(token=len(w.leases)), ""

    def arm(self, w: World) -> Iterator[Step]:
        """Arm it."""
        yield from self.ask_host(w, "arm")

    def events_off(self, w: World) -> Iterator[Step]:
        """Stop the source's events."""
        yield from self.ask_source(w, lambda w: w._replace(events=False))

    def hold(self, w: World) -> Iterator[Step]:
        """Make the coming fence survive a restart."""
        yield from self.ask_host(w, "hold")

    def take_privileges(self, w: World) -> Iterator[Step]:
        """Take them from all others."""
        yield from self.ask_host(w, "take privileges")

    def end_sessions(self, w: World) -> Iterator[Step]:
        """Ask the host to end all sessions; its answer is read before the commit, and one that is lost fails there."""
        yield from self.ask_host(w, "end sessions")

    def sessions_ended(self, w: World) -> Iterator[Step]:
        """The answer."""
        yield "", w, ""

    def pause_clients(self, w: World) -> Iterator[Step]:
        """Have new clients wait. It changes nothing of who may write; but it may fail, and the machine must bear that."""
        yield "", w, ""
        if w.faults:
            yield "fails", w._replace(faults=w.faults - 1), FAIL

    switch_clients = let_clients_go = pause_clients

    def close_fence(self, w: World) -> Iterator[Step]:
        """Stop all writes."""
        yield from self.ask_source(w, lambda w: w._replace(read_only=True, lock="job", fenced=True))
        if w.faults and w.session and not w.cut:
            late = self._lost(w)._replace(faults=w.faults - 1, flight=tuple(sorted(w.flight + (("close fence", 0),))))
            yield "is under way, and given up", late, FAIL

    def position_effect(self, w: World) -> Iterator[Step]:
        """Read where the source's history ends."""
        yield from self.ask_source(w, lambda w: w._replace(position=w.written))

    def wait(self, w: World) -> Iterator[Step]:
        """Wait for that on the target; time may run out."""
        if not w.target_session:
            yield "the target is lost", w, FAIL
        elif w.applied >= w.position:
            yield "", w, ""
        else:
            yield "runs out of time", w, FAIL

    def stop_replica(self, w: World) -> Iterator[Step]:
        """Stop the threads."""
        yield from self.on_target(w, threads=False)

    def compare(self, w: World) -> Iterator[Step]:
        """Hold the target against the position."""
        yield "", w, "" if w.target_session and w.applied == w.position else FAIL

    def ask_source_word(self, w: World) -> Iterator[Step]:
        """The session that holds the fence answers that it is closed, and that the position stands."""
        for label, seen, result in self.ask_source(w, lambda w: w):
            yield label, seen._replace(end=w.position), result or ("" if w.read_only and w.written == w.position else FAIL)

    def take(self, w: World) -> Iterator[Step]:
        """The commit."""
        yield from self.ask_host(w, "take")

    # --- effects: after the commit ---

    def on_target(self, w: World, **changes: bool) -> Iterator[Step]:
        """A statement on the job's session on the target."""
        yield ("", w._replace(**changes), "") if w.target_session else ("the target is lost", w, FAIL)

    def again_close_fence(self, w: World) -> Iterator[Step]:
        """Who did not close the fence itself, closes it again: the lock of who did is gone. Once the target is open nothing is fetched."""
        if not w.replica or w.fenced or not w.target_read_only:
            yield "", w, ""
        elif w.session:
            closed = kill_sessions(w)._replace(read_only=True, lock="job", session=True, fenced=True, position=ANEW)
            yield from self.ask_source(w, lambda _w: closed._replace(faults=_w.faults))
        else:
            # The source is gone.
            yield "", w, "" if w.applied >= w.end >= 0 else FAIL

    def again_position(self, w: World) -> Iterator[Step]:
        """And reads the position again, which differs where somebody wrote through the variable."""
        yield from self.position_effect(w) if w.position == ANEW else iter([("", w, "")])

    def again_start_replica(self, w: World) -> Iterator[Step]:
        """And fetches."""
        yield from self.on_target(w, threads=True) if self.must_wait(w) else iter([("", w, "")])

    def again_wait(self, w: World) -> Iterator[Step]:
        """And waits."""
        yield from self.wait(w) if self.must_wait(w) else iter([("", w, "")])

    def again_stop_replica(self, w: World) -> Iterator[Step]:
        """And applies nothing more: it is about to be opened."""
        yield from self.on_target(w, threads=False) if w.target_read_only else iter([("", w, "")])

    def again_open_target(self, w: World) -> Iterator[Step]:
        """Where a restart had closed it."""
        yield from self.on_target(w, target_read_only=False)

    def must_wait(self, w: World) -> bool:
        """Whether the target lacks something of the position that was read again."""
        return w.replica and w.applied < w.position

    def reset_replica(self, w: World) -> Iterator[Step]:
        """Forget replication."""
        yield from self.on_target(w, replica=False)

    def open_target(self, w: World) -> Iterator[Step]:
        """Writable."""
        yield from self.on_target(w, target_read_only=False)

    def unhold_target(self, w: World) -> Iterator[Step]:
        """After a restart, too."""
        yield "", w._replace(target_hold=False), ""

    def keep_closed(self, w: World) -> Iterator[Step]:
        """The variable, where somebody else cleared it."""
        yield from self.ask_source(w, lambda w: w._replace(read_only=True)) if w.session else iter([("the source is gone", w, "")])

    def release_lock(self, w: World) -> Iterator[Step]:
        """Give the lock back; the variable stays."""
        yield from self.ask_source(w, lambda w: w._replace(lock="")) if w.session else iter([("the source is gone", w, "")])

    def keep_open(self, w: World) -> Iterator[Step]:
        """A restart between opening the target and removing its hold has closed it again."""
        yield from self.on_target(w, target_read_only=False)

    def beat(self, w: World) -> Iterator[Step]:
        """A real write on the new primary."""
        yield "", w, "" if w.target_session and not w.target_read_only else FAIL

    def prove_hold(self, w: World) -> Iterator[Step]:
        """The old server would stay closed through a restart; nobody is asked where it is gone."""
        yield "", w, FAIL if w.session and (w.cut or w.overridden or not w.hold) else ""

    # --- effects: undo ---

    def end_lease(self, w: World) -> Iterator[Step]:
        """Have the source's host do the lease's work now, or say that it is committed."""
        yield from self.ask_host(w, "end lease") if w.token >= 0 else iter([("nothing was armed", w, "")])

    def start_replica(self, w: World) -> Iterator[Step]:
        """Replicate again."""
        yield from self.on_target(self.reconnected(w), threads=True)

    def reconnected(self, w: World) -> World:
        """Sessions that ended are reopened before an undo."""
        return w._replace(session=w.session or not w.cut, target_session=True)

    # --- the job ---

    def job_moves(self, w: World) -> Iterator[tuple[str, World]]:
        """The job's next effect. What changes nothing outside the process is no move of its own: it would only multiply the states."""
        while w.action is None:
            before, (label, w) = w, self._decide(w)
            if not w.alive or w.begun != before.begun or w.outcome != before.outcome:
                yield label, w
                return
            if not EFFECTS.get((w.action.verb, w.action.step), ()):  # type: ignore[union-attr]
                yield label, self._ended(w, "ok")
                return
        effects = EFFECTS[w.action.verb, w.action.step]
        if w.at >= len(effects):
            yield "%s %s: journalled as done" % w_words(w.action), self._ended(w, "ok")
            return
        name = effects[w.at]
        for label, seen, result in getattr(self, METHODS.get(name, name.replace(": ", "_").replace(" ", "_")))(w):
            words = "%s %s: %s" % (w.action.verb, name, label)
            seen = seen if result else seen._replace(at=w.at + 1)
            if not result and seen.at == len(effects) and not w.state.committed and w.action != Action("do", "commit"):
                # Only the commit and what follows it is journalled when it is done.
                result = "ok"
            yield words.rstrip(": "), self._ended(seen, result) if result else seen

    def _decide(self, w: World) -> tuple[str, World]:
        state = w.state
        assert state is not None
        action = self.next_action(state)
        if action.verb == "undone" and w.outcome == "resumed":
            # Everything that a dead job left is undone: now the attempt itself, in the same process.
            fresh = w._replace(begun=(), done=(), token=-1, end=-1, state=machine.State(), outcome="")
            return "undone; try again", self.reconnected(fresh)
        if action.verb in ("undone", "left", "undecided", "finished"):
            kept = {"begun": (), "done": (), "token": -1, "end": -1} if action.verb == "undone" else {"done": state.done}
            return "the job ends: " + action.verb, self._dead(w, action.verb)._replace(**kept)
        if action.verb == "do":
            state = machine.begin(state, action.step)
            step = self.plan[action.step]
            if step.journalled:
                w = w._replace(begun=state.begun)
        return "%s %s" % w_words(action), w._replace(state=state, action=action, at=0)

    def _ended(self, w: World, result: str) -> World:
        """An action has ended."""
        assert w.state is not None and w.action is not None
        state = self.after(w.state, w.action, result)
        action = w.action
        w = w._replace(state=state, action=None, at=0)
        if result == "committed":
            w = w._replace(done=state.done, begun=state.begun)
            # What this process knew of the source is in doubt with its session.
            return w._replace(fenced=False, position=-1, session=not w.cut, target_session=True, outcome="")
        if action.verb == "do" and result == FAIL and (state.committed or action.step == "preflight"):
            return self._dead(w, "stopped")._replace(**({} if state.committed else {"begun": (), "done": ()}))
        if result == "ok" and state.committed:
            w = w._replace(done=state.done, begun=state.begun)
        return w

    @staticmethod
    def _dead(w: World, outcome: str) -> World:
        """No job: its sessions end, in order or not."""
        return w._replace(
            alive=False, state=None, action=None, at=0, position=-1, session=False, target_session=False, fenced=False,
            lock="" if w.lock == "job" else w.lock, outcome=outcome,
        )  # fmt: skip

    def start(self, w: World) -> Optional[World]:
        """The same command once more; None where it would be refused at once because the source does not answer."""
        state = self.resume(w.begun, w.done)
        if w.cut and not state.committed:
            return None
        return w._replace(
            alive=True, state=state, action=None, at=0, session=not w.cut, target_session=True, outcome="resumed" if state.failed else "",
        )  # fmt: skip

    # --- everything that may happen next ---

    def moves(self, w: World) -> Iterator[tuple[str, World]]:
        """Label and world of each next move."""
        if w.alive:
            yield from self.job_moves(w)
        elif w.outcome != "finished" and len(w.leases) < self.attempts:
            again = self.start(w)
            if again is not None:
                yield "the command is run", again
        yield from self.world_moves(w)
        if w.faults:
            yield from self.faults(w._replace(faults=w.faults - 1))

    def world_moves(self, w: World) -> Iterator[tuple[str, World]]:
        """What happens without a fault."""
        if w.accepts and w.writes:
            yield "a client writes on the source", w._replace(written=w.written + 1, writes=w.writes - 1)
        if w.boss and w.read_only and not w.lock and w.writes:
            yield "a client writes through read-only", w._replace(written=w.written + 1, writes=w.writes - 1)
        if w.with_boss and w.privileges and not w.boss and w.faults:
            yield "a privileged client logs in", w._replace(boss=True, faults=w.faults - 1)
        if w.with_other and self.is_free(w) and w.accepts and not w.cut:
            yield "another migration cuts the source over", self.anothers(w)
        if w.with_override and not w.overridden and not w.hold:
            # Behind the proof nobody can keep it from happening: the last step tells it then.
            yield "somebody writes an option file that wins", w._replace(overridden=True)
        if w.threads and w.replica and not w.cut and w.applied < w.written:
            yield "the target applies it", w._replace(applied=w.applied + 1)
        if w.cut:
            yield "the network is mended", w._replace(cut=False)
        if "committed" in w.leases and not w.read_only:
            yield "the source's host closes it again", w._replace(read_only=True)
        yield from self.lease_moves(w)
        for number, request in enumerate(w.flight):
            less = w._replace(flight=w.flight[:number] + w.flight[number + 1 :])
            yield "late: " + request[0], self.late(less, request)

    @staticmethod
    def anothers(w: World) -> World:
        """Its fence, commit and promotion at once: what this migration does must bear the whole of it."""
        return kill_sessions(w)._replace(other=True, read_only=True, hold=True, privileges=False, boss=False, events=False, writes=0)

    def late(self, w: World, request: tuple) -> World:
        """A request takes effect whose sender has given up."""
        if request[0] == "close fence":
            return w._replace(read_only=True, lock="")
        return self.host_effect(w, request)[0]

    def faults(self, w: World) -> Iterator[tuple[str, World]]:
        """What may go wrong anywhere; the bound is lowered already."""
        if w.alive:
            yield "the job is killed", self._dead(w, "killed")
        if not w.cut:
            yield "the network is cut", w._replace(cut=True)
        restarted = w._replace(read_only=w.hold and not w.overridden, lock="", session=False, fenced=False, boss=False, events=not w.hold)
        restarted = restarted._replace(flight=tuple(one for one in w.flight if one[0] != "close fence"))
        yield "the source's server restarts", restarted
        yield "the source's host boots", self.booted(restarted)
        yield "the target's server restarts", self.target_restarted(w)
        if w.boss and w.read_only:
            yield "somebody sets read-only back", w._replace(read_only=False)
        if w.with_loss and w.written and w.applied == w.written and not w.committed:
            # Its next write has the number of the one that is lost.
            yield "the source loses power, and its newest write", self.booted(restarted)._replace(diverged=True)

    def booted(self, w: World) -> World:
        """Nothing under way survives; armed leases end at once, for their timers are gone."""
        leases = tuple("fired" if word in PENDING else word for word in w.leases)
        return w._replace(flight=(), leases=leases)

    @staticmethod
    def target_restarted(w: World) -> World:
        """Replication starts again by itself. What was not written through before the crash is fetched again."""
        lost = 1 if w.target_read_only and w.replica and w.applied else 0
        return w._replace(
            threads=w.replica, applied=w.applied - lost, target_read_only=w.target_hold, target_session=False,
        )  # fmt: skip


METHODS = {"ask source": "ask_source_word", "position": "position_effect"}


def w_words(action: Action) -> tuple[str, str]:
    """An action, for a trace."""
    return action.verb, action.step


def renumbered(w: World) -> World:
    """The same world with the numbers of what is over forgotten: without this every attempt would be a world of its own."""
    if w.flight or w.alive:
        return w
    return w._replace(leases=()) if w.token < 0 and all(word in ("", "over") for word in w.leases) else w


# --- what must hold ---------------------------------------------------------


def broken(w: World) -> str:
    """Which promise a state breaks; empty for none."""
    if w.accepts and not w.target_read_only:
        return "two writable servers"
    if w.other and not w.target_read_only:
        return "two servers promoted"
    if w.other and (w.accepts or not w.hold):
        return "another migration's source is opened"
    if w.diverged and not w.target_read_only:
        return "a target that has other rows than its source is promoted"
    if not w.target_read_only and w.applied < w.written:
        return "an acknowledged write is missing on the new primary"
    if not w.target_read_only and not w.committed:
        return "promoted without a commit"
    if w.committed and w.accepts:
        return "the source is writable after the commit"
    if not w.committed and not w.other and not opens_by_itself(w):
        return "before the commit, the source does not open without help"
    idle = not w.alive and not w.begun and not any(word in PENDING for word in w.leases)
    if idle and not w.privileges and not w.committed and not w.other:
        return "an undo has left accounts without their privileges"
    return ""


def opens_by_itself(w: World) -> bool:
    """Whether the source, left alone, becomes writable and stays so through a restart: open, or with a lease that will see to it."""
    return (not w.read_only and not w.hold) or any(word in PENDING for word in w.leases)


def settled(w: World) -> str:
    """READY or DONE where the job has ended in one of them, and all is as it must be."""
    if w.alive or w.flight or w.cut:
        return ""
    if w.other:
        return "ANOTHER'S" if w.target_read_only and not w.begun and not any(word in PENDING for word in w.leases) else ""
    if w.outcome == "finished":
        closed = w.read_only and w.hold and not w.privileges and not w.boss
        done = not w.target_read_only and not w.target_hold and not w.replica and closed and w.applied == w.written
        return "DONE" if done else ""
    ready = w.accepts and not w.hold and w.events and w.privileges and w.target_read_only and w.target_hold and w.replica and w.threads and not w.begun
    return "READY" if ready else ""


def calm(rules: Rules, w: World) -> Optional[World]:
    """The next state when nothing more goes wrong and the same command is run whenever no job runs; None at an end."""
    for label, seen in rules.world_moves(w._replace(writes=0)):
        if not (label == "the lease ends" and w.alive):
            return seen
    if w.alive:
        return next(iter(rules.job_moves(w)))[1]
    return None if settled(w) or w.outcome == "finished" else rules.start(w)


class Finding(NamedTuple):
    """What an exploration found."""

    states: int
    broken: str
    trace: tuple


def explore(rules: Rules, start: World, ends_well: bool = True) -> Finding:
    """Every state that can be reached, by the shortest way; stops at the first that breaks a promise.

    :param ends_well: ask of each state, too, whether running it again ends well; without, a mistake shows where it does its harm
    """
    came: dict = {start: None}
    good: set = set()
    queue = deque([start])
    while queue:
        w = queue.popleft()
        wrong = broken(w) or (_stuck(rules, w, good) if ends_well else "")
        if wrong:
            return Finding(len(came), wrong, _trace(came, w))
        for label, seen in rules.moves(w):
            seen = seen if seen.alive else renumbered(seen)
            if seen not in came:
                came[seen] = (w, label)
                queue.append(seen)
    return Finding(len(came), "", ())


def _stuck(rules: Rules, w: World, good: set) -> str:
    """Why running it again does not end well; empty where it does."""
    path, at = [], w._replace(faults=0, writes=0)
    while at not in good:
        path.append(at)
        if len(path) > 400:
            return "running it again never ends"
        following = calm(rules, at)
        if following is None:
            if not settled(at):
                return "running it again ends in neither READY nor DONE: %s" % at.outcome
            break
        at = (following if following.alive else renumbered(following))._replace(faults=0, writes=0)
    good.update(path)
    return ""


def _trace(came: dict, w: World) -> tuple:
    labels = []
    while came[w] is not None:
        w, label = came[w]
        labels.append(label)
    return tuple(reversed(labels))
