# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The usual modules for MySQL, as a release of the package ansible has them; and Ansible as it is without settings."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PLACE = ROOT / "build/bench/usual"
WANTED = "ansible_collections/community/mysql/"


def fetch() -> dict[str, str]:
    """Have them in the tree.

    :returns: what a playbook's environment needs for them and for Ansible's own defaults: no pipelining, and what is its default else
    """
    if not (PLACE / WANTED).is_dir():
        PLACE.mkdir(parents=True, exist_ok=True)
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        subprocess.run([*pip, "--dest", str(PLACE), "--requirement", str(HERE / "requirements.txt")], check=True)
        (wheel,) = PLACE.glob("ansible-*.whl")
        with zipfile.ZipFile(wheel) as package:
            package.extractall(PLACE, [name for name in package.namelist() if name.startswith(WANTED)])
        wheel.unlink()
    config = PLACE / "ansible.cfg"
    config.write_text("[defaults]\n")
    return {"ANSIBLE_CONFIG": str(config), "ANSIBLE_COLLECTIONS_PATH": str(PLACE)}
