# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the modules of this collection promise, said once.

Use one section per module. A module that differs in one attribute overrides that attribute in its own
``attributes``. ``DOCUMENTATION`` is for modules that change something and plan it first, ``INFO`` for
modules that only read or measure, ``NO_DIFF`` for modules that change something but have no diff to show.
``ACTION_GROUP`` and ``POSIX`` are the single attributes, for anything else.
"""

from __future__ import annotations


class ModuleDocFragment:
    """Sections for C(extends_documentation_fragment)."""

    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying the target.
    support: full
  diff_mode:
    description: Returns details on what has changed, or would change in C(check_mode), when in diff mode.
    support: full
  idempotent:
    description:
      - When run twice in a row outside C(check_mode), with the same arguments, the second invocation indicates no change.
      - This assumes that the system controlled or queried by the module has not changed in a relevant way.
    support: full
  action_group:
    description:
      - Use C(group/nordbridge.mysql_migration.mysql_migration) in C(module_defaults) to set defaults for this module.
    support: full
    membership:
      - nordbridge.mysql_migration.mysql_migration
  platform:
    description: The target systems the module runs on.
    support: full
    platforms: posix
requirements:
  - Python 3.8 or later on the host that the module runs on
seealso:
  - name: How a migration works
    description: The phases of a migration, and the hosts that each part runs on.
    link: https://github.com/nordbridge/mysql_migration/blob/main/docs/how-it-works.md
"""

    INFO = r"""
options: {}
attributes:
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying the target.
    support: full
    details: This module does not modify the state of the target.
  diff_mode:
    description: Returns details on what has changed, or would change in C(check_mode), when in diff mode.
    support: N/A
    details: This module does not modify the state of the target.
  idempotent:
    description:
      - When run twice in a row outside C(check_mode), with the same arguments, the second invocation indicates no change.
      - This assumes that the system controlled or queried by the module has not changed in a relevant way.
    support: full
    details: This module does not modify the state of the target.
  action_group:
    description:
      - Use C(group/nordbridge.mysql_migration.mysql_migration) in C(module_defaults) to set defaults for this module.
    support: full
    membership:
      - nordbridge.mysql_migration.mysql_migration
  platform:
    description: The target systems the module runs on.
    support: full
    platforms: posix
requirements:
  - Python 3.8 or later on the host that the module runs on
seealso:
  - name: How a migration works
    description: The phases of a migration, and the hosts that each part runs on.
    link: https://github.com/nordbridge/mysql_migration/blob/main/docs/how-it-works.md
"""

    NO_DIFF = r"""
options: {}
attributes:
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying the target.
    support: full
  diff_mode:
    description: Returns details on what has changed, or would change in C(check_mode), when in diff mode.
    support: none
  idempotent:
    description:
      - When run twice in a row outside C(check_mode), with the same arguments, the second invocation indicates no change.
      - This assumes that the system controlled or queried by the module has not changed in a relevant way.
    support: full
  action_group:
    description:
      - Use C(group/nordbridge.mysql_migration.mysql_migration) in C(module_defaults) to set defaults for this module.
    support: full
    membership:
      - nordbridge.mysql_migration.mysql_migration
  platform:
    description: The target systems the module runs on.
    support: full
    platforms: posix
requirements:
  - Python 3.8 or later on the host that the module runs on
seealso:
  - name: How a migration works
    description: The phases of a migration, and the hosts that each part runs on.
    link: https://github.com/nordbridge/mysql_migration/blob/main/docs/how-it-works.md
"""

    ACTION_GROUP = r"""
options: {}
attributes:
  action_group:
    description:
      - Use C(group/nordbridge.mysql_migration.mysql_migration) in C(module_defaults) to set defaults for this module.
    support: full
    membership:
      - nordbridge.mysql_migration.mysql_migration
"""

    POSIX = r"""
options: {}
attributes:
  platform:
    description: The target systems the module runs on.
    support: full
    platforms: posix
"""
