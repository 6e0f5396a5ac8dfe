"""Names, addresses and files of a pair."""

from __future__ import annotations

import argparse
import subprocess
from pathlib import Path

import host
import host_ssh
import hosts
import pytest
from engine import Engine, Failure
from images import RECIPES

ADDRESSES = {"us-db1": "10.0.0.11", "oslo-db1": "10.0.0.12"}


@pytest.mark.parametrize(
    "network",
    [
        {"name": "n", "subnets": [{"subnet": "fd00::/64"}, {"subnet": "10.0.0.0/24"}]},
        {"Name": "n", "IPAM": {"Config": [{"Subnet": "10.0.0.0/24", "Gateway": "10.0.0.1"}]}},
    ],
    ids=["podman", "docker"],
)
def test_both_engines_tell_the_range_of_a_network(network):
    subnet = host.subnet_of(network)
    assert {name: host.address_in(subnet, name) for name in ADDRESSES} == ADDRESSES


def test_a_network_without_a_range_is_a_failure():
    with pytest.raises(Failure, match="network n has no IPv4 range"):
        host.subnet_of({"name": "n", "subnets": []})


def test_ssh_understands_the_config(tmp_path: Path):
    directory = tmp_path / "with space"
    directory.mkdir()
    config = directory / "ssh_config"
    config.write_text(host_ssh.ssh_config_text(directory, ADDRESSES))
    done = subprocess.run(
        ["ssh", "-G", "-F", str(config), "oslo-db1"], capture_output=True, text=True, check=True
    )
    options = dict(line.split(" ", 1) for line in done.stdout.splitlines())
    assert options["hostname"] == "10.0.0.12"
    assert options["user"] == "root"
    assert options["stricthostkeychecking"] in ("true", "yes")
    assert options["identityfile"].strip('"') == str(directory / "id_ed25519")
    assert options["userknownhostsfile"].strip('"') == str(directory / "known_hosts")
    assert options.get("controlmaster", "false") == "false"


def test_known_hosts_has_every_key_under_name_and_address():
    keys = {"us-db1": "ssh-rsa AAA root@x\nssh-ed25519 BBB root@x\n", "oslo-db1": "ssh-rsa CCC\n"}
    assert host_ssh.known_hosts_text(keys, ADDRESSES) == (
        "us-db1,10.0.0.11 ssh-rsa AAA\n"
        "us-db1,10.0.0.11 ssh-ed25519 BBB\n"
        "oslo-db1,10.0.0.12 ssh-rsa CCC\n"
    )


@pytest.mark.parametrize("name", ["t1", "a-b-9"])
def test_plain_names_are_pairs(name):
    assert hosts.pair_name(name) == name


@pytest.mark.parametrize("name", ["", "A", "a/b", "../x", "a b", "-a", "a" * 40])
def test_other_names_are_refused(name):
    with pytest.raises(argparse.ArgumentTypeError):
        hosts.pair_name(name)


def test_objects_are_named_after_pair_and_host():
    one = host.Host("p", "us-db1", RECIPES["mysql-9.7"])
    assert (one.container, one.volume, one.network, one.label) == (
        "nordbridge-p-us-db1",
        "nordbridge-p-us-db1-data",
        "nordbridge-p",
        "nordbridge=p",
    )


class Listing(Engine):
    """An engine that lists three names whatever it is asked, and notes calls."""

    calls: list = []

    def run(self, *args, **options):
        self.calls.append(args)
        return "nordbridge-p-us-db1\nsomebody-elses\nnordbridge-p-oslo-db1\n"

    def ok(self, *args, timeout=60):
        self.calls.append(args)
        return True


def test_only_labelled_objects_with_our_prefix_are_removed():
    engine = Listing("podman")
    engine.calls.clear()
    hosts.remove(engine, "nordbridge=p")
    listings = [call for call in engine.calls if "--filter" in call]
    assert len(listings) == 3
    assert all("label=nordbridge=p" in call for call in listings)
    assert not any("somebody-elses" in call for call in engine.calls)


def test_a_check_is_repeated_until_it_passes():
    answers = iter([Failure("not yet"), Failure("not yet"), None])

    def check():
        answer = next(answers)
        if answer:
            raise answer

    host.until("it works", check, seconds=5)


def test_a_check_that_never_passes_ends_with_its_reason():
    def check():
        raise Failure("the reason")

    with pytest.raises(Failure, match="not within 0 s: it works\nthe reason"):
        host.until("it works", check, seconds=0)
