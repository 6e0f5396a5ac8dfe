# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""The request."""

from __future__ import annotations

from .check import BOTH, ERROR, MIGRATION, SOURCE, TARGET, WARNING, Check

CHECKS = (
    Check("P60", "the gate names this migration", ERROR, MIGRATION, "to open it: -e cutover={id}"),
    Check(
        "P61", "waived checks exist and may be waived", ERROR, MIGRATION, "correct waive: it takes ids of this table, as in -e waive=P30"
    ),
    Check(
        "P62",
        "the migration's id can be a file name",
        ERROR,
        MIGRATION,
        "use letters, digits, dot, dash and underscore, at most 63, a letter or digit first",
    ),
    Check(
        "P63", "the cutover's times fit each other", ERROR, MIGRATION,
        "correct migration_cutover_budget, migration_cutover_fence_seconds or migration_cutover_lease",
    ),
    Check(
        "P64",
        "the copied rows were compared",
        WARNING,
        MIGRATION,
        "run the playbook verify before you open the gate; it compares every row while the application writes",
        waivable=True,
    ),
    Check(
        "P65",
        "nothing was seen by which the target may differ from its source",
        ERROR,
        TARGET,
        "copy again: -e wipe_target={wipe}; or compare all rows of both servers at one position and, where they are equal, waive: -e waive=P65",
        waivable=True,
    ),
    Check(
        "P66", "the plan that was approved is the one that is made", ERROR, MIGRATION,
        "run the playbook assess, read the plan of now, and give its id; or leave plan out",
    ),
    Check(
        "P58", "the source's server listens where the tunnel ends", ERROR, SOURCE,
        "set migration_source_sql_address and migration_source_sql_port to where it listens (bind_address, port, skip_networking)",
    ),
    Check(
        "P59", "nothing is printed before the agent's answers", WARNING, SOURCE,
        "see that it prints nothing for the user nordbridge-agent (sshd(8), SSHRC), for example: [ \"$USER\" = nordbridge-agent ] && exit",
        waivable=True,
    ),
    Check(
        "P67", "the target reaches the source", ERROR, TARGET,
        "open the way from the target to that port (firewall, bind address), or set migration_source_address and migration_source_ssh_port, with"
        " bridge: tls migration_source_sql_port, to what the target can reach",
    ),
    Check(
        "P68", "the source's sshd lets the migration's users in", ERROR, SOURCE,
        "change that in sshd's configuration for these two users alone (Match User nordbridge,nordbridge-agent; AllowUsers and AllowGroups where"
        " they stand), see it by sshd -T -C user=NAME, and reload sshd",
        waivable=True,
    ),
    Check(
        "P69", "the folders that a migration writes to can be written", ERROR, BOTH,
        "make room there, or have the file system mounted for writing",
    ),
)
