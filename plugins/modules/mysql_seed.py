# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: mysql_seed
short_description: Start the first full copy of a source's data onto this target, or attach to it
version_added: 1.0.0
description:
  - Launches the seed as a job on the target and returns at once. The job outlives the connection and the controller.
  - Starting it again attaches to the job that runs, or reports the one that is done.
  - The dump is streamed from the source through ssh and zstd into the target's client, without a file on the way.
  - While it copies, both hosts are watched. It stops early, and says why, where a disk would fill, where the source's binary logs no longer
    reach back to the snapshot, or where others wait long for a lock of the copy's. The target is then as it was, or marked as half loaded.
  - Use M(nordbridge.mysql_migration.migration_watch) to wait for the job's end and to print its progress.
extends_documentation_fragment:
  - nordbridge.mysql_migration._attributes.no_diff
  - nordbridge.mysql_migration._job
  - nordbridge.mysql_migration._accounts
options:
  method:
    description:
      - How the data is copied. V(auto) takes the fastest that is safe for the pair, and says why the others were not taken.
      - V(mariadb-backup) and V(clone) copy the server's files, and restart the target's server with them. V(dump) copies rows.
      - V(mydumper) copies rows by several sessions into files on the target, and loads these by several streams. A load that died goes on
        with the tables that are not whole. It is taken only by name, for it holds up the source's commits until all of its sessions have
        one snapshot. For MariaDB and through the tunnel alone.
      - Onto a later series of MariaDB V(mariadb-backup) prepares the files by the source's own programs, which the target borrows where
        O(borrow_programs) allows it, and upgrades them by the target's C(mariadb-upgrade).
      - A method that cannot serve the pair is refused before anything is touched.
    type: str
    choices: [auto, mariadb-backup, clone, mydumper, dump]
    default: auto
  borrow_programs:
    description:
      - The source's own programs that may run on the target for the time of a copy, by name. They are whatever the source's host sends.
      - They run as the server's user in a unit of systemd's that can write to the new files alone, without a network and without new
        privileges. What the host's systemd cannot apply is told; without that user, or with a network, nothing runs.
      - An upgrade of files needs both. Where one is not allowed, V(auto) takes another method, and V(mariadb-backup) is refused.
    type: list
    elements: str
    choices: [mariadb-backup, mariadbd]
    default: []
  wait:
    description:
      - Whether the task lasts until the copy has ended, and prints its progress as M(nordbridge.mysql_migration.migration_watch) does. With the
        keyword C(throttle) so many hosts copy at once.
      - Interrupting it does not stop the copy.
    type: bool
    default: false
  planned:
    description: The method that the plan named, where one was made. A copy that takes another one says why.
    type: str
    default: ''
  service:
    description: The unit of the target's server; found from its flavour where it is empty.
    type: str
    default: ''
  threads:
    description: Threads that read the source's files, or its rows with V(mydumper).
    type: int
    default: 2
  load_streams:
    description: Streams that load C(mydumper)'s files; by the target's processors where it is V(0), from 2 to 8. At most 32.
    type: int
    default: 0
  hold_seconds:
    description:
      - The most seconds for which C(mydumper) may hold up the source's commits. They go on after that, whatever became of the copy.
      - Fewer threads than asked for read the source where more would take longer than this; where one would, the method is refused.
    type: float
    default: 5.0
  wipe:
    description: The migration's id, as the permission to ERASE the user data that the target holds.
    type: str
    default: ''
  dump_file:
    description: Keep the compressed dump in this file on the target, and load it from there.
    type: path
  max_transaction_seconds:
    description:
      - Refuse to start while a transaction or statement on the source is older than this many seconds.
      - Wait as long for sessions that were open before the binary log's format was changed, and refuse with their names then.
    type: int
    default: 60
  lock_wait:
    description: Seconds that the dump may wait for a lock on the source before its request is ended.
    type: int
    default: 10
  zstd_level:
    description: Level of compression on the bridge.
    type: int
    default: 1
  fast_load:
    description:
      - Let the target's commits not wait for its disk until the cutover sets that back, before it fences the source.
      - A target whose B(host) is restarted meanwhile is not trusted any more, and is copied again.
    type: bool
    default: true
  bandwidth:
    description:
      - The most that the copy may send over the wire, in megabits (1,000,000 bits) a second; V(0) for no limit.
      - For the streamed methods C(pv) on the source limits the packed stream. For V(clone) the recipient's
        C(clone_max_network_bandwidth) is set meanwhile, which counts whole MiB a second.
    type: int
    default: 0
  clone_compression:
    description:
      - Whether V(clone) compresses on the wire (C(clone_enable_compression) on the recipient, meanwhile). The streamed methods always do.
      - V(auto) asks the source for 10 MiB before the copy, and compresses where less than 40 MB arrive a second, or O(bandwidth) allows less.
    type: str
    choices: [auto, always, never]
    default: auto
  nice:
    description: The nice level of the copy's programs on the source, 0 to 19.
    type: int
    default: 10
  ionice:
    description: Their class of disk access on the source, where its scheduler heeds classes. Empty for the usual one.
    type: str
    choices: ['', idle, best-effort]
    default: best-effort
  tries:
    description:
      - How often a copy of files is tried at most, in one job. It starts over by itself where that can help, after a cut connection, a
        killed program or a restarted source, and never for a full disk, a missing right or what does not fit together.
      - A dump is tried once. The same command again erases its half and starts over. V(mydumper) goes on with what is not loaded.
    type: int
    default: 3
  target_reserve_mb:
    description: Stop early where the target's data directory would have less than this many megabytes free at the copy's end.
    type: int
    default: 1024
  source_reserve_mb:
    description: Stop early where the source's data directory or binary logs have, or would have at the copy's end, less free than this.
    type: int
    default: 1024
  lock_seconds:
    description: Stop where a session on the source waits longer than this for a lock that the copy may hold; V(0) for never.
    type: int
    default: 60
  watch_seconds:
    description: Seconds between two looks at both hosts during the copy.
    type: int
    default: 5
author: The nordbridge.mysql_migration contributors (@nordbridge)
"""

EXAMPLES = r"""
- name: Copy the data
  nordbridge.mysql_migration.mysql_seed:
    migration_id: shop

- name: Wait for the copy
  nordbridge.mysql_migration.migration_watch:
    migration_id: shop
    job: seed
"""

RETURN = r"""
launch:
  description: What happened to the job, one of C(started), C(attached), C(finished); C(planned) in check mode.
  returned: success
  type: str
  sample: started
state:
  description: The job's state.
  returned: success
  type: str
  sample: running
result:
  description: The job's result, once it is done.
  returned: success
  type: dict
  sample: {status: done, method: mariadb-backup}
"""

from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._jobs.module import job_argument_spec, launch_job
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._module import run_module
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._seed.methods.mariadb_backup.ship_programs import SHIPPED
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._seed.methods.registry import NAMES
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._seed.run import run
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._server.unlogged import logged_argument_spec
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._state.journal import Journal
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._state.paths import directory


def launch_seed(params: dict, check_mode: bool) -> dict:
    """A copy that the journal does not count as done is made again, whatever its job's last outcome says."""
    done = Journal(directory(params["migration_id"])).read().get("seed", {}).get("status") == "done"
    return launch_job("seed", run, params, check_mode, again=not done)


def main() -> None:
    """Parse, launch, report."""
    options = {
        "method": {"type": "str", "choices": NAMES, "default": "auto"},
        "borrow_programs": {"type": "list", "elements": "str", "choices": list(SHIPPED), "default": []},
        "planned": {"type": "str", "default": ""},
        "service": {"type": "str", "default": ""},
        "threads": {"type": "int", "default": 2},
        "load_streams": {"type": "int", "default": 0},
        "hold_seconds": {"type": "float", "default": 5.0},
        "wipe": {"type": "str", "default": ""},
        "dump_file": {"type": "path"},
        "max_transaction_seconds": {"type": "int", "default": 60},
        "lock_wait": {"type": "int", "default": 10},
        "zstd_level": {"type": "int", "default": 1},
        "fast_load": {"type": "bool", "default": True},
        "bandwidth": {"type": "int", "default": 0},
        "clone_compression": {"type": "str", "choices": ["auto", "always", "never"], "default": "auto"},
        "nice": {"type": "int", "default": 10},
        "ionice": {"type": "str", "choices": ["", "idle", "best-effort"], "default": "best-effort"},
        "tries": {"type": "int", "default": 3},
        "target_reserve_mb": {"type": "int", "default": 1024},
        "source_reserve_mb": {"type": "int", "default": 1024},
        "lock_seconds": {"type": "int", "default": 60},
        "watch_seconds": {"type": "int", "default": 5},
        "wait": {"type": "bool", "default": False},
        **logged_argument_spec(),
    }
    run_module(launch_seed, {**job_argument_spec(), **options})


if __name__ == "__main__":
    main()
