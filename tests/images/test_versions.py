"""Every image boots, and runs the series of the server that it is named after."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import hosts
import pytest
from engine import detect, install
from images import RECIPES

#: Two boots for four images. The names are those of these tests alone.
PAIRS = {
    "versions-a": ("mariadb-10.5", "mariadb-11.8"),
    "versions-b": ("mariadb-10.11", "mysql-9.7"),
}


@pytest.fixture(scope="module", params=PAIRS)
def pair(request):
    """A fresh pair, its images built if need be, removed whatever happens."""
    install()
    engine = detect()
    source, target = PAIRS[request.param]
    hosts.down(engine, request.param)
    try:
        yield hosts.up(engine, request.param, source, target)
    finally:
        hosts.down(engine, request.param)


def on(directory: Path, host: str, command: str) -> str:
    """The output of a shell command on a host, by ssh."""
    done = subprocess.run(
        ["ssh", "-F", str(directory / "ssh_config"), host, command],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout.strip()


def test_all_images_are_booted_here():
    assert sorted(name for pair in PAIRS.values() for name in pair) == sorted(RECIPES)


@pytest.mark.parametrize("host", [hosts.SOURCE, hosts.TARGET])
def test_the_host_runs_its_server(pair, host):
    flavour = json.loads((pair / "hosts.json").read_text())["hosts"][host]["flavour"]
    recipe = RECIPES[flavour]
    version = on(pair, host, f"{recipe.client} -NBe 'SELECT VERSION()'")
    assert version.startswith(f"{recipe.series}.")
    assert ("MariaDB" in version) == (recipe.flavour == "mariadb")
    assert on(pair, host, "systemctl is-system-running || true") == "running"
    assert on(pair, host, "hostname") == host


@pytest.mark.parametrize("host", [hosts.SOURCE, hosts.TARGET])
def test_the_host_is_equipped(pair, host):
    tools = "zstd pv tcpdump iptables fio ping ss"
    on(pair, host, f"for tool in {tools}; do command -v $tool || exit 1; done")
    on(pair, host, "python3 -c 'import pymysql, apt'")


def test_the_hosts_reach_each_other_and_are_not_twins(pair):
    seen = set()
    for host, other in ((hosts.SOURCE, hosts.TARGET), (hosts.TARGET, hosts.SOURCE)):
        on(pair, host, f"timeout 5 bash -c '</dev/tcp/{other}/3306'")
        on(pair, host, f"timeout 5 bash -c '</dev/tcp/{other}/22'")
        seen |= {
            on(pair, host, "cat /etc/machine-id"),
            on(pair, host, "cat /etc/ssh/*ed25519*.pub"),
        }
    assert len(seen) == 4


def test_a_restarted_host_comes_back_with_its_address_and_data(pair):
    facts = json.loads((pair / "hosts.json").read_text())
    engine = detect()
    host = hosts.SOURCE
    client = RECIPES[facts["hosts"][host]["flavour"]].client
    on(pair, host, f"{client} -e 'CREATE DATABASE kept'")
    engine.run("restart", facts["hosts"][host]["container"])
    assert hosts.up(engine, facts["pair"], *PAIRS[facts["pair"]]) == pair
    assert json.loads((pair / "hosts.json").read_text()) == facts
    assert on(pair, host, f"{client} -NBe 'SHOW DATABASES LIKE \"kept\"'") == "kept"
