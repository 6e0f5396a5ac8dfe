# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""What a record says in one sentence, in English and in Norwegian. Each word of it rests on a claim."""

from __future__ import annotations

from .claim import Claim

#: What must have been read off both servers before the record calls a migration proven.
PROOFS = ("equality.rows", "cutover.one_writable")
#: What says that something was not compared, where there is such a claim.
GAPS = ("equality.uncompared", "equality.excluded")
WRONG = {
    "equality.rows": ("rows differ between both servers", "rader er ulike på de to serverne"),
    "equality.definitions": ("definitions or accounts differ between both servers", "definisjoner eller kontoer er ulike på de to serverne"),
    "cutover.one_writable": ("both servers took writes", "begge serverne tok imot skriving"),
    "chain": ("the journal's events were changed", "journalens hendelser er endret"),
}
LACKING = {
    "equality.rows": ("no verification of the rows is on record", "ingen kontroll av radene er dokumentert"),
    "equality.uncompared": ("some tables could not be compared", "noen tabeller kunne ikke sammenlignes"),
    "equality.excluded": ("some tables were left out of the comparison", "noen tabeller ble utelatt fra sammenligningen"),
    "cutover.one_writable": ("that nobody wrote on two servers was not read off the binary logs", "at ingen skrev på to servere er ikke lest av binærloggene"),
}
SENTENCES = {
    "wrong": ("Migration %(name)s is NOT in order: %(wrong)s.", "Migreringen %(name)s er IKKE i orden: %(wrong)s."),
    "rolled_back": (
        "Migration %(name)s was rolled back: the old server is the primary.",
        "Migreringen %(name)s er tilbakeført: den gamle serveren er primær.",
    ),
    "under_way": (
        "Migration %(name)s is not cut over: the old server is the primary.",
        "Migreringen %(name)s er ikke gjennomført: den gamle serveren er primær.",
    ),
    "not_proven": (
        "Migration %(name)s is cut over, and not all is proven: %(lacking)s.",
        "Migreringen %(name)s er gjennomført, men ikke alt er dokumentert: %(lacking)s.",
    ),
    "proven": (
        "Migration %(name)s is cut over: every row that was compared was equal, read on both servers at the same position, writes were stopped for"
        " %(stop)s s, and nobody wrote on two servers.",
        "Migreringen %(name)s er gjennomført: alle rader som ble sammenlignet, var like, lest på begge serverne på samme posisjon, skriving var"
        " stanset i %(stop)s s, og ingen skrev på to servere.",
    ),
}


def verdict(claims: list[Claim], chain_holds: bool, cut_over: bool, rolled_back: bool) -> dict:
    """state (proven, not_proven, wrong, under_way, rolled_back), and a sentence in each language."""
    values = {claim.id: claim.value for claim in claims}
    wrong = [name for name in WRONG if values.get(name) is False] + ([] if chain_holds else ["chain"])
    lacking = [name for name in PROOFS if values.get(name) is None] + [name for name in GAPS if values.get(name)]
    words = {"name": values.get("migration.id"), "stop": values.get("cutover.write_stop_s"), "wrong": wrong, "lacking": lacking}
    # The first that holds.
    states = (("wrong", wrong), ("rolled_back", rolled_back), ("under_way", not cut_over), ("not_proven", lacking), ("proven", True))
    state = next(name for name, holds in states if holds)
    return {"state": state, "en": _sentence(state, words, 0), "no": _sentence(state, words, 1)}


def _sentence(state: str, words: dict, language: int) -> str:
    """One language's."""
    stop = str(words["stop"])
    told = {
        "name": words["name"],
        "wrong": "; ".join(WRONG[name][language] for name in words["wrong"]),
        "lacking": "; ".join(LACKING[name][language] for name in words["lacking"]),
        "stop": stop.replace(".", ",") if language else stop,
    }
    return SENTENCES[state][language] % told
