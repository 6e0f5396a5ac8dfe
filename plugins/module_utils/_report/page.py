# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""A record as a page shows it: words, bars and lines. The template of the role record has the layout, and escapes all that it is given."""

from __future__ import annotations

import datetime
import typing as t

from .._jobs.progress import duration, size

HEADS = {
    "migration": "The migration",
    "source": "The old host",
    "target": "The new host",
    "data": "The data",
    "transfer": "Transfers",
    "transit": "Protection on the way",
    "equality": "Equality",
    "cutover": "Cutover",
    "accounts": "What was changed on the hosts",
    "remains": "What remains on the old side",
    "erasure": "Erasure",
    "decision": "Decisions",
}
#: Claims whose numbers are bytes.
BYTES = ("data.bytes", "data.crossed", "remains.bytes")
#: How many tables a page lists, the ones with a difference first, then the largest.
TABLES = 200
#: A drawing's units; the page stretches it.
WIDE, HIGH = 1000, 200
#: The page of one sheet: the claim, and what it is called in both languages.
SUMMARY = (
    ("source.server", "From", "Fra"),
    ("target.server", "To", "Til"),
    ("migration.fenced", "Last write on the old server", "Siste skriving på den gamle serveren"),
    ("migration.writable", "First write on the new server", "Første skriving på den nye serveren"),
    ("cutover.write_stop_s", "Seconds without writes", "Sekunder uten skriving"),
    ("cutover.one_writable", "Nobody wrote on two servers", "Ingen skrev på to servere"),
    ("equality.rows", "Rows equal, read at the same position", "Rader like, lest på samme posisjon"),
    ("data.rows", "Rows compared", "Rader sammenlignet"),
    ("transit.ssh", "Encryption on the way: ssh", "Kryptering underveis: ssh"),
    ("transit.tls", "Encryption on the way: TLS", "Kryptering underveis: TLS"),
    ("transfer.basis", "Basis of the transfer", "Overføringsgrunnlag"),
    ("remains.server", "The old server still holds data", "Den gamle serveren har fortsatt data"),
    ("erasure.media", "Erasure of the old media", "Sletting av de gamle mediene"),
    ("decision.officer", "The data-protection officer's decision", "Personvernombudets vurdering"),
)
YES = {True: ("yes", "ja"), False: ("no", "nei")}
UNKNOWN = ("not known", "ikke kjent")


def page_of(record: dict) -> dict:
    """What the template shows.

    :returns: title, verdict, sections, summary, timeline, charts, forecast, tables, more_tables, findings, open
    """
    claims = record["claims"]
    by_id = {claim["id"]: claim for claim in claims}
    tables = sorted(record["tables"], key=lambda one: (not (one["differences"] or one["why"]), -one["rows"], one["name"]))
    return {
        "title": "Migration %s, record %s" % (record["migration_id"], record["number"]),
        "verdict": record["verdict"],
        "generated_at": record["generated_at"],
        "tool": "%(name)s %(version)s" % record["tool"],
        "digest": record["sha256"],
        "previous": record["previous"],
        "events": "%d events in the journal; %s" % (record["events"]["count"], "their chain holds" if record["events"]["holds"] else "THEIR CHAIN IS BROKEN"),
        "sections": [_section(name, claims) for name in HEADS if any(claim["id"].startswith(name + ".") for claim in claims)],
        "summary": [_summary_line(by_id.get(name), english, norwegian) for name, english, norwegian in SUMMARY],
        "timeline": _timeline(record["timeline"]),
        "charts": [chart for job, points in record["series"].items() for chart in _charts(job, points["points"])],
        "forecast": [_foreseen(one) for one in record["forecast"]],
        "tables": [_table(one) for one in tables[:TABLES]],
        "more_tables": max(0, len(tables) - TABLES),
        "findings": record["findings"],
        "open": [{"id": name, "what": by_id[name]["what"]} for name in record["to_attest"]],
    }


def _section(name: str, claims: list) -> dict:
    rows = [claim for claim in claims if claim["id"].startswith(name + ".")]
    return {"head": HEADS[name], "rows": [{**claim, "shown": _shown(claim)} for claim in rows]}


def _shown(claim: dict, language: int = 0) -> list[str]:
    """A claim's value in lines."""
    value = claim["value"]
    if value is None:
        return [UNKNOWN[language]]
    if isinstance(value, bool):
        return [YES[value][language]]
    if claim["id"] in BYTES:
        return ["%s (%d bytes)" % (size(float(value)), value)]
    if isinstance(value, list):
        return [str(one) for one in value] or ["nothing"]
    return [str(value)]


def _summary_line(claim: dict | None, english: str, norwegian: str) -> dict:
    value = [_shown(claim, language)[0] if claim else UNKNOWN[language] for language in (0, 1)]
    return {"en": english, "no": norwegian, "value_en": value[0], "value_no": value[1], "basis": claim["basis"] if claim else "unknown"}


def _timeline(phases: list) -> list[dict]:
    """Each phase with its place in the whole, in percent."""
    begins = [_seconds(one["begin"]) for one in phases]
    ends = [_seconds(one["end"]) for one in phases if one["end"]]
    if not begins or not ends:
        return []
    first, last = min(begins), max([*begins, *ends])
    whole = max(last - first, 0.001)
    found = []
    for one, began in zip(phases, begins):
        ended = _seconds(one["end"]) if one["end"] else last
        left = 100 * (began - first) / whole
        wide = max(0.4, 100 * (ended - began) / whole)
        took = "goes on" if one["seconds"] is None else duration(one["seconds"]) if one["seconds"] >= 10 else "%.3g s" % one["seconds"]
        found.append({**one, "left": round(min(left, 99.6), 2), "wide": round(min(wide, 100 - min(left, 99.6)), 2), "took": took})
    return found


def _seconds(moment: str) -> float:
    return datetime.datetime.fromisoformat(moment.replace("Z", "+00:00")).timestamp()


def _charts(job: str, points: list) -> t.Iterator[dict]:
    """The drawings that a job's points are enough for."""
    done = [(one["at"], float(one["done"])) for one in points if "done" in one]
    if job in ("seed", "verify") and len(done) > 2:
        rates = [(b[0], max(0.0, (b[1] - a[1]) / (b[0] - a[0]))) for a, b in zip(done, done[1:]) if b[0] > a[0]]
        title, unit, divisor = ("Throughput of the copy", "MB/s", 1e6) if job == "seed" else ("Rows compared", "rows/s", 1.0)
        if rates:
            yield _chart(title, [(at, value / divisor) for at, value in rates], unit)
    lag = [(one["at"], float(one["lag"])) for one in points if "lag" in one]
    if len(lag) > 2:
        yield _chart("Lag while catching up", lag, "s")


def _chart(title: str, points: list, unit: str) -> dict:
    """A line in the drawing's units, from its left border to its right one."""
    first, last = points[0][0], points[-1][0]
    top = max(value for _at, value in points) or 1.0
    wide = max(last - first, 0.001)
    lines = [
        " ".join("%.1f,%.1f" % (WIDE * (at - first) / wide, HIGH - HIGH * value / top) for at, value in part) for part in _runs(points)
    ]  # fmt: skip
    return {"title": title, "unit": unit, "top": "%.3g" % top, "lines": lines, "begin": _clock(first), "end": _clock(last), "wide": WIDE, "high": HIGH}


def _runs(points: list) -> list[list]:
    """The points between two pauses: nobody looked in between, and no line says what was there."""
    steps = sorted(b[0] - a[0] for a, b in zip(points, points[1:]))
    most = max(10.0, 5 * steps[len(steps) // 2])
    parts = [[points[0]]]
    for before, point in zip(points, points[1:]):
        if point[0] - before[0] > most:
            parts.append([])
        parts[-1].append(point)
    return parts


def _clock(seconds: float) -> str:
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime("%Y-%m-%d %H:%M:%S UTC")


def _foreseen(one: dict) -> dict:
    told = {name: "-" if one[name] is None else "%.3g %s" % (one[name], one["unit"]) for name in ("forecast", "fact")}
    return {"what": one["what"], **told, "ratio": "-" if one["ratio"] is None else "%.3g" % one["ratio"]}


def _table(one: dict) -> dict:
    told = ", ".join("%s %s" % (count, kind) for kind, count in one["differences"].items()) or one["why"] or "equal"
    return {"name": one["name"], "rows": one["rows"], "seconds": one["seconds"], "told": told, "good": told == "equal"}
