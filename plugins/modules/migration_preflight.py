# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: migration_preflight
short_description: Check whether a migration may start, before anything is touched
version_added: 1.0.0
description:
  - Holds a table of numbered checks against the facts of the two servers and the settings of the migration.
  - Reads and changes nothing itself, and so can run anywhere.
  - Fails when a check finds an error. The message names each error's id, what is wrong, where, and what to do.
options:
  migration_id:
    description: The migration's id. It becomes a part of file names.
    type: str
    required: true
  source:
    description: The source's facts, RV(nordbridge.mysql_migration.mysql_server_info#module:server).
    type: dict
    required: true
  target:
    description: The target's facts, RV(nordbridge.mysql_migration.mysql_server_info#module:server).
    type: dict
    required: true
  source_server_id:
    description: The C(server_id) that the migration gives the source. It keeps its own when this is not set.
    type: int
  target_server_id:
    description: The C(server_id) that the migration gives the target. It keeps its own when this is not set.
    type: int
  source_allow_restart:
    description: Whether the source may be restarted for settings that need it.
    type: bool
    default: false
  restart_required:
    description:
      - Whether the source's settings need a restart, as the configuration module says in check mode.
      - When this is not set, a restart is taken to be needed where the binary log is off.
    type: bool
  restart_reasons:
    description: The settings that need a restart.
    type: list
    elements: str
    default: []
  restart_cost:
    description: What the restart costs, in words.
    type: str
    default: ''
  wipe_target:
    description: Permission to erase what the target holds. It must name O(migration_id), and counts once.
    type: str
    default: ''
  wipe_permission:
    description: The value of O(wipe_target) that permits the next erasure. O(migration_id) where it is empty.
    type: str
    default: ''
  cutover:
    description: The gate, where it is given. It must be equal to O(migration_id).
    type: str
    default: ''
  seed_state:
    description:
      - What the journal says of this migration's seed. For all but V(none), data on the target and a replica that is configured
        there are the migration's own and no finding.
    type: str
    choices: [none, running, failed, done]
    default: none
  distrust:
    description: What was seen by which the target may differ from its source, from the migration's journal; what was waived left out.
    type: list
    elements: str
    default: []
  phase:
    description:
      - Where the migration stands. V(cutover) is a cutover that has begun and is not known to have ended, and a source that is read-only
        is not to be opened then. For V(committed) the roles have been exchanged, and a source that is read-only or follows the
        target is no finding.
    type: str
    choices: [assess, migrate, ready, cutover, committed]
    default: migrate
  disk_factor:
    description: What the source's data is multiplied with to tell how much space it needs on the target.
    type: float
    default: 1.3
  disk_reserve_bytes:
    description: Bytes that must stay free on the target beside the data.
    type: int
    default: 1073741824
  retention_seconds:
    description: How long the source should keep binary logs while the migration lasts.
    type: int
    default: 604800
  max_transaction_seconds:
    description: From how many seconds on an open transaction on the source is a warning.
    type: int
    default: 60
  bridge:
    description: The encrypted path between the servers.
    type: str
    choices: [ssh_tunnel, tls]
    default: ssh_tunnel
  reverse_replication:
    description: Whether the old server is to follow the new one after the cutover.
    type: bool
    default: false
  method:
    description:
      - How the data is to be copied, as in M(nordbridge.mysql_migration.mysql_seed). A method that cannot serve the pair is an error.
    type: str
    choices: [auto, mariadb-backup, clone, mydumper, dump]
    default: auto
  borrow_programs:
    description:
      - The source's own programs that may run on the target, as in M(nordbridge.mysql_migration.mysql_seed).
    type: list
    elements: str
    choices: [mariadb-backup, mariadbd]
    default: []
  waive:
    description:
      - Ids of checks whose risk is taken. Their errors become warnings and their warnings notices.
      - An id that does not exist, or a check that cannot be waived, is an error.
    type: list
    elements: str
    default: []
  cutover_budget:
    description: Seconds of write stop after which the cutover will undo itself.
    type: float
    default: 5.0
  cutover_fence_seconds:
    description: Seconds of these that the fence may take to close.
    type: float
    default: 2.0
  cutover_lease:
    description: Seconds after which the source's own host will open the source again. More than O(cutover_budget).
    type: float
    default: 10.0
  rivals:
    description: Names of the other targets in the inventory that are to be cut over from the same source.
    type: list
    elements: str
    default: []
  copy_only:
    description: Whether this target is a copy that is never cut over. The gate is refused then, and others may have the same source.
    type: bool
    default: false
  renewed:
    description:
      - Whether a finished rollback is about to be followed by the same migration once more. The fence that it left on the target
        is no finding then.
    type: bool
    default: false
  verified_at:
    description: When the last comparison of all rows began, in Unix seconds; V(0) for never.
    type: float
    default: 0.0
  verify_max_age:
    description: How many hours ago it may have begun for a cutover; V(0) where nobody asks.
    type: float
    default: 0.0
  plan:
    description:
      - The id of a plan that was approved, RV(plan_id) of an earlier run. It is an error where what that plan rests on has changed;
        the message names what.
    type: str
    default: ''
  plan_begun:
    description: The id of the plan that this migration was begun by, as M(nordbridge.mysql_migration.migration_info) tells it.
    type: str
    default: ''
  source_log:
    description: What M(nordbridge.mysql_migration.mysql_binlog_config) returned in check mode on the source.
    type: dict
  target_log:
    description: The same of the target.
    type: dict
  missing_programs:
    description: The programs that are to be installed on the target.
    type: list
    elements: str
    default: []
  way:
    description: What M(nordbridge.mysql_migration.migration_way_info) returned as C(way) on the target, where it was asked.
    type: dict
    suboptions: &place
      address:
        description: Where it was looked for.
        type: str
        required: true
      port:
        description: At which port.
        type: int
        required: true
      reachable:
        description: Whether it answered.
        type: bool
        required: true
      error:
        description: Why it did not.
        type: str
        default: ''
      round_trip_ms:
        description: The round trip to it, in milliseconds.
        type: float
  sshd:
    description: What M(nordbridge.mysql_migration.migration_host_keys_info) returned as C(sshd) on the source, where it was asked.
    type: dict
  listening:
    description: What M(nordbridge.mysql_migration.migration_host_keys_info) returned as C(sql) on the source, where it was asked.
    type: dict
    suboptions: *place
  session_script:
    description: A script of the source's host that sshd runs before each session's command; empty where there is none.
    type: str
    default: ''
  agent_user:
    description: The user of the source's system that the agent's key is for.
    type: str
    default: nordbridge-agent
  tunnel_user:
    description: The user of the source's system that the tunnel's key is for.
    type: str
    default: nordbridge
  target_address:
    description: The target's address as the source sees it; empty where that is not known.
    type: str
    default: ''
  sql_place:
    description: Address and port on the source's host that the tunnel opens.
    type: str
    default: 127.0.0.1:3306
  fail:
    description: Whether to fail when a check finds an error. With V(false) the module only reports.
    type: bool
    default: true
extends_documentation_fragment:
  - nordbridge.mysql_migration._attributes.info
seealso:
  - module: nordbridge.mysql_migration.mysql_server_info
author:
  - The nordbridge.mysql_migration contributors (@nordbridge)
"""

EXAMPLES = r"""
- name: Refuse early
  nordbridge.mysql_migration.migration_preflight:
    migration_id: shop-2026
    source: "{{ source_info.server }}"
    target: "{{ target_info.server }}"
    target_server_id: 2002
    source_allow_restart: true
    waive: [P31]
  register: preflight

- name: Show the plan
  ansible.builtin.debug:
    msg: "{{ preflight.plan_text }}"
"""

RETURN = r"""
findings:
  description: What each check found; one entry or more a check, in the order of the ids' table.
  returned: always, unless the facts are not of a server
  type: list
  elements: dict
  contains:
    id:
      description: The check's id.
      type: str
      sample: P31
    title:
      description: What the check makes sure of.
      type: str
      sample: all tables have a primary key
    result:
      description: V(ok), V(notice), V(warning) or V(error).
      type: str
      sample: warning
    where:
      description: V(source), V(target), V(both) or V(migration) (the settings).
      type: str
      sample: source
    message:
      description: What was found, with the facts.
      type: str
      sample: "1 table without primary key: shop.hits (InnoDB, 16.0 KiB)"
    remedy:
      description: What to do; empty for V(ok).
      type: str
      sample: "add a key: without one each changed row can cost the target a scan of the table"
    waivable:
      description: Whether O(waive) may name the check.
      type: bool
      sample: true
    waived:
      description: Whether it did, and the finding is one step milder for it.
      type: bool
      sample: false
counts:
  description: Number of errors, warnings and notices.
  returned: always, unless the facts are not of a server
  type: dict
  sample: {"errors": 0, "warnings": 1, "notices": 2}
summary:
  description: The totals in words.
  returned: always, unless the facts are not of a server
  type: str
  sample: "61 checks: 0 errors, 1 warning, 2 notices"
standing:
  description: >-
    V(done_without_journal) where the source's own host knows that this migration was cut over to this target, both servers are as a
    cutover leaves them, and only the journal on the target does not say so. Nothing is to be done then, and nothing erased or opened.
    Else empty.
  returned: always, unless the facts are not of a server
  type: str
  sample: ""
seed:
  description: The method that the copy would take, and why each of the others is not taken. Empty once the data is copied.
  returned: always, unless the facts are not of a server
  type: dict
  sample: {"method": "mariadb-backup", "not_taken": {"clone": "CLONE is MySQL's", "dump": "mariadb-backup is faster"}}
changes:
  description: What is still to be changed, in its order.
  returned: always, unless the facts are not of a server
  type: list
  elements: dict
  contains:
    side:
      description: V(source) or V(target).
      type: str
      sample: source
    when:
      description: C(before the copy), C(with the copy), C(at the cutover) or C(after the cutover).
      type: str
      sample: before the copy
    kind:
      description: >-
        V(restart), V(file), V(variable), V(account), V(schema), V(user), V(unit), V(package), V(plugin), V(data), or V(server) for what
        the server does.
      type: str
      sample: account
    what:
      description: What it is, in words.
      type: str
      sample: nordbridge_keep_2c3a4b5d, from this host alone
plan_id:
  description: >-
    The plan's id for O(plan). It is made of the servers, their settings and definitions, the migration's settings, the copy's method and
    the changes, and not of what grows by itself. Empty where nothing is announced.
  returned: always, unless the facts are not of a server
  type: str
  sample: 8f3a-01bc-77d2-9c0e-5a41-0b6f-e1d8-4c39-2f70
refusal:
  description: What a play fails with that has printed the plan; empty where no error was found.
  returned: always, unless the facts are not of a server
  type: str
  sample: "migration shop is not started: 2 errors found, nothing was touched: P25, P30. The plan above says what to do"
plan_text:
  description: The plan for people, a line an entry.
  returned: always, unless the facts are not of a server
  type: list
  elements: str
  sample: ["MIGRATION PLAN shop-2026  us-db1 (mariadb 10.11.18) -> oslo-db1 (mariadb 10.11.18)"]
"""

from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._assess import check_input, preflight
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._cutover.times import BUDGET, FENCE_SECONDS, LEASE
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._module import run_module
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._seed.methods.mariadb_backup.ship_programs import SHIPPED
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._seed.methods.registry import NAMES
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._seed.places import directories_of, look_at

WAY = {
    "type": "dict",
    "options": {
        "address": {"type": "str", "required": True},
        "port": {"type": "int", "required": True},
        "reachable": {"type": "bool", "required": True},
        "error": {"type": "str", "default": ""},
        "round_trip_ms": {"type": "float"},
    },
}
OPTIONS = {
    "migration_id": {"type": "str", "required": True},
    "source": {"type": "dict", "required": True},
    "target": {"type": "dict", "required": True},
    "source_server_id": {"type": "int"},
    "target_server_id": {"type": "int"},
    "source_allow_restart": {"type": "bool", "default": False},
    "restart_required": {"type": "bool"},
    "restart_reasons": {"type": "list", "elements": "str", "default": []},
    "restart_cost": {"type": "str", "default": ""},
    "wipe_target": {"type": "str", "default": ""},
    "wipe_permission": {"type": "str", "default": ""},
    "cutover": {"type": "str", "default": ""},
    "seed_state": {"type": "str", "choices": list(check_input.SEED_STATES), "default": "none"},
    "phase": {"type": "str", "choices": list(check_input.PHASES), "default": "migrate"},
    "disk_factor": {"type": "float", "default": 1.3},
    "disk_reserve_bytes": {"type": "int", "default": 1 << 30},
    "retention_seconds": {"type": "int", "default": 604800},
    "max_transaction_seconds": {"type": "int", "default": 60},
    "bridge": {"type": "str", "choices": list(check_input.BRIDGES), "default": "ssh_tunnel"},
    "reverse_replication": {"type": "bool", "default": False},
    "method": {"type": "str", "choices": NAMES, "default": "auto"},
    "borrow_programs": {"type": "list", "elements": "str", "choices": list(SHIPPED), "default": []},
    "waive": {"type": "list", "elements": "str", "default": []},
    "distrust": {"type": "list", "elements": "str", "default": []},
    "cutover_budget": {"type": "float", "default": BUDGET},
    "cutover_fence_seconds": {"type": "float", "default": FENCE_SECONDS},
    "cutover_lease": {"type": "float", "default": LEASE},
    "rivals": {"type": "list", "elements": "str", "default": []},
    "copy_only": {"type": "bool", "default": False},
    "renewed": {"type": "bool", "default": False},
    "verified_at": {"type": "float", "default": 0.0},
    "verify_max_age": {"type": "float", "default": 0.0},
    "plan": {"type": "str", "default": ""},
    "plan_begun": {"type": "str", "default": ""},
    "source_log": {"type": "dict"},
    "target_log": {"type": "dict"},
    "missing_programs": {"type": "list", "elements": "str", "default": []},
    "way": WAY,
    "sshd": {"type": "dict"},
    "listening": WAY,
    "session_script": {"type": "str", "default": ""},
    "agent_user": {"type": "str", "default": "nordbridge-agent"},
    "tunnel_user": {"type": "str", "default": "nordbridge"},
    "target_address": {"type": "str", "default": ""},
    "sql_place": {"type": "str", "default": "127.0.0.1:3306"},
    "fail": {"type": "bool", "default": True},
}


def run_preflight(params: dict, _check_mode: bool) -> dict:
    """All checks over the two servers' facts."""
    settings = {name: value for name, value in params.items() if name not in ("source", "target", "fail")}
    result = preflight.check(check_input.make_case(params["source"], with_directories(params["source"], params["target"]), check_input.Settings(**settings)))
    if result["counts"]["errors"] and params["fail"]:
        preflight.refuse(result, params["migration_id"])
    return {"changed": False, **result}


def with_directories(source: dict, target: dict) -> dict:
    """The target's facts with those directories of the source's tables that this host, the target's, has."""
    copying, identity = source.get("copying"), target.get("identity")
    if not copying or not identity:
        return target
    return {**target, "directories": look_at([*directories_of(copying), identity["datadir"]])}


def main() -> None:
    """Parse, check, report."""
    run_module(run_preflight, OPTIONS)


if __name__ == "__main__":
    main()
