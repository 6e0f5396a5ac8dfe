# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""The pair, its logins, and the copy."""

from __future__ import annotations

from .check import BOTH, ERROR, MIGRATION, SOURCE, TARGET, WARNING, Check, of_source

CHECKS = (
    Check("P01", "source and target are two servers", ERROR, BOTH, "name the new server's host or socket for the target"),
    Check(
        "P02",
        "the two servers have UUIDs of their own",
        ERROR,
        TARGET,
        "the target's machine is a clone: stop the target's server, remove auto.cnf from its data directory, start it again",
    ),
    Check(
        "P03",
        "server_id differs on all servers involved",
        ERROR,
        TARGET,
        "set migration_target_server_id to a number that no other server uses",
        of_source("replicas"),
    ),
    Check("P04", "both servers are of one flavour", ERROR, TARGET, "install the source's flavour on the target"),
    Check(
        "P05",
        "the target's version is the same or newer",
        ERROR,
        TARGET,
        "upgrade the target's packages to the source's version or a later one",
    ),
    Check(
        "P06",
        "no release series is skipped",
        WARNING,
        TARGET,
        "install the next series on the target, migrate, and upgrade there; a copy of the files is not possible, a dump may be",
        waivable=True,
    ),
    Check(
        "P07",
        "lower_case_table_names is the same",
        ERROR,
        TARGET,
        "initialise the target's data directory again with the source's value, if nothing on it is needed; it cannot be changed later",
    ),
    Check(
        "P08",
        "innodb_page_size is the same",
        WARNING,
        TARGET,
        "seed by a dump; or initialise the target's data directory again with the source's value, if nothing on it is needed",
        waivable=True,
    ),
    Check(
        "P09",
        "the old server could follow the new one, where reverse replication is asked for",
        ERROR,
        TARGET,
        "install the source's series on the target, or leave migration_reverse_replication out: a rollback then loses what was written since",
    ),
    Check("P10", "the source's login has its privileges", ERROR, SOURCE, "grant them to the account that the source's login option names"),
    Check("P11", "the target's login has its privileges", ERROR, TARGET, "grant them to the account that the target's login option names"),
    Check(
        "P12",
        "the data can be copied by the method asked for",
        ERROR,
        MIGRATION,
        "remove the obstacle, or let the fastest method be found that works: migration_target_seed_method=auto",
        of_source("tables"),
    ),
)
