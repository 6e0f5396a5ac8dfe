"""Recipes, their hashes, and what is read from the machine's apt."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import images
import pytest
from engine import Failure

TARGETS = """\
Some Vendor|Some Vendor|http://packages.example.com/
Debian|Debian-Security|http://mirror.example.net/debian-security/
Debian|Debian|http://mirror.example.net/debian/
Debian|Debian|http://other.example.net/debian/
"""


def test_the_mirror_is_the_first_main_archive():
    assert images.pick_mirror(TARGETS) == "http://mirror.example.net/debian"


@pytest.mark.parametrize("targets", ["", "Ubuntu|Ubuntu|http://u.example.net/ubuntu/\n", "||\n"])
def test_no_mirror_is_made_up_where_apt_names_none(targets):
    assert images.pick_mirror(targets) is None


def test_a_named_mirror_wins(monkeypatch):
    monkeypatch.setenv("NORDBRIDGE_MIRROR", "http://mine.example.org/debian/")
    assert images.machine_mirror() == "http://mine.example.org/debian"


def test_only_proxies_that_are_set_are_taken_over():
    dump = (
        'Acquire::http::Proxy "http://proxy.example.net:3128";\n'
        'Acquire::https::Proxy "";\n'
        'Acquire::Retries "3";\n'
    )
    assert images.pick_proxies(dump) == ['Acquire::http::Proxy "http://proxy.example.net:3128";']


def test_the_tag_is_stable_and_names_the_image():
    recipe = images.RECIPES["mariadb-10.11"]
    assert recipe.tag == replace(recipe).tag
    assert recipe.tag.startswith("localhost/nordbridge-mariadb-10.11:")


@pytest.mark.parametrize(
    "change",
    [
        {"packages": ("systemd",)},
        {"suite": "other"},
        {"before": "true\n"},
        {"files": {"/etc/x": "y"}},
        {"dpkg": ()},
        {"finish": "true\n"},
    ],
)
def test_every_part_of_a_recipe_changes_its_tag(change):
    recipe = images.RECIPES["mysql-9.7"]
    assert replace(recipe, **change).tag != recipe.tag


def test_images_have_tags_of_their_own():
    assert len({recipe.tag for recipe in images.RECIPES.values()}) == len(images.RECIPES)


def test_an_unknown_image_is_answered_with_the_known_ones():
    with pytest.raises(Failure, match=r"no image 'mysql-1'.*mariadb-10\.5"):
        images.recipe("mysql-1")


@pytest.mark.parametrize("name", images.RECIPES)
def test_the_hook_is_valid_shell(name):
    script = images.RECIPES[name].script()
    subprocess.run(["sh", "-n"], input=script, text=True, check=True)


def test_the_hook_writes_files_as_they_are(tmp_path: Path):
    text = 'it\'s\n50% \\n "quoted" $HOME\n'
    recipe = replace(images.RECIPES["mariadb-10.5"], files={"/etc/a b": text}, finish="")
    hook = tmp_path / "hook"
    hook.write_text(recipe.script())
    subprocess.run(["sh", str(hook), str(tmp_path)], check=True)
    assert (tmp_path / "etc" / "a b").read_text() == text


@pytest.mark.parametrize("recipe", images.RECIPES.values(), ids=lambda recipe: recipe.name)
def test_the_listening_address_is_the_only_server_setting(recipe):
    settings = [
        line
        for path, text in recipe.files.items()
        if path.startswith("/etc/mysql")
        for line in text.splitlines()
        if line and not line.startswith(("#", "["))
    ]
    assert settings == ["bind-address = 0.0.0.0"]


def test_the_listening_address_is_read_after_the_packages_files():
    shipped = {"mariadb": "50-server.cnf", "mysql": "mysqld.cnf"}
    for flavour, path in images.LISTEN_FILE.items():
        assert sorted([Path(path).name, shipped[flavour]])[-1] == Path(path).name
