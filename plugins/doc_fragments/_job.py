# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations


class ModuleDocFragment:
    """The options of modules that launch a job on the target."""

    DOCUMENTATION = r"""
options:
  migration_id:
    description: The migration's id. It names the job, its directory and its unit.
    type: str
    required: true
  source_login:
    description: The login file for the source. The default is C(source.json) in the migration's directory.
    type: path
  target_login:
    description: The login file for the target. The default is C(target.json) in the migration's directory.
    type: path
requirements:
  - PyMySQL 0.9.3 or later for the target's Python (Debian package C(python3-pymysql))
  - C(ssh) and C(zstd) on the target
"""
