# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""What of both servers is no row: definitions, accounts and their rights, sequences, and settings that change results.

Definitions are in no snapshot. The source is read first, the target when it has applied what the source had by then; what differs is read
again, and counts if it differs each time: a definition that was changed in between is equal the next time.
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass, field

from .._errors import MigrationError
from .._seed.accounts import Accounts, differing, label, read_accounts
from .._server.base import Flavour
from .._server.events import read_events

MISSING, ONLY = "missing on the target", "only on the target"
#: How often what differs is read, and how long the target may take to what the source has, in seconds.
LOOKS, SETTLE_SECONDS = 3, 120.0
#: Kind -> the statement. The first columns name the object, up to the one called n; the others define it, by their names. Rows of one
#: name belong together. %s are the schemas.
QUERIES = {
    "schema": "SELECT SCHEMA_NAME s, '' n, DEFAULT_CHARACTER_SET_NAME `character set`, DEFAULT_COLLATION_NAME `collation`"
    " FROM information_schema.SCHEMATA WHERE SCHEMA_NAME IN %s",
    "table": "SELECT TABLE_SCHEMA s, TABLE_NAME n, TABLE_TYPE `type`, ENGINE `engine`, TABLE_COLLATION `collation`, TABLE_COMMENT `comment`"
    " FROM information_schema.TABLES WHERE TABLE_TYPE NOT IN ('VIEW', 'SYSTEM VIEW') AND TABLE_SCHEMA IN %s",
    "column": "SELECT TABLE_SCHEMA s, TABLE_NAME u, COLUMN_NAME n, ORDINAL_POSITION `place`, COLUMN_TYPE `type`, IS_NULLABLE `null`,"
    " COLUMN_DEFAULT `default`, EXTRA `extra`, COLLATION_NAME `collation`, GENERATION_EXPRESSION `expression`, COLUMN_COMMENT `comment`"
    " FROM information_schema.COLUMNS WHERE TABLE_SCHEMA IN %s",
    "index": "SELECT TABLE_SCHEMA s, TABLE_NAME u, INDEX_NAME n, SEQ_IN_INDEX `place`, COLUMN_NAME `column`, NON_UNIQUE `unique`,"
    " SUB_PART `length`, INDEX_TYPE `type` FROM information_schema.STATISTICS WHERE TABLE_SCHEMA IN %s",
    "foreign key": "SELECT CONSTRAINT_SCHEMA s, TABLE_NAME u, CONSTRAINT_NAME n, REFERENCED_TABLE_NAME `table`, UPDATE_RULE `on update`,"
    " DELETE_RULE `on delete` FROM information_schema.REFERENTIAL_CONSTRAINTS WHERE CONSTRAINT_SCHEMA IN %s",
    "constraint": "SELECT TABLE_SCHEMA s, TABLE_NAME u, CONSTRAINT_NAME n, CONSTRAINT_TYPE `type` FROM information_schema.TABLE_CONSTRAINTS"
    " WHERE TABLE_SCHEMA IN %s",
    "partition": "SELECT TABLE_SCHEMA s, TABLE_NAME u, PARTITION_NAME n, PARTITION_ORDINAL_POSITION `place`, PARTITION_METHOD `method`,"
    " PARTITION_EXPRESSION `expression`, PARTITION_DESCRIPTION `values`, SUBPARTITION_NAME `subpartition` FROM information_schema.PARTITIONS"
    " WHERE PARTITION_NAME IS NOT NULL AND TABLE_SCHEMA IN %s",
    "view": "SELECT TABLE_SCHEMA s, TABLE_NAME n, VIEW_DEFINITION `definition`, DEFINER `definer`, SECURITY_TYPE `security`,"
    " CHECK_OPTION `check option` FROM information_schema.VIEWS WHERE TABLE_SCHEMA IN %s",
    "routine": "SELECT ROUTINE_SCHEMA s, ROUTINE_TYPE u, ROUTINE_NAME n, ROUTINE_DEFINITION `definition`, DTD_IDENTIFIER `returns`,"
    " IS_DETERMINISTIC `deterministic`, SQL_DATA_ACCESS `data access`, SECURITY_TYPE `security`, DEFINER `definer`, SQL_MODE `sql_mode`,"
    " ROUTINE_COMMENT `comment` FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA IN %s",
    "parameter": "SELECT SPECIFIC_SCHEMA s, SPECIFIC_NAME u, CAST(ORDINAL_POSITION AS CHAR) n, PARAMETER_NAME `name`, PARAMETER_MODE `mode`,"
    " DTD_IDENTIFIER `type`, ROUTINE_TYPE `of` FROM information_schema.PARAMETERS WHERE SPECIFIC_SCHEMA IN %s",
    "trigger": "SELECT TRIGGER_SCHEMA s, TRIGGER_NAME n, EVENT_MANIPULATION `event`, EVENT_OBJECT_TABLE `table`, ACTION_TIMING `timing`,"
    " ACTION_ORDER `order`, ACTION_STATEMENT `definition`, DEFINER `definer`, SQL_MODE `sql_mode` FROM information_schema.TRIGGERS"
    " WHERE TRIGGER_SCHEMA IN %s",
    # Whether it is enabled is the cutover's: on a replica none is.
    "event": "SELECT EVENT_SCHEMA s, EVENT_NAME n, EVENT_DEFINITION `definition`, DEFINER `definer`, EVENT_TYPE `type`, EXECUTE_AT `at`,"
    " INTERVAL_VALUE `every`, INTERVAL_FIELD `unit`, SQL_MODE `sql_mode`, TIME_ZONE `time zone` FROM information_schema.EVENTS"
    " WHERE EVENT_SCHEMA IN %s",
}
#: What is another until the cutover (max_allowed_packet of a target that receives) is the plan's to compare.
#: By which the same statement has another result: https://dev.mysql.com/doc/refman/8.4/en/server-system-variables.html
SETTINGS = (
    "sql_mode", "character_set_server", "collation_server", "time_zone", "lower_case_table_names", "explicit_defaults_for_timestamp",
    "innodb_strict_mode", "group_concat_max_len", "div_precision_increment", "default_week_format",
    "transaction_isolation", "tx_isolation", "auto_increment_increment", "auto_increment_offset", "foreign_key_checks",
)  # fmt: skip
#: What versions of one flavour print differently for the same thing.
SAME = (
    # A character set's name stands alone, in a collation's (utf8_bin), and before a text (_utf8'x').
    (re.compile(r"(?<![A-Za-z0-9])utf8(?![A-Za-z0-9])"), "utf8mb3"),
    (re.compile(r"\b(tinyint|smallint|mediumint|int|bigint|year)\(\d+\)"), r"\1"),
    (re.compile(r"\bDEFAULT_GENERATED ?"), ""),
    (re.compile(r"\bcurrent_timestamp\(\)", re.IGNORECASE), "CURRENT_TIMESTAMP"),
    # MySQL 8.0 has no such mode any more.
    (re.compile(r"\bNO_AUTO_CREATE_USER,|,?\bNO_AUTO_CREATE_USER\b"), ""),
    (re.compile(r"`"), ""),
)
#: What a server writes anew from what it understood, and another series may write otherwise: kind to properties. Bodies of routines, triggers
#: and events are kept as they were given.
REWRITTEN = {"view": ("definition",), "column": ("default", "expression"), "partition": ("expression", "values")}
Objects = t.Dict[t.Tuple[str, str], t.List[dict]]


@dataclass
class Parity:
    """What was compared, and what differs.

    :param compared: kind of object to how many there are on the source
    :param different: object, as "trigger shop.t", to how it differs
    :param explained: how many objects are printed differently by two versions, and are the same
    :param reworded: objects that two series write otherwise, and that may be the same: somebody has to look
    :param extra: accounts that the target has beside the source's
    :param unread: objects whose definition neither server shows to its login
    :param settings: name to the value on the source and on the target
    """

    compared: dict[str, int] = field(default_factory=dict)
    different: dict[str, str] = field(default_factory=dict)
    explained: int = 0
    reworded: list[str] = field(default_factory=list)
    extra: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    settings: dict[str, list] = field(default_factory=dict)


def compare(source: Flavour, target: Flavour, schemas: t.Sequence[str]) -> Parity:
    """Compare all that is no row of some schemas, and the accounts.

    :raises MigrationError: where the target does not come to what the source has
    """
    found = _once(source, target, schemas)
    for _look in range(LOOKS - 1):
        if not found.different:
            break
        again = _once(source, target, schemas)
        again.different = {name: how for name, how in again.different.items() if name in found.different}
        found = again
    return found


def _once(source: Flavour, target: Flavour, schemas: t.Sequence[str]) -> Parity:
    """Both sides, once; the target later than the source."""
    old, old_sequences, old_accounts = read_objects(source, schemas), read_sequences(source, schemas), read_accounts(source)
    settle(source, target)
    new, new_sequences, new_accounts = read_objects(target, schemas), read_sequences(target, schemas), read_accounts(target)
    found = differences(old, new, source.version[:2] == target.version[:2])
    found.compared["sequence"], found.compared["account"] = len(old_sequences), len(old_accounts.create)
    found.different.update(behind(old_sequences, new_sequences))
    found.different.update(unlike_accounts(old_accounts, new_accounts, source.version[:2] == target.version[:2]))
    found.extra = sorted(_names(new_accounts) - _names(old_accounts))
    found.settings = {name: list(pair) for name, pair in differing_settings(source, target).items()}
    return found


def unlike_accounts(old: Accounts, new: Accounts, same_series: bool) -> dict[str, str]:
    """The source's accounts that the target has otherwise, or not. What it has beside them, as for its own monitoring, is no loss.

    When a password was changed last is not compared: a repair by hand would never end.
    """
    here, there = _names(old), _names(new)
    # The statements that two series make of the same account differ.
    unlike = differing(old, new, ("create", "grants")) if same_series else []
    # Everybody's rights, and those of the installation's own accounts, may be more.
    rights = [{label(user, host): set(statements) for user, host, statements in each.shared} for each in (old, new)]
    unlike += [name for name, statements in rights[0].items() if same_series and statements - rights[1].get(name, set())]
    found = {"account %s" % name: "its login or its rights" for name in unlike if name not in there - here}
    found.update({"account %s" % name: MISSING for name in here - there})
    return found


def _names(accounts: Accounts) -> set[str]:
    return {label(user, host) for user, host, _make in accounts.create}


def settle(source: Flavour, target: Flavour) -> None:
    """Wait until the target has applied what the source has now.

    :raises MigrationError: where it does not
    """
    file, position = source.binlog_position()
    gtid = source.gtid_written() if source.gtid_on else ""
    there = target.wait_for_gtid(gtid, SETTLE_SECONDS) if gtid else target.wait_for_position(file, position, SETTLE_SECONDS)
    if not there:
        raise MigrationError("the target has not applied the source's transactions up to %s within %g s" % (gtid or file, SETTLE_SECONDS))


def read_objects(server: Flavour, schemas: t.Sequence[str]) -> Objects:
    """Kind and name to the rows that define it, without the name's own columns."""
    found: Objects = {}
    if not schemas:
        return found
    for kind, query in QUERIES.items():
        for row in read_events(server.connection, query, (tuple(schemas),)):
            names = [_text(row.pop(column)) for column in ("s", "u", "n") if column in row]
            found.setdefault((kind, ".".join(name for name in names if name)), []).append({name: _text(value) for name, value in row.items()})
    for rows in found.values():
        rows.sort(key=repr)
    return found


def differences(old: Objects, new: Objects, same_series: bool) -> Parity:
    """What differs between two readings.

    :param same_series: both are of one release series: what they print differently is different
    """
    found = Parity()
    for kind, name in sorted({**old, **new}):
        here, there, full = old.get((kind, name)), new.get((kind, name)), "%s %s" % (kind, name)
        found.compared[kind] = found.compared.get(kind, 0) + (here is not None)
        if here is None or there is None:
            found.different[full] = MISSING if there is None else ONLY
        elif here == there:
            found.unread += [full] if any(row.get("definition", "") is None for row in here) else []
        elif same_series:
            found.different[full] = _how(here, there)
        else:
            _across(found, kind, full, here, there)
    # A table that is missing lacks its columns, too.
    gone = {name for name, how in found.different.items() if how in (MISSING, ONLY) and name.startswith("table ")}
    found.different = {name: how for name, how in found.different.items() if name in gone or not _part_of(name, gone)}
    return found


def _across(found: Parity, kind: str, full: str, here: list[dict], there: list[dict]) -> None:
    """Note an object that two series print differently: the same in other words, perhaps the same, or another."""
    old, new = _plain(here), _plain(there)
    if old == new:
        found.explained += 1
    elif [_without(row, kind) for row in old] == [_without(row, kind) for row in new]:
        found.reworded.append(full)
    else:
        found.different[full] = _how(old, new)


def _without(row: dict, kind: str) -> dict:
    return {name: value for name, value in row.items() if name not in REWRITTEN.get(kind, ())}


def _part_of(name: str, tables: set[str]) -> bool:
    return any(place_of(name).startswith(place_of(table) + ".") for table in tables)


def place_of(name: str) -> str:
    """An object's name without its kind: shop.t of "trigger shop.t", app@% of "account app@%"."""
    kinds = (*QUERIES, "sequence", "account")
    return next((name[len(kind) + 1 :] for kind in kinds if name.startswith(kind + " ")), name)


def _plain(rows: list[dict]) -> list[dict]:
    """The rows as any version prints them."""
    return sorted(({name: _same(value) for name, value in row.items()} for row in rows), key=repr)


def _same(value: str | None) -> str | None:
    for pattern, text in SAME if value is not None else ():
        value = pattern.sub(text, str(value))
    return value


def _how(here: list[dict], there: list[dict]) -> str:
    """Which of an object's properties differ."""
    if len(here) != len(there):
        return "its parts: %d on the source, %d on the target" % (len(here), len(there))
    return "its %s" % " and ".join(sorted({name for one, other in zip(here, there) for name in one if one[name] != other.get(name)}))


def read_sequences(server: Flavour, schemas: t.Sequence[str]) -> dict[str, tuple[int, int]]:
    """MariaDB's sequences: name to the next value that is not cached, and the increment."""
    if server.name != "mariadb" or not schemas:
        return {}
    sql = "SELECT TABLE_SCHEMA s, TABLE_NAME n FROM information_schema.TABLES WHERE TABLE_TYPE = 'SEQUENCE' AND TABLE_SCHEMA IN %s"
    found = {}
    for row in server.connection.rows(sql, (tuple(schemas),)):
        quoted = ".".join("`%s`" % str(name).replace("`", "``") for name in (row["s"], row["n"]))
        told = server.connection.row("SELECT next_not_cached_value AS v, increment AS i FROM %s" % quoted)
        found["%(s)s.%(n)s" % row] = (int(told["v"]), int(told["i"]))
    return found


def behind(old: dict[str, tuple[int, int]], new: dict[str, tuple[int, int]]) -> dict[str, str]:
    """The sequences that would give a value on the target that the source has given."""
    found = {}
    for name, (value, step) in old.items():
        if name not in new:
            found["sequence " + name] = MISSING
        elif (new[name][0] - value) * (1 if step >= 0 else -1) < 0:
            found["sequence " + name] = "it stands at %d, and at %d on the source" % (new[name][0], value)
    return {**found, **{"sequence " + name: ONLY for name in new if name not in old}}


def differing_settings(source: Flavour, target: Flavour) -> dict[str, tuple[str, str]]:
    """Settings by which statements have other results: name to the value on the source and on the target."""
    old, new = (server.connection.variables(*SETTINGS) for server in (source, target))
    # A variable that only one of them has is another version's.
    return {name: (old[name], new[name]) for name in SETTINGS if name in old and name in new and old[name] != new[name]}


def _text(value: t.Any) -> t.Any:
    """A value of information_schema as text: MySQL gives bytes where MariaDB gives text, and numbers of other widths."""
    if value is None:
        return None
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
