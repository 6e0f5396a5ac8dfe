# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""The programs that a copy runs, on either host: all that are missing are named at once, before anything is touched."""

# tell() is part of the agent, whose answers go to standard output.
# pylint: disable=ansible-bad-function
from __future__ import annotations

import json
import shutil
import typing as t

from .._bridge.call import call
from .._errors import Refusal

if t.TYPE_CHECKING:
    from .context import Seed

# Program to the package that brings it on Debian and Ubuntu.
PACKAGES = {
    "mariadb-backup": "mariadb-backup",
    "mariabackup": "mariadb-backup",
    "mbstream": "mariadb-backup",
    "mariadb-dump": "mariadb-client",
    "mariadb": "mariadb-client",
    "mysqldump": "mysql-client",
    "mysql": "mysql-client",
    "mydumper": "mydumper",
    "zstd": "zstd",
    "pv": "pv",
    "ssh": "openssh-client",
}


def needed(seed: Seed, method: str) -> dict[str, list[tuple]]:
    """What a method needs on source and target: a tuple for each program, of the names that it goes by."""
    pack = [("zstd",)] + ([("pv",)] if seed.options["bandwidth"] else [])
    client: list[tuple] = [tuple(seed.target.client_programs), ("zstd",), ("ssh",)]
    tables: dict[str, dict[str, list[tuple]]] = {
        "mydumper": {"source": [tuple(seed.source.dump_programs), ("zstd",)], "target": [("mydumper",), *client]},
        "dump": {"source": [tuple(seed.source.dump_programs), *pack], "target": client},
        "mariadb-backup": {"source": [("mariadb-backup", "mariabackup"), *pack], "target": [("mbstream",), ("zstd",), ("ssh",)]},
    }
    return tables.get(method, {"source": [], "target": []})


def check_programs(seed: Seed, method: str) -> None:
    """Refuse where a program is missing on either host.

    :raises Refusal: naming each with its host and package
    """
    wanted = needed(seed, method)
    names = sorted({name for names in wanted["source"] for name in names})
    there = {"source": call(seed.options["migration_id"], "present", {"names": names})["found"] if names else {}}
    there["target"] = {name: bool(shutil.which(name)) for names in wanted["target"] for name in names}
    missing = [
        "the %s lacks %s (package %s)" % (side, " or ".join(names), PACKAGES.get(names[0], names[0]))
        for side in ("source", "target")
        for names in wanted[side]
        if not any(there[side].get(name) for name in names)
    ]
    if missing:
        raise Refusal("the method %s cannot run: %s; install that and run the same command again" % (method, "; ".join(missing)))


def tell(request: dict) -> None:
    """The agent's verb `present`.

    :param request: names, of which nothing but their being there is told
    """
    print(json.dumps({"found": {name: bool(shutil.which(name)) for name in request["names"] if name in PACKAGES}}))
