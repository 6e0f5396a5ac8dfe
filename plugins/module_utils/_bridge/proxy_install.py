# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""Installing the proxy of a tunnel's end: its port, its settings, its code and its unit."""

from __future__ import annotations

import glob
import json
import os
import pwd
import secrets
import sys
import typing as t
from dataclasses import asdict

from .._child import run_child
from .._errors import MigrationError, Refusal
from .._jobs.payload import boot, pack
from .._sockets import LISTENING, LOOPBACK_NAMES, read_sockets, unprivileged_start
from .._state.files import open_lock, read_bytes, read_json, read_text, take_lock, write_json, write_text
from .._state.paths import ROOT, check_id, directory
from . import proxy
from .listener import holder
from .ports import ORDINARY, check_given, choose_port, privileged_ports
from .proxy import Settings

# Which tunnel an end belongs to: C(tunnel) lets the target reach the source, C(back) the source reach the target.
ENDS = {"target": "tunnel", "back_source": "back", "back_target": "back"}
OPTIONS = {"target": "migration_target_tunnel_port", "back_source": "migration_reverse_tunnel_port"}
LOCK = ".ports.lock"
LOCK_SECONDS = 60.0
UNIT = """# Placed by nordbridge.mysql_migration: the %(name)s's end on this host, of migration %(id)s.
[Unit]
Description=Proxy before the %(name)s of migration %(id)s
StartLimitIntervalSec=0

[Service]
ExecStart=%(python)s -I -c "%(boot)s" %(payload)s %(settings)s
Restart=always
RestartSec=1
RuntimeDirectory=%(runtime)s
RuntimeDirectoryMode=0700
UMask=0077
LimitNOFILE=4096
CapabilityBoundingSet=CAP_NET_BIND_SERVICE
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectControlGroups=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM
%(addresses)s
[Install]
WantedBy=multi-user.target
"""
LOOPBACK_ONLY = "IPAddressDeny=any\nIPAddressAllow=localhost\n"


def unit_name(migration_id: str, name: str) -> str:
    """The unit of a proxy, without its suffix; its folder in /run is called the same."""
    return "nordbridge-%s-%s-proxy" % (check_id(migration_id), name)


def install_proxy(params: dict, check_mode: bool) -> dict:
    """Write what lacks; a running proxy is stopped before that, so that none runs on by settings of before. The role starts it.

    :param params: migration_id; end, one of ENDS; port (0: the migration's own), users (user names), datadir (of this host's server);
        tunnel_user and token with C(back_source); upstream_host and upstream_port with C(back_target)
    :returns: port, inner_port (where sshd listens), path, unit, changed, diff
    :raises Refusal: where a port is not safe, or not free
    """
    folder, name = directory(params["migration_id"]), ENDS[params["end"]]
    path = os.path.join(folder, "proxy-%s.json" % name)
    unit = unit_name(params["migration_id"], name)
    if check_mode:
        settings = _settings(params, read_json(path) or {}, unit, planned=True)
        return _result(settings, unit, *_stale(params, folder, path, unit, settings))
    with open_lock(os.path.join(ROOT, LOCK)) as lock:
        if not take_lock(lock, LOCK_SECONDS):
            raise MigrationError("another migration has held the lock of this host's ports for more than %g s" % LOCK_SECONDS)
        settings = _settings(params, read_json(path) or {}, unit)
        stale, diff = _stale(params, folder, path, unit, settings)
        if stale:
            _stop(unit)
            write_text(os.path.join(folder, "proxy.zip"), pack())
            write_json(path, asdict(settings))
            write_text(_unit_path(unit), _unit_text(params, folder, path, unit, settings), mode=0o644)
    return _result(settings, unit, stale, diff)


def _settings(params: dict, kept: dict, unit: str, planned: bool = False) -> Settings:
    """What the proxy shall do, with the ports and the token of before.

    :param planned: in check mode, where a user may not be there yet
    """
    if params["end"] == "back_target":
        token = kept.get("token") or secrets.token_hex(32)
        path = "/run/%s/sql.sock" % unit
        return Settings(path=path, token=token, upstream_host=params["upstream_host"], upstream_port=params["upstream_port"])
    port = _port(params, kept.get("port", 0), unit)
    users = tuple(sorted({0, _server_uid(params["datadir"]), *(_uid(name) for name in params["users"])}))
    if params["end"] == "target":
        return Settings(port=port, users=users, upstream_path="/run/nordbridge-%s-tunnel/sql.sock" % params["migration_id"])
    inner = choose_port(params["migration_id"], kept.get("upstream_port", 0), _taken(params["migration_id"]), ORDINARY)
    return Settings(port=port, users=users, upstream_port=inner, owner=_uid(params["tunnel_user"], planned), token=params["token"])


def _port(params: dict, kept: int, unit: str) -> int:
    """The port for clients: given, kept or chosen, and nobody else's."""
    start, option, taken = unprivileged_start(), OPTIONS[params["end"]], _taken(params["migration_id"])
    if params["port"]:
        check_given(params["port"], start, option)
        port = params["port"]
        if port in _kept_by_others(params["migration_id"]):
            raise Refusal("port %d of this host is another migration's: choose another (%s), or leave it 0" % (port, option))
    else:
        port = choose_port(params["migration_id"], kept, taken, privileged_ports(start))
    who = holder(port)
    if who and who != unit + ".service":
        raise Refusal("port %d of this host is held by %s: stop it, or choose another port (%s)" % (port, who, option))
    return port


def _taken(migration_id: str) -> set[int]:
    """Ports that somebody listens at, or that other migrations keep."""
    return {one.port for one in read_sockets() if one.state == LISTENING} | _kept_by_others(migration_id)


def _kept_by_others(migration_id: str) -> set[int]:
    found: set[int] = set()
    for path in glob.glob(os.path.join(ROOT, "*", "proxy-*.json")):
        if os.path.basename(os.path.dirname(path)) != migration_id:
            kept = read_json(path) or {}
            found |= {kept.get("port", 0), kept.get("upstream_port", 0)}
    return found


def _server_uid(datadir: str) -> int:
    """The user that the server runs as: its data directory's owner."""
    try:
        return os.stat(datadir).st_uid
    except OSError as error:
        raise Refusal("the server's user is not known, for its data directory %s is not on this host: %s" % (datadir, error.strerror)) from None


def _uid(name: str, planned: bool = False) -> int:
    try:
        return pwd.getpwnam(name).pw_uid
    except KeyError:
        if planned:
            return 0
        raise Refusal("there is no user %s on this host" % name) from None


def _unit_path(unit: str) -> str:
    return "/etc/systemd/system/%s.service" % unit


def _unit_text(params: dict, folder: str, path: str, unit: str, settings: Settings) -> str:
    return UNIT % {
        "id": params["migration_id"],
        "name": {"tunnel": "tunnel", "back": "way back"}[ENDS[params["end"]]],
        "python": sys.executable,
        "boot": boot(proxy.main),
        "payload": os.path.join(folder, "proxy.zip"),
        "settings": path,
        "runtime": unit,
        "addresses": LOOPBACK_ONLY if settings.upstream_host in LOOPBACK_NAMES else "",
    }


def _stale(params: dict, folder: str, path: str, unit: str, settings: Settings) -> tuple[bool, dict]:
    """Whether anything lacks, and the difference without the token."""
    text, wanted = _unit_text(params, folder, path, unit, settings), json.loads(json.dumps(asdict(settings)))
    before, after = _shown(read_json(path) or {}) + read_text(_unit_path(unit)), _shown(wanted) + text
    same = before == after and (read_json(path) or {}) == wanted and read_bytes(os.path.join(folder, "proxy.zip")) == pack()
    header = "%s, %s" % (path, _unit_path(unit))
    return not same, {"before": before, "after": after, "before_header": header, "after_header": header}


def _shown(settings: dict) -> str:
    return json.dumps({name: value for name, value in settings.items() if name != "token"}, sort_keys=True) + "\n" if settings else ""


def _stop(unit: str) -> None:
    if os.path.exists(_unit_path(unit)) and run_child(["systemctl", "stop", unit]).returncode:
        raise MigrationError("systemctl stop %s failed; see its journal" % unit)


def _result(settings: Settings, unit: str, stale: bool, diff: dict) -> dict[str, t.Any]:
    return {
        "changed": stale,
        "port": settings.port,
        "inner_port": settings.upstream_port if settings.owner >= 0 else 0,
        "path": settings.path,
        "unit": unit,
        "diff": diff,
    }
