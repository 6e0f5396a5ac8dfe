# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One host of a pair: its names, its address, and how to wait for it."""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from engine import LABEL, PREFIX, Failure
from images import Recipe

SOURCE, TARGET = "us-db1", "oslo-db1"

#: Where in the network's range each host sits: away from the start, where the
#: engine hands out addresses by itself, so a restart finds its own still free.
ADDRESS = {SOURCE: 11, TARGET: 12}

BOOT_SECONDS = 90


@dataclass(frozen=True)
class Host:
    """One host of a pair."""

    pair: str
    name: str
    recipe: Recipe

    @property
    def container(self) -> str:
        """The container's name, unique on the machine."""
        return f"{PREFIX}{self.pair}-{self.name}"

    @property
    def volume(self) -> str:
        """The volume of the data directory."""
        return f"{self.container}-data"

    @property
    def network(self) -> str:
        """The network of the pair."""
        return f"{PREFIX}{self.pair}"

    @property
    def label(self) -> str:
        """The label that says whose this is."""
        return f"{LABEL}={self.pair}"

    @property
    def flavour_label(self) -> str:
        """The label that says what it runs, for `list` and for checks."""
        return f"{LABEL}.flavour={self.recipe.name}"


def subnet_of(network: Mapping[str, Any]) -> str:
    """The IPv4 range in what podman or docker says about a network."""
    ranges = [entry.get("subnet", "") for entry in network.get("subnets") or []]
    ranges += [entry.get("Subnet", "") for entry in (network.get("IPAM") or {}).get("Config") or []]
    for text in ranges:
        if text and ":" not in text:
            return str(text)
    raise Failure(f"network {network.get('name') or network.get('Name')} has no IPv4 range")


def address_in(subnet: str, name: str) -> str:
    """The fixed address of a host in a range."""
    return str(ipaddress.ip_network(subnet)[ADDRESS[name]])


def until(what: str, check: Callable[[], object], seconds: float = BOOT_SECONDS) -> None:
    """Repeat a check until it raises no Failure; give up with its last one."""
    end = time.monotonic() + seconds
    while True:
        try:
            check()
            return
        except Failure as error:
            if time.monotonic() > end:
                raise Failure(f"not within {seconds:.0f} s: {what}\n{error}") from None
        time.sleep(0.3)
