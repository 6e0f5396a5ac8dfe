#!/usr/bin/env python3
# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An application for a pair of test hosts: its accounts and data on the old server, and its writers, the ledger's.

    application.py start --pair PAIR --out DIR [--megabytes 500] [--proxy]    data, accounts, writers in the background
    application.py stop --out DIR                                   end the writers
    application.py judge --out DIR                                  ledger check and comparison, as JSON

DIR holds the endpoints (0600), the ledger's logs in DIR/ledger, and what this tells.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Sequence

sys.path.insert(0, str(Path(__file__).resolve().parent))

import proxy  # noqa: E402

SHARED = Path(__file__).resolve().parent
ROOT = SHARED.parents[1]
SOURCE, TARGET = "us-db1", "oslo-db1"
WRITERS = 8
#: A password that finds whoever pastes it into a shell, a statement or an option file without care.
UGLY = "s3'cr\"et \\ ø€ # %s `b` "
#: Accounts and their rights. The loader may do all; it is dropped before the migration begins.
ACCOUNTS = {
    "loader": "ALL PRIVILEGES ON *.* TO %s@'%%' WITH GRANT OPTION",
    "app": "ALL PRIVILEGES ON ledger.* TO %s@'%%'",
    "checker": "SELECT, SHOW VIEW, PROCESS, REPLICATION CLIENT ON *.* TO %s@'%%'",
}


def hosts(pair: str) -> dict[str, Any]:
    """The pair's hosts, as hosts.py wrote them."""
    return json.loads((ROOT / "build/hosts" / pair / "hosts.json").read_text())["hosts"]


def ssh(pair: str, host: str, command: str, text: str = "") -> str:
    """Run a command on a host."""
    config = ROOT / "build/hosts" / pair / "ssh_config"
    done = subprocess.run(["ssh", "-F", str(config), host, command], input=text, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"application: {host}: {command}: {done.stderr.strip()}")
    return done.stdout


def client(pair: str) -> str:
    """The pair's own client program, as root over the socket."""
    return "mariadb" if hosts(pair)[SOURCE]["flavour"].startswith("mariadb") else "mysql"


def literal(text: str) -> str:
    """A string in SQL."""
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


def make_accounts(pair: str, out: Path) -> None:
    """Accounts on the source, and an endpoint file for each on both servers: DIR/app.source.json."""
    addresses, statements = hosts(pair), ["SET NAMES utf8mb4;"]
    for user, grant in ACCOUNTS.items():
        password = UGLY + secrets.token_hex(8)
        statements.append(f"DROP USER IF EXISTS {user}@'%'; CREATE USER {user}@'%' IDENTIFIED BY {literal(password)};")
        statements.append("GRANT " + grant % user + ";")
        for side, host in (("source", SOURCE), ("target", TARGET)):
            login = {"host": addresses[host]["ip"], "port": 3306, "user": user, "password": password}
            write_private(out / f"{user}.{side}.json", json.dumps(login))
    write_private(out / "endpoint.json", (out / "app.source.json").read_text())
    ssh(pair, SOURCE, f"{client(pair)} --default-character-set=utf8mb4", "\n".join(statements))


def write_private(path: Path, text: str) -> None:
    """A file for its owner only."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
        stream.write(text)


def tool(name: str, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run one of the programs beside this one."""
    done = subprocess.run([sys.executable, str(SHARED / name), *arguments], capture_output=True, text=True, check=False)
    if check and done.returncode:
        raise SystemExit(f"application: {name} {arguments[0]}: {done.stderr.strip()}")
    return done


def start_proxy(pair: str, out: Path, host: str = TARGET) -> None:
    """HAProxy on one of the hosts, and the application's way through it."""
    ssh(pair, host, proxy.START, proxy.config(hosts(pair)))
    login = json.loads((out / "endpoint.json").read_text())
    write_private(out / "endpoint.json", json.dumps({**login, "host": hosts(pair)[host]["ip"], "port": proxy.PORT}))


def start(pair: str, out: Path, megabytes: int, through: str = "", pause: float = 0.002) -> dict[str, Any]:
    """Load the data and start the writers; returns what was loaded.

    :param through: the host on which a HAProxy is started that the writers go through; empty for none
    :param pause: seconds that each writer rests after a transaction
    """
    out.mkdir(parents=True, exist_ok=True)
    make_accounts(pair, out)
    if through:
        start_proxy(pair, out, through)
    loaded = json.loads(tool("load.py", "--endpoint", str(out / "loader.source.json"), "--megabytes", str(megabytes)).stdout)
    tool("ledger.py", "setup", "--endpoint", str(out / "loader.source.json"))
    ssh(pair, SOURCE, client(pair), "DROP USER loader@'%';")
    write(out, pause)
    return loaded


def write(out: Path, pause: float = 0.002, rate: float = 0.0) -> None:
    """Start the writers.

    :param pause: seconds that each rests after a transaction
    :param rate: transactions a second of all together, whatever one takes; then nobody rests
    """
    log = (out / "writers.log").open("w")
    command = [sys.executable, str(SHARED / "ledger.py"), "run", "--endpoint", str(out / "endpoint.json"), "--out", str(out / "ledger")]
    # A session of its own: the writers outlive this program, and stop() ends exactly them.
    process = subprocess.Popen(
        [*command, "--writers", str(WRITERS), *(["--rate", str(rate / WRITERS)] if rate else ["--pause", str(pause)])],
        stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
    )  # fmt: skip
    (out / "writers.pid").write_text(str(process.pid))
    await_writers(out)


def await_writers(out: Path, seconds: float = 30.0) -> None:
    """Wait for the first acknowledgement."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        # A line is written when it is acknowledged. To ask the ledger's program each time would cost more than the writers do.
        if any(path.stat().st_size for path in (out / "ledger").glob("acknowledged.*.log")):
            return
        time.sleep(0.1)
    raise SystemExit(f"application: no write was acknowledged: {(out / 'writers.log').read_text().strip()}")


def stop(out: Path, seconds: float = 20.0) -> None:
    """End the writers; no error where they have ended."""
    path = out / "writers.pid"
    if not path.exists():
        return
    pid = int(path.read_text())
    deadline = time.monotonic() + seconds
    try:
        os.kill(pid, signal.SIGTERM)
        while time.monotonic() < deadline and Path(f"/proc/{pid}").exists() and "Z" not in Path(f"/proc/{pid}/stat").read_text().split()[2]:
            time.sleep(0.1)
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, FileNotFoundError):
        pass
    path.unlink()


def judge(out: Path) -> dict[str, Any]:
    """What the ledger says, and what the comparison of all tables says. Both accounts crossed with the data."""
    both = ["--source", str(out / "checker.source.json"), "--target", str(out / "checker.target.json")]
    ledger = tool("ledger.py", "check", *both, "--out", str(out / "ledger"), "--json", check=False)
    tables = tool("compare.py", *both, check=False)
    for done in (ledger, tables):
        if not done.stdout.strip():
            raise SystemExit(f"application: {done.args[1]}: {done.stderr.strip()}")
    result = {"ledger": json.loads(ledger.stdout), "integrity": json.loads(tables.stdout)}
    result["ok"] = result["ledger"]["ok"] and not result["integrity"]["mismatched"] and bool(result["integrity"]["tables"])
    return result


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse and do."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("start", "stop", "judge"):
        command = commands.add_parser(name)
        command.add_argument("--out", type=Path, required=True)
        if name == "start":
            command.add_argument("--pair", required=True)
            command.add_argument("--megabytes", type=int, default=500)
            command.add_argument("--proxy", action="store_true", help="the writers go through a HAProxy on the new server's host")
    given = parser.parse_args(arguments)
    if given.command == "stop":
        stop(given.out)
        return 0
    if given.command == "start":
        result = start(given.pair, given.out, given.megabytes, TARGET if given.proxy else "")
    else:
        result = judge(given.out)
    print(json.dumps(result, indent=2))
    return 0 if result.get("ok", True) else 1


if __name__ == "__main__":
    sys.exit(main())
