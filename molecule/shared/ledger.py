#!/usr/bin/env python3
# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ledger: clients write numbered rows and keep what was acknowledged; afterwards nothing of it may be missing.

    ledger.py setup  --endpoint FILE                              schema and tables
    ledger.py run    --endpoint FILE --out DIR [--writers 8]      write until SIGTERM, SIGINT or the stop file
    ledger.py switch --endpoint FILE --host H [--port P]          send the writers to another server
    ledger.py status --out DIR                                    how the run goes, as JSON
    ledger.py check  --source FILE --target FILE --out DIR        the proof; exit 1 where something is wrong

An endpoint FILE is JSON: host, port, user, password, or unix_socket instead of host and port. DIR holds
acknowledged.N.log (seq, token, wall µs, monotonic µs, begun at monotonic µs, server), attempts.N.log (what was refused,
lost or is unknown), endpoints.log (when the file pointed elsewhere) and run.json.

The write stop: moves[].gap_s is from the old server's last to the new one's first acknowledgement; clients_gap_s is the
longest time without an acknowledgement from a second before to a second after (the fence may let a last one through
after a stall); clients_gap_worst_writer_s is the longest that one writer waited between the two servers.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any, Sequence

sys.path.insert(0, str(Path(__file__).resolve().parent))

import ledger_check  # noqa: E402
import ledger_writers  # noqa: E402
import pymysql  # noqa: E402
from ledger_files import SCHEMA, Dialer, Failure, ack_log, mono_us, read_login, switch, writers_in  # noqa: E402


def setup(endpoint: Path) -> None:
    """Create the schema and the tables where they are missing."""
    login = read_login(endpoint)
    with Dialer(5.0, 60.0).open(login, autocommit=True).cursor() as cursor:
        try:
            for statement in SCHEMA:
                cursor.execute(statement)
        except pymysql.MySQLError as error:
            raise Failure(f"{login.address}: {error}") from None


def status(out: Path) -> dict[str, Any]:
    """How many acknowledgements there are, and how old the last one is; cheap enough to ask each second."""
    total, last = 0, (0, "")
    for writer in writers_in(out):
        path = ack_log(out, writer)
        if not path.exists():
            continue
        with path.open("rb") as file:
            total += sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))
            file.seek(max(0, file.tell() - 4096))
            lines = file.read().decode("utf-8", "replace").split("\n")[:-1]
        parts = lines[-1].split("\t") if lines else []
        if len(parts) == 6:
            last = max(last, (int(parts[3]), parts[5]))
    age = round((mono_us() - last[0]) / 1e6, 3) if last[0] else None
    return {"acknowledged": total, "last_ack_age_s": age, "server": last[1]}


def summary(result: dict[str, Any]) -> str:
    """The check's result for people."""
    names = ("acknowledged", "lost", "duplicated", "only_on_source", "altered", "refused", "unsent", "unknown", "clients_gap_s")
    lines = [f"{name:16} {result[name]}" for name in names]
    lines += [f"{move['from']} -> {move['to']}: {move['gap_s']} s, worst writer {move['worst_writer_s']} s" for move in result["moves"]]
    return "\n".join([*lines, "OK" if result["ok"] else "WRONG: " + ", ".join(result["wrong"])])


def parser() -> argparse.ArgumentParser:
    """The command line."""
    main = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = main.add_subparsers(dest="command", required=True)
    for name in ("setup", "run", "switch", "status", "check"):
        command = commands.add_parser(name)
        if name in ("setup", "run", "switch"):
            command.add_argument("--endpoint", type=Path, required=True)
        if name in ("run", "status", "check"):
            command.add_argument("--out", type=Path, required=True)
        if name == "run":
            command.add_argument("--writers", type=int, default=8)
            command.add_argument("--rate", type=float, default=0.0, help="transactions a second for each writer; 0: no limit")
            command.add_argument("--pause", type=float, default=0.0, help="seconds after each transaction")
            command.add_argument("--connect-timeout", type=float, default=1.0, help="seconds")
            command.add_argument("--read-timeout", type=float, default=3.0, help="seconds")
            command.add_argument("--stop-file", type=Path, help="ends the run once it exists")
        elif name == "switch":
            command.add_argument("--host", required=True)
            command.add_argument("--port", type=int, default=3306)
        elif name == "check":
            command.add_argument("--source", type=Path, help="leave out where the old server is gone")
            command.add_argument("--target", type=Path, required=True)
            command.add_argument("--json", action="store_true")
    return main


def main(arguments: Sequence[str] | None = None) -> int:
    """Do one command. 0 fine, 1 the check found something, 2 it could not be done."""
    given = vars(parser().parse_args(arguments))
    command, as_json = given.pop("command"), given.pop("json", False)
    try:
        if command == "setup":
            setup(given["endpoint"])
        elif command == "run":
            print(json.dumps(ledger_writers.run(ledger_writers.Plan(**given))))
        elif command == "switch":
            switch(**{"path" if name == "endpoint" else name: value for name, value in given.items()})
        elif command == "status":
            print(json.dumps(status(given["out"])))
        else:
            source = read_login(given["source"]) if given["source"] else None
            result = ledger_check.check(given["out"], source, read_login(given["target"]))
            print(json.dumps(result, indent=2) if as_json else summary(result))
            return 0 if result["ok"] else 1
    except (Failure, OSError) as error:
        print(f"ledger: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
