# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Safety lines, each broken in the way that would hurt. The text tells the place: where a line is changed, its mutant is, too."""

from __future__ import annotations

from mutant import Mutant

TABLE = [
    # The server classes.
    Mutant(
        "_server/mariadb.py",
        "the fence is read_only alone, which privileged sessions write through",
        'self.connection.run("FLUSH TABLES WITH READ LOCK")',
        "pass",
    ),
    Mutant(
        "_server/mariadb.py",
        "NULL of MASTER_GTID_WAIT counts as arrived",
        'return bool(gtid) and self.connection.value(self.statement("wait_for_gtid"), (gtid, seconds)) == 0',
        'return bool(gtid) and self.connection.value(self.statement("wait_for_gtid"), (gtid, seconds)) in (0, None)',
    ),
    Mutant(
        "_server/mariadb.py",
        "an account that is gone is made anew, without a password, by giving its privileges back",
        """self.connection.run("SET SESSION sql_mode = CONCAT_WS(',', @@SESSION.sql_mode, 'NO_AUTO_CREATE_USER')")""",
        "pass",
    ),
    Mutant("_server/mariadb.py", "READ_ONLY ADMIN is left to everybody", '("SUPER", "READ_ONLY ADMIN")', '("SUPER",)'),
    Mutant(
        "_server/mysql.py",
        "the fence is read_only, not super_read_only",
        '"SET GLOBAL super_read_only = ON" if on else',
        '"SET GLOBAL read_only = ON" if on else',
    ),
    Mutant(
        "_server/mysql.py",
        "closed is read from read_only",
        'return all(values.get(name, "").upper() == "ON" for name in ("read_only", "super_read_only"))',
        'return values.get("read_only", "").upper() == "ON"',
    ),
    Mutant("_server/mysql.py", "who may set system variables may open the server", "if self.version >= (8, 0)\n", "if False\n"),
    Mutant(
        "_server/base.py",
        "-1 (time over) of a position wait counts as arrived",
        "return value is not None and int(value) >= 0",
        "return value is not None and int(value) >= -1",
    ),
    Mutant("_server/base.py", "a wait for a position without an end", "max(1, int(seconds))", "int(seconds)"),
    # The state's files.
    Mutant(
        "_state/files.py",
        "the directory is not synced after the rename",
        "        sync_directory(folder)\n\n\ndef",
        "        pass\n\n\ndef",
    ),
    Mutant("_state/files.py", "the content is not synced before its name", "            os.fsync(stream.fileno())", "            pass"),
    Mutant(
        "_state/fences.py",
        "a decision is not on the disk when somebody goes by it",
        "    sync_directory(_folder(root))\n    return state",
        "    return state",
    ),
    Mutant(
        "_state/fences.py",
        "who decides second believes that it decided",
        'return found.state if found else ""\n    sync',
        "return state\n    sync",
    ),
    Mutant(
        "_state/fences.py",
        "a damaged record is a server without a fence",
        "    if error is None:\n        return None\n",
        "    return None\n",
    ),
    Mutant("_state/fences.py", "the old record stands beside the new one", "    for name in older:\n", "    for name in ():\n"),
    # Before the fence.
    Mutant(
        "_seed/landing.py",
        "source and target may be one server",
        "if seen is not None or same_server(source.identity, target.identity):",
        "if False:",
    ),
    Mutant(
        "_cutover/preflight.py",
        "the target replicates from another server",
        "if status.source_server_id and status.source_server_id != source.identity.server_id:",
        "if False:",
    ),
    Mutant(
        "_cutover/run.py",
        "connections have no timeout",
        "connect(read_login_file(path), name, read_timeout=60)",
        "connect(read_login_file(path), name)",
    ),
    # The fence.
    Mutant(
        "_cutover/stop_writes.py",
        "the fence waits a day for somebody's lock",
        'source.connection.run("SET SESSION lock_wait_timeout = %d" % max(1, int(seconds)))',
        "pass",
    ),
    Mutant(
        "_cutover/stop_writes.py",
        "a fence that closed too late counts as closed",
        "        if watchdog.fired:\n",
        "        if False:\n",
    ),
    Mutant(
        "_cutover/stop_writes.py",
        "the position is read without asking whether the fence is closed",
        'if not end.closed:\n            raise MigrationError("the source answers',
        'if False:\n            raise MigrationError("the source answers',
    ),
    Mutant(
        "_cutover/stop_writes.py",
        "replica errors after the stop are ignored",
        '        if _words(target):\n            raise MigrationError("replication did not stop cleanly',
        '        if False:\n            raise MigrationError("replication did not stop cleanly',
    ),
    Mutant(
        "_cutover/stop_writes.py",
        "applied is not compared with the position",
        'if not target.gtid_includes(end.applied, position["gtid"]) or extra:',
        "if extra:",
    ),
    Mutant(
        "_cutover/stop_writes.py",
        "what the target has of its own is not looked at",
        'if not target.gtid_includes(end.applied, position["gtid"]) or extra:',
        'if not target.gtid_includes(end.applied, position["gtid"]):',
    ),
    Mutant(
        "_cutover/stop_writes.py",
        "the last heartbeat may be missing",
        "if int(heartbeat or 0) != self.heartbeat:",
        "if False:",
    ),
    Mutant(
        "_cutover/stop_writes.py",
        "the commit does not ask whether the fence is closed",
        'if not end.closed:\n            raise MigrationError("the source does not',
        'if False:\n            raise MigrationError("the source does not',
    ),
    Mutant(
        "_cutover/stop_writes.py",
        "the commit does not look whether the source wrote behind the fence",
        'if (end.file, end.position, end.gtid) != (position["file"], position["position"], position["gtid"]):',
        "if False:",
    ),
    Mutant(
        "_cutover/context.py",
        "waits ignore the lease's end",
        'return min(left, self.options["lease"] - (now - self.lease_at)) if self.lease_at else left',
        "return left",
    ),
    # The source host's part.
    Mutant(
        "_cutover/access.py",
        "privileges are taken with a word in the binary log: the new server loses them, too",
        '    server.connection.run("SET SESSION sql_log_bin = 0")\n    for user, host, privileges, _grantable',
        "    for user, host, privileges, _grantable",
    ),
    Mutant(
        "_cutover/access.py",
        "privileges are given back with a word in the binary log",
        '    failed = []\n    server.connection.run("SET SESSION sql_log_bin = 0")\n',
        "    failed = []\n",
    ),
    Mutant(
        "_cutover/access.py",
        "the migration's own accounts lose their privileges",
        "return not user.startswith(OWN_PREFIX) or is_anothers(user, own)",
        "return True",
    ),
    Mutant(
        "_cutover/access.py",
        "another migration's accounts keep their privileges and sessions",
        "return not user.startswith(OWN_PREFIX) or is_anothers(user, own)",
        "return not user.startswith(OWN_PREFIX)",
    ),
    Mutant(
        "_cutover/access.py",
        "one account that is refused keeps the others without their privileges",
        'failed.append("%s to %s@%s: %s" % (", ".join(privileges), user, host, error))',
        "raise",
    ),
    Mutant("_cutover/access.py", "a session that is to end is not asked", 'connection.run("KILL %d" % number)', "pass"),
    Mutant(
        "_cutover/access.py",
        "a server that stays closed counts as opened",
        "    server.open_fence()\n    if server.read_only():\n",
        "    server.open_fence()\n    if False:\n",
    ),
    Mutant(
        "_cutover/access.py",
        "the hold is there still when the server is open",
        '        os.unlink(request["hold"])\n',
        "        pass\n",
    ),
    Mutant(
        "_cutover/access.py",
        "who writes on a server that was opened goes on",
        "        end_sessions(server.connection)\n    if",
        "        pass\n    if",
    ),
    Mutant(
        "_cutover/lease.py",
        "no read timeout while reopening",
        'connect(Endpoint(**kept["login"]), "the fenced server, from its own host", read_timeout=SQL_SECONDS) as connection:\n            return work',
        'connect(Endpoint(**kept["login"]), "the fenced server, from its own host") as connection:\n            return work',
    ),
    Mutant(
        "_cutover/lease_service.py",
        "no read timeout in the service",
        '"the fenced server, from its own host", SQL_SECONDS)',
        '"the fenced server, from its own host")',
    ),
    Mutant(
        "_cutover/lease.py",
        "the hold is placed although the lease has ended",
        "            self._standing()\n            changed",
        "            changed",
    ),
    Mutant(
        "_cutover/lease.py",
        "the hold is placed beside the lease's end",
        '            changed = place_hold(self.server, self.kept["hold"])\n            if decide_state(self.kept) != ARMED:\n',
        '            changed = place_hold(self.server, self.kept["hold"])\n            if False:\n',
    ),
    Mutant(
        "_cutover/hold.py",
        "the hold is not read back before it counts",
        "        against = hold.against()\n        if against:\n            raise",
        "        against = hold.against()\n        if False:\n            raise",
    ),
    Mutant(
        "_cutover/hold.py",
        "what SET PERSIST keeps is not looked at",
        "            if self.closed.get(name, value) != value\n",
        "            if False\n",
    ),
    Mutant(
        "_cutover/hold.py",
        "statements at each start are not looked at",
        "        found += self._at_start(text)\n",
        "",
    ),
    Mutant(
        "_cutover/hold.py",
        "a hold that is gone counts as one",
        "(hold.against() if hold.placed else ",
        "(hold.against() if True else ",
    ),
    Mutant(
        "_cutover/hold.py",
        "what runs now is not looked at",
        " + hold.running()\n",
        "\n",
    ),
    Mutant(
        "_cutover/steps.py",
        "nobody looks behind the commit whether the old server stays closed",
        "        self._confirm_closed()\n",
        "",
    ),
    Mutant(
        "_optionfiles/program.py",
        "the running server's arguments count, and not its unit's",
        "    words = list(unit.arguments) if unit else ",
        "    words = ",
    ),
    Mutant(
        "_server/mysql.py",
        "super_read_only alone counts as closed",
        'for name in ("read_only", "super_read_only"))',
        'for name in ("super_read_only",))',
    ),
    Mutant(
        "_cutover/lease_service.py",
        "the lease gives up",
        "            said, pause = words, AGAIN_SECONDS if words != said else 2 * AGAIN_SECONDS\n",
        "            said, pause = words, AGAIN_SECONDS if words != said else None\n",
    ),
    Mutant(
        "_cutover/lease_service.py",
        "the lease gives up after an error that it does not know",
        "        except Exception as error:  # pylint",
        "        except MigrationError as error:  # pylint",
    ),
    Mutant(
        "_cutover/lease_service.py",
        "a decision that the disk does not take keeps the server closed",
        "            except OSError as error:\n                say(",
        "            except ZeroDivisionError as error:\n                say(",
    ),
    Mutant(
        "_cutover/lease_service.py",
        "a committed server that somebody opened stays open",
        "if decide_state(self.kept) == COMMITTED and close_again(server):",
        "if False:",
    ),
    Mutant(
        "_cutover/lease_service.py",
        "a server that a rollback released is closed again",
        "if decide_state(self.kept) == COMMITTED and close_again(server):",
        "if close_again(server):",
    ),
    Mutant(
        "_cutover/lease.py",
        "privileges are taken under a lease that has ended",
        "            self._standing()\n            take_privileges",
        "            take_privileges",
    ),
    Mutant(
        "_cutover/lease.py",
        "privileges that were taken beside the lease's end stay taken",
        '                give_privileges(self.server, self.kept["accounts"])\n                raise',
        "                raise",
    ),
    Mutant(
        "_cutover/lease.py",
        "who kept the privilege is not looked for",
        "        kept = strangers_privileges(self.server)\n        if kept:\n",
        "        kept = []\n        if kept:\n",
    ),
    Mutant(
        "_cutover/lease.py",
        "sessions are ended under a lease that has ended",
        "        self._standing()\n        self.ended",
        "        self.ended",
    ),
    Mutant(
        "_cutover/lease.py",
        "the commit does not wait for sessions to be gone",
        "        left = self._left()\n        if left:\n",
        "        left = self._left()\n        if False:\n",
    ),
    Mutant(
        "_cutover/lease.py",
        "the host commits a server that is open",
        "        if not self.server.read_only():\n            return {",
        "        if False:\n            return {",
    ),
    Mutant(
        "_cutover/lease.py",
        "the host commits when the time is over",
        '        if is_over(self.kept):\n            return {"taken"',
        '        if False:\n            return {"taken"',
    ),
    Mutant("_cutover/lease.py", "a boot does not end a lease", ' or request["boot_id"] != boot_id())', ")"),
    Mutant("_cutover/lease.py", "a second migration fences the server", '        check_free(place, request["migration_id"])\n', ""),
    Mutant(
        "_cutover/lease.py",
        "an undo opens a server that another migration has fenced since",
        'state = "" if fence is None else',
        "state = FIRED if fence is None else",
    ),
    Mutant(
        "_cutover/lease.py",
        "a commit is not known where the lease's own file is gone",
        "    fence = find_fence(token)\n",
        "    fence = find_fence(token) if kept else None\n",
    ),
    Mutant(
        "_cutover/lease.py",
        "a rollback opens a server that another migration has closed since",
        'if fence is not None and fence.migration_id != request["migration_id"] and fence.state in (ARMED, COMMITTED):',
        "if False:",
    ),
    Mutant("_cutover/lease.py", "the directory is not synced after the boot's link", "    sync_directory(os.path.dirname(link))\n", ""),
]
