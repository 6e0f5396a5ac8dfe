# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""Which names of variables the roles and playbooks know, and what is wrong with a name that they do not know."""
from __future__ import annotations

import difflib
import functools
import typing as t
from pathlib import Path

import yaml

ROLES = Path(__file__).resolve().parents[2] / "roles"
PREFIX = "migration_"
# What the variables were called before they had the prefix. A list, and no rule: "source" and "hosts" were always other people's names.
UNPREFIXED = (
    "assess_disk_factor", "assess_disk_io", "assess_disk_io_runtime", "assess_disk_io_size", "assess_max_fsync_p99_ms",
    "assess_max_steal_percent", "assess_min_rand_write_iops", "assess_min_seq_write_mb_s", "cutover_after", "cutover_before",
    "cutover_budget", "cutover_fence_seconds", "cutover_forwarder", "cutover_gate", "cutover_lease", "cutover_max_lag",
    "cutover_rehearsal_after", "cutover_rehearsal_before", "cutover_rehearsal_max_age", "cutover_rehearse",
    "cutover_max_transaction_seconds", "cutover_switches", "cutover_undo", "cutover_verify_max_age", "retire_gate",
    "reverse_applier_threads", "reverse_replication", "reverse_sql_address", "reverse_sql_port", "reverse_tunnel_port", "rollback_after",
    "rollback_before", "rollback_budget", "rollback_drive_switches", "rollback_fence_seconds", "rollback_gate", "rollback_lease",
    "rollback_lose_writes", "rollback_max_lag", "rollback_max_transaction_seconds", "rollback_switches", "rollback_undo",
    "source_agent_user", "source_allow_restart", "source_login_password", "source_login_unix_socket", "source_login_user",
    "source_max_binlog_size", "source_retention_hours", "source_server_id", "source_service", "source_socket", "source_sql_address",
    "source_sql_port", "source_tunnel_user", "target_allow_restart", "target_applier_threads", "target_catchup_patience",
    "target_catchup_timeout", "target_control_password", "target_dump_file", "target_fast_load", "target_lock_seconds",
    "target_login_password", "target_login_unix_socket", "target_login_user", "target_max_transaction_seconds", "target_positioning",
    "target_ready_lag", "target_ready_seconds", "target_replication_password", "target_reserve_mb", "target_retention_hours",
    "target_seed_bandwidth", "target_seed_borrow_programs", "target_seed_clone_compression", "target_seed_hold_seconds",
    "target_seed_ionice", "target_seed_load_streams", "target_seed_method", "target_seed_nice", "target_seed_threads",
    "target_seed_tries", "target_server_id", "target_service", "target_source_reserve_mb", "target_tls_ca", "target_tunnel_port",
    "target_watch_seconds", "target_zstd_level", "verify_exclude", "verify_keep_hours", "verify_lock_seconds", "verify_max_lag",
    "verify_max_threads_running", "verify_rows", "verify_schemas", "verify_sessions", "verify_snapshot_seconds", "verify_strength",
)
RENAMED = {
    **{name: PREFIX + name for name in UNPREFIXED},
    "assess_waive": "migration_waive",
    "target_wipe": "migration_wipe_target",
}


@functools.lru_cache(maxsize=None)
def known_names(roles: Path = ROLES) -> frozenset[str]:
    """The variables that any entry point of any role documents in its argument_specs, those given with a command among them."""
    names: set[str] = set()
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    for path in sorted(roles.glob("*/meta/argument_specs.yml")):
        specs = yaml.load(path.read_text(encoding="utf-8"), Loader=loader)  # noqa: S506  # a safe loader, in C where there is one
        for entry in specs["argument_specs"].values():
            names.update(entry["options"])
    return frozenset(names)


def name_problems(host: str, names: t.Iterable[str], known: t.Collection[str]) -> list[str]:
    """What is wrong with the names of the variables that a host has, one sentence a name."""
    problems = []
    for name in sorted(names):
        if name in RENAMED:
            problems.append("%s: the variable %s is now called %s" % (host, name, RENAMED[name]))
        elif name.startswith(PREFIX) and name not in known:
            problems.append("%s: no role reads the variable %s%s" % (host, name, _hint(name, known)))
    return problems


def _hint(name: str, known: t.Collection[str]) -> str:
    """The known name that was probably meant."""
    bare = name[len(PREFIX):]
    if bare in known:
        return "; did you mean %s, given with the command?" % bare
    near = difflib.get_close_matches(name, [one for one in known if one.startswith(PREFIX)], n=1)
    return "; did you mean %s?" % near[0] if near else ", and no known name is like it"


def misplaced(source: str, target: str, on_source: t.Collection[str], on_target: t.Collection[str], known: t.Collection[str]) -> list[str]:
    """Variables that are set for the source's host alone: the roles run for the target, and would read their defaults.

    :param on_source: names in the inventory's variables of the source's host; on_target: the same of the target
    """
    if PREFIX + "source" in on_source:
        # It is the target of another migration, and the variables are for that one.
        return []
    names = sorted(name for name in on_source if name.startswith(PREFIX) and name in known and name not in on_target)
    return [
        "%s: the variable %s is set for the source's host, where no role reads it; set it for the target %s" % (source, name, target) for name in names
    ]
