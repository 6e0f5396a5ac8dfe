# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: migration_sshd
short_description: Have the source's sshd refuse the tunnels' user everything but its ports
version_added: 1.0.0
description:
  - Writes a C(Match User) block into a file of its own, where sshd's configuration includes such, else at the end of sshd's own file.
  - sshd tries the file before it counts, is reloaded, and is asked what it makes of it. Where another rule wins, the module fails.
  - A reload that a run did not come to, because it died, is done by the next one.
extends_documentation_fragment:
  - nordbridge.mysql_migration._attributes
options:
  migration_id:
    description: The migration's id.
    type: str
    required: true
  user:
    description: The tunnels' user.
    type: str
    default: nordbridge
author: The nordbridge.mysql_migration contributors (@nordbridge)
"""

EXAMPLES = r"""
- name: The tunnel's user forwards ports and nothing else
  nordbridge.mysql_migration.migration_sshd:
    migration_id: shop
  delegate_to: us-db1
"""

RETURN = r"""
path:
  description: The file that holds the rules.
  returned: success
  type: str
  sample: /etc/ssh/sshd_config.d/nordbridge-nordbridge.conf
"""

from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._bridge.sshd import restrict_user
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._module import run_module


def main() -> None:
    """Parse, act, report."""
    options = {"migration_id": {"type": "str", "required": True}, "user": {"type": "str", "default": "nordbridge"}}
    run_module(restrict_user, options)


if __name__ == "__main__":
    main()
