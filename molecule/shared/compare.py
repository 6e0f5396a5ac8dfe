#!/usr/bin/env python3
# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compare all tables of two servers by the collection's own digests.

    compare.py --source FILE --target FILE

Prints JSON: tables and mismatched as counts, differences as names, why for each of them. Exit 0 where all are equal,
1 where some differ or there are none, 2 where it could not be found out. An endpoint FILE is the ledger's.

Of ledger.entries only the rows that the old server took are compared: the new one goes on. ledger.counters is left to
`ledger.py check`.
"""

from __future__ import annotations

import argparse
import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Sequence

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1])]

from ledger_files import Failure, read_login  # noqa: E402

from plugins.module_utils._errors import MigrationError  # noqa: E402
from plugins.module_utils._server.connection import Connection, connect  # noqa: E402
from plugins.module_utils._server.endpoint import Endpoint  # noqa: E402
from plugins.module_utils._server.flavour import open_flavour  # noqa: E402
from plugins.module_utils._verify.tables import compare, digest_tables, read_columns  # noqa: E402

ENTRIES = ("ledger", "entries")


def open_server(path: Path, side: str) -> Connection:
    """A connection by an endpoint file."""
    login = read_login(path)
    fields = ("unix_socket", "host", "port", "user", "password")
    return connect(Endpoint(**{name: getattr(login, name) for name in fields}), side)


def old_rows(connection: Connection, old_server: str) -> dict[str, str]:
    """The condition for the ledger's rows, where the server has a ledger."""
    if ENTRIES not in read_columns(connection):
        return {}
    return {".".join(ENTRIES): "server = " + connection.raw.escape(old_server)}


def compare_servers(source: Connection, target: Connection) -> dict[str, Any]:
    """Digest both at the same time and compare."""
    old_server = str(source.value("SELECT @@hostname"))

    def digests(connection: Connection) -> list[Any]:
        where = old_rows(connection, old_server)
        return digest_tables(open_flavour(connection), exclude=["ledger.counters"], where=where)

    with ThreadPoolExecutor(max_workers=2) as pool:
        return compare(*pool.map(digests, (source, target)))


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", type=Path, required=True)
    parser.add_argument("--target", type=Path, required=True)
    given = parser.parse_args(arguments)
    try:
        with open_server(given.source, "source") as source, open_server(given.target, "target") as target:
            result = compare_servers(source, target)
    except (Failure, MigrationError) as error:
        print(f"compare: {error}", file=sys.stderr)
        return 2
    print(json.dumps(result, indent=2))
    return 0 if result["tables"] and not result["mismatched"] else 1


if __name__ == "__main__":
    sys.exit(main())
