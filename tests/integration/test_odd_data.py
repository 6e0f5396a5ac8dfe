# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Big and odd data arrive equal, by each method: every definition, every row, every account.

Compared by the servers' own words (SHOW CREATE, CHECKSUM TABLE), not by this collection's digests.
"""

from __future__ import annotations

import os

import pytest
from odd_data import SERVER_OPTIONS, as_it_is, big, charsets, many, odd, without_odd_names
from pairs import SOURCE, TARGET, until

#: Kilobytes of the table that must not fit into the buffer pool of 16 MB, and the number of small tables.
KILOBYTES = 60_000
SMALL_TABLES = int(os.environ.get("ITEST_SMALL_TABLES", "10000"))
METHODS = (("mariadb", "dump"), ("mariadb", "mariadb-backup"), ("mariadb", "mydumper"), ("mysql", "dump"), ("mysql", "clone"))

SCHEMAS = "('big', 'charsets', 'many', 'odder', 'größe-1.2/ø 日本')"
#: Tables whose index is over an expression: its hidden column is part of the checksum, and not always the same (seen on 9.7.4).
FUNCTIONAL = f"SELECT DISTINCT TABLE_SCHEMA, TABLE_NAME FROM information_schema.STATISTICS WHERE EXPRESSION IS NOT NULL AND TABLE_SCHEMA IN {SCHEMAS}"
#: kind, schema, name of all that can be shown.
OBJECTS = (
    "SELECT IF(TABLE_TYPE LIKE '%VIEW', 'VIEW', IF(TABLE_TYPE = 'SEQUENCE', 'SEQUENCE', 'TABLE')), TABLE_SCHEMA, TABLE_NAME"
    f" FROM information_schema.TABLES WHERE TABLE_SCHEMA IN {SCHEMAS}"
    f" UNION ALL SELECT ROUTINE_TYPE, ROUTINE_SCHEMA, ROUTINE_NAME FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA IN {SCHEMAS}"
    f" UNION ALL SELECT 'TRIGGER', TRIGGER_SCHEMA, TRIGGER_NAME FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA IN {SCHEMAS}"
    f" UNION ALL SELECT 'EVENT', EVENT_SCHEMA, EVENT_NAME FROM information_schema.EVENTS WHERE EVENT_SCHEMA IN {SCHEMAS}"
    " ORDER BY 1, 2, 3;"
)
#: A row's third column of SHOW CREATE TRIGGER is when it was made, in the seventh: made again it is of today.
EVENTS = "SELECT EVENT_NAME, STATUS, DEFINER, INTERVAL_VALUE, STARTS, SQL_MODE, ON_COMPLETION FROM information_schema.EVENTS ORDER BY 1;"
ACCOUNTS = "SELECT User, Host FROM mysql.user WHERE User IN ('o''hara', 'owner') ORDER BY 1, 2;"
GRANTS = "SHOW GRANTS FOR 'o''hara'@'10.1.%'; SHOW GRANTS FOR owner@localhost;"


def quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def objects(pair, host: str, said=as_it_is) -> list[list[str]]:
    """All objects, with names as the client prints them: a backslash doubled."""
    return sorted([part.replace("\\\\", "\\") for part in row] for row in pair.sql(host, said(OBJECTS)))


def definitions(pair, host: str, found: list[list[str]]) -> dict[str, str]:
    """What the server says of each object."""
    texts = [f"SELECT '=== {number}'; SHOW CREATE {kind} {quoted(schema)}.{quoted(name)};" for number, (kind, schema, name) in enumerate(found)]
    told: dict[str, str] = {}
    for row in pair.sql(host, "\n".join(texts)):
        if row[0].startswith("=== "):
            key = " ".join(found[int(row[0][4:])])
        else:
            # A trigger's time of making is in its last column.
            told[key] = told.get(key, "") + "\t".join(row[:6] if key.startswith("TRIGGER") else row)
    return told


def checksums(pair, host: str, found: list[list[str]]) -> list[list[str]]:
    """The server's own checksum over all rows of each table; the rows where MySQL's own is another one each time it is asked."""
    names = [f"{quoted(schema)}.{quoted(name)}" for kind, schema, name in found if kind == "TABLE"]
    unsteady = [f"{quoted(schema)}.{quoted(name)}" for schema, name in pair.sql(host, FUNCTIONAL)] if pair.client == "mysql" else []
    names = [name for name in names if name not in unsteady]
    told = pair.sql(host, "".join(f"CHECKSUM TABLE {', '.join(names[start:start + 500])} EXTENDED;" for start in range(0, len(names), 500)))
    return told + pair.sql(host, "".join(f"SELECT * FROM {name} ORDER BY 1;" for name in unsteady))


def prepare(pair, said=as_it_is) -> None:
    """Odd servers, odd data.

    :param said: what is done to the statements
    """
    for host in (SOURCE, TARGET):
        options = SERVER_OPTIONS if host == SOURCE else SERVER_OPTIONS.replace("event_scheduler = ON", "")
        pair.sh(host, f"cat > /etc/mysql/conf.d/odd.cnf <<'END'\n{options}\nEND\nsystemctl restart {pair.client}")
    known = [row[0] for row in pair.sql(SOURCE, "SELECT CHARACTER_SET_NAME FROM information_schema.CHARACTER_SETS;") if row[0] != "filename"]
    pair.sql(SOURCE, big(KILOBYTES))
    pair.sql(SOURCE, said(odd(pair.client)))
    pair.sql(SOURCE, "\n".join(charsets(known)))
    pair.sql(SOURCE, "SET SESSION sql_log_bin = 0;\n" + "\n".join(many(SMALL_TABLES)))
    # What a server has in memory alone, as ids that were reserved and never used, is nothing that a copy could bring.
    pair.sh(SOURCE, f"systemctl restart {pair.client}")


@pytest.mark.parametrize(("flavour", "method"), METHODS)
def test_big_and_odd_data_arrive_equal(flavour, method, request):
    pair = request.getfixturevalue(flavour)
    pair.fresh()
    said = without_odd_names if method == "mydumper" else as_it_is
    prepare(pair, said)
    found = objects(pair, SOURCE, said)
    assert len([row for row in found if row[0] == "TABLE"]) > SMALL_TABLES + 40
    wanted, wanted_events = definitions(pair, SOURCE, found), pair.sql(SOURCE, EVENTS)
    assert len(wanted) == len(found)

    pair.migrate("-e", f"migration_target_seed_method={method}").wait(1800).ok()
    assert pair.state()["seed"]["method"] == method
    # What is written now comes by replication: names, character sets and types must survive that way, too.
    pair.sql(SOURCE, "SET sql_mode = ''; INSERT INTO odder.dates (id) VALUES (9); DELETE FROM big.files WHERE id = 3;")
    pair.sql(SOURCE, said("INSERT INTO `größe-1.2/ø 日本`.`таблица` VALUES ('später', '犬'); UPDATE odder.`a'b\"c` SET ` y` = 2;"))
    sums = checksums(pair, SOURCE, found)
    assert all(row[1] not in ("NULL", "0") for row in sums if "many." in row[0])
    until("the target has the last row", lambda: pair.value(TARGET, "SELECT COUNT(*) FROM odder.dates WHERE id = 9;") == "1")
    pair.cutover().ok()

    assert objects(pair, TARGET, said) == found
    told = definitions(pair, TARGET, found)
    different = [key for key in wanted if wanted[key] != told.get(key)]
    assert not different, "\n".join(f"{key}:\n  {wanted[key]}\n  {told.get(key)}" for key in different[:5])
    assert checksums(pair, TARGET, found) == sums
    # Through a view on a view whose name comes later: MariaDB remembers of such a one, as a dump makes it, that nothing can be written.
    pair.sql(TARGET, said("UPDATE `größe-1.2/ø 日本`.b_top SET w = 'through both' WHERE k = 'да';"))
    assert pair.sql(TARGET, EVENTS) == wanted_events
    for text in (ACCOUNTS, GRANTS):
        assert pair.sql(TARGET, text) == pair.sql(SOURCE, text)


def test_what_mydumper_would_lose_is_named_before_anything_is_copied(mariadb):
    mariadb.fresh()
    mariadb.sql(SOURCE, odd("mariadb"))
    mariadb.migrate("-e", "migration_target_seed_method=mydumper").failed(
        "the method mydumper cannot serve this pair", "the name of odder.a.b holds .", "and 2 more"
    )
    assert "seed" not in mariadb.state()
