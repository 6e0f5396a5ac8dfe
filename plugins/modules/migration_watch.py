# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: migration_watch
short_description: Wait for a migration's job and print its progress
version_added: 1.0.0
description:
  - Prints a line with the host's name, percent, rate and ETA on standard error while the job runs, and returns its result.
  - Interrupting Ansible does not stop the job. Run the same command again to attach to it.
  - A lost connection is tried again for ten minutes.
  - The text of the lines holds no secret, because C(no_log) does not reach it.
extends_documentation_fragment:
  - nordbridge.mysql_migration._attributes.info
options:
  migration_id:
    description: The migration's id.
    type: str
    required: true
  job:
    description: The job's name.
    type: str
    required: true
  interval:
    description: Seconds between two looks at the job.
    type: float
    default: 2.0
  timeout:
    description: Seconds after which the watch fails while the job goes on; V(0) for no limit.
    type: float
    default: 0.0
notes:
  - It runs on the controller as an action plugin, and leaves one short shell command a look on the managed host.
author: The nordbridge.mysql_migration contributors (@nordbridge)
"""

EXAMPLES = r"""
- name: Wait for the copy
  nordbridge.mysql_migration.migration_watch:
    migration_id: shop
    job: seed
"""

RETURN = r"""
state:
  description: C(succeeded); C(absent) in check mode. A job that fails makes the task fail.
  returned: always
  type: str
  sample: succeeded
result:
  description: The job's result.
  returned: success
  type: dict
  sample: {status: done, method: mariadb-backup}
"""
