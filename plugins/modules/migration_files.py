# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: migration_files
short_description: Place folders and files on a host, and have units run by them
version_added: 1.0.0
description:
  - Makes folders, writes files and has systemd units enabled and running, all in one execution. What is as it should be is left alone.
  - Everything is root's. A file is written beside its place and renamed, so that it is whole or as before.
  - A unit is restarted where one of the files was written that it is said to run by, or where systemd runs it by an older file.
extends_documentation_fragment:
  - nordbridge.mysql_migration._attributes
options:
  folders:
    description: Folders, in this order.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: The folder.
        type: path
        required: true
      mode:
        description: Its mode, octal.
        type: str
        default: "0700"
  files:
    description: Files. They must hold no secret, for the diff shows them.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: The file.
        type: path
        required: true
      content:
        description: Its text.
        type: str
        required: true
      mode:
        description: Its mode, octal.
        type: str
        default: "0644"
  units:
    description: Units that shall be enabled and running.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: The unit's name.
        type: str
        required: true
      restart:
        description: Restart it, for it runs by something that has changed.
        type: bool
        default: false
      restart_for:
        description: Paths among O(files). Where one was written, the unit is restarted.
        type: list
        elements: path
        default: []
author: The nordbridge.mysql_migration contributors (@nordbridge)
"""

EXAMPLES = r"""
- name: The unit of the tunnel
  nordbridge.mysql_migration.migration_files:
    files:
      - path: /etc/systemd/system/nordbridge-shop-tunnel.service
        content: "{{ lookup('ansible.builtin.template', 'tunnel.service.j2') }}"
    units:
      - name: nordbridge-shop-tunnel.service
        restart_for: [/etc/systemd/system/nordbridge-shop-tunnel.service]
"""

RETURN = r"""
written:
  description: The files that were written, or would be in check mode.
  returned: success
  type: list
  elements: str
  sample: [/etc/systemd/system/nordbridge-shop-tunnel.service]
units:
  description: The units that were enabled, started or restarted, or would be in check mode.
  returned: success
  type: list
  elements: str
  sample: [nordbridge-shop-tunnel.service]
"""

from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._host.placed import place
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._module import run_module


def main() -> None:
    """Parse, act, report."""
    folder = {"path": {"type": "path", "required": True}, "mode": {"type": "str", "default": "0700"}}
    file = {
        "path": {"type": "path", "required": True},
        "content": {"type": "str", "required": True},
        "mode": {"type": "str", "default": "0644"},
    }
    unit = {
        "name": {"type": "str", "required": True},
        "restart": {"type": "bool", "default": False},
        "restart_for": {"type": "list", "elements": "path", "default": []},
    }
    options = {
        "folders": {"type": "list", "elements": "dict", "default": [], "options": folder},
        "files": {"type": "list", "elements": "dict", "default": [], "options": file},
        "units": {"type": "list", "elements": "dict", "default": [], "options": unit},
    }
    run_module(place, options)


if __name__ == "__main__":
    main()
