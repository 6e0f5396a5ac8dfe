# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check a migration's record offline, with nothing but Python: verify_record.py evidence.json [--events FILE] [--previous FILE] [--signers FILE]

--events    the journal's events.jsonl, from the target's host: each line's digest must be the record's
--previous  the record before, evidence.N.json: its digest must be the one that this record names
--signers   an allowed_signers file of ssh-keygen(1), for evidence.json.sig beside the record: who signed must be in it
Exit 0 where all holds, 1 where something does not, 2 where a file cannot be read.
"""

import argparse
import hashlib
import json
import subprocess
import sys


def digest(record):
    """Of all but its own digest."""
    rest = {key: value for key, value in record.items() if key != "sha256"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode("utf-8")).hexdigest()


def chain(events):
    """What is wrong with the events that the record lists."""
    listed, before = events["list"], ""
    if len(listed) != events["count"] or (listed[-1]["sha256"] if listed else "") != events["head"]:
        yield "the list of events does not end where the record says"
    if not events["holds"]:
        yield "the record itself says that the journal's events were changed or cut"
    for number, event in enumerate(listed, 1):
        if event["seq"] != number or event["previous"] != before:
            yield "event %d is not the successor of the one before it" % number
        before = event["sha256"]


def lines(events, path):
    """What of the journal's own lines is not what the record lists; the journal may have gone on since."""
    with open(path, "rb") as stream:
        there = stream.read().split(b"\n")[:-1]
    if len(there) < len(events["list"]):
        yield "the journal has %d events, the record lists %d" % (len(there), len(events["list"]))
    for event, line in zip(events["list"], there):
        told = json.loads(line)
        if hashlib.sha256(line).hexdigest() != event["sha256"] or (told["event"], told["ts"]) != (event["event"], event["ts"]):
            yield "event %d of the journal is not the one that the record lists" % event["seq"]


def signature(path, signers):
    """What is wrong with the signature; a principal of the file must have made it."""
    found = subprocess.run(["ssh-keygen", "-Y", "find-principals", "-s", path + ".sig", "-f", signers], stdout=subprocess.PIPE, check=False)
    names = found.stdout.decode().split()
    command = ["ssh-keygen", "-Y", "verify", "-f", signers, "-I", names[0] if names else "nobody", "-n", "nordbridge-evidence", "-s", path + ".sig"]
    with open(path, "rb") as stream:
        if not names or subprocess.run(command, stdin=stream, stdout=subprocess.DEVNULL, check=False).returncode:
            yield "the signature is not that of a signer in %s" % signers


def main():
    """Check, tell, exit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("record")
    for name in ("--events", "--previous", "--signers"):
        parser.add_argument(name)
    given = parser.parse_args()
    try:
        with open(given.record, encoding="utf-8") as stream:
            record = json.load(stream)
        wrong = [] if record["sha256"] == digest(record) else ["the record was changed after it was written"]
        wrong += chain(record["events"])
        wrong += lines(record["events"], given.events) if given.events else []
        wrong += signature(given.record, given.signers) if given.signers else []
        if given.previous:
            with open(given.previous, encoding="utf-8") as stream:
                before = json.load(stream)
            if digest(before) != record["previous"] or before["number"] + 1 != record["number"]:
                wrong.append("the record does not name %s as the one before it" % given.previous)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        print("%s cannot be checked: %s: %s" % (given.record, type(error).__name__, error), file=sys.stderr)
        sys.exit(2)
    print("\n".join("WRONG: " + one for one in wrong) or "migration %(migration_id)s, record %(number)s: all holds" % record)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
