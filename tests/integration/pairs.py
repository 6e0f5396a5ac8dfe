# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A pair of test hosts that tests share: commands on it, the playbook against it, and its return to an untouched state."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
SOURCE, TARGET = "us-db1", "oslo-db1"
MIGRATE = "nordbridge.mysql_migration.migrate"
CUTOVER = "nordbridge.mysql_migration.cutover"
#: What only costs time in a test: the measurement of the disk, and seconds of standing still at READY. The tests that break
#: a copy break a dump; those of the other methods name theirs, and a later -e wins.
QUICK = ("-e", json.dumps({"migration_assess_disk_io": False, "migration_target_ready_seconds": 1, "migration_target_seed_method": "dump"}))

#: For a cutover: a machine that does much else meanwhile must not end the lease before the fence, where that is not what is tested.
PATIENT = ("-e", json.dumps({"migration_cutover_lease": 60, "migration_cutover_budget": 30, "migration_cutover_fence_seconds": 10}))

#: How many times slower than usual the machine may be, where it does much else meanwhile.
PATIENCE = float(os.environ.get("ITEST_PATIENCE", "1"))

#: Back to the state of the first boot. The copy beside the data directory is made the first time.
PRISTINE = r"""
set -eu
systemctl stop 'nordbridge*' 2>/dev/null || true
pkill -KILL -f '[_]jobs.runner' || true
pkill -KILL -u nordbridge || true
iptables -F 2>/dev/null || true
tc qdisc del dev eth0 root 2>/dev/null || true
for socket in mariadb.socket mariadb-extra.socket; do systemctl stop $socket 2>/dev/null || true; done
systemctl stop SERVICE
if [ ! -d /root/pristine ]; then
    mkdir /root/pristine
    cp -a /var/lib/mysql/. /root/pristine
    tar -C / -cf /root/pristine.tar etc/mysql root/.ssh
else
    find /var/lib/mysql -mindepth 1 -delete
    cp -a /root/pristine/. /var/lib/mysql
    rm -rf /etc/mysql /root/.ssh
    tar -C / -xf /root/pristine.tar
fi
rm -rf /var/lib/mysql_migration /var/lib/mysql_migration_tunnel /var/lib/mysql_migration_agent
rm -rf /etc/systemd/system/nordbridge-* /etc/systemd/system/*/nordbridge-*
rm -f /etc/ssh/sshd_config.d/nordbridge-*.conf && systemctl reload ssh
systemctl daemon-reload
systemctl reset-failed 2>/dev/null || true
for user in nordbridge nordbridge-agent; do if id $user >/dev/null 2>&1; then pkill -KILL -u $user || true; userdel $user; fi; done
systemctl start SERVICE
for attempt in $(seq 100); do CLIENT -e 'SELECT 1' >/dev/null 2>&1 && exit 0; sleep 0.2; done
exit 1
"""

#: A host's own words without the noise of logging in.
WORDS = "journalctl --no-pager --lines=200 --output=short-iso | grep -vE 'sshd|Invoked with|audit' | cut -c -240 | tail -n 30"


class Run:
    """The playbook, running or ended, with all it said."""

    def __init__(self, process: subprocess.Popen, log: Path, command: str) -> None:
        self.process = process
        self.log = log
        self.command = command

    @property
    def output(self) -> str:
        """What it said so far."""
        return self.log.read_text(errors="replace")

    @property
    def tail(self) -> str:
        """The end of it, for a failure's text."""
        return "$ %s\n%s" % (self.command, "\n".join(self.output.splitlines()[-60:]))

    @property
    def words(self) -> str:
        """The messages, as one line without Ansible's quoting and line breaks."""
        return " ".join(self.output.replace('\\"', '"').replace("\\n", " ").split())

    def wait(self, seconds: float = 420.0 * PATIENCE) -> Run:
        """Wait for its end."""
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"not within {seconds:.0f} s:\n{self.tail}") from None
        return self

    def kill(self) -> None:
        """End it as a crash or a lost laptop does: no signal that anything could answer to."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def ok(self) -> Run:
        """Wait, and insist on success."""
        self.wait()
        assert self.process.returncode == 0, self.tail
        return self

    def failed(self, *words: str) -> Run:
        """Wait, and insist on a failure that says all this."""
        self.wait()
        assert self.process.returncode != 0, f"it should have failed:\n{self.tail}"
        for word in words:
            assert word.lower() in self.words.lower(), f"{word!r} is not in what it said:\n{self.tail}"
        assert "Traceback" not in self.output, self.tail
        return self

    def recap(self, host: str = TARGET) -> dict[str, int]:
        """The counts of the last recap."""
        line = re.findall(rf"^{host} +: (.*)$", self.output, re.M)[-1]
        return {name: int(count) for name, count in (part.split("=") for part in line.split())}


class Pair:
    """Two hosts of one flavour, and of one version unless the target's is named."""

    def __init__(self, flavour: str, target: str = "") -> None:
        self.flavour, self.target = flavour, target or flavour
        self.name = os.environ.get("ITEST_PREFIX", "itest") + "-" + flavour.split("-")[0]
        if self.target != flavour:
            self.name += "-" + (flavour + "-" + self.target).replace("mariadb-", "").replace(".", "")
        self.folder = f"/var/lib/mysql_migration/{self.name}"
        self.client = flavour.split("-")[0]
        self.out = ROOT / "build/integration" / self.name
        self.runs: list[Run] = []
        self.inventory_file = ""

    # --- hosts ---

    def up(self) -> None:
        """New hosts, whatever an earlier run left."""
        self.down()
        self._hosts("up", self.name, "--source", self.flavour, "--target", self.target)
        self.out.mkdir(parents=True, exist_ok=True)
        self.fresh()

    def down(self) -> None:
        """Remove them."""
        self._hosts("down", self.name)

    @staticmethod
    def _hosts(*arguments: str) -> None:
        subprocess.run([sys.executable, str(ROOT / "molecule/shared/hosts.py"), *arguments], check=True, stdout=subprocess.DEVNULL)

    def fresh(self) -> None:
        """Both hosts as they were when they booted first."""
        for run in self.runs:
            if run.process.poll() is None:
                run.kill()
        script = PRISTINE.replace("SERVICE", self.client).replace("CLIENT", self.client)
        both = [self.background(host, script) for host in (SOURCE, TARGET)]
        for process in both:
            output, _none = process.communicate(timeout=120 * PATIENCE)
            assert process.returncode == 0, output

    def address(self, host: str) -> str:
        """A host's address in the pair's network."""
        return json.loads((ROOT / "build/hosts" / self.name / "hosts.json").read_text())["hosts"][host]["ip"]

    def ssh(self, host: str) -> list[str]:
        """The start of an ssh command to a host."""
        return ["ssh", "-F", str(ROOT / "build/hosts" / self.name / "ssh_config"), host]

    @contextmanager
    def socket(self, host: str) -> Iterator[str]:
        """A way from here to the socket of a host's server."""
        folder = tempfile.mkdtemp(prefix="way-")
        place = str(Path(folder) / "s")
        way = subprocess.Popen([*self.ssh(host), "-N", "-L", f"{place}:/run/mysqld/mysqld.sock"], stdin=subprocess.DEVNULL)
        try:
            until("the way to the socket", lambda: Path(place).exists())
            yield place
        finally:
            way.terminate()
            way.wait(10)
            shutil.rmtree(folder)

    def background(self, host: str, script: str) -> subprocess.Popen:
        """A shell script that runs on a host meanwhile."""
        process = subprocess.Popen(
            [*self.ssh(host), "sh"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        assert process.stdin is not None
        process.stdin.write(script)
        process.stdin.close()
        process.stdin = None
        return process

    def sh(self, host: str, script: str, check: bool = True) -> str:
        """The output of a shell script on a host."""
        command = [*self.ssh(host), "sh"]
        done = subprocess.run(command, input=script, capture_output=True, text=True, errors="replace", timeout=180 * PATIENCE, check=False)
        assert done.returncode == 0 or not check, f"{host}: {script}\n{done.stdout}{done.stderr}"
        return done.stdout if check else done.stdout + done.stderr

    def sql(self, host: str, text: str, check: bool = True) -> list[list[str]]:
        """Rows of statements as root over the socket."""
        output = self.sh(host, f"{self.client} --default-character-set=utf8mb4 -NB <<'END-OF-SQL' 2>&1\n{text}\nEND-OF-SQL\n", check)
        return [line.split("\t") for line in output.splitlines()]

    def value(self, host: str, text: str) -> str:
        """The one value of a statement."""
        return self.sql(host, text)[0][0]

    @contextmanager
    def session(self, host: str, text: str, marker: str = "") -> Iterator[int]:
        """A client of the server that has said something and stays; its connection's number."""
        command = f"{self.client} -NB --unbuffered"
        process = subprocess.Popen(
            [*self.ssh(host), command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(f"SELECT CONNECTION_ID();\n{text};\nSELECT 'said{marker}';\n")
        process.stdin.flush()
        number = int(process.stdout.readline())
        for line in process.stdout:
            if line.startswith("said"):
                break
        else:
            raise AssertionError(f"{host}: the session ended at {text}")
        try:
            yield number
        finally:
            process.stdin.close()
            process.terminate()
            process.wait(10)
            self.sql(host, f"KILL {number};", check=False)

    # --- the migration ---

    def start(
        self, *arguments: str, playbook: str = MIGRATE, environment: Mapping[str, str] | None = None, inventory: str = "inventories/demo"
    ) -> Run:
        """The playbook as an operator runs it, not waited for. Without an inventory the arguments name one."""
        log = self.out / f"{len(self.runs):02d}.log"
        command = [str(Path(sys.executable).parent / "ansible-playbook"), playbook, *(("-i", inventory) if inventory else ()), *arguments]
        environment = {
            **os.environ,
            "NORDBRIDGE_PAIR": self.name,
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_NOCOLOR": "1",
            "PYTHONUNBUFFERED": "1",
            **(environment or {}),
        }
        with log.open("w") as stream:
            # A group of its own: kill() ends all of it, and nothing else.
            process = subprocess.Popen(
                command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream, start_new_session=True
            )
        run = Run(process, log, shlex.join(command))
        self.runs.append(run)
        return run

    def migrate(self, *arguments: str) -> Run:
        """The migration, without what only costs time."""
        return self.start(*QUICK, *arguments)

    def cutover(self, *arguments: str) -> Run:
        """The last chapter alone: what the playbook migrate does, too, once it is READY."""
        return self.start("-e", f"cutover={self.name}", *arguments, playbook=CUTOVER)

    def state(self) -> dict[str, Any]:
        """The migration's journal; empty where there is none."""
        return json.loads(self.sh(TARGET, f"cat {self.folder}/state.json 2>/dev/null || echo '{{}}'"))

    def job(self, name: str, file: str) -> dict[str, Any]:
        """A file of a job on the target; empty where there is none."""
        return json.loads(self.sh(TARGET, f"cat {self.folder}/jobs/{name}/{file}.json 2>/dev/null || echo '{{}}'") or "{}")

    def journals(self) -> str:
        """What the hosts themselves have to say, for a failure."""
        parts = []
        for host in (SOURCE, TARGET):
            parts.append(f"--- journal of {host}\n" + self.sh(host, WORDS, check=False))
        parts.append("--- jobs\n" + self.sh(TARGET, f"tail -n 30 {self.folder}/jobs/*/log", check=False))
        return "\n".join(parts)

    # --- data ---

    def load(self, rows: int, tables: int = 4) -> None:
        """Schema shop: tables that do not compress, and a small one with a key."""
        texts = ["CREATE DATABASE shop; USE shop; CREATE TABLE orders (id INT AUTO_INCREMENT PRIMARY KEY, note VARCHAR(200));"]
        texts.append("INSERT INTO orders (note) VALUES ('first'), ('second');")
        for number in range(1, tables + 1):
            texts.append(f"CREATE TABLE bulk{number} (id INT AUTO_INCREMENT PRIMARY KEY, pad VARBINARY(1000));")
            texts.append(f"INSERT INTO bulk{number} (pad) VALUES (RANDOM_BYTES(1000));")
            done = 1
            while done < rows // tables:
                texts.append(f"INSERT INTO bulk{number} (pad) SELECT RANDOM_BYTES(1000) FROM bulk{number} LIMIT {rows // tables - done};")
                done += min(done, rows // tables - done)
        self.sql(SOURCE, "\n".join(texts))


def until(what: str, check: Callable[[], Any], seconds: float = 60.0, pause: float = 0.1) -> Any:
    """Repeat until it is so; returns what was seen."""
    deadline = time.monotonic() + seconds * PATIENCE
    while True:
        seen = check()
        if seen:
            return seen
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}"
        time.sleep(pause)
