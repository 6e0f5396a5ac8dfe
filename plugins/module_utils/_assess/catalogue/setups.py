# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""What a setup asks of the method, the target or the way between, and what is found late where nobody looks."""

from __future__ import annotations

from .check import ERROR, SOURCE, TARGET, WARNING, Check, of_source, of_target

CHECKS = (
    Check(
        "P13",
        "tables whose files lie outside the data directory can be made on the target",
        ERROR,
        TARGET,
        "make the directory on the target and give it to the server's user (MySQL: name it in innodb_directories, too); or move the tables"
        " into the source's data directory first",
        of_source("tables"),
    ),
    Check(
        "P14",
        "the target's login works after a copy of files, too",
        ERROR,
        TARGET,
        "set migration_target_login_user and migration_target_login_password to an administrator of the source who may log in from"
        " localhost: a login by the socket ignores the password until the copy brings the source's accounts. Or copy by"
        " migration_target_seed_method=dump, which leaves the target's own login as it is",
        of_source("accounts"),
    ),
    Check(
        "P15",
        "the target knows the time zones that are used by name",
        ERROR,
        TARGET,
        "load them on the target: mariadb-tzinfo-to-sql (or mysql_tzinfo_to_sql) /usr/share/zoneinfo | mariadb (or mysql) mysql",
        of_source("tables") + of_target("tables"),
    ),
    Check(
        "P16",
        "both servers take statements about events, where the source has events",
        ERROR,
        SOURCE,
        "set event_scheduler = OFF in place of DISABLED in that server's configuration and restart it; or drop the events, if nobody needs"
        " them",
        of_source("tables"),
    ),
    Check(
        "P17",
        "a dump can read all views",
        ERROR,
        SOURCE,
        "drop these views, or bring back what they lie on (SHOW CREATE VIEW names it); a copy of files would bring them as they are",
        of_source("tables"),
    ),
    Check(
        "P18",
        "replicas of the source are known",
        WARNING,
        SOURCE,
        "after the cutover point each of them at the new server, or it goes on following the old one, which gets no writes any more",
        of_source("replicas"),
        waivable=True,
    ),
    Check(
        "P19",
        "the servers have connections left",
        WARNING,
        SOURCE,
        "end idle connections, or raise max_connections (SET GLOBAL max_connections = N): the cutover is refused where it gets none",
        waivable=True,
    ),
    Check(
        "P75",
        "init_connect lets the replica log in",
        ERROR,
        SOURCE,
        "empty it for the migration (SET GLOBAL init_connect = ''), or have it write nowhere; if its statements work for an account that may"
        " do nothing but replicate, waive: -e waive=P75",
        waivable=True,
    ),
)
