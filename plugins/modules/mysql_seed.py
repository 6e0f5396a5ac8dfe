# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: mysql_seed
short_description: Start the first full copy of a source's data onto this target, or attach to it
version_added: 0.1.0
description:
  - Launches the seed as a job on the target and returns at once. The job outlives the connection and the controller.
  - Starting it again attaches to the job that runs, or reports the one that is done.
  - The dump is streamed from the source through ssh and zstd into the target's client, without a file on the way.
  - Use M(nordbridge.mysql_migration.migration_watch) to wait for the job's end and to print its progress.
extends_documentation_fragment:
  - nordbridge.mysql_migration.attributes.no_diff
  - nordbridge.mysql_migration.job
options:
  method:
    description:
      - How the data is copied. V(auto) takes the fastest that is safe for the pair, and says why the others were not taken.
      - V(mariadb-backup) and V(clone) copy the server's files, and restart the target's server with them. V(dump) copies rows.
      - Onto a later series of MariaDB V(mariadb-backup) prepares the files by the source's own programs, which the target borrows, and
        upgrades them by the target's C(mariadb-upgrade).
      - A method that cannot serve the pair is refused before anything is touched.
    type: str
    choices: [auto, mariadb-backup, clone, dump]
    default: auto
  planned:
    description: The method that the plan named, where one was made. A copy that takes another one says why.
    type: str
    default: ''
  service:
    description: The unit of the target's server; found from its flavour where it is empty.
    type: str
    default: ''
  threads:
    description: Threads that read the source's files.
    type: int
    default: 2
  source_socket:
    description: The socket of the source's server, where the agent's dump logs in.
    type: path
    default: /run/mysqld/mysqld.sock
  wipe:
    description: The migration's id, as the permission to ERASE the user data that the target holds.
    type: str
    default: ''
  dump_file:
    description: Keep the compressed dump in this file on the target, and load it from there.
    type: path
  max_transaction_seconds:
    description: Refuse to start while a transaction or statement on the source is older than this many seconds.
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
      - A target whose B(host) is restarted meanwhile is not trusted any more, and is copied anew.
    type: bool
    default: true
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
"""

from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._jobs import runner  # noqa: F401  # pylint: disable=unused-import  # packed
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._jobs.module import job_argument_spec, launch_job
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._module import run_module
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._seed import run as seed  # noqa: F401  # pylint: disable=unused-import  # packed
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._seed.methods import NAMES
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._state.journal import Journal
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._state.paths import directory


def launch_seed(params, check_mode):
    """A copy that the journal does not count as done is made anew, whatever its job's last outcome says."""
    done = Journal(directory(params["migration_id"])).read().get("seed", {}).get("status") == "done"
    return launch_job("seed", "_seed.run:run", params, check_mode, again=not done)


def main():
    """Parse, launch, report."""
    options = {
        "method": {"type": "str", "choices": NAMES, "default": "auto"},
        "planned": {"type": "str", "default": ""},
        "service": {"type": "str", "default": ""},
        "threads": {"type": "int", "default": 2},
        "source_socket": {"type": "path", "default": "/run/mysqld/mysqld.sock"},
        "wipe": {"type": "str", "default": ""},
        "dump_file": {"type": "path"},
        "max_transaction_seconds": {"type": "int", "default": 60},
        "lock_wait": {"type": "int", "default": 10},
        "zstd_level": {"type": "int", "default": 1},
        "fast_load": {"type": "bool", "default": True},
    }
    run_module(launch_seed, {**job_argument_spec(), **options})


if __name__ == "__main__":
    main()
