# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: mysql_replica_setup
short_description: Make a MySQL or MariaDB server the replica of another one
version_added: 1.0.0
description:
  - Compares the replication of a server with what it should be and changes only the difference, on a running replica too.
    A running thread is stopped only where the difference needs it, and started again.
  - After a start it waits until receiver and applier both run, or fails with the server's own error and a hint.
  - The position of a configured replica is never touched. No event is ever skipped, no server that holds other GTIDs is reset.
  - Only the unnamed default channel is managed. A server with other channels is refused.
options:
  state:
    description:
      - V(started) configures the replica where O(source_host) is given, and both threads run.
      - V(stopped) configures it as well, and both threads are stopped.
      - V(absent) stops replication and forgets the source. The data and the GTID position stay.
    type: str
    choices: [started, stopped, absent]
    default: started
  source_host:
    description: The source's address as the replica's server reaches it. Without it an existing configuration is kept as it is.
    type: str
  source_port:
    description: The source's port. Not set means V(3306), or the port in O(source_login_file).
    type: int
  source_user:
    description: The replication account on the source.
    type: str
  source_password:
    description: Its password, any letters but line breaks. MySQL keeps at most 32 characters, MariaDB 96 bytes; longer ones are refused.
    type: str
  source_password_file:
    description: A file on the managed host, mode C(0600), whose content is the password; a newline at its end is left out.
    type: path
  source_login_file:
    description: A JSON login file on the managed host, mode C(0600). Its host, port, user and password count where no option is set.
    type: path
  update_password:
    description:
      - The stored password cannot be read back and compared. V(on_create) sets it with a new source, with a change of any setting of
        the login or of TLS, and where the source has refused the stored one.
      - V(always) sets it on each run and reports a change each time.
    type: str
    choices: [always, on_create]
    default: on_create
  replace_source:
    description: Allow to change O(source_host) or O(source_port) of a configured replica, which otherwise is refused.
    type: bool
    default: false
  positioning:
    description: Whether the replica asks for what it lacks by V(gtid), or continues from a V(file) and position.
    type: str
    choices: [gtid, file]
    default: gtid
  gtid:
    description:
      - "The seed's position: a set on MySQL, one GTID for each domain on MariaDB. Used for a new source with O(positioning=gtid) only."
      - A server that already includes it goes on from where it stands. A server that holds anything else is refused.
      - Not set needs a server that holds a position. An empty text means to begin with the source's first binary log.
    type: str
  source_log_file:
    description: The seed's binary log file. Used for a new source with O(positioning=file) only.
    type: str
  source_log_pos:
    description: The seed's position in O(source_log_file).
    type: int
  tls:
    description:
      - How the replica connects. Every TLS setting of the channel is always written, so no version's default decides.
      - V(required) encrypts and verifies nothing. MariaDB goes on in clear text where the source offers no TLS. The module therefore
        looks at the source's greeting first, and an account with C(REQUIRE SSL) makes sure.
      - V(verify_ca) verifies the certificate, and on MariaDB, which has one switch for both, the host name too.
        V(verify_identity) verifies both.
      - V(off) is for paths that are encrypted already, such as a tunnel.
    type: str
    choices: ["off", required, verify_ca, verify_identity]
    default: required
  tls_ca:
    description: The authority's certificate, a file that the server's own account can read. Used with V(verify_ca) and V(verify_identity).
    type: path
  tls_cert:
    description: The replica's own certificate, together with O(tls_key).
    type: path
  tls_key:
    description: Its key.
    type: path
  get_source_public_key:
    description: >-
      Ask the source for the key with which C(caching_sha2_password) encrypts the password without TLS.
      Not set means true with O(tls=off). MySQL 8.0.4 and later; elsewhere it is not used.
    type: bool
  connect_retry:
    description: Seconds between attempts to connect.
    type: int
    default: 10
  retry_count:
    description: >-
      Attempts to connect before the receiver gives up, V(0) without limit, which is the default where it can be set.
      A MariaDB before 12.0 reads it from its configuration only (C(master_retry_count)) and refuses the option.
    type: int
  heartbeat_period:
    description: Seconds of silence until the source sends a heartbeat. Choose less than the idle timeout of any device in between.
    type: float
    default: 10.0
  net_timeout:
    description: Seconds of silence after which the receiver reconnects (server variable). Not set leaves it as it is.
    type: int
  applier_threads:
    description:
      - Threads that apply transactions. More than V(1) also keeps the order of commits (MySQL) or sets the optimistic mode (MariaDB).
      - V(0) means twice as many as the managed host has processors, at least 4 and at most 16.
      - Like O(net_timeout) it is set at run time. Write it into the server's configuration too, to keep it over a restart.
    type: int
  start_timeout:
    description: Seconds to wait until both threads run.
    type: float
    default: 60.0
  migration_id:
    description:
      - The migration whose target this server is. The module then acts only while the server is nobody's primary, by the migration's
        journal as it is at that moment, and not beside a cutover.
      - A source that refuses it as being ahead is then noted in the migration's journal,
        and the target is not trusted any more, whatever replication shows later.
    type: str
notes:
  - Passwords are bound as parameters, so quotes, backslashes, spaces and letters of any script work. No output, error or diff holds them.
  - The server stores the password in clear text among its replication metadata. Its logs, histories and process list do not show it,
    see O(allow_logged_passwords).
  - With O(update_password=always) the module is not idempotent.
extends_documentation_fragment:
  - nordbridge.mysql_migration._attributes
  - nordbridge.mysql_migration._login
  - nordbridge.mysql_migration._accounts
author: The nordbridge.mysql_migration contributors (@nordbridge)
"""

EXAMPLES = r"""
- name: Follow the source through a tunnel, from the seed's GTID position
  nordbridge.mysql_migration.mysql_replica_setup:
    source_host: 127.0.0.1
    source_port: 33061
    source_user: replication
    source_password_file: /etc/mysql_migration/replication.password
    gtid: "{{ seed.gtid }}"
    tls: "off"
    applier_threads: 4

- name: Follow the source over TLS, from file and position
  nordbridge.mysql_migration.mysql_replica_setup:
    source_host: us-db1.example.com
    source_user: replication
    source_password: "{{ replication_password }}"
    positioning: file
    source_log_file: mysqld-bin.000042
    source_log_pos: 1234
    tls: verify_identity
    tls_ca: /etc/mysql/ca.pem

- name: Forget the source
  nordbridge.mysql_migration.mysql_replica_setup:
    state: absent
"""

RETURN = r"""
status:
  description: The replica's status in one shape for all flavours and versions, as it is afterwards (in check mode, as it is).
  returned: always, once the server was reached
  type: dict
  sample:
    configured: true
    running: true
    source_host: 127.0.0.1
    io_running: "Yes"
    sql_running: "Yes"
    positioning: gtid
    gtid_executed: 0-101-42
    exec_file: mysqld-bin.000042
    exec_position: 1234
    seconds_behind: 0
    last_io_errno: 0
    ssl_allowed: true
statements:
  description: The statements that were run, or would be in check mode. A password is shown as three asterisks.
  returned: always, once the server was reached
  type: list
  elements: str
  sample: ["STOP REPLICA SQL_THREAD", "SET GLOBAL slave_parallel_threads = 4", "START REPLICA"]
"""

from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._module import run_module
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._replication.apply import set_up
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._replication.desired import argument_spec
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._server.endpoint import login_argument_spec


def main() -> None:
    """Options in, result out."""
    run_module(
        set_up,
        dict(login_argument_spec(), **argument_spec()),
        mutually_exclusive=[("source_password", "source_password_file")],
    )


if __name__ == "__main__":
    main()
