# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The two hosts, and what was left of the migration. Also without molecule: NORDBRIDGE_PAIR=test-1011 pytest molecule/shared/tests"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import testinfra

ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT / "molecule/shared"), str(ROOT / "build/coll")]

import application  # noqa: E402
import onlooker  # noqa: E402
from ledger_files import Dialer, Login, read_login  # noqa: E402

PAIR = os.environ["NORDBRIDGE_PAIR"]
OUT = ROOT / "build/molecule" / PAIR


@dataclass
class Side:
    """One host: as its root, and as a client from elsewhere."""

    name: str
    side: str
    host: Any
    flavour: str
    passwords: dict[str, str] = field(default_factory=dict)

    @property
    def client(self) -> str:
        """The server's own client, which is the service's name too."""
        return "mariadb" if self.flavour.startswith("mariadb") else "mysql"

    def sql(self, statement: str) -> list[list[str]]:
        """Rows of a statement as root over the socket."""
        done = self.host.run("%s --default-character-set=utf8mb4 -NBe %s", self.client, statement)
        assert done.rc == 0, done.stderr
        return [line.split("\t") for line in done.stdout.splitlines()]

    def value(self, statement: str) -> str:
        """The one value of a statement."""
        return self.sql(statement)[0][0]

    def connect(self, account: str) -> Any:
        """A connection over the network by one of the application's accounts."""
        return Dialer(5.0, 20.0).open(read_login(OUT / f"{account}.{self.side}.json"), autocommit=True)


def open_side(name: str, side: str) -> Side:
    """A host by the pair's own ssh_config."""
    host = testinfra.get_host(f"ssh://{name}", ssh_config=str(ROOT / "build/hosts" / PAIR / "ssh_config"))
    return Side(name, side, host, application.hosts(PAIR)[name]["flavour"])


@pytest.fixture(scope="session")
def application_login() -> Login:
    """Where the application went."""
    return read_login(OUT / "endpoint.json")


@pytest.fixture(scope="session")
def source() -> Side:
    """The old server."""
    return open_side(application.SOURCE, "source")


@pytest.fixture(scope="session")
def target() -> Side:
    """The new server."""
    return open_side(application.TARGET, "target")


@pytest.fixture(scope="session")
def folder() -> str:
    """The migration's directory, on both hosts."""
    return f"/var/lib/mysql_migration/{PAIR}"


@pytest.fixture(scope="session")
def state(target, folder) -> dict[str, Any]:
    """The migration's journal."""
    return json.loads(target.host.file(f"{folder}/state.json").content_string)


@pytest.fixture(scope="session")
def verdict(target) -> dict[str, Any]:
    """What the ledger and the comparison of all tables say, once the writers have ended."""
    application.stop(OUT)
    return application.judge(OUT)


@pytest.fixture(scope="session")
def secrets(target, folder) -> dict[str, str]:
    """Every password of the migration and of the application, or the part of it that needs no quoting anywhere."""
    found = {}
    for name in ("source", "replication"):
        found[name] = json.loads(target.host.file(f"{folder}/{name}.json").content_string)["password"]
    for path in sorted(OUT.glob("*.source.json")):
        found[path.name.split(".")[0]] = read_login(path).password[-16:]
    assert len(set(found.values())) == len(found) >= 5
    assert min(len(value) for value in found.values()) >= 16
    return found


@pytest.fixture(scope="session")
def overheard() -> bytes:
    """All command lines and environments that there were during the migration."""
    onlooker.stop(OUT)
    return (OUT / "onlooker.log").read_bytes()


def pytest_terminal_summary(terminalreporter):
    """Where a test failed, the hosts' own words: few, for a reader who sees only the end of a log has to find the reason in it."""
    if not terminalreporter.stats.get("failed") and not terminalreporter.stats.get("error"):
        return
    # Each look of a test is a login, and eighty lines of them hide everything else.
    words = "journalctl --no-pager --output=short-iso | grep -vE 'sshd(-session)?\\[|systemd-logind\\[' | tail -n 25 | cut -c1-300"
    for name, side in ((application.SOURCE, "source"), (application.TARGET, "target")):
        terminalreporter.section(f"journal of {name}")
        terminalreporter.write_line(open_side(name, side).host.run(words).stdout)
