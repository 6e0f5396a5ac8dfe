# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The roles in somebody else's repository: the tarball installed there, own hosts, groups and plays, and an ordinary user with sudo."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from pairs import ROOT, SOURCE, TARGET, Pair

BIN = Path(sys.executable).parent
USER = r"""
id deploy >/dev/null 2>&1 || useradd --create-home --shell /bin/bash deploy
echo 'deploy ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/deploy
install -d -m 700 -o deploy -g deploy /home/deploy/.ssh
install -m 600 -o deploy -g deploy /root/.ssh/authorized_keys /home/deploy/.ssh/authorized_keys
"""
#: The collection's roles, in their order, as READMEs of roles say it.
STEPS = (("assess", ""), ("target", ""), ("source", ""), ("target", "replicate"), ("verify", ""))
#: Their own names are theirs: `plan_b` and `source` stand for what a repository has already.
GROUP_VARS = {"source": "theirs", "target": "theirs", "plan_b": "theirs", "environment_name": "production"}


class Repository:
    """A folder as people keep theirs: ansible.cfg, inventory, plays, installed collections."""

    def __init__(self, place: Path, pair: Pair) -> None:
        self.place, self.pair = place, pair
        shutil.rmtree(place, ignore_errors=True)
        (place / "inventory").mkdir(parents=True)
        (place / "ansible.cfg").write_text("[defaults]\n")
        self._install()
        ssh = f"-F {ROOT / 'build/hosts' / pair.name / 'ssh_config'}"
        common = {
            "ansible_user": "deploy", "ansible_ssh_common_args": ssh, "ansible_python_interpreter": "/usr/bin/python3",
            "ansible_control_path_dir": f"/tmp/nordbridge-{pair.name}-repo", **GROUP_VARS,
        }  # fmt: skip
        new = {
            "ansible_host": TARGET, "migration_source": "db-old", "migration_id": pair.name, "migration_source_allow_restart": True,
            "migration_assess_disk_io": False, "migration_target_ready_seconds": 1,
        }  # fmt: skip
        groups = {"databases_oslo": {"hosts": {"db-new": new}}, "databases_us": {"hosts": {"db-old": {"ansible_host": SOURCE}}}}
        (place / "inventory/production.json").write_text(json.dumps({"all": {"vars": common, "children": groups}}, indent=2))

    def _install(self) -> None:
        environment = {**os.environ, "ANSIBLE_CONFIG": str(self.place / "ansible.cfg")}
        galaxy = str(BIN / "ansible-galaxy")
        built = self.place / "built"
        subprocess.run([galaxy, "collection", "build", "--force", "--output-path", str(built), str(ROOT)], env=environment, check=True)
        (tarball,) = built.glob("*.tar.gz")
        command = [galaxy, "collection", "install", "--offline", "--force", "--collections-path", str(self.place / "collections"), str(tarball)]
        subprocess.run(command, env=environment, check=True)

    def play(self, name: str, steps: Sequence[tuple[str, str]], word: str = "import_role", **more: object) -> str:
        """Write a play of theirs; its path."""
        tasks: list[dict] = [{"name": "Ours, before", "ansible.builtin.set_fact": {"theirs_before": True}}]
        for role, part in steps:
            what = {"name": f"nordbridge.mysql_migration.{role}", **({"tasks_from": part} if part else {})}
            tasks.append({"name": f"The role {role} {part}".strip(), f"ansible.builtin.{word}": what})
        tasks.append({"name": "Ours, after", "ansible.builtin.assert": {"that": ["source == 'theirs'", "target == 'theirs'"], "quiet": True}})
        play = {"name": "Databases", "hosts": "databases_oslo", "become": True, "gather_facts": False, "tags": ["databases"], "tasks": tasks, **more}
        path = self.place / f"{name}.yml"
        # JSON is YAML.
        path.write_text(json.dumps([play], indent=2))
        return str(path)

    def run(self, play: str, *arguments: str, pipelining: bool = False, code: int = 0) -> str:
        """ansible-playbook, as they call it; what it said."""
        words = [str(BIN / "ansible-playbook"), "-i", "inventory", play, "--limit", "db-new,db-old", "--tags", "databases", *arguments]
        return self._said(words, pipelining, code)

    def by_runner(self, play: str, variables: dict, code: int = 0) -> str:
        """The same under ansible-runner, which AWX is made of."""
        place = self.place / "runner"
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(self.place / "inventory", place / "inventory")
        (place / "project").mkdir()
        shutil.copy2(play, place / "project")
        (place / "env").mkdir()
        (place / "env/extravars").write_text(json.dumps(variables))
        return self._said([str(BIN / "ansible-runner"), "run", str(place), "-p", Path(play).name], True, code)

    def _said(self, words: Sequence[str], pipelining: bool, code: int) -> str:
        environment = {
            "PATH": f"{BIN}:{os.environ['PATH']}", "HOME": str(self.place), "LANG": "C.UTF-8", "ANSIBLE_COLLECTIONS_PATH": str(self.place / "collections"),
            "ANSIBLE_PIPELINING": str(pipelining), "ANSIBLE_NOCOLOR": "1", "ANSIBLE_HOST_KEY_CHECKING": "True",
        }  # fmt: skip
        done = subprocess.run(words, cwd=self.place, env=environment, capture_output=True, text=True, timeout=1500, check=False)
        assert done.returncode == code, "$ %s\n%s%s" % (" ".join(words), done.stdout[-6000:], done.stderr[-2000:])
        return done.stdout


@pytest.fixture(params=["mariadb", "mysql"])
def repository(request, tmp_path) -> Repository:
    """Theirs, with untouched hosts of a flavour that an ordinary user reaches."""
    pair = request.getfixturevalue(request.param)
    pair.fresh()
    for host in (SOURCE, TARGET):
        pair.sh(host, USER)
    pair.load(200, tables=1)
    return Repository(tmp_path / "repository", pair)


def rows(pair: Pair, host: str) -> str:
    """A number that both must agree on."""
    return pair.value(host, "SELECT COUNT(*) FROM shop.orders;")


def test_the_roles_in_their_order_by_import_role(repository):
    pair = repository.pair
    play = repository.play("migrate", STEPS)
    foreseen = repository.run(play, "--check", "--diff")
    assert "MIGRATION PLAN" in foreseen and not pair.sh(TARGET, "ls /var/lib/mysql_migration 2>/dev/null || true").strip()
    assert "READY" in repository.run(play)
    again = repository.run(play, pipelining=True)
    assert "changed=0" in again.split("PLAY RECAP")[1].splitlines()[1]
    # Without its gate the cutover is closed, whoever's play it is.
    cut = repository.play("cutover", (("assess", ""), ("cutover", "")))
    assert f"to cut over, give -e cutover={pair.name}" in " ".join(repository.run(cut, code=2).split())
    assert "is the new primary" in repository.by_runner(cut, {"cutover": pair.name})
    assert pair.value(TARGET, "SELECT @@global.read_only;") == "0" and pair.value(SOURCE, "SELECT @@global.read_only;") == "1"
    assert rows(pair, TARGET) == rows(pair, SOURCE) == "2"


def test_the_roles_by_include_role_and_the_strategy_free(repository):
    pair = repository.pair
    play = repository.play("migrate", STEPS, "include_role", strategy="free")
    assert "READY" in repository.by_runner(play, {})
    assert "changed=0" in repository.run(play, pipelining=True).split("PLAY RECAP")[1].splitlines()[1]
    cut = repository.play("cutover", (*STEPS, ("cutover", "")), "include_role", strategy="free")
    assert "is the new primary" in repository.run(cut, "-e", f"cutover={pair.name}")
    # Their whole play again, with and without the gate's word: nothing is left to be done, and nothing is touched.
    assert "changed=0" in repository.run(cut, "-e", f"cutover={pair.name}").split("PLAY RECAP")[1].splitlines()[1]
    assert "changed=0" in repository.run(play).split("PLAY RECAP")[1].splitlines()[1]
