# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""The options of a measurement, and what is wrong with them."""

from __future__ import annotations

import re
from typing import Any, Mapping, NamedTuple, Optional

from .error import DiskIoError
from .thresholds import THRESHOLDS

MIB = 1024 * 1024
SEQ_BLOCK_BYTES = MIB
RAND_BLOCK_BYTES = 16 * 1024  # the InnoDB page
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?\Z", re.IGNORECASE)
_PERCENT = re.compile(r"(\d+(?:\.\d+)?)\s*%\Z")


class Settings(NamedTuple):
    """What to measure, and what is expected of it. A threshold of None is not checked."""

    path: str
    size_bytes: int
    runtime_s: int
    directio: bool
    min_free_after: str
    min_seq_write_mb_s: Optional[float]
    min_rand_write_iops: Optional[float]
    max_fsync_p99_ms: Optional[float]
    max_steal_percent: Optional[float]


def parse_size(value: Any, option: str = "size") -> int:
    """Bytes from 268435456, "268435456", "256M", "256MiB" or "1.5 G" (powers of 1024, as MySQL counts)."""
    match = _SIZE.match(str(value).strip())
    if match is None:
        raise DiskIoError("%s: %r is not a size. Write bytes, or a number with K, M, G or T, such as 256M." % (option, value))
    return int(float(match.group(1)) * 1024 ** " KMGT".index(match.group(2).upper() or " "))


def parse_reserve(value: Any, total_bytes: int) -> int:
    """The bytes that must stay free, from a size or from a percentage of the file system ("10%")."""
    match = _PERCENT.match(str(value).strip())
    if match is None:
        return parse_size(value, "min_free_after")
    if float(match.group(1)) > 100:
        raise DiskIoError("min_free_after: %s is more than the whole file system." % value)
    return int(total_bytes * float(match.group(1)) / 100.0)


def parse_settings(params: Mapping[str, Any]) -> Settings:
    """Check the module's options. Raises DiskIoError that names the option; touches nothing."""
    size = parse_size(params["size"]) // SEQ_BLOCK_BYTES * SEQ_BLOCK_BYTES
    if size < SEQ_BLOCK_BYTES:
        raise DiskIoError("size: %s is too small, at least 1M is needed." % params["size"])
    if params["runtime_s"] < 1:
        raise DiskIoError("runtime_s: at least 1 second is needed.")
    parse_reserve(params["min_free_after"], 0)
    limits = {rule.setting: params.get(rule.setting) for rule in THRESHOLDS}
    for name, limit in limits.items():
        if limit is not None and limit < 0:
            raise DiskIoError("%s: must not be negative." % name)
    return Settings(
        path=params["path"],
        size_bytes=size,
        runtime_s=params["runtime_s"],
        directio=params["directio"],
        min_free_after=str(params["min_free_after"]),
        **limits,
    )
