# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the collection importable by its full name, wherever the checkout lies."""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile


def _importable() -> None:
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    place = tempfile.mkdtemp(prefix="nordbridge-tests-")
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    namespace = os.path.join(place, "ansible_collections", "nordbridge")
    os.makedirs(namespace)
    os.symlink(root, os.path.join(namespace, "mysql_migration"))
    sys.path.insert(0, place)


# ansible-test lays the collection out itself.
try:
    import ansible_collections.nordbridge.mysql_migration  # noqa: F401  # pylint: disable=unused-import
except ImportError:
    _importable()
