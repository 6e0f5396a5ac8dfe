# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""Rules about the way from the target to the source: its port, and what the source's sshd has for the migration's users.

Both are looked at before anything is changed. What is refused here was met as "Permission denied (publickey)" after users, keys and
accounts had been made, and the source restarted.
"""

from __future__ import annotations

import ipaddress
import typing as t
from fnmatch import fnmatchcase

from .check_input import CheckInput, Finding

KEY_TYPE = "ssh-ed25519"
AGENT, TUNNEL = "agent", "tunnel"
#: Where each user's keys are: see the roles' own folders.
KEYS = {AGENT: "/var/lib/mysql_migration_agent/.ssh/authorized_keys", TUNNEL: "/var/lib/mysql_migration_tunnel/.ssh/authorized_keys"}


def reached(case: CheckInput) -> list[Finding]:
    """P67"""
    way = case.settings.way
    if way is None or way["reachable"]:
        return []
    return [Finding("the target does not reach the source at %s port %s: %s" % (way["address"], way["port"], way["error"]))]


def listens(case: CheckInput) -> list[Finding]:
    """P58"""
    asked = case.settings
    place = asked.listening
    if asked.committed or place is None or place["reachable"] or asked.bridge != "ssh_tunnel":
        return []
    words = "the source's server is not found at %s port %s of its own host, where the tunnel ends: %s"
    return [Finding(words % (place["address"], place["port"], place["error"]))]


def silent(case: CheckInput) -> list[Finding]:
    """P59"""
    path = case.settings.session_script
    if case.settings.committed or not path:
        return []
    return [Finding("%s runs on the source before each session's command: what it prints comes before the agent's answers, and breaks them" % path)]


def let_in(case: CheckInput) -> list[Finding]:
    """P68"""
    asked = case.settings
    if asked.committed or asked.sshd is None:
        return []
    hits = []
    for part, user in ((AGENT, asked.agent_user), (TUNNEL, asked.tunnel_user)):
        told = asked.sshd.get(user)
        if told is None or (part == TUNNEL and asked.bridge != "ssh_tunnel"):
            continue
        if "error" in told:
            hits.append(Finding("what sshd has for the user %s is not known: %s" % (user, told["error"])))
            continue
        for words in why_not_let_in(part, user, told["options"], told["groups"], asked.target_address, asked.sql_place):
            hits.append(Finding("the source's sshd would not let the user %s in: %s" % (user, words)))
    return hits


def why_not_let_in(part: str, user: str, options: dict, groups: t.Sequence[str], address: str, sql_place: str) -> list[str]:
    """Everything in sshd's effective configuration that is in the way of one of the migration's users.

    :param part: AGENT or TUNNEL
    :param options: as sshd_asked.parse; an option that sshd did not tell is not in the way
    :param address: the target's, as the source sees it; empty where that is not known
    :param sql_place: address:port that the tunnel opens
    """
    reasons = _of_names(user, options, groups, address)
    for name, shown, wrong in _FIXED:
        if _first(options, name) == wrong:
            reasons.append("%s is %s" % (shown, wrong))
    for name, shown in (("forcecommand", "ForceCommand"), ("chrootdirectory", "ChrootDirectory")):
        if options.get(name, ["none"]) != ["none"]:
            reasons.append("%s is %s" % (shown, " ".join(options[name])))
    reasons += _of_keys(part, user, options) + (_of_tunnel(options, sql_place) if part == TUNNEL else _of_agent(options))
    return reasons


#: Options with one value that is in the way.
_FIXED = (("pubkeyauthentication", "PubkeyAuthentication", "no"), ("disableforwarding", "DisableForwarding", "yes"))


def _of_names(user: str, options: dict, groups: t.Sequence[str], address: str) -> list[str]:
    reasons = []
    if options.get("allowusers") and not any(_is_user(one, user, address) for one in options["allowusers"]):
        reasons.append("AllowUsers has only %s" % " ".join(options["allowusers"]))
    reasons += ["DenyUsers has %s" % one for one in options.get("denyusers", []) if _is_user(one, user, address)]
    if options.get("allowgroups") and not any(fnmatchcase(group, one) for one in options["allowgroups"] for group in groups):
        reasons.append("AllowGroups has only %s, and the user is in %s" % (" ".join(options["allowgroups"]), ", ".join(groups)))
    return reasons + ["DenyGroups has %s" % one for one in options.get("denygroups", []) if any(fnmatchcase(group, one) for group in groups)]


def _is_user(pattern: str, user: str, address: str) -> bool:
    """Whether a pattern of AllowUsers or DenyUsers is for this user. One with a host counts where the address is not known."""
    name, _at, host = pattern.partition("@")
    return fnmatchcase(user, name) and (not host or not address or _is_host(host, address))


def _is_host(pattern: str, address: str) -> bool:
    if "/" not in pattern:
        return fnmatchcase(address, pattern)
    try:
        return ipaddress.ip_address(address) in ipaddress.ip_network(pattern, strict=False)
    except ValueError:
        # A name in place of an address: nobody can tell here.
        return True


def _of_keys(part: str, user: str, options: dict) -> list[str]:
    reasons = []
    home = KEYS[part].rpartition("/.ssh/")[0]
    read = [one.replace("%%", "%").replace("%h", home).replace("%u", user) for one in options.get("authorizedkeysfile", [KEYS[part]])]
    if KEYS[part] not in [one if one.startswith("/") else "%s/%s" % (home, one) for one in read]:
        reasons.append("AuthorizedKeysFile is %s, and not .ssh/authorized_keys" % " ".join(options["authorizedkeysfile"]))
    algorithms = _first(options, "pubkeyacceptedalgorithms")
    if algorithms and KEY_TYPE not in algorithms.split(","):
        reasons.append("PubkeyAcceptedAlgorithms has no %s" % KEY_TYPE)
    return reasons


def _of_agent(options: dict) -> list[str]:
    reasons = []
    methods = options.get("authenticationmethods", ["any"])
    if methods != ["any"] and "publickey" not in methods:
        reasons.append("AuthenticationMethods is %s: a key alone is not enough" % " ".join(methods))
    if _first(options, "maxsessions") == "0":
        reasons.append("MaxSessions is 0")
    return reasons


def _of_tunnel(options: dict, sql_place: str) -> list[str]:
    """AllowTcpForwarding and AuthenticationMethods are set for this user by the migration's own rules of sshd."""
    places = options.get("permitopen", ["any"])
    if places == ["any"] or sql_place in places or "*:%s" % sql_place.rpartition(":")[2] in places:
        return []
    return ["PermitOpen is %s, and the tunnel opens %s" % (" ".join(places), sql_place)]


def _first(options: dict, name: str) -> str:
    return (options.get(name) or [""])[0]


RULES = {"P58": listens, "P59": silent, "P67": reached, "P68": let_in}
