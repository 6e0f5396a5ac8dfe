# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A pair of test hosts that was brought to READY once, and goes back there in seconds.

What a cutover and its faults can change is kept beside: both data directories, the migration's own files, and the
servers' configuration. It was taken with both servers stopped in good order, and nothing of it is made up.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import select
import shlex
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Callable

import application
from beside import BESIDE, MARK, NOTES, ROUTINES, done, start_line
from engine import Failure, detect, run
from instrument import FOLDER
from ledger_files import switch
from pairs import QUICK, ROOT, SOURCE, TARGET, Pair, Run, until
from probes import EVERY_S, SCHEMA, Probe

END = "END-OF-IT"
NEWEST = "SELECT COALESCE(MAX(id), 0) FROM ledger.entries;"
#: 8 writers with a rest: what is shown does not need more load, and there are two processors for two servers and all this.
WRITERS_PAUSE_S = 0.15
#: Beside the packages' own. What a commit leaves to the machine's memory survives everything that is done here: no fault
#: takes the machine itself.
RELAXED = "innodb_flush_log_at_trx_commit = 2\nsync_binlog = 0\n"
#: Each row begins with a copy of all files: what is empty in them costs as much as data.
SMALL = "loose_innodb_log_file_size = 8M\nloose_innodb_redo_log_capacity = 8M\n"
SETTINGS = "[mysqld]\nevent_scheduler = %s\n"
MEGABYTES = 2
DISK_MB = 1500
#: How long a playbook may take on a machine that does much else.
REACH_S = 300.0
READY_S = 1500.0

#: Ends what the last fault left, and keeps or puts back what it changed.
STILL = r"""
set -eu
iptables -F 2>/dev/null || true
tc qdisc del dev eth0 root 2>/dev/null || true
pkill -KILL -f '[f]aults-beside|[_]jobs.runner|[_]cutover.lease|agent[.]zip' || true
for unit in $(systemctl list-units --all --plain --no-legend 'nordbridge*' | cut -d' ' -f1); do systemctl stop "$unit" || true; done
systemctl reset-failed 2>/dev/null || true
for socket in mariadb.socket mariadb-extra.socket; do systemctl stop $socket 2>/dev/null || true; done
rm -f /etc/systemd/system/nordbridge-*-boot-* /etc/systemd/system/multi-user.target.wants/nordbridge-*-boot-*
rm -rf /run/nordbridge-faults /root/faults-beside* /root/faults-second.log
"""
KEEP = (
    STILL
    + r"""
systemctl stop SERVICE
rm -rf /root/ready; mkdir /root/ready
cp -a /var/lib/mysql/. /root/ready
tar -C / -cf /root/ready.tar etc/mysql $(cd / && ls -d var/lib/mysql_migration var/lib/mysql_migration_agent 2>/dev/null || true)
"""
)
BACK = (
    STILL
    + r"""
# Its files are thrown away: an orderly end would be for nothing.
systemctl kill --signal=KILL SERVICE 2>/dev/null || true
systemctl stop SERVICE
find /var/lib/mysql -mindepth 1 -delete
cp -a /root/ready/. /var/lib/mysql
rm -rf /etc/mysql; find /var/lib/mysql_migration -mindepth 1 -delete 2>/dev/null || true
tar -C / -xf /root/ready.tar
systemctl reset-failed 2>/dev/null || true
"""
)
#: Both questions of the proof, to this host's own server and files; root's socket is what the tests log in by.
PROVE = """
import json, sys
sys.path.insert(0, "/root/faults.zip")
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._cutover.history import written
written(json.loads(sys.argv[1]))
"""
#: Another migration's requests to the source's host, as its job sends them; it dies without a word after some seconds.
SECOND = r"""
folder=/var/lib/mysql_migration/second
mkdir -p -m 700 $folder && cp {pack} $folder/agent.zip
(umask 077; echo '{policy}' >$folder/agent.json)
utils=ansible_collections.nordbridge.mysql_migration.plugins.module_utils
boot="import sys; sys.path.insert(0, sys.argv[1]); from $utils._agent.dispatch import main; main()"
( (echo '{request}'; echo privileges; echo sessions; sleep 3) |
  SSH_ORIGINAL_COMMAND=lease timeout 20 python3 -I -c "$boot" $folder/agent.zip $folder/agent.json \
     >/root/faults-second.log 2>&1 </dev/stdin; ) >/dev/null 2>&1 &
"""
#: The module's own function, from a pack of the collection.
LAUNCH = """
import json, sys
sys.path.insert(0, "/root/faults.zip")
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._cutover.launch import launch_cutover
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._errors import MigrationError
try:
    print(json.dumps(launch_cutover(json.loads(sys.argv[1]), False)))
except MigrationError as error:
    sys.exit("fatal: %s" % error)
"""
#: What the playbook cutover gives the control account before it begins: some rows go without a controller.
ENTITLE = """
import sys
sys.path.insert(0, "/root/faults.zip")
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._accounts.own import entitle_control
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._server.connection import connect
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._server.endpoint import Endpoint
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._server.flavour import open_flavour
with connect(Endpoint(unix_socket="/run/mysqld/mysqld.sock"), "source") as connection:
    entitle_control(open_flavour(connection), sys.argv[1], "cutover", False)
"""
GO = r"""
set -eu
systemctl start SERVICE
for unit in $(ls /etc/systemd/system | grep -E '^nordbridge-[^@]*\.(service|socket)$' || true); do systemctl start "$unit"; done
for attempt in $(seq 100); do CLIENT -e 'SELECT 1' >/dev/null 2>&1 && exit 0; sleep 0.2; done
exit 1
"""


def pack() -> bytes:
    """The copy of the collection with the lines for the tests, as a module packs itself for its host."""
    copied = Path(os.environ["ANSIBLE_COLLECTIONS_PATH"])
    code = "import sys; sys.path.insert(0, sys.argv[1]); from %s import pack; sys.stdout.buffer.write(pack())"
    module = "ansible_collections.nordbridge.mysql_migration.plugins.module_utils._jobs.payload"
    return subprocess.run([sys.executable, "-c", code % module, str(copied)], stdout=subprocess.PIPE, check=True).stdout


class Shell:
    """A shell on a host that stays open: a command costs milliseconds, not the start of a session."""

    def __init__(self, command: list[str]) -> None:
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, bufsize=0)
        self._lock = threading.Lock()

    def run(self, script: str, seconds: float = 120.0) -> str:
        """The output of some lines; OSError where the shell is gone or does not end."""
        with self._lock:
            job = ShellJob(self._process, script)
            if job.poll(seconds) is None:
                raise OSError("the shell did not answer within %.0f s: %s" % (seconds, script))
            if job.lost:
                raise OSError("the shell is gone: %s" % script)
            return job.said.strip()

    def begin(self, script: str, log: Path | None = None) -> ShellJob:
        """Some lines that run meanwhile; nothing else may be asked of this shell until they have ended."""
        return ShellJob(self._process, script, log)

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()


class ShellJob:
    """Lines that run in an open shell; what a started process can be asked for."""

    def __init__(self, process: subprocess.Popen, script: str, log: Path | None = None) -> None:
        assert process.stdin is not None and process.stdout is not None
        self._from = process.stdout
        self._log = log
        self._bytes = b""
        self.returncode: int | None = None
        self.lost = False
        self.pid = 0
        try:
            process.stdin.write(("( %s\n) </dev/null 2>&1; printf '\\n%s %%d\\n' $?\n" % (script, END)).encode())
        except OSError:
            self._end(-9, lost=True)

    @property
    def said(self) -> str:
        """What they said until now."""
        return self._bytes.partition(b"\n" + END.encode())[0].decode(errors="replace")

    def poll(self, seconds: float = 0.0) -> int | None:
        """The exit code; None while they run. A shell that is gone was killed."""
        deadline = time.monotonic() + seconds
        while self.returncode is None:
            ready, _write, _error = select.select([self._from], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                return None
            block = self._from.read(65536)
            self._bytes += block or b""
            found = re.search(rb"\n%s (\d+)\n$" % END.encode(), self._bytes)
            if found:
                self._end(int(found.group(1)))
            elif not block:
                self._end(-9, lost=True)
        return self.returncode

    def wait(self, seconds: float | None = None) -> int:
        """Wait for the end."""
        code = self.poll(seconds if seconds is not None else 3600.0)
        if code is None:
            raise subprocess.TimeoutExpired("a shell's lines", seconds or 0)
        return code

    def _end(self, code: int, lost: bool = False) -> None:
        self.returncode, self.lost = code, lost
        if self._log:
            self._log.write_text(self.said)


class Launched(Run):
    """The module on the target, running or ended."""

    def __init__(self, process: ShellJob, log: Path, end: Callable[[], None]) -> None:
        super().__init__(process, log, "mysql_cutover on the target")  # type: ignore[arg-type]
        self._close = end

    @property
    def output(self) -> str:
        """What it said; nothing before its end."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def kill(self) -> None:
        """End the shell that it was started from, as a lost connection does."""
        self._close()


class Rig(Pair):
    """A pair, its application, its probes, and the shells through which the faults come."""

    def __init__(self, flavour: str, what: str = "faults", writers_pause_s: float = WRITERS_PAUSE_S, rate: float = 0.0) -> None:
        super().__init__(flavour)
        # Another tree's hosts on this machine have other names: NORDBRIDGE_RIG.
        self.name = os.environ.get("NORDBRIDGE_RIG", what) + "-" + flavour.split("-")[0]
        self.folder = f"/var/lib/mysql_migration/{self.name}"
        self.out = ROOT / "build" / what / flavour
        self.writers_pause_s = writers_pause_s
        self.rate = rate  # transactions a second of all writers; 0: they rest instead
        self.probe_every_s = EVERY_S
        self.settings = SETTINGS + RELAXED + SMALL
        self.small_disk = True
        self.payload = b""
        self.packed: set[str] = set()  # the hosts that have it
        self.direct = False
        self.mounts: list[tuple[str, str]] = []  # host and folder, until the hosts are put back
        self.beside = ""
        self.times = {"budget": 5.0, "lease": 10.0, "max_lag": 1.0}
        self.application = self.out / "application"
        self.engine = detect()
        self.shells: dict[tuple[str, str], Shell] = {}
        self.probes: dict[str, Probe] = {}

    # --- hosts ---

    def container(self, host: str) -> str:
        """The engine's name of a host."""
        return "nordbridge-%s-%s" % (self.name, host)

    def shell(self, host: str, use: str = "") -> Shell:
        """An open shell of a host, for everything or for one use."""
        if (host, use) not in self.shells:
            self.shells[host, use] = Shell(self.engine.command("exec", "--interactive", self.container(host), "sh"))
        return self.shells[host, use]

    def do(self, host: str, script: str, seconds: float = 120.0) -> str:
        """Run something on a host, over a new shell where the old one went with the host."""
        try:
            return self.shell(host).run(script, seconds)
        except OSError:
            self.forget(host)
            return self.shell(host).run(script, seconds)

    def sql(self, host: str, text: str, check: bool = True) -> list[list[str]]:
        """Rows of statements as root over the socket."""
        said = self.do(host, f"{self.client} --default-character-set=utf8mb4 -NB <<'END-OF-SQL' 2>&1 && echo fine\n{text}\nEND-OF-SQL")
        lines = said.splitlines()
        if lines and lines[-1] == "fine":
            lines.pop()
        elif check:
            raise AssertionError(f"{host}: {text}\n{said}")
        return [line.split("\t") for line in lines]

    def forget(self, host: str) -> None:
        """The host goes down: its shells with it."""
        for key in [key for key in self.shells if key[0] == host]:
            self.shells.pop(key).close()

    def boot(self, host: str) -> None:
        """Start the host's container and wait for its sshd."""
        self.forget(host)
        self.engine.run("start", self.container(host))

        def answers() -> bool:
            try:
                return self.do(host, "systemctl is-active ssh", 5.0) == "active"
            except OSError:
                return False

        until(f"{host} boots", answers, seconds=90, pause=0.3)

    def both(self, script: str) -> None:
        """A script on both hosts at once; it must succeed."""
        text = script.replace("SERVICE", self.client).replace("CLIENT", self.client)

        def one(host: str) -> None:
            said = self.do(host, "(" + text + ") && echo fine", 300.0)
            assert said.endswith("fine"), f"{host}: {said}"

        with ThreadPoolExecutor(max_workers=2) as pool:
            list(pool.map(one, (SOURCE, TARGET)))

    def down(self) -> None:
        """Remove the hosts, and before them the target's disk."""
        for host in (SOURCE, TARGET):
            self.forget(host)
        mounted = self.out / "disk.mounted"
        if mounted.exists():
            self.engine.ok("stop", "--time", "0", self.container(TARGET))
            run([*self.engine.sudo, "umount", mounted.read_text()])
            mounted.unlink()
            (self.out / "disk.img").unlink()
        super().down()

    def give_disk(self) -> None:
        """Move the target's data to a disk of its own, small enough to be filled: a file with a file system in it."""
        sudo, image = self.engine.sudo, self.out / "disk.img"
        self.forget(TARGET)
        self.engine.run("stop", "--time", "10", self.container(TARGET))
        place = (self.engine.inspect("volume", self.container(TARGET) + "-data") or {})["Mountpoint"]
        with image.open("wb") as stream:
            stream.truncate(DISK_MB << 20)
        run(["mkfs.ext4", "-q", "-m", "0", str(image)])
        run([*sudo, "mv", place, place + ".before"])
        run([*sudo, "mkdir", place])
        run([*sudo, "mount", "-o", "loop", str(image), place])
        (self.out / "disk.mounted").write_text(place)
        run([*sudo, "rmdir", place + "/lost+found"])
        run([*sudo, "cp", "-a", place + ".before/.", place])
        run([*sudo, "chown", "--reference", place + ".before", place])
        run([*sudo, "chmod", "--reference", place + ".before", place])
        run([*sudo, "rm", "-rf", place + ".before"])
        self.boot(TARGET)

    def privileged(self, host: str, script: str) -> None:
        """What only the machine's root may do within a host."""
        self.engine.run("exec", "--privileged", self.container(host), "sh", "-c", script)

    def mount_small(self, folder: str, host: str = TARGET) -> None:
        """Put a folder, with what is in it, on a disk of a few MB, in memory."""
        script = (
            f"mkdir -p -m 700 {folder} && cp -a {folder} /root/small && mount -t tmpfs -o size=16m,mode=0700 tmpfs {folder}"
            f" && cp -a /root/small/. {folder} && rm -rf /root/small"
        )
        self.privileged(host, script)
        self.mounts.append((host, folder))

    def mount_read_only(self, folder: str, host: str) -> None:
        """Put a read-only view of a folder over it. The disk itself would refuse as long as somebody has a file open to write."""
        self.privileged(host, f"mount --rbind {folder} {folder} && mount -o remount,ro,bind {folder}")
        self.mounts.append((host, folder))

    def unmount(self, count: int = 0) -> None:
        """Take away the newest mounts, or all."""
        for host, folder in reversed(self.mounts[-count:]):
            self.engine.ok("exec", "--privileged", self.container(host), "umount", "--lazy", folder)
        del self.mounts[-count:]

    # --- READY ---

    def make_ready(self) -> None:
        """New hosts, a small migration up to READY, and a copy of all that beside."""
        self.down()
        up = ("up", self.name, "--source", self.flavour, "--target", self.flavour)
        try:
            self._hosts(*up)
        except subprocess.CalledProcessError:
            # A machine that does much else boots them slowly; what is half there is completed.
            self._hosts(*up)
        self.out.mkdir(parents=True, exist_ok=True)
        if self.small_disk:
            self.give_disk()
            until("the target's server is up", lambda: self.sql(TARGET, "SELECT 1;", check=False) == [["1"]], seconds=60, pause=0.5)
        for host, events in ((SOURCE, "ON"), (TARGET, "OFF")):
            words = self.settings % events
            self.do(host, f"printf '%s' '{words}' > /etc/mysql/conf.d/application.cnf; systemctl restart {self.client}")
        application.start(self.name, self.application, MEGABYTES)
        try:
            self.sql(SOURCE, ";\n".join((*SCHEMA, *ROUTINES)) + ";")
            ready = self.migrate().wait(READY_S)
            assert ready.process.returncode == 0, ready.tail
            self.bring_pack(SOURCE)
            said = self.do(SOURCE, shlex.join(["python3", "-I", "-c", ENTITLE, self.name]) + " 2>&1 && echo fine")
            assert said == "fine", said
        finally:
            application.stop(self.application)
        wanted = self.value(SOURCE, "SELECT COUNT(*) FROM ledger.entries;")
        until("the target has all", lambda: self.value(TARGET, "SELECT COUNT(*) FROM ledger.entries;") == wanted)
        self.both(KEEP)
        self.both(f"echo {self.edition()} > /root/ready.edition")
        self.both(GO)

    def edition(self) -> str:
        """The code that brought the hosts to READY, and that they keep for the cutover."""
        self.payload = self.payload or pack()
        return hashlib.sha256(self.payload).hexdigest()[:16]

    def is_ready(self) -> bool:
        """Whether an earlier run of the same code left hosts with what back() needs."""
        try:
            return all(self.do(host, "cat /root/ready.edition 2>/dev/null || true") == self.edition() for host in (SOURCE, TARGET))
        except OSError:
            return False

    def back(self) -> None:
        """READY again, with an application that writes and two probes that try to."""
        # Those of a run that was killed would count on beside the new ones, each in its own order.
        self.rest()
        for host in (SOURCE, TARGET):
            self.running(host)
        self.unmount()
        self.both(BACK)
        self.both(GO)
        self.runs.clear()
        for path in (self.application / "ledger").glob("*"):
            path.unlink()
        application.write_private(self.application / "endpoint.json", (self.application / "app.source.json").read_text())
        self.lead_application()
        until("the target follows", self.follows_at_once, seconds=60, pause=0.3)
        application.write(self.application, self.writers_pause_s, self.rate)
        self.probes = {
            host: Probe(self.application / f"app.{side}.json", host, self.probe_every_s) for side, host in (("source", SOURCE), ("target", TARGET))
        }
        for probe in self.probes.values():
            probe.start()
        until("the source takes writes", lambda: len(self.probes[SOURCE].taken) > 5, seconds=20)
        have = self.value(TARGET, NEWEST)
        until("they arrive", lambda: self.value(TARGET, NEWEST) != have, seconds=30, pause=0.1)

    def running(self, host: str) -> None:
        """See that a host runs, whatever the last fault did to it."""
        status = (self.engine.inspect("container", self.container(host)) or {})["State"]["Status"]
        if status == "paused":
            self.engine.run("unpause", self.container(host))
        elif status != "running":
            self.boot(host)

    def go_beside(self, name: str) -> None:
        """Somebody else begins on the source's host."""
        self.beside = name
        if not name:
            return
        if BESIDE[name].before:
            self.sql(SOURCE, BESIDE[name].before + ";")
        if BESIDE[name].statements:
            self.do(SOURCE, start_line(BESIDE[name]))
            until(f"{name} has done something", lambda: done(self.do(SOURCE, f"cat {NOTES} 2>/dev/null || true"))[0], seconds=20)

    def end_beside(self) -> tuple[list[int], int]:
        """End it; the numbers of what it was told had been done, and how many tries were refused."""
        if not self.beside or not BESIDE[self.beside].statements:
            return [], 0
        # While it waits for an answer, nobody can say what became of the try.
        return done(self.do(SOURCE, f"pkill -KILL -f '[{MARK[0]}]{MARK[1:]}'; sleep 0.1; cat {NOTES}"))

    def lead_application(self) -> None:
        """The way of the application, which is about to start, to the source: none but the address."""

    def follows(self) -> bool:
        """Whether the target has the source's newest row of a moment ago."""
        wanted = int(self.value(SOURCE, NEWEST))
        time.sleep(0.3)
        return int(self.value(TARGET, NEWEST)) >= wanted

    def follows_at_once(self) -> bool:
        """The same; a replica that was up before its source, or before the bridge, would try again after a minute only."""
        if self.follows():
            return True
        self.sql(TARGET, "STOP REPLICA; START REPLICA;")
        return False

    def rest(self) -> None:
        """No more writers and probes."""
        for probe in self.probes.values():
            probe.stop()
        application.stop(self.application)

    # --- the cutover ---

    def await_stop(self, step: str, hangs: bool = False) -> Callable[[Run], int]:
        """Have the next job stand still at the beginning of a step; call the answer to wait for its process number.

        The answer returns 0 where the playbook ends without it.

        :param hangs: who waits for the job sees that it hangs; else that is the test's own affair
        """
        self.do(TARGET, f"rm -rf {FOLDER}; mkdir -m 700 {FOLDER}; mkfifo -m 600 {FOLDER}/pid; echo 'cutover {step}' > {FOLDER}/stop")
        if hangs:
            self.do(TARGET, f"touch {FOLDER}/hangs")
        script = f"read pid < {FOLDER}/pid; until grep -q '^State:.T' /proc/$pid/status; do sleep 0.01; done; echo $pid"
        # Already there when the word comes: to look again and again would be slower, and a load of its own.
        listener = self.shell(TARGET, "listen").begin(script)

        def wait(run: Run) -> int:
            until("it stands still", lambda: listener.poll(0.02) is not None or run.process.poll() is not None, REACH_S, 0.01)
            if listener.poll(0.5) == 0:
                return int(listener.said)
            self.shells.pop((TARGET, "listen")).close()
            return 0

        return wait

    def command(self, *arguments: str) -> tuple[str, ...]:
        """What an operator gives to the playbook, each time the same."""
        hook = str(ROOT / "molecule/shared/hooks/switch.yml")
        told = {"demo_endpoint": str(self.application / "endpoint.json"), "migration_cutover_after": [hook]}
        times = {"migration_cutover_" + name: value for name, value in self.times.items()}
        return (*QUICK, "-e", f"cutover={self.name}", "-e", json.dumps({**told, **times}), *arguments)

    def bring_pack(self, host: str) -> None:
        """The collection's code on a host, beside what the migration keeps there."""
        self.payload = self.payload or pack()
        if host not in self.packed:
            command = self.engine.command("exec", "--interactive", self.container(host), "sh", "-c", "cat > /root/faults.zip")
            subprocess.run(command, input=self.payload, check=True)
            self.packed.add(host)

    def prove(self, host: str, question: str, **more: Any) -> dict[str, Any]:
        """What a host's own server says to a question of the proof from the binary logs."""
        self.bring_pack(host)
        request = {"question": question, "seconds": 30.0, "login": {"unix_socket": "/run/mysqld/mysqld.sock"}, **more}
        return json.loads(self.do(host, shlex.join(["python3", "-I", "-c", PROVE, json.dumps(request)])))

    def second_migration(self) -> None:
        """Another migration's cutover of the same source, by the same code on its host."""
        self.bring_pack(SOURCE)
        hold = "/etc/mysql/%s.conf.d/zz-nordbridge-hold.cnf" % self.client
        request = {
            "token": "%016x" % time.monotonic_ns(), "seconds": 6.0, "scheduler": "ON", "promoted": "another server",
        }  # fmt: skip
        policy = {"migration_id": "second", "login": {"unix_socket": "/run/mysqld/mysqld.sock"}, "hold": hold}
        self.do(SOURCE, SECOND.format(pack="/root/faults.zip", request=json.dumps(request), policy=json.dumps(policy)))

    def launch(self, use: str = "launch") -> Run:
        """The cutover as the module does it on the target: the same call with the same options, without a controller.

        Of a run's processor time nearly all is Ansible's own. Afterwards the application is pointed elsewhere from here.
        """
        self.bring_pack(TARGET)
        hold = "/etc/mysql/%s.conf.d/zz-nordbridge-hold.cnf" % self.client
        params: dict[str, Any] = {
            "migration_id": self.name, "gate": self.name, "source_login": None, "target_login": None, "fence_seconds": 2.0,
            "max_transaction_seconds": 5, "source_hold": hold, "target_hold": hold,
            "verify_max_age": 0, "rehearse": False, "rehearsal_max_age": 0,
            "budget": self.times["budget"], "lease": self.times["lease"], "max_lag": self.times["max_lag"],
            "switches": [], "old_address": "", "new_address": "",
        }  # fmt: skip
        log = self.out / f"{len(self.runs):02d}.log"
        shell = self.shell(TARGET, use)
        process = shell.begin(shlex.join(["python3", "-I", "-c", LAUNCH, json.dumps(params)]), log)
        self.runs.append(Launched(process, log, lambda: self.shells.pop((TARGET, use)).close()))
        return self.runs[-1]

    def point_application(self) -> None:
        """What the hook after promotion does."""
        switch(self.application / "endpoint.json", self.address(TARGET), 3306)

    def state_now(self) -> dict:
        """The journal's cutover, as root on the target sees it now."""
        text = self.do(TARGET, f"cat {self.folder}/state.json")
        try:
            return json.loads(text).get("cutover", {})
        except ValueError as error:
            raise Failure(f"the journal: {error}: {text[:200]}") from None
