# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""The table of checks: each one's id, title, severity and what to do. Ids are stable: they are waived and documented by them.

C({id}) in a remedy stands for the migration's id.
"""

from __future__ import annotations

import typing as t

ERROR, WARNING, NOTICE, OK = "error", "warning", "notice", "ok"
SOURCE, TARGET, BOTH, MIGRATION = "source", "target", "both", "migration"


class Check(t.NamedTuple):
    """One line of the table.

    :param severity: what a hit usually is; a rule can say otherwise for one hit
    :param where: the server that is to be changed
    :param remedy: what to do
    :param needs: (side, topic) of facts without which the check cannot be made
    :param waivable: whether the operator may take the risk, by its id
    """

    id: str
    title: str
    severity: str
    where: str
    remedy: str
    needs: tuple = ()
    waivable: bool = False


def _source(*topics: str) -> tuple:
    return tuple((SOURCE, topic) for topic in topics)


def _target(*topics: str) -> tuple:
    return tuple((TARGET, topic) for topic in topics)


CHECKS = (
    # the pair
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
        "set target_server_id to a number that no other server uses",
        _source("replicas"),
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
    # the logins
    Check(
        "P09",
        "the old server could follow the new one, where reverse replication is asked for",
        ERROR,
        TARGET,
        "install the source's series on the target, or leave reverse_replication out: a rollback then loses what was written since",
    ),
    Check("P10", "the source's login has its privileges", ERROR, SOURCE, "grant them to the account that the source's login option names"),
    Check("P11", "the target's login has its privileges", ERROR, TARGET, "grant them to the account that the target's login option names"),
    # the copy
    Check(
        "P12",
        "the data can be copied by the method asked for",
        ERROR,
        MIGRATION,
        "remove the obstacle, or let the fastest method be found that works: target_seed_method=auto",
        _source("tables"),
    ),
    # the source
    Check(
        "P20",
        "the source needs no restart, or may be restarted",
        ERROR,
        SOURCE,
        "choose a time, then allow it with -e source_allow_restart=true",
    ),
    Check(
        "P21",
        "the source's binary log holds full rows",
        WARNING,
        SOURCE,
        "the migration sets it while the server runs; let applications reconnect, since open sessions keep the old value",
        waivable=True,
    ),
    Check(
        "P22",
        "the source is not itself a replica",
        ERROR,
        SOURCE,
        "migrate the server that it replicates from, or make it independent first: a fence here would not stop writes from there",
        _source("replica_status"),
    ),
    Check(
        "P23",
        "no filter keeps writes out of the source's binary log",
        ERROR,
        SOURCE,
        "remove the filters from the source's configuration and restart it",
        _source("binlog_status", "filters"),
    ),
    Check(
        "P24",
        "neither server is part of a cluster",
        ERROR,
        BOTH,
        "this collection moves single servers: take the server out of Galera or group replication first",
        _source("group_replication") + _target("group_replication"),
    ),
    Check(
        "P25",
        "the source takes writes",
        ERROR,
        SOURCE,
        "find out who made it read-only, and whether another server has taken over: open nothing before that is known",
        _source("markers"),
    ),
    Check(
        "P26",
        "the source keeps its binary logs long enough",
        NOTICE,
        SOURCE,
        "the migration raises it for its own time; make sure that nothing else purges binary logs (cron, backup tools)",
        waivable=True,
    ),
    Check(
        "P27",
        "the source offers TLS where the bridge needs it",
        ERROR,
        SOURCE,
        "give the source a certificate (ssl_cert, ssl_key, ssl_ca), or use bridge: ssh_tunnel",
    ),
    Check(
        "P28",
        "the source's commits do not wait for semi-synchronous replicas",
        NOTICE,
        SOURCE,
        "lower its timeout before the cutover: a fence waits for commits that wait for a replica",
        waivable=True,
    ),
    Check(
        "P29",
        "the source's disk holds the binary logs that are kept",
        WARNING,
        SOURCE,
        "free space on the source, or shorten the retention to the migration's expected time",
        waivable=True,
    ),
    # the data
    Check(
        "P30",
        "all tables are InnoDB",
        ERROR,
        SOURCE,
        "convert them (ALTER TABLE ... ENGINE=InnoDB); or, if nothing writes to them during the seed, waive: -e waive=P30",
        _source("tables"),
        waivable=True,
    ),
    Check(
        "P31",
        "all tables have a primary key",
        WARNING,
        SOURCE,
        "add a key: without one each changed row can cost the target a scan of the table",
        _source("tables"),
        waivable=True,
    ),
    Check(
        "P32",
        "no XA transaction is left prepared on the source",
        ERROR,
        SOURCE,
        "XA COMMIT or XA ROLLBACK each of them (XA RECOVER lists them)",
        _source("xa"),
    ),
    Check(
        "P33",
        "no transaction has been open for long on the source",
        WARNING,
        SOURCE,
        "let it end: it holds off the locks of seed and cutover, and nothing is killed",
        _source("transactions"),
        waivable=True,
    ),
    Check(
        "P34",
        "the target can read encrypted tables",
        ERROR,
        TARGET,
        "set up the same key management (keyring component or plugin) on the target",
        _source("tables", "encryption") + _target("encryption"),
    ),
    Check(
        "P35",
        "no table keeps its own history",
        WARNING,
        SOURCE,
        "seed by a copy of the files: a dump leaves old row versions behind",
        _source("tables"),
        waivable=True,
    ),
    Check(
        "P36",
        "all tables can be opened",
        ERROR,
        SOURCE,
        "repair or drop them (CHECK TABLE says what is wrong)",
        _source("tables"),
    ),
    Check("P37", "the source holds data", WARNING, BOTH, "check that source and target are not swapped", _source("tables"), waivable=True),
    Check(
        "P38",
        "the source's commits wait for its disk",
        WARNING,
        SOURCE,
        "SET GLOBAL sync_binlog = 1; SET GLOBAL innodb_flush_log_at_trx_commit = 1; and the same in its configuration, for a restart",
        waivable=True,
    ),
    Check(
        "P39",
        "the source stays closed through a restart once it is fenced",
        ERROR,
        SOURCE,
        "do that on the source's host, then run the same command again",
        _source("hold"),
    ),
    # the target
    Check(
        "P40",
        "the data fits onto the target's disk",
        ERROR,
        TARGET,
        "enlarge the file system, or lower disk_factor if you know that less is enough",
        _source("tables"),
    ),
    Check(
        "P41",
        "the target is empty, or may be erased",
        ERROR,
        TARGET,
        "choose another target, or allow all of it to be erased: -e wipe_target={id}",
        _target("tables", "markers"),
    ),
    Check("P42", "the permission to erase names this migration", ERROR, MIGRATION, "to allow it: -e wipe_target={id}"),
    Check(
        "P43",
        "the target is in no replication of its own",
        ERROR,
        TARGET,
        "stop and forget it (STOP REPLICA, RESET REPLICA ALL), and detach whoever replicates from it",
        _target("replica_status", "replicas"),
    ),
    Check(
        "P44",
        "the target is new",
        NOTICE,
        TARGET,
        "nothing, if nobody needs them: the seed replaces accounts and starts the binary log afresh",
        _target("accounts"),
        waivable=True,
    ),
    Check(
        "P45",
        "no filter keeps writes from the target",
        ERROR,
        TARGET,
        "remove the filters from the target's configuration and restart it",
        _target("filters"),
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
        _source("accounts"),
    ),
    Check(
        "P48",
        "the target stays closed through a restart until it is promoted",
        ERROR,
        TARGET,
        "do that on the target's host, then run the same command again",
        _target("hold"),
    ),
    Check(
        "P49",
        "the target stays open through a restart once it is promoted",
        WARNING,
        TARGET,
        "remove that before the cutover: the new primary's next restart would stop all writes",
        waivable=True,
    ),
    # settings that applications notice
    Check("P50", "sql_mode is the same", WARNING, TARGET, "set the source's value in the target's configuration", waivable=True),
    Check("P51", "the time zone is the same", WARNING, TARGET, "set default_time_zone to the source's zone on the target", waivable=True),
    Check(
        "P52",
        "default character set and collation are the same",
        WARNING,
        TARGET,
        "set the source's values in the target's configuration",
        waivable=True,
    ),
    Check(
        "P53",
        "max_allowed_packet is no smaller on the target",
        WARNING,
        TARGET,
        "set at least the source's value in the target's configuration: larger rows cannot be loaded or written",
        waivable=True,
    ),
    Check(
        "P54",
        "no general log is written",
        WARNING,
        BOTH,
        "SET GLOBAL general_log = OFF for the migration: the copy of rows stands in it whole. Passwords do not",
        waivable=True,
    ),
    # the request
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
    Check("P63", "the cutover's times fit each other", ERROR, MIGRATION, "correct cutover_budget, cutover_fence_seconds or cutover_lease"),
    Check(
        "P64",
        "the copied rows were compared",
        WARNING,
        MIGRATION,
        "compare what matters to you before you open the gate, as by the module mysql_table_digest on both servers",
        waivable=True,
    ),
    Check(
        "P65",
        "nothing was seen by which the target may differ from its source",
        ERROR,
        TARGET,
        "copy anew: -e wipe_target={id}; or compare all rows of both servers at one position and, where they are equal, waive: -e waive=P65",
        waivable=True,
    ),
    # what was done before
    Check(
        "P80",
        "neither server is fenced, or was fenced for good",
        ERROR,
        SOURCE,
        "open nothing and erase nothing before it is known which server is the primary",
        _source("markers") + _target("markers"),
    ),
    Check(
        "P81",
        "no other migration of the source is under way",
        WARNING,
        SOURCE,
        "finish it or forget it: once either is cut over, the other's copy is of no use. This one goes on meanwhile",
        _source("markers"),
        waivable=True,
    ),
    Check(
        "P82",
        "one target of the source is to be cut over",
        ERROR,
        MIGRATION,
        "take one of them out of the inventory, or set migration_copy_only: true on each that is never to be cut over (--limit does not"
        " help: the other's next run would not know)",
    ),
    # who could write on the fenced source
    Check(
        "P70",
        "no session is open that could write through the fence",
        WARNING,
        SOURCE,
        "nothing, if they may end: at the cutover they do, and their accounts lose the privilege (the administrator's, too). Let what must"
        " not be cut off end before, or give it an account of its own without SUPER, READ ONLY ADMIN and SYSTEM_VARIABLES_ADMIN",
        _source("census"),
        waivable=True,
    ),
    Check(
        "P71",
        "no program writes as an account that could write through the fence",
        WARNING,
        SOURCE,
        "find out what writes as an administrator (cron, backup and monitoring tools) and have it write on the target after the cutover: on"
        " the source it is refused from then on",
        _source("census"),
        waivable=True,
    ),
    Check(
        "P72",
        "no routine or event lends the privilege to write through the fence",
        WARNING,
        SOURCE,
        "nothing: the fence takes the privilege from their definers. Who calls them on the source behind it is refused",
        _source("census"),
        waivable=True,
    ),
    Check(
        "P73",
        "the servers ask for logins",
        ERROR,
        SOURCE,
        "restart it without skip-grant-tables: nobody can be kept from writing there",
        waivable=True,
    ),
    Check(
        "P74",
        "init_connect keeps nobody out behind the fence",
        WARNING,
        SOURCE,
        "if it writes rows, empty it before the cutover: a session whose init_connect fails is ended, and behind the fence nobody but the"
        " migration's own accounts is spared it",
        waivable=True,
    ),
)
BY_ID = {check.id: check for check in CHECKS}
