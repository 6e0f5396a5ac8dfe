# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report: what it shows of a record, and that no name in it reaches the page's markup."""

from __future__ import annotations

import html.parser
import re
from pathlib import Path

import jinja2
import pytest

from plugins.module_utils._report.page import TABLES, page_of

TEMPLATE = Path(__file__).resolve().parents[5] / "roles/record/templates/report.html.j2"
EVIL = "</td><script>alert(1)</script>{{ 7*7 }}{% raw %}\"'><img src=http://192.0.2.1/x onerror=alert(2)>"


def claim(name, value=None, basis="measured", what="What", how="how"):
    """A claim."""
    return {"id": name, "what": what, "value": value, "basis": basis if value is not None else "unknown", "how": how}


def record(**changes):
    """A record of a migration that is done."""
    given = {
        "format": 1, "migration_id": "shop", "number": 2, "previous": "ab" * 32, "generated_at": "2026-11-28T12:00:00.000Z", "sha256": "cd" * 32,
        "tool": {"name": "nordbridge.mysql_migration", "version": "1.0.0"}, "phase": "done",
        "verdict": {"state": "proven", "en": "Migration shop is cut over.", "no": "Migreringen shop er gjennomført."},
        "claims": [claim("migration.id", "shop"), claim("source.server", "us-db1"), claim("data.crossed", 2_000_000), claim("decision.officer")],
        "to_attest": ["decision.officer"],
        "timeline": [
            {"phase": "copy", "begin": "2026-11-28T10:00:00.000Z", "end": "2026-11-28T11:00:00.000Z", "seconds": 3600.0},
            {"phase": "cutover", "begin": "2026-11-28T11:59:59.000Z", "end": "2026-11-28T12:00:00.000Z", "seconds": 1.0},
        ],
        "forecast": [{"what": "copy", "unit": "s", "forecast": 10.0, "fact": None, "ratio": None}],
        "tables": [{"name": "shop.a", "rows": 5, "ranges": 1, "seconds": 0.1, "differences": {}, "why": ""}],
        "findings": [{"id": "P31", "result": "warning", "title": "keys", "message": "one", "waived": True}],
        "series": {"seed": {"every": 1.0, "points": [{"at": float(at), "phase": "seed", "done": at * at * 1000} for at in range(5)]}},
        "events": {"holds": True, "count": 3, "head": "ef" * 32, "list": []},
    }  # fmt: skip
    return {**given, **changes}


def rendered(one):
    """The report. Ansible's template module escapes nothing by itself, and does not heed a template's autoescape (seen with 2.19)."""
    environment = jinja2.Environment(trim_blocks=True, undefined=jinja2.StrictUndefined, autoescape=False)  # noqa: S701  # as Ansible has it
    return environment.from_string(TEMPLATE.read_text()).render(page=page_of(one))


class Tags(html.parser.HTMLParser):
    """What a browser would make of a page."""

    def __init__(self, text):
        super().__init__()
        self.names, self.attributes, self.words = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.names.append(tag)
        self.attributes += attrs

    def handle_data(self, data):
        self.words.append(data)


def everywhere(value):
    """The same with a hostile text in place of each."""
    if isinstance(value, dict):
        return {name: value[name] if name in ("id", "basis", "begin", "end", "to_attest") else everywhere(value[name]) for name in value}
    if isinstance(value, list):
        return [everywhere(one) for one in value]
    return EVIL if isinstance(value, str) else value


def test_no_name_reaches_the_markup():
    good, bad = Tags(rendered(record())), Tags(rendered(everywhere(record())))
    assert bad.names == good.names
    assert not [value for name, value in bad.attributes if name.startswith("on") or name in ("src", "href")]
    # As a text it is there.
    assert any("<script>alert(1)</script>{{ 7*7 }}" in words for words in bad.words)


def test_nothing_is_fetched_or_run():
    page = Tags(rendered(record()))
    assert not {"script", "link", "img", "iframe", "object"} & set(page.names)
    assert not re.search(r"url\(|@import|https?:", rendered(record()))
    assert ("content", "default-src 'none'; style-src 'unsafe-inline'") in page.attributes


def test_a_reader_finds_the_verdict_the_summary_and_what_is_open():
    text = rendered(record())
    for words in ("Migration shop is cut over.", "Migreringen shop er gjennomført.", "Sammendrag", "Still to be attested", "Throughput of the copy", "1h00m"):
        assert words in text
    assert "1.9 MiB (2000000 bytes)" in text and "their chain holds" in text


def test_phases_have_their_place_in_the_whole():
    copy, cutover = page_of(record())["timeline"]
    assert (copy["left"], copy["wide"]) == (0.0, 50.0)
    # A second of two hours is seen, and does not leave the page.
    assert cutover["wide"] >= 0.3 and cutover["left"] + cutover["wide"] <= 100


@pytest.mark.parametrize(
    "series",
    [
        {},
        {"seed": {"points": []}},
        {"seed": {"points": [{"at": 1.0, "done": 0}] * 3}},
        {"seed": {"points": [{"at": float(at), "done": 0} for at in range(3)]}},
        {"catchup": {"points": [{"at": 1.0, "lag": 0.0}] * 3}},
    ],
)
def test_few_points_and_points_of_one_moment_do_no_harm(series):
    assert "<h1>" in rendered(record(series=series))


def test_no_line_is_drawn_over_a_pause():
    points = [{"at": at, "lag": 1.0} for at in (0.0, 1.0, 2.0, 3.0, 600.0, 601.0, 602.0)]
    assert [len(line.split()) for line in page_of(record(series={"catchup": {"points": points}}))["charts"][0]["lines"]] == [4, 3]


def test_tables_that_differ_come_first_and_a_thousand_are_cut():
    many = [{"name": "shop.t%04d" % n, "rows": n, "ranges": 1, "seconds": 0.1, "differences": {}, "why": ""} for n in range(1000)]
    many[7]["differences"] = {"changed": 2}
    page = page_of(record(tables=many))
    assert (page["tables"][0]["name"], page["tables"][0]["told"]) == ("shop.t0007", "2 changed")
    assert (len(page["tables"]), page["more_tables"]) == (TABLES, 1000 - TABLES)


def test_a_phase_that_goes_on_is_drawn_to_the_end():
    timeline = [*record()["timeline"], {"phase": "with a way back", "begin": "2026-11-28T12:00:00.000Z", "end": None, "seconds": None}]
    last = page_of(record(timeline=timeline))["timeline"][-1]
    assert last["took"] == "goes on" and last["left"] + last["wide"] <= 100
