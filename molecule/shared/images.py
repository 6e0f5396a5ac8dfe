# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The images of the test hosts: a table of recipes, and how one is made.

There need not be an image registry: an image is a Debian system made by
mmdebstrap from the mirror that this machine's own apt is configured with. Its
tag is a hash of its recipe, so a changed recipe builds a new image and an
unchanged one costs nothing.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from engine import LABEL, PREFIX, Engine, Failure, Step, run

#: In every image: what a production server has, and what roles and tests call.
COMMON = (
    "systemd", "systemd-sysv", "dbus", "apt", "sudo", "python3", "python3-apt", "python3-pymysql",
    "openssh-server", "openssh-client", "iproute2", "iputils-ping", "procps", "zstd", "pv",
    "ca-certificates", "tcpdump", "iptables", "fio", "haproxy",
)  # fmt: skip

#: Test images have no reader for documentation, and dpkg need not wait for the
#: disk while it makes them.
DPKG_OPTIONS = (
    "force-unsafe-io",
    "path-exclude=/usr/share/doc/*",
    "path-exclude=/usr/share/man/*",
    "path-exclude=/usr/share/locale/*",
)

#: Each boot of a fresh container is a fresh machine, so it makes its own keys.
HOST_KEYS_UNIT = """\
[Unit]
Description=Make the SSH host keys of this machine
Before=ssh.service
ConditionPathExistsGlob=!/etc/ssh/ssh_host_*_key

[Service]
Type=oneshot
ExecStart=/usr/bin/ssh-keygen -A

[Install]
WantedBy=multi-user.target
"""

#: Listen on all interfaces, as a server with clients elsewhere does. It says
#: nothing else: all other settings are as the packages ship them. The name
#: sorts after the package's own file, which would win otherwise.
LISTEN = "# application servers connect from the LAN\n[mysqld]\nbind-address = 0.0.0.0\n"
LISTEN_FILE = {
    "mariadb": "/etc/mysql/mariadb.conf.d/production.cnf",
    "mysql": "/etc/mysql/mysql.conf.d/production.cnf",
}

FILES: Mapping[str, str] = {
    "/etc/systemd/system/ssh-host-keys.service": HOST_KEYS_UNIT,
    "/etc/ssh/sshd_config.d/production.conf": (
        "PermitRootLogin prohibit-password\nPasswordAuthentication no\n"
    ),
}

#: Runs last in every image, with the new root directory as its first argument.
#: HAProxy runs where a test gives it something to do.
#:
#: Keys, ids and certificates must not be the same on two hosts; the timers and
#: the console login would only fight the tests for locks and processor time.
FINISH = """\
chroot "$1" systemctl --quiet enable ssh-host-keys.service ssh.service
chroot "$1" systemctl --quiet disable haproxy.service
chroot "$1" systemctl --quiet mask apt-daily.timer apt-daily-upgrade.timer console-getty.service
rm -f "$1"/etc/ssh/ssh_host_* "$1"/etc/machine-id "$1"/var/lib/dbus/machine-id
rm -f "$1"/var/lib/mysql/auto.cnf "$1"/var/lib/mysql/*.pem
rm -rf "$1"/var/log/mysql/* "$1"/var/cache/apt/*.bin
: > "$1"/etc/machine-id
install -d -m 700 "$1"/root/.ssh
"""

#: MySQL is in sid only, whose systemd needs a version 2 cgroup tree: the base
#: stays on the stable one. sid's release file can be past its date in a copy;
#: only this one source is excused from the check. It is pinned low, so that
#: later installs inside the host take nothing from sid by accident.
MYSQL_FROM_SID = """\
mirror=$(sed -n '/^deb /{s/^deb \\(\\[.*\\] \\)\\?//;s/ .*//p;q}' "$1"/etc/apt/sources.list)
echo "deb [check-valid-until=no] $mirror sid main" > "$1"/etc/apt/sources.list.d/sid.list
printf 'Package: *\\nPin: release n=sid\\nPin-Priority: 100\\n' > "$1"/etc/apt/preferences.d/sid
chroot "$1" apt-mark -q hold systemd systemd-sysv libsystemd-shared libpam-systemd libsystemd0
chroot "$1" apt-get -q update
chroot "$1" apt-get -q -y --no-install-recommends -t sid install mysql-server mysql-client
"""


#: A killed build takes all of its processes and mounts with it: else it would
#: go on writing beside the next one, and leave /proc mounted in the scratch tree.
CONTAINED = (
    *("setpriv", "--pdeathsig", "KILL"),
    *("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"),
)


@dataclass(frozen=True)
class Recipe:
    """How one image is made."""

    flavour: str
    series: str
    suite: str
    packages: tuple[str, ...]
    client: str
    before: str = ""
    files: Mapping[str, str] = field(default_factory=dict)
    dpkg: tuple[str, ...] = DPKG_OPTIONS
    finish: str = FINISH

    @property
    def name(self) -> str:
        """The image's name on the command line, as mariadb-10.11."""
        return f"{self.flavour}-{self.series}"

    @property
    def tag(self) -> str:
        """The image's full name with the hash of everything that makes it."""
        text = json.dumps([self.arguments(), self.script()])
        return f"localhost/{PREFIX}{self.name}:{hashlib.sha256(text.encode()).hexdigest()[:12]}"

    def arguments(self) -> list[str]:
        """The arguments of mmdebstrap that depend on the recipe alone."""
        return [
            "--variant=minbase",
            f"--include={','.join(self.packages)}",
            *(f"--dpkgopt={option}" for option in self.dpkg),
            self.suite,
        ]

    def script(self) -> str:
        """The hook that turns the bare system into the test host."""
        parts = ["#!/bin/sh", "set -eu", "export DEBIAN_FRONTEND=noninteractive"]
        parts.append(self.before)
        for path, text in self.files.items():
            place = f'"$1"{shlex.quote(path)}'
            parts.append(f'install -d "$(dirname {place})"')
            parts.append(f"printf %s {shlex.quote(text)} > {place}")
        return "\n".join([*parts, self.finish])


def _recipe(flavour: str, series: str, suite: str, before: str = "", more: tuple[str, ...] = ()) -> Recipe:
    """A recipe from the columns of the table below."""
    server = {"mariadb": ("mariadb-server", "mariadb-backup"), "mysql": ()}[flavour]
    return Recipe(
        flavour=flavour,
        series=series,
        suite=suite,
        packages=(*COMMON, *server, *more),
        client=flavour,
        before=before,
        files={**FILES, LISTEN_FILE[flavour]: LISTEN},
    )


RECIPES: Mapping[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        _recipe("mariadb", "10.5", "bullseye"),
        _recipe("mariadb", "10.11", "bookworm", more=("mydumper",)),
        _recipe("mariadb", "11.8", "trixie"),
        _recipe("mysql", "9.7", "trixie", before=MYSQL_FROM_SID),
    )
}


def recipe(name: str) -> Recipe:
    """The recipe of that name."""
    try:
        return RECIPES[name]
    except KeyError:
        raise Failure(f"no image {name!r}; there are: {', '.join(RECIPES)}") from None


def build(engine: Engine, wanted: Recipe, work: Path) -> str:
    """Make sure that the image exists; return its tag.

    The tag appears only when the import is complete, so an interrupted build
    leaves nothing that could be mistaken for an image.
    """
    with _lock(work, wanted.name):
        if engine.ok("image", "inspect", wanted.tag):
            return wanted.tag
        with Step(f"image {wanted.name}"), _scratch(engine, work / wanted.name) as scratch:
            archive = _bootstrap(engine, wanted, scratch)
            change = ("--change", f"LABEL {LABEL}=image", "--change", 'CMD ["/sbin/init"]')
            engine.run("import", *change, str(archive), wanted.tag, timeout=300)
    return wanted.tag


def discard(engine: Engine, work: Path) -> None:
    """Remove what killed builds have left."""
    for name in RECIPES:
        with _lock(work, name), _scratch(engine, work / name):
            pass


def _bootstrap(engine: Engine, wanted: Recipe, scratch: Path) -> Path:
    """Make the system of a recipe as an archive in the scratch directory."""
    mirror = machine_mirror()
    # The unpacked tree belongs beside the archive: /tmp may be small or noexec.
    hook = scratch / "customize"
    hook.write_text(wanted.script(), encoding="utf-8")
    hook.chmod(0o755)
    archive = scratch / "image.tar"
    # mmdebstrap takes SUITE, archive and mirror in this order, options before.
    *options, suite = wanted.arguments()
    options += [f"--aptopt={option}" for option in machine_proxies()]
    options += ["--mode=root", f"--customize-hook={hook}"]
    bootstrap = [*engine.sudo, *CONTAINED, "env", f"TMPDIR={scratch}", "mmdebstrap", *options]
    run([*bootstrap, suite, str(archive), *([mirror] if mirror else [])], timeout=900)
    return archive


def pick_mirror(targets: str) -> str | None:
    """The Debian main archive among apt's targets, None on other systems.

    Takes lines of `origin|label|address`. The security and update archives
    have other labels, and do not carry all suites.
    """
    for line in targets.splitlines():
        origin, label, address = (line.split("|") + ["", ""])[:3]
        if origin == label == "Debian" and address:
            return address.rstrip("/")
    return None


def machine_mirror() -> str | None:
    """The mirror that apt on this machine uses.

    None lets mmdebstrap take its own default, as on a machine that is not a
    Debian one; NORDBRIDGE_MIRROR overrides both.
    """
    named = os.environ.get("NORDBRIDGE_MIRROR")
    if named:
        return named.rstrip("/")
    form = "$(ORIGIN)|$(LABEL)|$(REPO_URI)"
    return pick_mirror(run(["apt-get", "indextargets", "--format", form, "Created-By: Packages"]))


def pick_proxies(dump: str) -> list[str]:
    """The proxy settings in the output of apt-config dump."""
    lines = (line.strip() for line in dump.splitlines())
    return [
        line
        for line in lines
        if line.lower().startswith(("acquire::http::proxy", "acquire::https::proxy"))
        and not line.endswith('"";')
    ]


def machine_proxies() -> list[str]:
    """The proxy that apt on this machine goes through, for the image too."""
    return pick_proxies(run(["apt-config", "dump"]))


@contextmanager
def _lock(work: Path, name: str) -> Iterator[None]:
    """Let one process at a time build an image; the others find it built."""
    work.mkdir(parents=True, exist_ok=True)
    with (work / f"{name}.lock").open("w", encoding="utf-8") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


@contextmanager
def _scratch(engine: Engine, path: Path) -> Iterator[Path]:
    """An empty directory, removed afterwards, and before: a killed build left it.

    What is in it belongs to root, and must never be followed into a mount.
    """
    remove = [*engine.sudo, "rm", "-rf", "--one-file-system", str(path)]
    run(remove)
    path.mkdir(parents=True)
    try:
        yield path
    finally:
        run(remove)
