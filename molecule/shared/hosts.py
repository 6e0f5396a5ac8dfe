#!/usr/bin/env python3
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Test hosts: pairs of containers that behave like two database servers.

    hosts.py install                                        what the rest needs
    hosts.py image NAME...                                  build images
    hosts.py up PAIR --source FLAVOUR --target FLAVOUR      start or repair a pair
    hosts.py down PAIR                                      remove it with its data
    hosts.py clean [--images]                               remove all of ours
    hosts.py list                                           what is there

Each host boots systemd with a real sshd and a database server as its package
ships it. build/hosts/PAIR/ then holds ssh_config, known_hosts, the key and
hosts.json.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import gettempdir

sys.path.insert(0, str(Path(__file__).resolve().parent))

from engine import LABEL, PREFIX, Engine, Failure, Step, detect, install  # noqa: E402
from host import SOURCE, TARGET, Host, address_in, subnet_of, until  # noqa: E402
from host_ssh import authorize, ssh_key, wait_ssh, write_files  # noqa: E402
from images import RECIPES, build, discard, recipe  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"

#: Beyond the engine's default: firewall rules and captures inside the host,
#: and root seeing other users' sockets and open files as on a real machine.
#: NORDBRIDGE_CAPABILITIES adds some: with SYS_ADMIN systemd can make namespaces, as on a real machine.
CAPABILITIES = ("NET_ADMIN", "NET_RAW", "SYS_PTRACE", "AUDIT_WRITE", *os.environ.get("NORDBRIDGE_CAPABILITIES", "").split())

#: A disk that is quickly full, for the tests that fill one; it takes memory only for what lies in it.
SMALL = "/small:rw,size=2g,mode=755"

PAIR_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,30}")


# --- pure parts -----------------------------------------------------------


def pair_name(text: str) -> str:
    """A name that is safe in container, file and host names."""
    if not PAIR_NAME.fullmatch(text):
        raise argparse.ArgumentTypeError("use lower case letters, digits and dashes")
    return text


# --- making a pair --------------------------------------------------------


def up(engine: Engine, pair: str, source: str, target: str) -> Path:
    """Start a pair, or complete one that is half there; return its directory."""
    hosts = [Host(pair, SOURCE, recipe(source)), Host(pair, TARGET, recipe(target))]
    directory = BUILD / "hosts" / pair
    build_images(engine, sorted({host.recipe.name for host in hosts}))
    with _lock(pair), Step(f"pair {pair} ({source} -> {target})"):
        subnet = _network(engine, hosts[0])
        key = ssh_key(directory)
        addresses = {host.name: address_in(subnet, host.name) for host in hosts}
        for host in hosts:
            _start(engine, host, addresses[host.name])
        for host in hosts:
            _wait(engine, host)
            authorize(engine, host, key)
        write_files(engine, hosts, directory, addresses)
        for host in hosts:
            wait_ssh(directory, host)
    return directory


def build_images(engine: Engine, names: Sequence[str]) -> None:
    """Build images at once: half of the work waits for the network."""
    recipes = [recipe(name) for name in names]
    with ThreadPoolExecutor(max_workers=4) as pool:
        list(pool.map(lambda wanted: build(engine, wanted, BUILD / "images"), recipes))


def _network(engine: Engine, host: Host) -> str:
    """Make sure of the pair's network; return its range."""
    found = engine.inspect("network", host.network)
    if found is None:
        engine.run("network", "create", "--label", host.label, host.network)
        found = engine.inspect("network", host.network) or {}
        if engine.name == "docker":
            # docker gives fixed addresses only in a range that was asked for:
            # ask for the one that it has just chosen.
            engine.run("network", "rm", host.network)
            engine.run("network", "create", "--label", host.label,
                       "--subnet", subnet_of(found), host.network)  # fmt: skip
    return subnet_of(found)


def hardware_address(name: str) -> str:
    """A MAC address of the container's own that a restart does not change.

    A new one after each start is unreachable for half a minute where this machine has asked for the old one within the last
    second: the kernel keeps what it has just learned, whatever is announced (neigh/*/locktime).
    """
    digest = hashlib.sha256(name.encode()).digest()
    # Locally administered, and no group's.
    return ":".join("%02x" % byte for byte in (0x02, *digest[:5]))


def _start(engine: Engine, host: Host, address: str) -> None:
    """Make sure that the host's container runs."""
    found = engine.inspect("container", host.container)
    if found is not None:
        flavour = (found["Config"].get("Labels") or {}).get(f"{LABEL}.flavour")
        if flavour != host.recipe.name:
            raise Failure(
                f"{host.container} is there as {flavour}; remove it first: "
                f"hosts.py down {host.pair}"
            )
        if found["State"]["Status"] == "running":
            return
        if found["State"]["StartedAt"] and not found["State"]["StartedAt"].startswith("0001"):
            engine.run("start", host.container)
            return
    # Never started, or not there: a volume left by an interrupted start may be
    # half filled, and nobody has written to it yet.
    engine.ok("rm", "--force", host.container)
    engine.ok("volume", "rm", "--force", host.volume)
    engine.run("volume", "create", "--label", host.label, host.volume)
    engine.run(
        "run", "--detach", "--name", host.container, "--hostname", host.name,
        "--label", host.label, "--label", host.flavour_label,
        "--network", host.network, "--network-alias", host.name, "--ip", address,
        "--mac-address", hardware_address(host.container),
        "--volume", f"{host.volume}:/var/lib/mysql", "--tmpfs", SMALL,
        *(f"--cap-add={capability}" for capability in CAPABILITIES),
        *engine.boot_args(), host.recipe.tag, "/sbin/init",
    )  # fmt: skip


def _wait(engine: Engine, host: Host) -> None:
    """Wait until systemd has settled and the server answers on its socket."""

    def inside(*command: str) -> str:
        return engine.run("exec", host.container, *command, timeout=20)

    # "degraded" makes systemctl answer 1 and is good enough: what matters is
    # asked by itself below.
    state = "systemctl is-system-running | grep -xE 'running|degraded'"
    checks = {
        "systemd has booted": ("sh", "-c", state),
        "the server answers": (host.recipe.client, "--user=root", "-e", "SELECT 1"),
        "sshd runs": ("systemctl", "is-active", "ssh"),
    }
    try:
        for what, command in checks.items():
            until(f"{host.name}: {what}", partial(inside, *command))
    except Failure as error:
        raise Failure(f"{error}\n{_journal(engine, host)}") from None


def _journal(engine: Engine, host: Host) -> str:
    """What the host itself has to say about a failure."""
    for command in (
        ("exec", host.container, "journalctl", "--no-pager", "--lines=60"),
        ("logs", "--tail=60", host.container),
    ):
        try:
            return engine.run(*command, timeout=30)
        except Failure:
            continue
    return "(the container tells nothing)"


# --- removing and listing -------------------------------------------------


def ours(engine: Engine, kind: str, label: str = LABEL) -> list[str]:
    """Names of our objects of a kind: they carry both the label and the prefix."""
    arguments = {
        "container": ("ps", "--all", "--format", "{{.Names}}"),
        "volume": ("volume", "ls", "--format", "{{.Name}}"),
        "network": ("network", "ls", "--format", "{{.Name}}"),
    }[kind]
    found = engine.run(*arguments, "--filter", f"label={label}").split()
    return [name for name in found if name.startswith(PREFIX)]


def remove(engine: Engine, label: str) -> None:
    """Remove the containers, volumes and networks of one pair or of all."""
    for kind, command in {
        "container": ("rm", "--force", "--volumes"),
        "volume": ("volume", "rm", "--force"),
        "network": ("network", "rm"),
    }.items():
        names = ours(engine, kind, label)
        if names:
            # Nothing in a test host is worth its orderly shutdown.
            if kind == "container":
                engine.ok("kill", *names)
            engine.run(*command, *names)


def down(engine: Engine, pair: str) -> None:
    """Remove a pair with its data and its directory."""
    with _lock(pair), Step(f"pair {pair} removed"):
        remove(engine, f"{LABEL}={pair}")
        close_connections(Path(gettempdir()) / (PREFIX + pair))
        shutil.rmtree(BUILD / "hosts" / pair, ignore_errors=True)


def close_connections(folder: Path) -> None:
    """End the ssh connections that Ansible keeps open, in a folder of their own (ansible_control_path_dir of inventories/demo).

    A host that vanished sends no end: whoever meets its connection at the next host of that name would wait for ever.
    """
    for socket in folder.glob("*") if folder.is_dir() else ():
        subprocess.run(["ssh", "-o", f"ControlPath={socket}", "-O", "exit", "gone"], capture_output=True, timeout=20, check=False)
        socket.unlink(missing_ok=True)


def clean(engine: Engine, images: bool) -> None:
    """Remove every pair, and the images if asked."""
    with Step("all pairs removed"):
        remove(engine, LABEL)
        shutil.rmtree(BUILD / "hosts", ignore_errors=True)
    if images:
        with Step("images removed"):
            found = our_images(engine)
            if found:
                engine.run("image", "rm", "--force", *sorted(set(found.values())))
            discard(engine, BUILD / "images")


def our_images(engine: Engine) -> dict[str, str]:
    """Name and id of all images made here, from older recipes too."""
    form = "{{.Repository}}:{{.Tag}} {{.ID}}"
    lines = engine.run("images", "--filter", f"label={LABEL}=image", "--format", form)
    return dict(line.split() for line in lines.splitlines())


def show(engine: Engine) -> None:
    """Print the containers and images."""
    for name in ours(engine, "container"):
        found = engine.inspect("container", name) or {}
        labels = found["Config"]["Labels"]
        ips = [net["IPAddress"] for net in found["NetworkSettings"]["Networks"].values()]
        print(name, labels.get(f"{LABEL}.flavour"), found["State"]["Status"], *ips)
    current = {entry.tag for entry in RECIPES.values()}
    for tag in our_images(engine):
        print(tag, "current" if tag in current else "old recipe")


@contextmanager
def _lock(pair: str) -> Iterator[None]:
    """One process at a time works on a pair."""
    folder = BUILD / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{pair}.lock").open("w", encoding="utf-8") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


# --- command line ---------------------------------------------------------


def parser() -> argparse.ArgumentParser:
    """The command line."""
    flavours = sorted(RECIPES)
    top = argparse.ArgumentParser(description="Containers that behave like database hosts.")
    commands = top.add_subparsers(dest="command", required=True)
    commands.add_parser("install", help="install the packages that are missing")
    one = commands.add_parser("image", help="build images")
    one.add_argument("names", nargs="+", choices=flavours, metavar="NAME")
    one = commands.add_parser("up", help="start a pair of hosts")
    one.add_argument("pair", type=pair_name)
    one.add_argument("--source", required=True, choices=flavours, metavar="FLAVOUR")
    one.add_argument("--target", required=True, choices=flavours, metavar="FLAVOUR")
    one = commands.add_parser("down", help="remove a pair and its data")
    one.add_argument("pair", type=pair_name)
    one = commands.add_parser("clean", help="remove everything that was made here")
    one.add_argument("--images", action="store_true", help="the images too")
    commands.add_parser("list", help="print hosts and images")
    return top


#: What each command does, given the engine and the parsed arguments.
COMMANDS: Mapping[str, Callable[[Engine, argparse.Namespace], object]] = {
    "image": lambda engine, args: build_images(engine, args.names),
    "up": lambda engine, args: print(up(engine, args.pair, args.source, args.target)),
    "down": lambda engine, args: down(engine, args.pair),
    "clean": lambda engine, args: clean(engine, args.images),
    "list": lambda engine, args: show(engine),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; failures are one message, not a traceback."""
    args = parser().parse_args(arguments)
    try:
        if args.command == "install":
            install()
        else:
            COMMANDS[args.command](detect(), args)
    except Failure as error:
        print(f"hosts: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
