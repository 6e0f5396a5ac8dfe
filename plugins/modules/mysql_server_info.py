# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: mysql_server_info
short_description: Read what a migration must know of a MySQL or MariaDB server
version_added: 1.0.0
description:
  - Reads identity, binary log, replication, settings, sizes, tables that need attention, privileges and free space of one server.
  - Changes nothing on the server and reads no rows of users' tables.
  - What the login may not read is left out and named in RV(server.unreadable).
options:
  needs:
    description:
      - Purposes whose lacking privileges are named in RV(server.privileges.missing).
      - V(assess) reads these facts; V(source_admin) and V(target_admin) carry a migration out; V(replication) only replicates.
    type: list
    elements: str
    choices: [assess, source_admin, target_admin, replication]
    default: []
  local:
    description:
      - Whether the server's data directory is on the host where the module runs, so that free space can be read.
      - The default is V(true) for a connection by socket and V(false) otherwise.
    type: bool
  service:
    description: The unit of the server; found from its flavour where it is empty. Only looked at where the server is local.
    type: str
    default: ''
  programs:
    description: Programs that this host shall have; RV(missing_programs) names those that it has not.
    type: list
    elements: str
    default: []
  side:
    description: What the server is called in error messages.
    type: str
    choices: [server, source, target]
    default: server
  same_as:
    description:
      - The RV(server.identity) that this server was found to have on another way. The module fails where another server answers, and names
        the unit that holds the port where that is on this host, as an earlier migration's tunnel may.
      - A restart and another C(server_id) are no difference. Empty for any server.
    type: dict
    default: {}
    version_added: 1.0.0
extends_documentation_fragment:
  - nordbridge.mysql_migration._attributes.info
  - nordbridge.mysql_migration._login
seealso:
  - module: nordbridge.mysql_migration.migration_preflight
author:
  - The nordbridge.mysql_migration contributors (@nordbridge)
"""

EXAMPLES = r"""
- name: Read the source's facts, over its socket
  nordbridge.mysql_migration.mysql_server_info:
    side: source
    needs: [source_admin]
  register: source_info
  delegate_to: us-db1

- name: Read the facts of a server over the network
  nordbridge.mysql_migration.mysql_server_info:
    login_host: db.example.com
    login_user: assessor
    login_password: "{{ assessor_password }}"
    ca_cert: /etc/ssl/certs/ca-certificates.crt
    needs: [assess]
"""

RETURN = r"""
missing_programs:
  description: Those of O(programs) that are not on this host.
  returned: success
  type: list
  elements: str
  sample: [zstd]
server:
  description: The facts. Values are plain JSON; sizes are bytes, times seconds.
  returned: success
  type: dict
  contains:
    identity:
      description: Who the server is, with C(flavour), C(version) as a list of numbers, C(server_id), C(server_uuid) and C(started_at).
      type: dict
      sample: {"flavour": "mariadb", "version": [10, 11, 18], "hostname": "us-db1", "port": 3306, "server_id": 1}
    log_bin:
      description: >-
        Whether the binary log is on. Beside it are C(binlog_format), C(row_image), C(binlog_do_db), C(binlog_ignore_db),
        C(binlog_file), C(binlog_position), C(retention_seconds) and C(binlogs) (number of files, their bytes, and their growth
        an hour where it can be seen).
      type: bool
      sample: true
    is_replica:
      description: Whether a replication channel is configured; C(channels), C(replicas) and C(replication_filters) say which.
      type: bool
      sample: false
    gtid:
      description: Whether GTIDs are on, what is written to the own binary log, and what is applied from a source.
      type: dict
      sample: {"on": true, "written": "0-1-42", "applied": ""}
    holds_data:
      description: Users' schemas on the server, without the one that the migration makes for itself (C(nordbridge_migration)).
      type: list
      elements: str
      sample: [shop]
    schemas:
      description: The same with their number of tables and views and their bytes of data and indexes.
      type: list
      elements: dict
      sample: [{"name": "shop", "tables": 12, "views": 1, "bytes": 1048576}]
    bytes:
      description: >-
        Data and indexes of all users' tables. Beside it are the counts C(tables), C(views), C(routines), C(triggers), C(events),
        C(events_enabled), C(rows_estimate), C(accounts), C(connections) and C(xa_prepared), and C(longest_transaction_s).
      type: int
      sample: 1048576
    not_innodb:
      description: >-
        Tables of other engines, with schema, name, engine and bytes. In the same form are C(without_primary_key), C(versioned_tables)
        and C(unreadable_tables). Lists end after 500 names; C(not_innodb_count) and C(without_primary_key_count) are complete.
      type: list
      elements: dict
      sample: [{"schema": "shop", "name": "hits", "engine": "MyISAM", "bytes": 1024}]
    privileges:
      description: What the login holds, and what it lacks for O(needs).
      type: dict
      contains:
        login:
          description: The account that the server took the login for.
          type: str
          sample: root@localhost
        granted:
          description: Privileges on all schemas, those of active roles among them.
          type: list
          elements: str
          sample: [ALL PRIVILEGES, GRANT OPTION]
        missing:
          description: What is lacking, with C(privilege), C(alternatives), C(why), C(instead) and C(purpose).
          type: list
          elements: dict
          sample: [{"privilege": "RELOAD", "alternatives": [], "why": "load and reset", "instead": "", "purpose": "target_admin"}]
    disk:
      description: Free and total bytes of the data directory's file system. V(null) where the module does not run on that host.
      type: dict
      sample: {"path": "/var/lib/mysql/", "free_bytes": 1099511627776, "total_bytes": 2199023255552}
    machine:
      description: A mark of the machine as it runs now, a digest of its id and its boot's. Empty where the module does not run on that host.
      type: str
      sample: 5b1e0c7d9a3f2e41
    fence:
      description: >-
        The record of the server's last fence, kept on its own host for all migrations. V(null) where it never had one, and where it
        is not known: RV(server.fence_unknown) says why then. For V(committed) another server is the primary, C(promoted), and neither
        this one may be opened nor that one erased.
      type: dict
      sample: {"state": "committed", "migration_id": "shop-2026", "token": "0a1b", "server": "/var/lib/mysql/", "number": 1,
        "promoted": "oslo-db1 (mariadb 10.11.18)", "at": 1795817414.2, "path": "/var/lib/mysql_migration/fences/5f0.1.0a1b.committed"}
      contains:
        state:
          description: >-
            V(armed), a cutover is under way or died, and its lease opens the server; V(fired), it was undone; V(committed); V(released), a
            rollback has made the server the primary again.
          type: str
          sample: committed
        migration_id:
          description: Whose fence it is.
          type: str
          sample: shop-2026
        promoted:
          description: Which server takes over, or took over, in words.
          type: str
          sample: oslo-db1 (mariadb 10.11.18)
        at:
          description: When it was armed, in seconds since the epoch.
          type: float
          sample: 1795817414.2
        path:
          description: The record's file on the server's host.
          type: str
          sample: /var/lib/mysql_migration/fences/5f0.1.0a1b.committed
    fence_unknown:
      description: >-
        Why the fence's record is not known, with the file's name; empty where it is. It is not where the module does not run on the server's
        own host. That is never the same as a server without a fence.
      type: str
      sample: ""
    markers:
      description: >-
        The marks that migrations have left on the server or on the one that its data was copied from, with C(migration_id), C(role) and
        C(created_at).
      type: list
      elements: dict
      sample: []
    journals:
      description: >-
        Migrations whose target this server is or was, as far as the journals on its own host tell, with C(migration_id) and C(phase);
        V(damaged) for a journal that cannot be read.
      type: list
      elements: dict
      sample: [{"migration_id": "shop-2026", "phase": "done"}]
    writers:
      description: >-
        Who could write on the server while it is read-only, or set that back. C(accounts) with user and host, those by a role among
        them; C(sessions) of theirs that were seen, with user, host, and program and pid where the client told; C(wrote), whose
        statements or rows the server has counted since its start (performance schema, or userstat on MariaDB); C(lent), routines and
        events that run with such an account's privileges. No statement's text is read.
      type: dict
      sample: {"accounts": [["root", "localhost"]], "sessions": [], "wrote": [{"user": "root", "host": "localhost", "count": 12}], "lent": []}
    skip_grant_tables:
      description: Whether the server runs without asking for logins.
      type: bool
      sample: false
    copying:
      description: >-
        What decides how the data can be copied, with C(values) and C(encrypted) of the server and, where the module runs on its host,
        C(host) with programs and their versions, free space, and what the service manager lacks.
      type: dict
      sample: {"flavour": "mariadb", "version": [10, 11, 18], "encrypted": [], "not_innodb": [], "bytes": 1048576}
    login:
      description: The account that the module logged in as, whether by the socket, and whether a password was given.
      type: dict
      sample: {"account": "root@localhost", "socket": true, "password": false}
    setups:
      description: >-
        What a migration meets late: C(broken_views), C(event_zones) (time zones by name, with the events that run in them), C(known_zones),
        C(logins) (administrators and the plugins by which they log in), C(followers) (sessions that read the binary log) and C(variables)
        that applications notice.
      type: dict
      sample: {"broken_views": [], "event_zones": {"Europe/Oslo": ["shop.nightly"]}, "known_zones": [], "followers": []}
    hold:
      description: >-
        Whether a configuration file can keep the server closed through a restart: C(path) of that file, C(against) with what would win
        over it and what to do, C(closed) with what would keep the server closed without it. V(null) where the module does not run on
        that host.
      type: dict
      sample: {"path": "/etc/mysql/mariadb.conf.d/zz-nordbridge-hold.cnf", "against": [], "closed": []}
    unreadable:
      description: What the login may not read, as topic and message.
      type: list
      elements: dict
      sample: []
"""

import shutil

from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._assess import facts, privileges
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._bridge.listener import holder
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._errors import MigrationError, Refusal
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._module import run_module
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._server.connection import connect
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._server.endpoint import from_options, login_argument_spec
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._server.identity import (
    Identity,
    described,
    from_facts,
    read_identity,
    same_place,
)

LOOPBACK = ("127.0.0.1", "localhost")
# How the units of a tunnel's end are called.
PROXY = "-tunnel-proxy.service"
OPTIONS = {
    "needs": {"type": "list", "elements": "str", "choices": list(privileges.PURPOSES), "default": []},
    "local": {"type": "bool"},
    "service": {"type": "str", "default": ""},
    "same_as": {"type": "dict", "default": {}},
    "programs": {"type": "list", "elements": "str", "default": []},
    "side": {"type": "str", "choices": ["server", "source", "target"], "default": "server"},
}


def server_info(params: dict, _check_mode: bool) -> dict:
    """The facts of the server that the login options name."""
    endpoint = from_options(params)
    local = bool(endpoint.unix_socket) if params["local"] is None else params["local"]
    try:
        with connect(endpoint, params["side"]) as connection:
            if params["same_as"]:
                check_same(read_identity(connection), from_facts(params["same_as"]), endpoint.address)
            found = facts.gather(connection, params["needs"], local, params["service"])
            # What a copy of files makes of this login, check P14 asks.
            by = {"socket": bool(endpoint.unix_socket), "password": bool(endpoint.password)}
            missing = [name for name in params["programs"] if not shutil.which(name)]
            server = {**found, "login": {"account": found["privileges"]["login"], **by}}
            return {"changed": False, "server": server, "missing_programs": missing}
    except MigrationError as error:
        if params["same_as"] and endpoint.host in LOOPBACK:
            raise type(error)("%s; %s" % (error, who_listens(endpoint.port))) from None
        raise


def check_same(found: Identity, wanted: Identity, address: str) -> None:
    """Refuse another server than the one that is meant."""
    if not same_place(found, wanted):
        raise Refusal("at %s answers %s, and not %s, which is meant" % (address, described(found), described(wanted)))


def who_listens(port: int) -> str:
    """Who on this host stands between, and what to do."""
    unit = holder(port)
    if not unit:
        return "nobody on this host listens at port %d" % port
    if unit.endswith(PROXY):
        return "port %d is the tunnel's end: see systemctl status %s %s" % (port, unit, unit.replace(PROXY, "-tunnel.service"))
    return (
        "port %d of this host is held by %s: if that is not this migration's own tunnel, stop it (systemctl disable --now), or choose "
        "another port (migration_target_tunnel_port)" % (port, unit)
    )


def main() -> None:
    """Parse, read, report."""
    run_module(server_info, {**login_argument_spec(), **OPTIONS})


if __name__ == "__main__":
    main()
