#!/usr/bin/env python3
# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An administrator's account on a pair's source that may write through read_only, and from anywhere.

    administrator.py PAIR DIR      leaves DIR/dba.source.json and DIR/dba.target.json, as application.py does
"""

from __future__ import annotations

import json
import secrets
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from application import SOURCE, TARGET, UGLY, client, hosts, literal, ssh, write_private  # noqa: E402


def main(pair: str, out: Path) -> None:
    """Make the account."""
    password = UGLY + secrets.token_hex(8)
    for side, host in (("source", SOURCE), ("target", TARGET)):
        login = {"host": hosts(pair)[host]["ip"], "port": 3306, "user": "dba", "password": password}
        write_private(out / f"dba.{side}.json", json.dumps(login))
    statements = f"CREATE USER dba@'%' IDENTIFIED BY {literal(password)}; GRANT ALL PRIVILEGES ON *.* TO dba@'%' WITH GRANT OPTION;"
    ssh(pair, SOURCE, f"{client(pair)} --default-character-set=utf8mb4", statements)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
