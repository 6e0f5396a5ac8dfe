# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: migration_variables
short_description: Refuse variables whose names no role or playbook of this collection knows
version_added: 1.0.0
description:
  - Looks at the names of the variables that the target and its source have, from the inventory, the play and the command.
  - Fails where a name begins with C(migration_) and no role reads it, and tells the nearest name.
  - Fails where a variable has a name from before these had the prefix, and tells the new name.
  - Fails where a variable is set for the source's host alone. The roles run for the target and read it there.
extends_documentation_fragment:
  - nordbridge.mysql_migration._attributes.info
options: {}
notes:
  - It runs on the controller as an action plugin, and opens no connection to the managed host.
author: The nordbridge.mysql_migration contributors (@nordbridge)
"""

EXAMPLES = r"""
- name: Check the names of the variables
  nordbridge.mysql_migration.migration_variables:
"""

RETURN = r"""
problems:
  description: What is wrong, one sentence a name.
  returned: failure
  type: list
  elements: str
  sample: ["oslo-db1: no role reads the variable migration_brige; did you mean migration_bridge?"]
"""
