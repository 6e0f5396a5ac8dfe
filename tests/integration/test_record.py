# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The record of a real migration: its claims are those of the servers, names in it reach no template and no markup, and it outlives the migration.

The tests of a flavour share one migration in this order.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
from browser import SIZES, Browser
from engine import detect
from pairs import PATIENT, ROOT, SOURCE, TARGET, Pair, until

RECORD = "nordbridge.mysql_migration.record"
FILES = ROOT / "roles/record/files"
SCHEMA = json.loads((FILES / "evidence.schema.json").read_text())
#: A name that is a template, markup and a terminal's control sequence at once.
EVIL = "a<script>alert(1)</script>{{ 7*7 }}{% if %}\x1b[31m"
METRICS = "/var/lib/prometheus/node-exporter"
ATTESTED = """
by: Kari Nordmann
role: data-protection officer
date: "2026-11-28"
source.country: "{{ lookup('pipe', 'id') }} <b>United States</b>"
transfer.basis:
  value: Standard contractual clauses
  reason: TIA-2024-17
"""


@pytest.fixture(scope="module", params=["mariadb", "mysql"])
def pair(request) -> Pair:
    """A migration that is cut over, of a schema with a hostile name, and numbers for Prometheus."""
    made = request.getfixturevalue(request.param)
    made.load(2000)
    made.sql(SOURCE, f"CREATE TABLE shop.`{EVIL}` (id INT PRIMARY KEY); INSERT INTO shop.`{EVIL}` VALUES (1);")
    made.sh(TARGET, f"mkdir -p -m 755 {METRICS}")
    made.migrate("-e", f"migration_target_metrics_folder={METRICS}").ok()
    made.cutover(*PATIENT).ok()
    return made


def record(pair: Pair, folder: Path, *arguments: str):
    """The playbook, with its files in a folder of the test."""
    return pair.start("-e", f"migration_record_folder={folder}", *arguments, playbook=RECORD)


def read(pair: Pair, folder: Path) -> dict:
    """The record as it was brought here; valid."""
    found = json.loads((folder / pair.name / "evidence.json").read_text())
    jsonschema.validate(found, SCHEMA)
    return found


def claims(found: dict) -> dict:
    return {claim["id"]: claim for claim in found["claims"]}


def judged(pair: Pair, folder: Path, *arguments: str) -> str:
    """What the verifier says, with the events as they are on the target."""
    (folder / "events.jsonl").write_text(pair.sh(TARGET, f"cat {pair.folder}/events.jsonl"))
    command = [sys.executable, str(FILES / "verify_record.py"), str(folder / pair.name / "evidence.json"), "--events", str(folder / "events.jsonl")]
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def folder(pair, tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("records")


def test_check_mode_writes_nothing(pair, folder):
    run = record(pair, folder, "--check", "--diff").ok()
    assert run.recap()["changed"] == 1 and "cutover.write_stop_s" in run.output
    assert not (folder / pair.name).exists() and pair.sh(TARGET, f"ls {pair.folder}/evidence 2>&1 || true").startswith("ls: cannot")


def test_its_claims_are_what_the_servers_and_the_journal_say(pair, folder):
    run = record(pair, folder).ok()
    found = read(pair, folder)
    told, facts = claims(found), pair.state()["cutover"]["facts"]
    assert found["verdict"]["state"] == "proven" and found["verdict"]["en"] in run.words
    assert told["cutover.write_stop_s"]["value"] == facts["write_stop_server_s"]
    assert facts["position"]["gtid"] in told["cutover.position"]["value"]
    assert told["equality.rows"]["value"] is True and told["equality.position"]["value"]
    # orders, and what load() made, and the one with the name; the demo's own data are not there.
    assert (told["data.tables"]["value"], told["data.rows"]["value"]) == (6, 2003)
    for side, host in (("source", SOURCE), ("target", TARGET)):
        assert told[side + ".server_id"]["value"] == int(pair.value(host, "SELECT @@server_id;"))
        assert told[side + ".read_only"]["value"] is (side == "source")
    assert "key exchange" in told["transit.ssh"]["value"]
    keys = {line.split()[1] for line in pair.sh(SOURCE, "for key in /etc/ssh/ssh_host_*.pub; do ssh-keygen -l -f $key; done").splitlines()}
    assert {key.split()[0] for key in told["transit.host_keys"]["value"]} <= keys
    assert f"unit nordbridge-{pair.name}-tunnel.service" in told["accounts.left_target"]["value"]
    assert "all holds" in judged(pair, folder)


def test_a_second_run_changes_nothing(pair, folder):
    before = (folder / pair.name / "evidence.json").read_bytes()
    assert record(pair, folder).ok().recap()["changed"] == 0
    assert (folder / pair.name / "evidence.json").read_bytes() == before


def test_names_reach_no_template_no_markup_and_no_terminal(pair, folder):
    page = (folder / pair.name / "report.html").read_text()
    assert "<script>" not in page and "{{ 7*7 }}" in page and "49" not in re.findall(r"a&lt;script.*?</", page)[0]
    assert "\x1b" not in page and "\x1b" not in (folder / pair.name / "evidence.json").read_text()


def test_the_page_is_whole_on_a_desktop_a_phone_and_paper_and_fetches_nothing(pair, folder):
    page = folder / pair.name / "report.html"
    with Browser() as browser:
        for size in SIZES:
            browser.picture(page, size, pair.out / f"report-{size}.png")
            assert browser.overflow(page, size, folder / "measured.html") == 0, size
        assert browser.printed(page, pair.out / "report.pdf") >= 2
        assert browser.hosts_of(page) == set()
        # The question has another answer for a page that does.
        (folder / "control.html").write_text('<img src="http://192.0.2.77/x.png">')
        assert browser.hosts_of(folder / "control.html") == {"192.0.2.77"}


def test_attestations_with_a_mistake_stop_it_before_anything_is_written(pair, folder):
    (folder / "wrong.yml").write_text(ATTESTED.replace("source.country", "source.county"))
    before = (folder / pair.name / "evidence.json").read_bytes()
    record(pair, folder, "-e", f"migration_record_attestations={folder}/wrong.yml").failed("the nearest is source.country")
    assert (folder / pair.name / "evidence.json").read_bytes() == before


def test_what_a_person_attests_is_a_new_record_and_signed(pair, folder):
    (folder / "attested.yml").write_text(ATTESTED)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / "key")], check=True)
    (folder / "signers").write_text("kari@example.com " + (folder / "key.pub").read_text())
    given = ("-e", f"migration_record_attestations={folder}/attested.yml", "-e", f"migration_record_sign_key={folder}/key")
    record(pair, folder, *given).ok()
    found = read(pair, folder)
    country = claims(found)["source.country"]
    assert (found["number"], country["basis"]) == (2, "attested")
    # A text is a text, whatever Ansible would make of it.
    assert country["value"].startswith("{{ lookup('pipe', 'id') }} <b>") and "uid=" not in json.dumps(found)
    (folder / "before.json").write_text(pair.sh(TARGET, f"cat {pair.folder}/evidence/evidence.1.json"))
    assert "record 2: all holds" in judged(pair, folder, "--signers", str(folder / "signers"), "--previous", str(folder / "before.json"))
    assert record(pair, folder, *given).ok().recap()["changed"] == 0


def test_numbers_for_prometheus_are_readable_for_its_collector(pair, folder):
    names = pair.sh(TARGET, f"ls {METRICS}").split()
    assert names == [f"nordbridge_{pair.name}_{job}.prom" for job in ("catchup", "cutover", "seed", "verify")]
    text = pair.sh(TARGET, f"runuser -u nobody -- cat {METRICS}/nordbridge_{pair.name}_cutover.prom")
    stop = pair.state()["cutover"]["facts"]["write_stop_server_s"]
    assert f'nordbridge_migration_write_stop_seconds{{migration="{pair.name}",job="cutover"}} {stop}\n' in text


def test_a_record_that_was_edited_has_no_successor(pair, folder):
    path = f"{pair.folder}/evidence/evidence.json"
    pair.sh(TARGET, f"cp -p {path} /root/record && sed -i 's/\"value\": true/\"value\": false/' {path}")
    record(pair, folder).failed("was changed after it was written")
    pair.sh(TARGET, f"mv /root/record {path}")


def test_after_retire_it_says_what_is_left_and_what_went(pair, folder):
    pair.start("-e", f"retire={pair.name}", playbook="nordbridge.mysql_migration.retire").ok()
    record(pair, folder, "-e", f"migration_record_attestations={folder}/attested.yml").ok()
    told = claims(read(pair, folder))
    assert told["accounts.left_source"]["value"] == told["accounts.left_target"]["value"] == []
    assert f"unit nordbridge-{pair.name}-tunnel.service" in told["accounts.removed"]["value"]
    assert told["migration.retired"]["value"] and told["remains.server"]["value"] is True
    assert pair.sh(TARGET, f"ls {METRICS}") == ""
    judged(pair, folder)


def test_an_old_host_that_is_gone_is_said_to_be_unknown(pair, folder):
    engine, container = detect(), f"nordbridge-{pair.name}-{SOURCE}"
    engine.run("stop", "--time", "20", container)
    try:
        record(pair, folder, "-e", f"migration_record_attestations={folder}/attested.yml").ok()
    finally:
        engine.run("start", container)
        until("the host is up again", lambda: pair.sh(SOURCE, "echo up", check=False) == "up\n")
    told = claims(read(pair, folder))
    assert told["remains.server"]["basis"] == "unknown" and "not reached" in told["remains.server"]["how"]
    # What was proven before does not depend on it.
    assert told["cutover.one_writable"]["value"] is True
