# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""What the source's sshd refuses to the user of the tunnels: authorized_keys has no word for sockets of the file system.

A key that may forward one port could reach each of them (sshd_config(5), AllowStreamLocalForwarding).
"""

from __future__ import annotations

import os
import re
import stat
import tempfile
import typing as t
from contextlib import contextmanager

from .._child import run_child
from .._errors import MigrationError, Refusal
from .._state.files import open_lock, read_text, remove, take_lock, write_text
from .._state.paths import directory

CONFIG = "/etc/ssh/sshd_config"
FOLDER = "/etc/ssh/sshd_config.d"
SSHD = "/usr/sbin/sshd"
INCLUDES = re.compile(r"^ *Include .*sshd_config[.]d/[*]", re.MULTILINE | re.IGNORECASE)
READ_BACK = re.compile(r"^allowstreamlocalforwarding no$", re.MULTILINE)
LOCK = "/var/lib/mysql_migration/.sshd.lock"
LOCK_SECONDS = 60.0
# Is there from before the file is written until sshd has read it: who dies in between leaves it to the next run.
DUE = "sshd-reload-due"
# It has one of the two names, or both.
UNITS = ("ssh", "sshd")
RULES = """\
# Placed by nordbridge.mysql_migration: the user of its tunnels forwards the ports that its keys name, and nothing else.
Match User %s
  AllowStreamLocalForwarding no
  AllowTcpForwarding yes
  AllowAgentForwarding no
  X11Forwarding no
  PermitTunnel no
  PermitTTY no
  GatewayPorts no
  AuthenticationMethods publickey
"""


def with_block(text: str, block: str, user: str) -> str:
    """A configuration with the block between its marks at the end, or where it stands already."""
    begin, end = _marks(user)
    placed = begin + block + end
    pattern = _block(user)
    if pattern.search(text):
        return pattern.sub(lambda _found: placed, text)
    return text + ("" if text.endswith("\n") or not text else "\n") + placed


def without_block(text: str, user: str) -> str:
    """A configuration without the block and its marks."""
    return _block(user).sub("", text)


def _marks(user: str) -> tuple[str, str]:
    return "# BEGIN nordbridge.mysql_migration %s\n" % user, "# END nordbridge.mysql_migration %s\n" % user


def _block(user: str) -> re.Pattern[str]:
    begin, end = _marks(user)
    return re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)


def _own_file(user: str) -> str:
    return os.path.join(FOLDER, "nordbridge-%s.conf" % user)


def rules_of(user: str, root: str = "/") -> str:
    """The file that holds a user's rules; empty where there are none."""
    own = _own_file(user)
    if os.path.exists(os.path.join(root, own.lstrip("/"))):
        return own
    config = read_text(os.path.join(root, CONFIG.lstrip("/")))
    return CONFIG if without_block(config, user) != config else ""


def release_user(user: str, root: str = "/") -> None:
    """Take a user's rules from sshd's configuration, and have sshd read it. For a user that nobody can log in as any more.

    :raises MigrationError: where sshd does not accept what is left, or is not reloaded
    """
    with _writing(root):
        path = rules_of(user, root)
        if not path:
            return
        place = os.path.join(root, path.lstrip("/"))
        if path != CONFIG:
            remove(place)
        else:
            after = without_block(read_text(place), user)
            if root == "/":
                _validate(after, os.path.dirname(place))
            write_text(place, after, mode=stat.S_IMODE(os.stat(place).st_mode))
        if root == "/":
            _reload()


@contextmanager
def _writing(root: str = "/") -> t.Iterator[None]:
    with open_lock(os.path.join(root, LOCK.lstrip("/"))) as lock:
        if not take_lock(lock, LOCK_SECONDS):
            raise MigrationError("another migration has held the lock of sshd's configuration for more than %g s" % LOCK_SECONDS)
        yield


def restrict_user(params: dict, check_mode: bool) -> dict:
    """Write the rules where sshd reads them, have it read them, and read back what it makes of them.

    A file of its own where sshd's configuration includes such, else the end of sshd's own.

    :param params: migration_id, user
    :returns: changed, path, diff
    :raises Refusal: where another rule wins
    :raises MigrationError: where sshd does not accept the file, or is not reloaded
    """
    user = params["user"]
    if not re.fullmatch(r"[a-z_][a-z0-9_-]*", user):
        raise Refusal("user %r is not a name that can stand in sshd's configuration" % user)
    if check_mode:
        return _result(*_wanted(user))
    with _writing():
        path, before, after = _wanted(user)
        due = os.path.join(directory(params["migration_id"]), DUE)
        if before != after:
            _validate(after, os.path.dirname(path))
            write_text(due, "")
            write_text(path, after, mode=stat.S_IMODE(os.stat(path).st_mode) if before else 0o644)
        if os.path.exists(due):
            _reload()
            remove(due)
    _read_back(user)
    return _result(path, before, after)


def _wanted(user: str) -> tuple[str, str, str]:
    """The file's path, its text, and what it is to be."""
    rules, config = RULES % user, read_text(CONFIG)
    if INCLUDES.search(config):
        return _own_file(user), read_text(_own_file(user)), rules
    return CONFIG, config, with_block(config, rules, user)


def _validate(text: str, folder: str) -> None:
    """Have sshd try a file before it counts: with a wrong one it would not start again."""
    with tempfile.NamedTemporaryFile("w", dir=folder, prefix=".nordbridge-", suffix=".try", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        done = run_child([SSHD, "-t", "-f", stream.name], capture_output=True, text=True, errors="replace")
    if done.returncode:
        raise MigrationError("sshd does not accept its new configuration, and nothing was changed: %s" % done.stderr.strip())


def _reload() -> None:
    said = []
    for unit in UNITS:
        done = run_child(["systemctl", "reload", unit], capture_output=True, text=True, errors="replace")
        if not done.returncode:
            return
        said.append(done.stderr.strip())
    raise MigrationError("sshd could not be reloaded: %s" % "; ".join(said))


def _read_back(user: str) -> None:
    asked = "user=%s,host=localhost,addr=127.0.0.1,laddr=127.0.0.1,lport=22" % user
    done = run_child([SSHD, "-T", "-C", asked], capture_output=True, text=True, errors="replace")
    if done.returncode:
        raise MigrationError("sshd -T failed: %s" % done.stderr.strip())
    if not READ_BACK.search(done.stdout):
        raise Refusal(
            "sshd would let the user %s forward sockets of the file system, for another rule of its configuration wins; see sshd -T -C %s,"
            " and take that rule out" % (user, asked)
        )


def _result(path: str, before: str, after: str) -> dict:
    return {
        "changed": before != after,
        "path": path,
        "diff": {"before": before, "after": after, "before_header": path, "after_header": path},
    }
