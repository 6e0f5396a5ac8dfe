# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A role tells what it reads: argument_specs, defaults, tasks, messages and documents name the same variables."""

from __future__ import annotations

import ast
import re
import subprocess
import sys

import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.plugin_utils._variables import RENAMED, known_names
from role_variables import HERE, ROLES, defaults, load, made_in, makes, read_in, reads, specs

KNOWN = known_names()
SHARED = specs("common")["main"]
#: Given with a command, at any hour: these are short and stay so.
WORDS = {"cutover", "plan", "rehearse", "rollback", "retire", "retire_replication", "wipe_target", "waive", "lose_writes", "accept_late_writes"}
ENTRIES = [(role, entry) for role in ROLES for entry in specs(role)]
#: What Ansible itself provides.
ANSIBLE = {
    "ansible_check_mode", "ansible_failed_result", "ansible_host", "ansible_managed", "ansible_play_hosts_all", "groups", "hostvars",
    "inventory_hostname", "item", "lookup", "omit",
}
#: What a role takes from the roles before it: name -> the role that makes it.
PASSED = {
    "assess_binlog": "assess", "assess_migration": "assess", "assess_preflight": "assess", "assess_source": "assess", "assess_target": "assess",
    "assess_host_keys": "assess", "assess_disk": "assess", "assess_way": "assess", "assess_target_binlog": "assess",
    "target_login_files": "target", "target_logins": "target",
    "source_agent_narrowed": "source", "source_agent_probe": "source",
}
MODULES = {path.stem for path in HERE.glob("plugins/modules/*.py")}


def own_options(role: str) -> dict:
    """The options of all entry points of a role that no other role has."""
    return {name: option for options in specs(role).values() for name, option in options.items() if role == "common" or name not in SHARED}


@pytest.mark.parametrize("role", ROLES)
def test_a_default_is_said_once_and_the_specs_say_it_too(role):
    own, options = defaults(role), own_options(role)
    without = {name for name, option in options.items() if name not in own}
    assert set(own) <= set(options)
    assert all("default" not in options[name] for name in without), without
    for name, value in own.items():
        option = options[name]
        if isinstance(value, str) and "{{" in value:
            assert "default" not in option, f"{name}: its default is an expression, described in words"
        else:
            assert option["default"] == value, name
            kind = {"str": str, "int": int, "float": float, "bool": bool, "list": list, "dict": dict}[option["type"]]
            assert isinstance(value, kind) and isinstance(value, bool) == (kind is bool), name


@pytest.mark.parametrize(("role", "entry"), ENTRIES)
def test_the_specs_of_an_entry_point_are_what_it_reads(role, entry):
    options, read = set(specs(role)[entry]), reads(role, entry)
    if role == "common":
        options = set()
    assert read - options - makes(role) - ANSIBLE - set(PASSED) == set()
    # A role that begins with no host named says itself, and better, that one is missing.
    assert options - read <= {"migration_id", "migration_source"}, "read by nobody"


def test_what_roles_pass_on_is_made_by_them():
    assert all(name in makes(role) for name, role in PASSED.items())


def test_entry_points_that_playbooks_and_tests_call_have_specs():
    called = {(match.group(1), match.group(2)) for path in [*HERE.glob("playbooks/*.yml"), *HERE.glob("bench/**/*.yml")]
              for match in re.finditer(r"mysql_migration\.(\w+)\n\s+tasks_from: (\w+)", path.read_text(encoding="utf-8"))}
    assert called and called <= set(ENTRIES)


@pytest.mark.parametrize("playbook", sorted(path.name for path in HERE.glob("playbooks/*.yml")))
def test_a_playbook_reads_what_is_documented(playbook):
    plays = load(f"playbooks/{playbook}")
    assert read_in(plays) - set(made_in(plays)) - set(PASSED) - set(SHARED) - ANSIBLE == set()


def test_a_variable_is_described_alike_wherever_it_is_read():
    for role, entry in ENTRIES:
        for name, option in specs(role)[entry].items():
            assert option["description"], name
            first = SHARED.get(name) or own_options(role)[name]
            assert {**option, "required": None} == {**first, "required": None}, f"{role} {entry}: {name}"


def test_what_two_roles_read_is_in_the_shared_vocabulary():
    readers: dict = {}
    for role, entry in ENTRIES:
        for name in specs(role)[entry]:
            readers.setdefault(name, set()).add(role)
    assert [name for name, roles in readers.items() if len(roles) > 1 and name not in SHARED] == []


def test_names_have_the_prefix_or_are_words_of_a_command():
    assert {name for name in KNOWN if not name.startswith("migration_")} == WORDS
    assert all("-e " in (SHARED.get(word) or specs("retire")["main"][word])["description"] for word in WORDS)


def test_secrets_are_marked():
    for role, entry in ENTRIES:
        for name, option in specs(role)[entry].items():
            assert option.get("no_log", False) == name.endswith("_password"), name


@pytest.mark.parametrize("role", [role for role in ROLES if role != "common"])
def test_every_role_begins_with_the_check_of_names(role):
    assert load(f"roles/{role}/meta/main.yml")["dependencies"] == [{"role": "nordbridge.mysql_migration.common"}]


def messages() -> list[tuple[str, str]]:
    """The texts of the rules that hold a space: what people read."""
    found = []
    for path in HERE.glob("plugins/module_utils/**/*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value and id(node) not in docstrings:
                found.append((path.name, node.value))
    return found


def documents() -> list[tuple[str, str]]:
    """The documents for people, and the inventories."""
    paths = [HERE / "README.md", *HERE.glob("docs/**/*.md"), *HERE.glob("docs/**/*.rst"), *HERE.glob("inventories/**/*.yml")]
    return [(path.name, path.read_text(encoding="utf-8")) for path in paths]


#: What begins like a variable and is none: groups of hosts, and what Ansible calls the directory.
OTHERS = {"migration_targets", "migration_sources"}


def test_every_name_that_a_message_or_a_document_mentions_exists():
    for place, text in [*messages(), *documents()]:
        names = set(re.findall(r"(?<![\w/.\"-])migration_[a-z0-9_]+(?![\w/(.=]*\()", text)) - MODULES - OTHERS
        assert {name for name in names if not name.endswith("_")} <= KNOWN, place


def test_no_message_and_no_document_has_an_old_name():
    old = re.compile(r"(?<![\w.#])(%s)\b" % "|".join(RENAMED))
    for place, text in [*messages(), *documents()]:
        assert old.findall(text) == [], f"{place}: {text if len(text) < 500 else ''}"


def test_the_readmes_of_roles_are_what_their_specs_say():
    done = subprocess.run([sys.executable, HERE / "tools/role_readmes.py", "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + "run tools/role_readmes.py"
