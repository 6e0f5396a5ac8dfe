# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two test hosts to measure on: the same data and the same cold start before each measure, and the proof after it."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1]), str(HERE.parents[1] / "molecule/shared")]

import application  # noqa: E402
from application import ROOT, SHARED, SOURCE, TARGET, literal  # noqa: E402
from compare import open_server  # noqa: E402

from plugins.module_utils._server.flavour import open_flavour  # noqa: E402
from plugins.module_utils._verify.tables import TableDigest, compare, digest_tables  # noqa: E402

DATADIR = "/var/lib/mysql"
#: Where a host keeps the benchmark's own files, outside of the data directory's volume.
KEEP = "/root/bench"
#: The service, and what would start it again by itself.
UNITS = {"mariadb": "mariadb.socket mariadb-extra.socket mariadb.service", "mysql": "mysql.service"}

STOP = r"""
for unit in @UNITS@; do systemctl stop $unit 2>/dev/null || true; done
if pgrep -x '(mariadbd|mysqld)' >/dev/null; then echo 'the server does not stop' >&2; exit 1; fi
"""
START = r"""
systemctl start @SERVICE@
for attempt in $(seq 300); do if @CLIENT@ -e 'SELECT 1' >/dev/null 2>&1; then break; fi; sleep 0.1; done
@CLIENT@ -e 'SELECT 1' >/dev/null
"""
# What a state of the target is made of: the data directory, the servers' configuration, the migration's own files.
SAVE = r"""
mkdir -p @KEEP@/@STATE@
cp -a @DATADIR@/. @KEEP@/@STATE@/data
tar -C / -cf @KEEP@/@STATE@/files.tar $(cd /; ls -d etc/mysql var/lib/mysql_migration 2>/dev/null)
"""
EMPTY = r"""
find @DATADIR@ -mindepth 1 -delete
rm -f @KEEP@/dump.sql.gz
rm -rf /etc/mysql /var/lib/mysql_migration
tar -C / -xpf @KEEP@/@STATE@/files.tar
"""
FILL = r"""
cp -a @KEEP@/@STATE@/data/. @DATADIR@
"""
# Nothing of the benchmark's own preparation may still be on its way to the disk when the clock starts.
SETTLE = r"""
sync -f @DATADIR@
"""
# The data's pages leave the cache, of these files only: dropping all caches would disturb the whole machine.
FORGET = r"""
sync -f @DATADIR@
python3 - <<'END'
import os
for folder, _folders, files in os.walk("@DATADIR@"):
    for name in files:
        handle = os.open(os.path.join(folder, name), os.O_RDONLY)
        os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(handle)
END
"""
LIMIT = "tc qdisc replace dev eth0 root tbf rate %dmbit burst 256k latency 100ms\n"
NO_LIMIT = "tc qdisc del dev eth0 root 2>/dev/null || true\n"
# The target's own way to the source's root, for the ways that need more than the agent's few verbs.
KEY = r"""
mkdir -p @KEEP@
[ -e @KEEP@/key ] || ssh-keygen -q -t ed25519 -N '' -C bench -f @KEEP@/key
cat @KEEP@/key.pub
"""
SSH_CONFIG = """\
Host source
  HostName %s
  User root
  IdentityFile %s/key
  IdentitiesOnly yes
  StrictHostKeyChecking accept-new
  UserKnownHostsFile %s/known_hosts
  LogLevel ERROR
"""
CHECKER = (
    "SET SESSION sql_log_bin = 0; DROP USER IF EXISTS checker@'%%'; CREATE USER checker@'%%' IDENTIFIED BY %s;"
    " GRANT SELECT, SHOW VIEW, PROCESS ON *.* TO checker@'%%';"
)
OPEN = {"mariadb": "SET GLOBAL read_only = OFF;", "mysql": "SET GLOBAL super_read_only = OFF, GLOBAL read_only = OFF;"}


class Pair:
    """A source with data and a target, of one flavour.

    :param flavour: an image of the test hosts, as mariadb-10.11
    """

    def __init__(self, flavour: str, prefix: str = "bench-seed") -> None:
        self.flavour = flavour
        self.server = flavour.split("-")[0]
        self.name = f"{prefix}-{flavour.replace('.', '-')}"
        self.out = ROOT / "build/bench" / self.name
        self.digests: list[TableDigest] = []

    # --- hosts ---

    def sh(self, host: str, script: str, **words: Any) -> str:
        """Run a script of bash on a host; the first command that fails ends it."""
        known = {"UNITS": UNITS[self.server], "SERVICE": self.server, "CLIENT": self.server, "DATADIR": DATADIR, "KEEP": KEEP}
        for name, value in {**known, **words}.items():
            script = script.replace(f"@{name}@", str(value))
        # Read whole before it runs: a program of the script that reads its standard input must not find the script there.
        return application.ssh(self.name, host, 'bash -c "$(cat)" </dev/null', "set -euo pipefail\n" + script)

    def sql(self, host: str, text: str) -> list[list[str]]:
        """Rows of statements as root over the socket."""
        output = application.ssh(self.name, host, f"{self.server} --default-character-set=utf8mb4 -NB", text)
        return [line.split("\t") for line in output.splitlines()]

    @staticmethod
    def hosts(*arguments: str) -> None:
        """The test hosts' own program."""
        subprocess.run([sys.executable, str(SHARED / "hosts.py"), *arguments], check=True, stdout=subprocess.DEVNULL)

    def up(self) -> None:
        """New hosts, with a way from the target to the source."""
        self.down()
        self.hosts("up", self.name, "--source", self.flavour, "--target", self.flavour)
        self.out.mkdir(parents=True, exist_ok=True)
        key = self.sh(TARGET, KEY)
        self.sh(SOURCE, "mkdir -p @KEEP@; echo '@KEY@' >> /root/.ssh/authorized_keys", KEY=key.strip())
        config = SSH_CONFIG % (application.hosts(self.name)[SOURCE]["ip"], KEEP, KEEP)
        self.sh(TARGET, f"cat > @KEEP@/ssh_config <<'END'\n{config}END\nssh -F @KEEP@/ssh_config source true")

    def down(self) -> None:
        """Remove them."""
        (self.out / "digests.json").unlink(missing_ok=True)
        self.hosts("down", self.name)

    def pids(self) -> list[int]:
        """The first process of each of the pair's containers."""
        facts = json.loads((ROOT / "build/hosts" / self.name / "hosts.json").read_text())
        names = [host["container"] for host in facts["hosts"].values()]
        command = [facts["engine"], "inspect", "--format", "{{.State.Pid}}", *names]
        return [int(word) for word in subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()]

    # --- data and states ---

    def load(self, megabytes: int) -> None:
        """The data, and the target as its package ships it."""
        application.make_accounts(self.name, self.out)
        arguments = ["--endpoint", str(self.out / "loader.source.json"), "--megabytes", str(megabytes), "--without-odd"]
        application.tool("load.py", *arguments)
        self.sql(SOURCE, "DROP USER loader@'%'; DROP USER app@'%'; DROP USER checker@'%';")
        # Statistics, so that what the servers know of the tables' sizes is no matter of when they were asked.
        self.sql(SOURCE, "ANALYZE TABLE sbtest.sbtest1, sbtest.sbtest2, sbtest.sbtest3, sbtest.sbtest4;")
        self._save("shipped")

    def prepare(self) -> None:
        """All that the migration does before the copy: accounts, keys, the tunnel, the agent, the binary logs."""
        self.playbook("prepare")
        self.digests = self._digest(SOURCE)
        self._save("prepared")
        (self.out / "digests.json").write_text(json.dumps([asdict(digest) for digest in self.digests]))

    def resume(self) -> bool:
        """Go on with hosts that are there, prepared; False where they are not."""
        path = self.out / "digests.json"
        if not path.exists() or not (ROOT / "build/hosts" / self.name / "hosts.json").exists():
            return False
        try:
            # Their files outlive them where somebody else removed the hosts, and then nobody answers.
            application.ssh(self.name, SOURCE, "true")
        except SystemExit:
            return False
        self.digests = [TableDigest(**entry) for entry in json.loads(path.read_text())]
        self.sh(SOURCE, START)
        return True

    def playbook(self, name: str, *arguments: str) -> None:
        """Run a playbook of this folder on the pair.

        :raises SystemExit: with the end of what it said
        """
        command = [str(Path(sys.executable).parent / "ansible-playbook"), str(HERE / f"{name}.yml"), "-i", "inventories/demo", *arguments]
        environment = {**os.environ, "NORDBRIDGE_PAIR": self.name, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"}
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
        (self.out / f"{name}.log").write_text(done.stdout + done.stderr)
        if done.returncode:
            raise SystemExit(f"bench: {name}.yml failed on {self.name}:\n" + "\n".join((done.stdout + done.stderr).splitlines()[-25:]))

    def _save(self, state: str) -> None:
        self.sh(TARGET, STOP + SAVE + START, STATE=state)

    def reset(self, state: str, running: bool = True) -> None:
        """The target as it was, on a disk at rest; without a server and files where it is to receive files."""
        script = STOP + EMPTY + (FILL + START if running else "") + SETTLE
        self.sh(TARGET, script, STATE=state)

    def cold(self, running: bool = True) -> None:
        """The source as after a restart: nothing of the data is in the server's memory, nor in the machine's."""
        self.sh(SOURCE, STOP + FORGET + (START if running else ""))

    def limit(self, megabits: int) -> None:
        """Let the source send no more than this; 0 for all that it can."""
        self.sh(SOURCE, LIMIT % megabits if megabits else NO_LIMIT)

    # --- facts and proof ---

    def data(self) -> dict[str, int]:
        """How large the data is, as files and in the server's own count."""
        files = int(self.sh(SOURCE, "du -sb @DATADIR@/sbtest").split()[0])
        counted = self.sql(SOURCE, "SELECT SUM(DATA_LENGTH + INDEX_LENGTH) FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'sbtest';")
        return {"files": files, "counted": int(counted[0][0]), "rows": sum(digest.rows for digest in self.digests)}

    def version(self) -> str:
        """The server's own."""
        return self.sql(SOURCE, "SELECT VERSION();")[0][0]

    def check(self) -> str:
        """What is wrong with the copy; empty where every table is equal. Not measured; the target is reset afterwards."""
        self.sh(TARGET, START)
        result = compare(self.digests, self._digest(TARGET))
        if not result["tables"]:
            return "no table was compared"
        return "; ".join(f"{name}: {why}" for name, why in result["why"].items())

    def check_source(self) -> str:
        """What changed on the source since the first measure; empty where nothing did."""
        self.sh(SOURCE, START)
        return "; ".join(compare(self.digests, self._digest(SOURCE))["differences"])

    def _digest(self, host: str) -> list[TableDigest]:
        """The digests of the data, through an account that is made for it."""
        password = secrets.token_hex(16)
        opened = OPEN[self.server] if host == TARGET else ""
        self.sql(host, opened + CHECKER % literal(password))
        path = self.out / f"checker.{host}.json"
        login = {"host": application.hosts(self.name)[host]["ip"], "port": 3306, "user": "checker", "password": password}
        application.write_private(path, json.dumps(login))
        with open_server(path, host) as connection:
            found = digest_tables(open_flavour(connection), schemas=["sbtest"])
        self.sql(host, "SET SESSION sql_log_bin = 0; DROP USER checker@'%';")
        return found
