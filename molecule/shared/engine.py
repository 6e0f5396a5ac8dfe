# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The container engine of this machine: which one, how to call it, what it needs.

The test hosts boot systemd, so the choice depends on the machine: the control
group tree decides the OCI runtime, the capability bounding set decides whether
the engine's default limits can be set at all.
"""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: Every object we make carries this label (its value is the pair, or "image"),
#: and this name prefix. Nothing without both is ever removed.
LABEL = "nordbridge"
PREFIX = "nordbridge-"

#: The Debian package that brings each command, so that only what is missing
#: gets installed. What is not on the path is looked up by its file.
NEEDED: Mapping[str, str] = {
    "podman": "podman",
    "runc": "runc",
    "/usr/lib/podman/netavark": "netavark",
    "/usr/lib/podman/aardvark-dns": "aardvark-dns",
    "iptables": "iptables",
    "mmdebstrap": "mmdebstrap",
    "ssh": "openssh-client",
    "/usr/share/keyrings/debian-archive-keyring.gpg": "debian-archive-keyring",
}

#: What a docker that is already there saves us from installing.
PODMAN_ONLY = frozenset({"podman", "runc", "netavark", "aardvark-dns"})

CAP_SYS_RESOURCE = 24
NOFILE = 16384
NPROC = 8192

#: podman knows how to boot systemd; docker has to be told piece by piece, and
#: gets no unprivileged way to a writable cgroup tree.
SYSTEMD_ARGS: Mapping[str, tuple[str, ...]] = {
    "podman": ("--systemd=always",),
    "docker": (
        "--privileged",
        "--cgroupns=private",
        "--stop-signal=SIGRTMIN+3",
        "--tmpfs=/run",
        "--tmpfs=/run/lock",
        "--tmpfs=/tmp:exec",
    ),
}


class Failure(Exception):
    """Something the user has to know about; the message stands alone."""


@dataclass(frozen=True)
class Engine:
    """A chosen engine with everything that depends on the machine."""

    name: str
    sudo: tuple[str, ...] = ()
    runtime: str = ""
    limits: tuple[str, ...] = ()
    legacy_cgroups: bool = False

    def command(self, *args: str) -> list[str]:
        """The argument vector of an engine call."""
        runtime = ("--runtime", self.runtime) if self.runtime else ()
        return [*self.sudo, self.name, *runtime, *args]

    def run(self, *args: str, **options: Any) -> str:
        """Run an engine command, return its standard output."""
        return run(self.command(*args), **options)

    def ok(self, *args: str, timeout: float = 60) -> bool:
        """Whether an engine command succeeds; its output is of no interest."""
        return succeeds(self.command(*args), timeout)

    def inspect(self, kind: str, name: str) -> dict[str, Any] | None:
        """What the engine knows about one object, None where there is none."""
        if not self.ok(kind, "inspect", name):
            return None
        found = json.loads(self.run(kind, "inspect", name))
        return found[0] if found else None

    def boot_args(self) -> list[str]:
        """Options of `run` that let systemd be PID 1 on this machine."""
        args = [*SYSTEMD_ARGS[self.name], *self.limits]
        if self.legacy_cgroups:
            # systemd 256 and later refuse a cgroup v1 tree unless told twice;
            # older ones do not read the first word and mean the second anyway.
            args += [
                "--env",
                "SYSTEMD_PROC_CMDLINE=SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1 "
                "systemd.unified_cgroup_hierarchy=0",
            ]
        return args


class Step:
    """One line of progress: what, and how many seconds it took."""

    def __init__(self, what: str) -> None:
        self.what = what

    def __enter__(self) -> Step:
        self.began = time.monotonic()
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        state = "FAILED after" if kind else "done in"
        seconds = time.monotonic() - self.began
        print(f"hosts: {self.what}: {state} {seconds:.1f} s", file=sys.stderr, flush=True)


def run(
    command: Sequence[str],
    *,
    stdin: str | None = None,
    timeout: float = 300,
) -> str:
    """Run a command; its output, or a Failure that quotes command and error."""
    shown = " ".join(command)
    try:
        done = subprocess.run(
            command,
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            check=False,
            text=True,
            errors="replace",
            timeout=timeout,
        )
    except FileNotFoundError as error:
        raise Failure(f"{command[0]}: not installed (try: hosts.py install)") from error
    except subprocess.TimeoutExpired as error:
        raise Failure(f"no answer in {timeout:.0f} s from: {shown}") from error
    if done.returncode:
        tail = "\n".join((done.stderr or done.stdout).strip().splitlines()[-25:])
        raise Failure(f"exit {done.returncode} from: {shown}\n{tail}")
    return done.stdout


def succeeds(command: Sequence[str], timeout: float = 60) -> bool:
    """Whether a command can be run and answers 0."""
    try:
        run(command, timeout=timeout)
    except Failure:
        return False
    return True


def sudo_prefix() -> tuple[str, ...]:
    """Nothing for root; sudo for anybody else, who must have it."""
    if os.geteuid() == 0:
        return ()
    if shutil.which("sudo"):
        return ("sudo", "-n")
    raise Failure("the test hosts need root: run as root, or install sudo")


def choose(has_podman: bool, docker_works: bool) -> str | None:
    """podman where it is; docker only as a daemon that answers."""
    if has_podman:
        return "podman"
    return "docker" if docker_works else None


def is_legacy_tree(mounts: str) -> bool:
    """Whether /sys/fs/cgroup is anything but a pure version 2 tree.

    crun and new systemds refuse such a tree (hybrid or plain version 1).
    """
    kinds = {
        fields[1]: fields[2]
        for fields in (line.split() for line in mounts.splitlines())
        if len(fields) > 2
    }
    return kinds.get("/sys/fs/cgroup", "cgroup2") != "cgroup2"


def may_raise_limits(status: str) -> bool:
    """Whether CAP_SYS_RESOURCE is in the bounding set of /proc/self/status."""
    found = re.search(r"^CapBnd:\s*([0-9a-f]+)$", status, re.MULTILINE)
    return bool(found and int(found.group(1), 16) >> CAP_SYS_RESOURCE & 1)


def limit_args(status: str, hard_nofile: int) -> tuple[str, ...]:
    """Limits low enough to be set without CAP_SYS_RESOURCE, else none."""
    if may_raise_limits(status):
        return ()
    nofile = NOFILE if hard_nofile == resource.RLIM_INFINITY else min(NOFILE, hard_nofile)
    return (f"--ulimit=nofile={nofile}:{nofile}", f"--ulimit=nproc={NPROC}:{NPROC}")


def detect() -> Engine:
    """The engine of this machine."""
    sudo = sudo_prefix()
    name = choose(bool(shutil.which("podman")), _docker_works(sudo))
    if name is None:
        raise Failure("no container engine: run `python3 molecule/shared/hosts.py install`")
    legacy = is_legacy_tree(Path("/proc/mounts").read_text(encoding="utf-8"))
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return Engine(
        name=name,
        sudo=sudo,
        runtime="runc" if legacy and name == "podman" else "",
        limits=limit_args(status, resource.getrlimit(resource.RLIMIT_NOFILE)[1]),
        legacy_cgroups=legacy,
    )


def install(needed: Mapping[str, str] = NEEDED) -> list[str]:
    """Install the Debian packages that are missing; return their names.

    :param needed: what shows that a package is there, and the package
    """
    sudo = sudo_prefix()
    docker = not shutil.which("podman") and _docker_works(sudo)
    missing = [
        package
        for probe, package in needed.items()
        if not _present(probe) and not (docker and package in PODMAN_ONLY)
    ]
    if not missing:
        print("hosts: nothing to install", file=sys.stderr)
        return []
    if not shutil.which("apt-get"):
        raise Failure(f"no apt-get here; install these yourself: {' '.join(missing)}")
    with Step(f"installing {' '.join(missing)}"):
        run([*sudo, "apt-get", "-qq", "update"])
        apt = [*sudo, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq", "-y"]
        # Another installation may be running, as on a machine that has just booted.
        apt += ["-o", "DPkg::Lock::Timeout=120", "--no-install-recommends", "install"]
        run([*apt, *missing], timeout=600)
    return missing


def _present(probe: str) -> bool:
    """Whether a command or file that shows a package is there."""
    if probe.startswith("/"):
        return os.path.exists(probe)
    return shutil.which(probe, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin") is not None


def _docker_works(sudo: Sequence[str]) -> bool:
    """A docker client without a daemon is no engine: ask the daemon."""
    return bool(shutil.which("docker")) and succeeds([*sudo, "docker", "info"], timeout=15)
