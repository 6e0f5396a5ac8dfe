# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The record: what it claims and on what, that it is never changed, and that its verifier, which shares no code with it, finds what was."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

from plugins.module_utils._errors import Refusal
from plugins.module_utils._evidence import record as under_test
from plugins.module_utils._evidence.record import make_record
from plugins.module_utils._state.files import write_json
from plugins.module_utils._state.journal import Journal

ROLE = Path(__file__).resolve().parents[5] / "roles/record"
SCHEMA = json.loads((ROLE / "files/evidence.schema.json").read_text())
VERIFIER = ROLE / "files/verify_record.py"
SEED = {"status": "done", "method": "dump", "schemas": ["shop", "nordbridge_migration"], "seconds": 12.5, "crossed": 1000}
VERIFICATION = {
    "since": 1795886617.25, "ended": 1795886620.43, "seconds": 3.2, "strength": "sha", "odds": "once in 2^64", "position": "0-1-42", "rows": 2000,
    "tables": 2, "unequal": {}, "unequal_tables": 0, "uncompared": {}, "excluded": [],
}  # fmt: skip
PARITY = {
    "compared": {"view": 2, "event": 0}, "different": {}, "different_count": 0, "explained": 0, "reworded": ["view s.v"], "extra": ["monitor@%"],
    "unread": [], "settings": {"sql_mode": ["A", "B"]},
}  # fmt: skip
HISTORY = {"basis": "binary logs", "two_writable": False, "words": "the binary logs show that nobody wrote on two servers"}
FACTS = {
    "fenced_at": 1795886700.1, "writable_at": 1795886700.2, "write_stop_server_s": 0.087, "history": HISTORY, "sessions_ended": 4,
    "position": {"file": "binlog.000002", "position": 4, "gtid": "0-1-50"}, "warnings": {"durability": "sync_binlog=0"},
}  # fmt: skip
TRANSIT = {"tls": "TLSv1.3", "cipher": "TLS_AES_256_GCM_SHA384", "ssh": "chacha20", "host_keys": ["SHA256:x"], "at": 1.0}
PLAN = {
    "plan": "cfaf-ddd7", "forecast": {"copy_s": 10.0, "write_stop_s": 0.05},
    "changes": [{"side": "source", "when": "before the copy", "kind": "unit", "what": "x"}],
    "findings": [{"id": "P31", "result": "warning", "title": "keys", "message": "1 table", "waived": True, "where": "source"}],
}  # fmt: skip
SIDE = {
    "host": {"name": "us-db1", "machine": "5b1e", "time": 1.0, "clock": "synchronised", "disk_encrypted": False, "datadir_bytes": 4096},
    "server": {
        "label": "us-db1 (mariadb 10.11.18)", "server_id": 1, "server_uuid": "", "datadir": "/var/lib/mysql/", "read_only": True, "schemas": 1,
        "tables": 2, "bytes": 5, "binary_logs": 3, "binary_log_bytes": 9, "replicas": 0,
    },
    "left": ["unit nordbridge-shop-tunnel.service"],
}  # fmt: skip
GIVEN = {"migration_id": "shop", "source": SIDE, "target": SIDE, "declared": {"bridge": "ssh_tunnel"}, "attested": {}}
WORDS = {"by": "Kari Nordmann", "role": "data-protection officer", "date": "2026-11-28"}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A migration that is done, as its journal has it."""
    monkeypatch.setattr(under_test, "directory", lambda name: str(tmp_path / name))
    monkeypatch.setattr(under_test, "job_directory", lambda name, job: str(tmp_path / name / "jobs" / job))
    times = iter(range(1795886600, 1795887600))
    journal = Journal(str(tmp_path / "shop"), lambda: float(next(times)))
    journal.update("seed started", seed={"status": "running"})
    journal.update("seed done", seed=SEED)
    journal.update("ready", catchup={"seconds": 3.0}, transit=TRANSIT)
    journal.update("every row was compared", verification=VERIFICATION)
    journal.update("cutover: lease begins", cutover={"begun": ["lease"], "done": [], "facts": {}})
    journal.update("cutover: confirm done", cutover={"begun": ["commit", "confirm"], "done": ["commit", "confirm"], "facts": FACTS})
    write_json(str(tmp_path / "shop/plan.json"), PLAN)
    table = {"name": "shop.a", "rows": 5, "ranges": 1, "seconds": 0.1, "differences": {}, "why": "", "done": True, "at": ["a secret key"]}
    write_json(str(tmp_path / "shop/jobs/verify/verified.json"), {"tables": [table]})
    write_json(str(tmp_path / "shop/jobs/seed/series.json"), {"every": 1.0, "points": [{"at": 1.0, "phase": "seed", "done": 5}]})
    return tmp_path / "shop"


def claim(record, name):
    """One of its claims."""
    return next(one for one in record["claims"] if one["id"] == name)


def judged(folder, *arguments):
    """What the verifier says of the newest record."""
    command = [sys.executable, str(VERIFIER), str(folder / "evidence/evidence.json"), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_a_record_is_valid_and_says_what_each_claim_rests_on(folder):
    record = make_record(GIVEN, False)["record"]
    jsonschema.validate(record, SCHEMA)
    assert record == json.loads((folder / "evidence/evidence.json").read_text())
    assert record["verdict"]["state"] == "proven"
    assert "writes were stopped for 0.087 s" in record["verdict"]["en"] and "0,087 s" in record["verdict"]["no"]
    assert claim(record, "cutover.write_stop_s") == {
        "id": "cutover.write_stop_s", "what": "Seconds without writes", "value": 0.087, "basis": "measured",
        "how": "from the source's last to the target's first, on the servers",
    }  # fmt: skip
    # What a guest does not see is no proof that it is not there.
    assert (claim(record, "source.disk_encrypted")["value"], claim(record, "source.disk_encrypted")["basis"]) == (False, "inferred")
    assert claim(record, "transit.bridge")["basis"] == "declared"
    # The agent's session was asked, and the tunnel's is taken to be alike.
    assert (claim(record, "transit.ssh")["basis"], claim(record, "transit.tls")["basis"]) == ("inferred", "measured")
    assert claim(record, "source.country")["basis"] == "unknown" and "source.country" in record["to_attest"]
    assert claim(record, "equality.changed")["basis"] == "unknown"
    assert record["forecast"][0] == {"what": "copy", "unit": "s", "forecast": 10.0, "fact": 12.5, "ratio": 1.25}
    assert [one["phase"] for one in record["timeline"]][:2] == ["copy", "catch-up"]
    assert record["findings"][0]["waived"] is True
    assert oct((folder / "evidence/evidence.json").stat().st_mode & 0o777) == "0o600"


def test_a_way_without_tls_is_said_and_not_left_open(folder):
    Journal(str(folder)).update("again", transit={**TRANSIT, "tls": "", "cipher": ""})
    assert claim(make_record(GIVEN, True)["record"], "transit.tls")["value"] == "none, inside of the ssh tunnel"
    told = claim(make_record({**GIVEN, "declared": {"bridge": "tls"}}, True)["record"], "transit.tls")
    assert (told["value"], told["basis"]) == ("none", "measured")


def test_what_is_no_row_is_claimed_with_what_was_compared(folder):
    Journal(str(folder)).update("again", verification={**VERIFICATION, "parity": PARITY})
    record = make_record(GIVEN, True)["record"]
    jsonschema.validate(record, SCHEMA)
    assert record["verdict"]["state"] == "proven"
    told = claim(record, "equality.definitions")
    assert (told["value"], told["how"]) == (True, "compared: 2 view")
    assert claim(record, "equality.definitions_reworded")["value"] == ["view s.v"]
    assert claim(record, "equality.definitions_extra")["value"] == ["monitor@%"]
    assert claim(record, "equality.settings")["value"] == ["sql_mode: A on the source, B on the target"]


@pytest.mark.parametrize("text", ["", "{", "[]", "null"])
def test_what_a_job_left_damaged_is_left_out(folder, text):
    (folder / "jobs/verify/verified.json").write_text(text)
    (folder / "jobs/seed/series.json").write_text(text)
    record = make_record(GIVEN, True)["record"]
    jsonschema.validate(record, SCHEMA)
    assert record["tables"] == [] and record["series"] == {}


def test_no_row_value_is_in_it(folder):
    assert "a secret key" not in json.dumps(make_record(GIVEN, False)["record"])


def test_nothing_is_asked_that_is_not_there(folder):
    assert "equality.accepted" not in make_record(GIVEN, False)["to_attest"]
    Journal(str(folder)).update("again", verification={**VERIFICATION, "uncompared": {"shop.b": "it did not stand still"}})
    assert "equality.accepted" in make_record(GIVEN, False)["to_attest"]


def test_the_same_knowledge_makes_no_other_record(folder):
    assert make_record(GIVEN, False)["changed"] is True
    moved = {**SIDE, "server": {**SIDE["server"], "binary_logs": 9, "tables": 3, "replicas": 1}, "host": {**SIDE["host"], "datadir_bytes": 1}}
    again = make_record({**GIVEN, "source": moved}, False)
    assert (again["changed"], again["number"]) == (False, 1)


def test_a_later_fact_makes_a_successor_and_leaves_the_one_before(folder):
    first = make_record(GIVEN, False)["record"]
    said = {**WORDS, "erasure.media": {"value": "destroyed", "reason": "certificate 17", "date": "2026-12-24"}}
    told = make_record({**GIVEN, "attested": said}, False)
    assert told["changed"] and told["number"] == 2 and told["record"]["previous"] == first["sha256"]
    assert json.loads((folder / "evidence/evidence.1.json").read_text()) == first
    assert claim(told["record"], "erasure.media")["how"] == "by Kari Nordmann, data-protection officer, on 2026-12-24: certificate 17"
    assert "erasure.media" not in told["to_attest"]
    assert judged(folder, "--previous", folder / "evidence/evidence.1.json") == (0, "migration shop, record 2: all holds\n")


def test_check_mode_writes_nothing(folder):
    told = make_record(GIVEN, True)
    assert told["changed"] and not (folder / "evidence").exists()
    assert "cutover.write_stop_s: 0.087 (measured)" in told["diff"]["after"] and told["diff"]["before"] == ""


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({**WORDS, "source.county": "US"}, "nothing is asked under source.county; the nearest is source.country"),
        ({"source.country": "US"}, "source.country lacks by, role, date"),
        ({**WORDS, "date": "28.11.2026", "source.country": "US"}, "source.country: the date '28.11.2026' is not of the form"),
        ({**WORDS, "source.country": {"value": "US", "sign": "x"}}, "source.country: there is no field sign"),
        ({**WORDS, "source.country": ""}, "source.country lacks value"),
        (["x"], "the attestations are a list"),
    ],
)
def test_attestations_that_cannot_be_used_stop_it(folder, given, words):
    with pytest.raises(Refusal, match=words.replace(".", r"\.")):
        make_record({**GIVEN, "attested": given}, False)
    assert not (folder / "evidence").exists()


def test_a_measured_claim_is_not_overwritten_by_words(folder):
    with pytest.raises(Refusal, match=r"nothing is asked under cutover\.write_stop_s"):
        make_record({**GIVEN, "attested": {**WORDS, "cutover.write_stop_s": "0"}}, False)


@pytest.mark.parametrize(
    ("changes", "state", "words"),
    [
        ({"verification": {**VERIFICATION, "unequal": {"shop.a": "1 changed"}, "unequal_tables": 1}}, "wrong", "rows differ"),
        ({"cutover": {"done": ["commit", "confirm"], "facts": {**FACTS, "history": {**HISTORY, "two_writable": True}}}}, "wrong", "both servers took writes"),
        ({"cutover": {"done": ["commit", "confirm"], "facts": {**FACTS, "history": {"basis": "not read", "words": "gone"}}}}, "not_proven", "not read off"),
        ({"verification": None}, "not_proven", "no verification"),
        ({"verification": {**VERIFICATION, "uncompared": {"shop.b": "moved"}}}, "not_proven", "some tables could not be compared"),
        ({"verification": {**VERIFICATION, "excluded": ["shop.b"]}}, "not_proven", "some tables were left out"),
        ({"verification": {**VERIFICATION, "parity": {**PARITY, "different": {"trigger s.t": "x"}}}}, "wrong", "definitions or accounts differ"),
        ({"cutover": None}, "under_way", "is not cut over"),
        ({"rollback": {"done": ["commit", "confirm"]}}, "rolled_back", "was rolled back"),
    ],
)
def test_the_verdict_says_no_more_than_its_claims(folder, changes, state, words):
    Journal(str(folder)).update("something else", **changes)
    record = make_record(GIVEN, False)["record"]
    jsonschema.validate(record, SCHEMA)
    assert record["verdict"]["state"] == state and words in record["verdict"]["en"]


def test_hosts_that_are_gone_are_said_to_be_unknown(folder):
    record = make_record({**GIVEN, "source": {}, "target": {"host": SIDE["host"], "server": {"error": "[2003] it is down"}, "left": []}}, False)["record"]
    jsonschema.validate(record, SCHEMA)
    assert claim(record, "remains.server") == {
        "id": "remains.server", "what": "The old server still holds data", "value": None, "basis": "unknown", "how": "the host was not reached"
    }  # fmt: skip
    assert claim(record, "target.read_only")["how"] == "[2003] it is down"
    assert claim(record, "accounts.left_target")["value"] == []


def test_a_migration_that_just_began_and_a_damaged_plan_have_a_record(folder):
    (folder / "plan.json").write_text("{")
    for name in ("cutover", "verification", "catchup", "transit"):
        Journal(str(folder)).update("less", **{name: None})
    record = make_record(GIVEN, False)["record"]
    jsonschema.validate(record, SCHEMA)
    assert claim(record, "migration.plan")["basis"] == "unknown"


def test_without_a_journal_there_is_nothing_to_record(folder):
    with pytest.raises(Refusal, match="no journal on this host"):
        make_record({**GIVEN, "migration_id": "other"}, False)


# --- what was changed afterwards ---


def test_a_record_that_was_changed_has_no_successor(folder):
    make_record(GIVEN, False)
    path = folder / "evidence/evidence.json"
    path.write_text(path.read_text().replace("0.087", "0.007"))
    with pytest.raises(Refusal, match="was changed after it was written"):
        make_record({**GIVEN, "attested": {**WORDS, "source.country": "US"}}, False)
    assert judged(folder) == (1, "WRONG: the record was changed after it was written\n")


def test_each_byte_counts(folder):
    make_record(GIVEN, False)
    path = folder / "evidence/evidence.json"
    text = path.read_text()
    for place in range(0, len(text), 701):
        if text[place] in ' \n"{}[],:':
            continue
        path.write_text(text[:place] + ("1" if text[place] != "1" else "2") + text[place + 1 :])
        assert judged(folder)[0] in (1, 2), place


def test_an_event_that_was_left_out_is_missed(folder):
    record = make_record(GIVEN, False)["record"]
    events = record["events"]
    # By somebody who can make a digest.
    for left in ({**events, "list": events["list"][:2] + events["list"][3:], "count": events["count"] - 1}, {**events, "list": events["list"][:-1]}):
        forged = under_test.sealed({**record, "events": left})
        (folder / "evidence/evidence.json").write_text(json.dumps(forged))
        code, said = judged(folder)
        assert code == 1 and "event" in said


def test_the_journal_of_another_host_is_told_from_its_own(folder, tmp_path):
    make_record(GIVEN, False)
    assert judged(folder, "--events", folder / "events.jsonl")[0] == 0
    # It goes on, and the record still is of it.
    Journal(str(folder)).update("retired", retired={"at": 1.0, "removed": []})
    assert judged(folder, "--events", folder / "events.jsonl")[0] == 0
    other = Journal(str(tmp_path / "elsewhere"))
    for number in range(10):
        other.update("seed started", seed={"number": number})
    code, said = judged(folder, "--events", tmp_path / "elsewhere/events.jsonl")
    assert code == 1 and "event 1 of the journal is not the one" in said


def test_a_broken_chain_is_said(folder):
    lines = (folder / "events.jsonl").read_text().splitlines(keepends=True)
    (folder / "events.jsonl").write_text("".join(lines[:2] + lines[3:]))
    told = make_record(GIVEN, False)
    assert told["verdict"]["state"] == "wrong" and told["warnings"]
    assert judged(folder)[0] == 1


def test_a_signature_counts_if_its_signer_is_known(folder, tmp_path):
    make_record(GIVEN, False)
    path = folder / "evidence/evidence.json"
    for name in ("mine", "theirs"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / name)], check=True)
        (tmp_path / (name + ".signers")).write_text("dpo@example.com " + (tmp_path / (name + ".pub")).read_text())
    subprocess.run(["ssh-keygen", "-q", "-Y", "sign", "-f", str(tmp_path / "mine"), "-n", "nordbridge-evidence", str(path)], check=True)
    assert judged(folder, "--signers", tmp_path / "mine.signers")[0] == 0
    assert judged(folder, "--signers", tmp_path / "theirs.signers")[0] == 1
    path.write_text(path.read_text() + "\n")
    assert judged(folder, "--signers", tmp_path / "mine.signers")[0] == 1


def test_the_record_names_the_version_that_made_it(folder):
    assert "version: %(version)s\n" % make_record(GIVEN, True)["record"]["tool"] in (ROLE.parents[1] / "galaxy.yml").read_text()


def test_the_verifier_shares_no_code_and_is_short():
    text = VERIFIER.read_text()
    assert len(text.splitlines()) < 100 and "ansible_collections" not in text and "import plugins" not in text
