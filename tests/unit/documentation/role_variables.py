# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tasks and templates of roles read, found by Jinja's own parser."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Iterator

import ansible_collections.nordbridge.mysql_migration as collection
import jinja2.meta
import jinja2.nodes
import yaml

HERE = Path(collection.__path__[0])
ROLES = sorted(path.parent.name for path in HERE.glob("roles/*/tasks"))
#: Keys whose text is an expression without braces.
BARE = ("when", "that", "until", "failed_when", "changed_when")
#: Keys that make names, beside their values.
MAKES = ("vars", "ansible.builtin.set_fact")


def load(path: str | Path) -> Any:
    """A YAML file of the collection."""
    return yaml.safe_load((HERE / path).read_text(encoding="utf-8"))


def specs(role: str) -> dict[str, dict[str, Any]]:
    """The options of each entry point of a role."""
    return {name: entry["options"] for name, entry in load(f"roles/{role}/meta/argument_specs.yml")["argument_specs"].items()}


def defaults(role: str) -> dict[str, Any]:
    """The defaults of a role's variables."""
    return load(f"roles/{role}/defaults/main.yml") or {}


def names_in(template: str) -> set[str]:
    """The variables that a template reads."""
    environment = jinja2.Environment(autoescape=True)
    tree = environment.parse(template)
    for kind, table in ((jinja2.nodes.Filter, environment.filters), (jinja2.nodes.Test, environment.tests)):
        for node in tree.find_all(kind):
            table.setdefault(node.name, len)
    return jinja2.meta.find_undeclared_variables(tree) | set(re.findall(r"(?:hostvars\[\w+\]|other)\.(migration_\w+)", template))


def read_in(data: Any, key: str = "") -> set[str]:
    """The variables that the values of a task file read."""
    if isinstance(data, dict):
        return set().union(*(read_in(value, name) for name, value in data.items())) if data else set()
    if isinstance(data, list):
        return set().union(*(read_in(value, key) for value in data)) if data else set()
    if not isinstance(data, str):
        return set()
    return names_in("{{ %s }}" % data if key in BARE else data)


def made_in(data: Any) -> Iterator[str]:
    """The names that a task file makes: results, facts, variables of tasks, names of loops."""
    if isinstance(data, dict):
        for key, value in data.items():
            if key in ("register", "loop_var") and isinstance(value, str):
                yield value
            if key in MAKES and isinstance(value, dict):
                yield from value
            yield from made_in(value)
    elif isinstance(data, list):
        for value in data:
            yield from made_in(value)


def find(data: Any, key: str) -> Iterator[Any]:
    """The values of a key, wherever it is."""
    if isinstance(data, dict):
        for name, value in data.items():
            if name == key:
                yield value
            yield from find(value, key)
    elif isinstance(data, list):
        for value in data:
            yield from find(value, key)


def files_of(role: str, entry: str) -> list[Path]:
    """The task files and templates that an entry point of a role comes to."""
    tasks, templates, todo = [], [], [entry + ".yml"]
    while todo:
        path = Path(f"roles/{role}/tasks") / todo.pop()
        if path in tasks:
            continue
        tasks.append(path)
        data = load(path)
        # A name with braces is a hook of the user's.
        todo += [name for name in find(data, "ansible.builtin.include_tasks") if "{{" not in name]
        for task in find(data, "ansible.builtin.template"):
            pattern = task["src"].replace("{{ item }}", "*")
            templates += [path.relative_to(HERE) for path in (HERE / "roles" / role / "templates").glob(pattern)]
        looked_up = re.findall(r"lookup\('ansible.builtin.template', '([^']+)'\)", (HERE / tasks[-1]).read_text(encoding="utf-8"))
        templates += [Path("roles") / role / "templates" / name for name in looked_up]
    return tasks + templates


def reads(role: str, entry: str) -> set[str]:
    """The variables that an entry point of a role reads, through defaults, too."""
    found: set[str] = set()
    for path in files_of(role, entry):
        found |= names_in((HERE / path).read_text(encoding="utf-8")) if path.suffix == ".j2" else read_in(load(path))
    own = {**defaults("common"), **defaults(role)}
    for name in sorted(found & set(own)):
        found |= read_in(own[name])
    return found


def makes(role: str) -> set[str]:
    """The names that the tasks of a role make."""
    return {name for path in (HERE / "roles" / role / "tasks").glob("*.yml") for name in made_in(load(path.relative_to(HERE)))}
