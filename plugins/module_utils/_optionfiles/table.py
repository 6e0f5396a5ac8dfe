# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""Settings as a server knows them: what each is called there, under which names options mean it, and how values compare.

Run on MySQL 9.7 and MariaDB 10.11: what an option means was asked of the programs themselves (--verbose --help).
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass, field

from .._errors import Refusal

Version = tuple  # of int: (8, 0, 36)

# Option groups that a server reads, and those that it reads with the version's first two numbers at their end as well.
GROUPS = {"mysql": ("mysqld", "server"), "mariadb": ("mysqld", "server", "mariadb", "mariadbd", "galera")}
NUMBERED_GROUPS = {"mysql": ("mysqld",), "mariadb": ("mysqld", "mariadb", "mariadbd")}
# Servers that keep variables of SET PERSIST, which win over every option file.
PERSISTS = {"mysql": (((8, 0), True), ((5, 7), False)), "mariadb": (((10, 5), False),)}
SHORTEST = 5  # letters of a name that was cut short; fewer never stand for one setting alone


@dataclass(frozen=True)
class Setting:
    """One setting.

    :param kind: how values compare: number, switch, word (case does not count), path
    :param reach: how it reaches a running server, for those who care
    :param names: flavour -> (minimum version, variable), newest first; a flavour that is absent has no such setting
    :param words: what may be given as a number, in the order of the server's enumeration
    :param also: other words -> the word that counts for the same here; the empty one is that of an option without a value
    :param units: variable -> the size of its unit, where the setting's names count in different ones
    """

    key: str
    kind: str
    reach: str
    names: dict
    words: tuple = ()
    also: dict = field(default_factory=dict)
    units: dict = field(default_factory=dict)

    def canonical(self, value: t.Any) -> str:
        """A value as this collection writes it, so that 1G and 1073741824, on and 1 compare as equal.

        :param value: text from a server, an option file or a user; None for an option without a value
        """
        text = "" if value is None else str(value).strip().strip("\"'")
        if self.kind == "switch":
            # Anything else, the empty value among it, is off for the servers.
            return "ON" if value is None or text.lower() in ("on", "1", "true") else "OFF"
        if self.kind == "number":
            return _number(text)
        return self._word(text.upper()) if self.kind == "word" else text

    def _word(self, text: str) -> str:
        if text.isdigit() and int(text) < len(self.words):
            text = self.words[int(text)]
        # The servers take an unmistakable beginning for the whole word.
        starts = [word for word in self.words if text and word.startswith(text)]
        text = starts[0] if len(starts) == 1 and text not in self.words else text
        return self.also.get(text, text)


def by_version(table: dict, flavour: str, version: Version) -> t.Any:
    """The entry for a server: the first minimum version that is not above it; None where there is none."""
    return next((value for minimum, value in table.get(flavour, ()) if version >= minimum), None)


def option_groups(flavour: str, version: Version, suffix: str = "") -> set:
    """The option groups that a server reads; C(suffix) is its --defaults-group-suffix."""
    names = GROUPS[flavour]
    numbered = {"%s-%d.%d" % (name, version[0], version[1]) for name in NUMBERED_GROUPS[flavour]}
    return set(names) | numbered | ({name + suffix for name in names} if suffix else set())


class Table:
    """The settings that one option file is about, on one server."""

    def __init__(self, settings: t.Sequence[Setting], flavour: str, version: Version) -> None:
        self.flavour = flavour
        self.version = version
        here = [(setting, by_version(setting.names, flavour, version)) for setting in settings]
        self.settings: dict[str, Setting] = {found: setting for setting, found in here if found}
        # An option's full name -> the variable: the name here, or an older or newer one of the same setting.
        self.names: dict[str, str] = {found: found for found in self.settings}
        for setting, found in here:
            for other in (name for table in setting.names.values() for _minimum, name in table):
                if found and other:
                    self.names.setdefault(other, found)

    def groups(self, suffix: str) -> set:
        """See option_groups."""
        return option_groups(self.flavour, self.version, suffix)

    def canonical(self, name: str, value: t.Any) -> str:
        """A variable's value as this collection writes it."""
        return self.settings[name].canonical(value)

    def resolve(self, pairs: t.Iterable[tuple]) -> dict:
        """The value of each setting that counts, the last one: variable -> canonical value.

        :param pairs: option name and value (None where it has none), in reading order
        """
        return dict(known for known in (self.meaning(option, value) for option, value in pairs) if known)

    def meaning(self, option: str, value: str | None) -> tuple[str, str] | None:
        """The variable and canonical value that an option stands for; None for one that is not ours.

        Knows dashes, loose-, skip-, disable- and enable- in any number, old and new names, and names cut short, which MariaDB takes for
        long.
        """
        name, value = _without_prefixes(option.strip().lower().replace("-", "_"), value)
        full = self._full_name(name)
        if not full:
            return None
        found = self.names[full]
        setting = self.settings[found]
        if setting.kind == "path":
            # Without a value the path is the server's own choice.
            return found, value or "ON"
        if found != full and full in setting.units:
            return found, setting.canonical(float(value or 0) * setting.units[full] / setting.units[found])
        return found, setting.canonical(value)

    def _full_name(self, name: str) -> str:
        if name in self.names or len(name) < SHORTEST:
            return name if name in self.names else ""
        starts = {found: full for full, found in self.names.items() if full.startswith(name)}
        return next(iter(starts.values())) if len(starts) == 1 else ""


def _without_prefixes(name: str, value: str | None) -> tuple[str, str | None]:
    """An option without what may stand before its name, and its value after that.

    Of several prefixes the servers follow the last alone, and a zero behind skip- or enable- turns its sense around.
    """
    found, prefix = re.match(r"(loose|skip|disable|enable)_(.+)", name), "loose"
    while found:
        prefix, name = found.groups()
        found = re.match(r"(loose|skip|disable|enable)_(.+)", name)
    return name, value if prefix == "loose" else "ON" if (prefix == "enable") != (value == "0") else "OFF"


def _number(text: str) -> str:
    """A number as its digits; MariaDB shows days with decimals (10.000000). Anything else stays as it is."""
    try:
        return str(parse_size(text))
    except Refusal:
        pass
    try:
        value = float(text)
    except ValueError:
        return text
    return str(int(value)) if value == int(value) else str(value)


def parse_size(text: t.Any) -> int:
    """Bytes from a number with an optional suffix K, M, G or T, as option files know them (powers of 1024).

    :raises Refusal: for anything else
    """
    found = re.fullmatch(r"(\d+)([kmgt]?)", str(text).strip().lower())
    if not found:
        raise Refusal("%r is not a size: use a whole number of bytes, or one with K, M, G or T, such as 512M" % (text,))
    return int(found.group(1)) << (10 * " kmgt".index(found.group(2) or " "))
