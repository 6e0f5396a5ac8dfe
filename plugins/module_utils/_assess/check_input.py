# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""What a rule gets and gives."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from .._cutover.times import BUDGET, FENCE_SECONDS, LEASE
from .._errors import Refusal
from .._server.identity import Identity
from . import catalogue

# Where the journal says that the migration stands. From V(committed) on the source is fenced for good, and may follow the target.
PHASES = ("assess", "migrate", "ready", "cutover", "committed")
SEED_STATES = ("none", "running", "failed", "done")
BRIDGES = ("ssh_tunnel", "tls")


@dataclass(frozen=True)
class Settings:
    """What was asked for; see the module's options of the same names."""

    migration_id: str
    source_server_id: int | None = None
    target_server_id: int | None = None
    source_allow_restart: bool = False
    restart_required: bool | None = None
    restart_reasons: t.Sequence[str] = ()
    restart_cost: str = ""
    wipe_target: str = ""
    wipe_permission: str = ""
    cutover: str = ""
    seed_state: str = "none"
    phase: str = "migrate"
    disk_factor: float = 1.3
    disk_reserve_bytes: int = 1 << 30
    retention_seconds: int = 7 * 86400
    max_transaction_seconds: int = 60
    bridge: str = "ssh_tunnel"
    reverse_replication: bool = False
    method: str = "auto"
    borrow_programs: t.Sequence[str] = ()
    waive: t.Sequence[str] = ()
    distrust: t.Sequence[str] = ()
    cutover_budget: float = BUDGET
    cutover_fence_seconds: float = FENCE_SECONDS
    cutover_lease: float = LEASE
    rivals: t.Sequence[str] = ()
    copy_only: bool = False
    renewed: bool = False
    verified_at: float = 0.0
    verify_max_age: float = 0.0
    plan: str = ""
    plan_begun: str = ""
    source_log: dict | None = None
    target_log: dict | None = None
    missing_programs: t.Sequence[str] = ()
    way: dict | None = None
    sshd: dict | None = None
    listening: dict | None = None
    session_script: str = ""
    agent_user: str = "nordbridge-agent"
    tunnel_user: str = "nordbridge"
    target_address: str = ""
    sql_place: str = "127.0.0.1:3306"

    @property
    def seeded(self) -> bool:
        """Whether what lies on the target was put there by this migration."""
        return self.seed_state != "none"

    @property
    def committed(self) -> bool:
        """Whether the roles have been exchanged."""
        return self.phase == "committed"

    @property
    def may_wipe(self) -> bool:
        """Whether the target's own data may be erased."""
        return bool(self.migration_id) and self.wipe_target == self.permission

    @property
    def wipe_is_ours(self) -> bool:
        """Whether the permission to erase names this migration, used or not: one that was used erases nothing more."""
        return bool(self.migration_id) and self.wipe_target.partition("@")[0] == self.migration_id

    @property
    def permission(self) -> str:
        """The value of wipe_target that permits the next erasure: each counts once."""
        return self.wipe_permission or self.migration_id


@dataclass(frozen=True)
class CheckInput:
    """Two servers' facts and the settings."""

    source: dict
    target: dict
    settings: Settings
    identities: dict = field(default_factory=dict)

    def side(self, name: str) -> dict:
        """One server's facts."""
        return self.source if name == catalogue.SOURCE else self.target

    def sides(self) -> list[tuple[str, dict]]:
        """Both servers with their names."""
        return [(catalogue.SOURCE, self.source), (catalogue.TARGET, self.target)]


class Finding(t.NamedTuple):
    """Something that a rule found. Empty fields are taken from the catalogue.

    :param blind: it was not found but could not be looked for
    """

    message: str
    severity: str = ""
    where: str = ""
    remedy: str = ""
    blind: bool = False


def make_case(source: dict, target: dict, settings: Settings) -> CheckInput:
    """A case from two results of mysql_server_info.

    :raises Refusal: where one of them is something else
    """
    identities = {"source": _identity(source, "source"), "target": _identity(target, "target")}
    return CheckInput(source, target, settings, identities)


def _identity(facts: dict, name: str) -> Identity:
    told = facts.get("identity") if isinstance(facts, dict) else None
    try:
        values = {key: told[key] for key in Identity.__dataclass_fields__}  # type: ignore[index]
        values["version"] = tuple(values["version"])
    except (TypeError, KeyError) as error:
        raise Refusal("%s: these are not facts of a server; pass what mysql_server_info returned as server" % name) from error
    return Identity(**values)


def size(number: float) -> str:
    """Bytes for people: 1.9 GiB."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(number) < 1024:
            return "%d B" % number if unit == "B" else "%.1f %s" % (number, unit)
        number /= 1024
    return "%.1f TiB" % number


def span(seconds: int) -> str:
    """Seconds for people, down to the unit that matters: 2d 4h, 3h 5m, 42 s."""
    if seconds < 120:
        return "%d s" % seconds
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if days:
        return "%dd %dh" % (days, hours % 24)
    return "%dh %dm" % (hours, minutes % 60) if hours else "%d min" % minutes


def counted(number: int, one: str, more: str = "") -> str:
    """A number of things for people: 1 table, 3 tables.

    :param more: the plural, where it is not the singular and an s
    """
    return "%d %s" % (number, one if number == 1 else more or one + "s")


def listed(names: t.Sequence[str], total: int = 0, most: int = 10) -> str:
    """Names, the first few of them."""
    total = max(total, len(names))
    shown = list(names[:most])
    return ", ".join(shown) + (" and %d more" % (total - len(shown)) if total > len(shown) else "")


def tables(rows: t.Sequence[dict], total: int = 0) -> str:
    """Tables with engine and size, the first few of them."""
    return listed(["%s.%s (%s, %s)" % (row["schema"], row["name"], row["engine"], size(row["bytes"])) for row in rows], total)
