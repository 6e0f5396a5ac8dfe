# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: migration_say
short_description: Print lines for a person
version_added: 1.0.0
description:
  - Prints plain text of at most 100 columns, without JSON around it. Longer lines are continued under their own text.
  - Characters that could drive a terminal are printed as escapes.
  - Where Ansible's standard output is JSON the lines go to standard error.
extends_documentation_fragment:
  - nordbridge.mysql_migration._attributes.info
options:
  lines:
    description: The lines. Each may be longer than a line, and may hold line breaks.
    type: list
    elements: str
    required: true
  fail:
    description: The message with which the task fails once the lines are printed; empty for a success.
    type: str
    default: ''
notes:
  - It runs on the controller as an action plugin, and asks nothing of the managed host.
author: The nordbridge.mysql_migration contributors (@nordbridge)
"""

EXAMPLES = r"""
- name: The plan
  nordbridge.mysql_migration.migration_say:
    lines: "{{ preflight.plan_text }}"
"""

RETURN = r"""
lines:
  description: What was printed.
  returned: success
  type: list
  elements: str
  sample: ["READY: oslo-db1 is 0.01 s behind us-db1"]
"""
