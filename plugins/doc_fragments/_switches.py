# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations


class ModuleDocFragment:
    """The options of modules that drive switches: those of C(_switch/registry.switches_argument_spec)."""

    DOCUMENTATION = r"""
options:
  switches:
    description:
      - What sends clients to the one server or the other, driven within the write stop, in this order.
      - New connections are paused just before the fence, old sessions ended at the fence, clients sent to the server that takes over
        right after its promotion. What is undone lets them go on to where they were.
      - No pause outlasts the job, nor its lease.
      - All is looked at before anything is frozen. The socket answers and has the level admin, the names exist, the program may be run.
      - A rollback drives the same switches the other way, and reads their definitions from the cutover's journal. Those that it is given
        instead are in the cutover's words.
    type: list
    elements: dict
    default: []
    suboptions:
      type:
        description:
          - V(haproxy) drives an HAProxy by its runtime API. What is set there is forgotten when HAProxy is reloaded or restarted.
            Bring its configuration up to date by a hook after promotion.
          - V(command) runs a program on the target's host with one more argument, the stage. V(pause) before the fence, V(switch)
            and V(release) after promotion, V(undo) where the cutover undid itself. The addresses are in the environment's
            C(NORDBRIDGE_OLD), where clients are, and C(NORDBRIDGE_NEW), where they are to go; a rollback exchanges them.
            It must do no harm when a stage is run again.
          - V(forwarder) sends who connects to the source's port after the promotion to the target, until the source's next boot.
            The source's host needs C(iptables) and C(systemd-socket-proxyd). The target's own connections are left alone.
            A rollback removes it.
        type: str
        choices: [haproxy, command, forwarder]
        required: true
      where:
        description:
          - Whose host reaches the HAProxy's socket, V(target) where it is not given.
          - Programs run on the target's host, forwarders on the source's.
        type: str
        choices: [target, source]
      socket:
        description: The path of HAProxy's socket, else O(switches[].host) and O(switches[].port).
        type: str
      host:
        description: The address of HAProxy's socket, as the target's host reaches it.
        type: str
      port:
        description: The port of HAProxy's socket.
        type: int
      listen:
        description:
          - Where the frontend takes connections, as HOST:PORT, as seen from the host that drives the HAProxy.
          - Through it goes a connection that takes HAProxy's one place while all new ones are paused, those to other frontends too.
        type: str
      frontend:
        description: The clients' frontend, or section C(listen).
        type: str
      backend:
        description: The backend. As O(switches[].frontend) where it is not given.
        type: str
      old_server:
        description: The source's name in the backend.
        type: str
      old_address:
        description:
          - With O(switches[].new_address), the IP address that O(switches[].old_server) has before the cutover, and again after a rollback.
          - Read from HAProxy at the cutover where it is not given.
        type: str
      old_port:
        description: The port that goes with O(switches[].old_address). C(3306) where it is not given.
        type: int
      new_server:
        description: The target's name in the backend, where it is in maintenance until the cutover.
        type: str
      new_address:
        description:
          - Instead of O(switches[].new_server), the IP address that O(switches[].old_server) is given.
          - Where a forwarder leads; the host of O(new_address) where it is not given.
        type: str
      new_port:
        description: The port that goes with O(switches[].new_address). C(3306) where it is not given.
        type: int
      argv:
        description: The program's absolute path, and its arguments.
        type: list
        elements: str
      timeout_seconds:
        description: Seconds that the program may take for a stage, at most 60. C(5) where it is not given.
        type: float
  old_address:
    description: The source's address and port, for programs.
    type: str
  new_address:
    description: The target's address and port, for programs.
    type: str
"""
