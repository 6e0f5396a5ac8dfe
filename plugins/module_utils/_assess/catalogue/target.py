# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""The target."""

from __future__ import annotations

from .check import ERROR, MIGRATION, NOTICE, TARGET, WARNING, Check, of_source, of_target

CHECKS = (
    Check(
        "P40",
        "the data fits onto the target's disk",
        ERROR,
        TARGET,
        "enlarge the file system, or lower disk_factor if you know that less is enough",
        of_source("tables"),
    ),
    Check(
        "P41",
        "the target is empty, or may be erased",
        ERROR,
        TARGET,
        "choose another target, or allow all of it to be erased: -e wipe_target={wipe}",
        of_target("tables", "markers"),
    ),
    Check("P42", "the permission to erase names this migration", ERROR, MIGRATION, "to allow it: -e wipe_target={wipe}"),
    Check(
        "P43",
        "the target is in no replication of its own",
        ERROR,
        TARGET,
        "stop and forget it (STOP REPLICA, RESET REPLICA ALL), and detach whoever replicates from it",
        of_target("replica_status", "replicas"),
    ),
    Check(
        "P44",
        "the target is new",
        NOTICE,
        TARGET,
        "nothing, if nobody needs them: the seed replaces accounts and starts the binary log afresh",
        of_target("accounts"),
        waivable=True,
    ),
    Check(
        "P45",
        "no filter keeps writes from the target",
        ERROR,
        TARGET,
        "remove the filters from the target's configuration and restart it",
        of_target("filters"),
    ),
    Check(
        "P46",
        "the target's event scheduler is off",
        WARNING,
        TARGET,
        "the migration turns it off until the cutover; keep other configuration tools from turning it on: events would fire on both sides",
        waivable=True,
    ),
    Check(
        "P47",
        "the target knows how the accounts log in",
        ERROR,
        TARGET,
        "load the plugin on the target (MariaDB: INSTALL SONAME; it may be in a package of its own), or give these accounts another one",
        of_source("accounts"),
    ),
    Check(
        "P48",
        "the target stays closed through a restart until it is promoted",
        ERROR,
        TARGET,
        "do that on the target's host, then run the same command again",
        of_target("hold"),
    ),
    Check(
        "P49",
        "the target stays open through a restart once it is promoted",
        WARNING,
        TARGET,
        "remove that before the cutover: the new primary's next restart would stop all writes",
        waivable=True,
    ),
)
