# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What README and the pages of docs/ name is there: variables, playbooks, checks, steps, targets of make, links; and their examples are read."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

HERE = Path(__file__).resolve().parents[3]
NAME = "nordbridge.mysql_migration"
REPOSITORY = "https://github.com/nordbridge/mysql_migration"
PAGES = {str(path.relative_to(HERE)): path.read_text("utf-8") for path in [HERE / "README.md", *sorted((HERE / "docs").glob("*.md"))]}
BLOCKS = [(page, *found) for page, text in PAGES.items() for found in re.findall(r"^```(\w+)\n(.*?)^```$", text, re.M | re.S)]
COMMANDS = [
    (page, line.removeprefix("$ "))
    for page, language, text in BLOCKS
    if language == "console"
    for line in text.splitlines()
    if line.startswith("$ ")
]
YAML = [(page, text) for page, language, text in BLOCKS if language == "yaml"]
PREFIXES = r"(?:migration|source|target|cutover|rollback|reverse|assess|retire|verify)_[a-z_]+"
#: Parts of results and files that pages name, and that are no variables.
OTHERS = {"source_login_file"}


def variables() -> set:
    """All that an entry point of a role documents."""
    specs = [yaml.safe_load(path.read_text("utf-8"))["argument_specs"] for path in HERE.glob("roles/*/meta/argument_specs.yml")]
    return {name for spec in specs for entry in spec.values() for name in entry.get("options", {})}


def things() -> set:
    """Variables, modules, and the words that playbooks and roles take by -e."""
    modules = {path.stem for path in HERE.glob("plugins/modules/*.py")}
    return variables() | modules | OTHERS


def words_of_e() -> set:
    """Undocumented in specs, for they belong to a run: what tasks and defaults read."""
    texts = [path.read_text("utf-8") for pattern in ("roles/*/*/*.yml", "playbooks/*.yml") for path in HERE.glob(pattern)]
    return {word for text in texts for word in re.findall(r"\b[a-z][a-z_]+\b", text)}


def slug(title: str) -> str:
    """A heading's anchor, as GitHub and MyST make it."""
    return re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-")


def anchors(text: str) -> set:
    """All anchors of a page."""
    return {slug(title) for title in re.findall(r"^#+ (.*)$", re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S), re.M)}


@pytest.mark.parametrize("page", PAGES)
def test_each_variable_exists(page):
    text = PAGES[page]
    named = {name for span in re.findall(r"`([^`\n]+)`", text) for name in re.findall(rf"(?<![\w/.-]){PREFIXES}(?![\w/.-])", span)}
    named |= {name for where, block in YAML if where == page for name in re.findall(rf"^\s*({PREFIXES}):", block, re.M)}
    groups = {"migration_targets", "migration_sources"}
    assert named - things() - groups == set()


@pytest.mark.parametrize("page, command", COMMANDS)
def test_each_command_is_one_of_ours(page, command):
    words = shlex.split(command, comments=True)
    if words[0] == "make":
        assert all(re.search(rf"^{word}:", (HERE / "Makefile").read_text("utf-8"), re.M) for word in words[1:] if "=" not in word), page
    elif words[0] == "ansible-playbook":
        assert (HERE / "playbooks" / (words[1].removeprefix(NAME + ".") + ".yml")).exists(), page
        given = [words[number + 1] for number, word in enumerate(words) if word == "-e"]
        assert {one.partition("=")[0] for one in given} <= variables() | words_of_e(), page
    elif words[0] == "python3":
        text = (HERE / "roles/record/files" / words[1]).read_text("utf-8")
        assert all(f'"{word}"' in text for word in words if word.startswith("--")), page
    else:
        assert words == ["ansible-galaxy", "collection", "install", NAME], page


@pytest.mark.parametrize("page", PAGES)
def test_each_word_given_by_e_is_read(page):
    named = set(re.findall(r"-e (\w+)=", PAGES[page])) | set(re.findall(r"-e '\{\"(\w+)\"", PAGES[page]))
    assert named <= variables() | words_of_e()


@pytest.mark.parametrize("page, text", YAML)
def test_each_example_of_yaml_is_read(page, text):
    assert isinstance(yaml.safe_load(text), dict), page


def test_the_inventories_are_read_by_ansible(tmp_path):
    found = [text for _page, text in YAML if "migration_targets" in text] + [(HERE / "inventories/example/hosts.yml").read_text("utf-8")]
    assert len(found) == 3
    for number, text in enumerate(found):
        path = tmp_path / f"{number}.yml"
        path.write_text(text, "utf-8")
        environment = {"PATH": os.environ["PATH"], "ANSIBLE_HOME": str(tmp_path / "home"), "LC_ALL": "C.UTF-8"}
        command = [Path(sys.executable).parent / "ansible-inventory", "-i", path, "--list"]
        told = json.loads(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout)
        (target,) = told["migration_targets"]["hosts"]
        mine = told["_meta"]["hostvars"][target]
        assert mine["migration_source"] in told["migration_sources"]["hosts"]
        assert set(mine) <= variables()


@pytest.mark.parametrize("page", PAGES)
def test_each_check_exists(page):
    from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._assess.catalogue import BY_ID

    named = re.findall(r"\bP\d\d\b", PAGES[page])
    assert set(named) <= set(BY_ID)
    # What a page says can be waived, can be.
    assert all(BY_ID[one].waivable for one in re.findall(r"-e waive=(P\d\d)", PAGES[page]))


def test_the_page_of_checks_is_the_catalogue():
    """After a change of the catalogue: make docs-checks."""
    from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._assess.catalogue import CHECKS

    sys.path.insert(0, str(HERE / "tools"))
    try:
        import checks_page
    finally:
        sys.path.pop(0)
    assert PAGES["docs/checks.md"] == checks_page.page(CHECKS)


def test_the_page_of_the_cutover_has_the_machines_steps():
    from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._cutover.steps import NAMES

    rows = re.search(r"## Steps\n(.*?)\n## ", PAGES["docs/cutover.md"], re.S).group(1).splitlines()[2:]
    named = [name.strip("* ") for row in rows if row for name in row.split("|")[1].split(",")]
    assert tuple(named) == NAMES


@pytest.mark.parametrize("page", PAGES)
def test_each_link_leads_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", PAGES[page]):
        path, _sharp, anchor = target.partition("#")
        if path.startswith(REPOSITORY + "/blob/main/"):
            path = os.path.relpath(HERE / path.removeprefix(REPOSITORY + "/blob/main/"), (HERE / page).parent)
        elif path.startswith("https://"):
            continue
        else:
            # Galaxy shows README alone: what it links to must be found from there.
            assert page != "README.md", target
        file = ((HERE / page).parent / path).resolve() if path else HERE / page
        assert file.exists(), target
        if anchor:
            assert anchor in anchors(file.read_text("utf-8")), target


def test_each_page_is_in_every_list_of_pages():
    pages = {path.stem for path in (HERE / "docs").glob("*.md")} - {"README"}
    assert set(re.findall(r"\((\S+)\.md\)", PAGES["docs/README.md"])) == pages
    assert set(re.findall(r"guide/(\S+)", (HERE / "tools/site/index.rst").read_text("utf-8"))) == pages
    assert set(re.findall(r"/docs/(\S+)\.md>", (HERE / "docs/docsite/rst/guides.rst").read_text("utf-8"))) == pages


def test_readme_is_short_and_has_what_certification_asks_for():
    text = PAGES["README.md"]
    assert len(text.splitlines()) <= 130
    wanted = {"use-cases", "requirements", "installation", "testing", "contributing", "support", "release-notes", "related-information", "license"}
    assert wanted <= anchors(text)
    playbooks = [command for page, command in COMMANDS if page == "README.md" and command.startswith("ansible-playbook")]
    assert len(playbooks) == 4


def test_what_runs_on_managed_hosts_is_python_3_8():
    """By its grammar; make conventions looks at the library, too."""
    import ast

    for path in [*HERE.glob("plugins/module_utils/**/*.py"), *HERE.glob("plugins/modules/*.py")]:
        ast.parse(path.read_text("utf-8"), str(path), feature_version=(3, 8))


def test_the_private_fragments_are_private():
    assert all(path.name.startswith("_") for path in HERE.glob("plugins/doc_fragments/*.py"))


def test_the_changelog_names_every_module():
    """After a new module or fragment: make changelog."""
    releases = yaml.safe_load((HERE / "changelogs/changelog.yaml").read_text("utf-8"))["releases"].values()
    named = [module["name"] for release in releases for module in release.get("modules", [])]
    assert sorted(named) == sorted(path.stem for path in HERE.glob("plugins/modules/*.py"))
