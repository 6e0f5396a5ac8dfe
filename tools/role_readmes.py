#!/usr/bin/env python3
# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write each role's README.md from its argument_specs.

Usage: tools/role_readmes.py [--check]   (--check writes nothing, and fails where a README is not what it would write)
"""
from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).resolve().parents[1]
COLLECTION = "nordbridge.mysql_migration"
#: What Ansible's markup of descriptions becomes in Markdown: https://docs.ansible.com/ansible/latest/dev_guide/ansible_markup.html
MARKUP = (
    (re.compile(r"[PM]\(([\w.]+)(?:#\w+)?\)"), r"`\1`"),
    (re.compile(r"O\((?:[\w.]+#\w+:)?([^)]*)\)"), r"`\1`"),
    (re.compile(r"[CVE]\(([^)]*)\)"), r"`\1`"),
    (re.compile(r"B\(([^)]*)\)"), r"**\1**"),
)
REQUIREMENTS = """\
- Ansible 2.17 or later on the controller.
- Debian 11 to 13 or Ubuntu 22.04 to 24.04 on the hosts, with Python 3.8 or later, systemd, and root by `become`.
- The hosts of the play are the targets. Each has `migration_id`, and in `migration_source` the inventory's name of its source's host."""
ORDER = ("assess", "target", "source", "target: replicate", "verify", "reverse", "cutover", "reverse: follow", "rollback", "retire")


def readme(role: str, specs: dict[str, Any]) -> str:
    """The text of a role's README."""
    main = specs["main"]
    parts = [f"# Role `{COLLECTION}.{role}`", main["short_description"] + ".", *paragraphs(main["description"]), "## Requirements", REQUIREMENTS]
    if role != "common":
        parts.append(f"It runs the role `{COLLECTION}.common` first, which has the defaults of the shared variables and refuses unknown names.")
    for entry, spec in specs.items():
        parts.append("## Variables" if entry == "main" else f"## Tasks `{entry}`")
        if entry != "main":
            parts += [spec["short_description"] + ".", *paragraphs(spec["description"])]
        parts.append(table(spec["options"]))
    parts += ["## Example", example(role, list(specs)), "## Licence", "GPL-3.0-or-later"]
    return "\n\n".join(parts) + "\n"


def paragraphs(description: str | list[str]) -> list[str]:
    """The paragraphs of a description in Markdown."""
    return [markdown(text) for text in ([description] if isinstance(description, str) else description)]


def markdown(text: str) -> str:
    """A description's text in Markdown."""
    for pattern, replacement in MARKUP:
        text = pattern.sub(replacement, text)
    return text.strip()


def table(options: dict[str, dict[str, Any]]) -> str:
    """The options as a table: name, type, default, description."""
    rows = ["| variable | type | default | what it is |", "|---|---|---|---|"]
    for name, option in options.items():
        kind = option["type"] + (f" of {option['elements']}" if "elements" in option else "")
        if "required" in option and option["required"]:
            default = "required"
        else:
            default = f"`{json.dumps(option['default'], ensure_ascii=False)}`" if "default" in option else ""
        words = " ".join(paragraphs(option["description"]))
        if "choices" in option:
            words += " One of " + ", ".join(f"`{choice}`" if choice else "empty" for choice in option["choices"]) + "."
        rows.append(f"| `{name}` | {kind} | {default} | {words.replace('|', chr(92) + '|')} |")
    return "\n".join(rows)


def example(role: str, entries: list[str]) -> str:
    """A play that uses the role, with the roles that have to run before it."""
    wanted = [role] + [f"{role}: {entry}" for entry in entries if entry != "main"]
    before = {"source": ["assess", "target"], "target": ["assess"]}.get(role, [])
    steps = [name for name in ORDER if name in before + wanted]
    if role == "target":
        steps = [name for name in ORDER if name in ("assess", "target", "source", "target: replicate")]
    lines = ["```yaml", "- name: Migrate", "  hosts: migration_targets", "  gather_facts: false", "  become: true", "  tasks:"]
    for step in steps or [role]:
        name, _colon, entry = step.partition(": ")
        lines += [f"    - name: Run {name}{', ' + entry if entry else ''}", "      ansible.builtin.include_role:", f"        name: {COLLECTION}.{name}"]
        lines.append(f"        tasks_from: {entry}" if entry else "        public: true")
    return "\n".join([*lines, "```"]) + "\n\nThe playbooks of the collection do this in the right order; use them unless you need another one."


def main(arguments: list[str]) -> int:
    """Write the READMEs, or compare them."""
    stale = []
    for path in sorted(HERE.glob("roles/*/meta/argument_specs.yml")):
        target = path.parents[1] / "README.md"
        text = readme(target.parent.name, yaml.safe_load(path.read_text(encoding="utf-8"))["argument_specs"])
        if not target.exists() or target.read_text(encoding="utf-8") != text:
            stale.append(str(target.relative_to(HERE)))
            if "--check" not in arguments:
                target.write_text(text, encoding="utf-8")
    if stale:
        sys.stdout.write("%s: %s\n" % ("not as their argument_specs say" if "--check" in arguments else "written", ", ".join(stale)))
    return 1 if stale and "--check" in arguments else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
