"""What a card says of one mixture."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence

from builders.cards.markdown import render
from builders.cards.rebuild import of_the_paper, rebuild
from builders.cards.sources import used
from builders.mixture.benchmark import CHARACTERS, WORDS
from builders.mixture.manifest import NO_LLM, Manifest, SetPart
from builders.shortcuts import GUESSERS, MARGIN, MEASURED


def section(one: Manifest, repo: str, version: str) -> str:
    """Its section, to stand below a heading for all mixtures of the repo."""
    sources = used(one.sets)
    demo = {source.name for source in sources if source.demo}
    guessed = [part for part in one.sets if part.shortcuts and part.train + part.validation]
    return render(
        "mixture.md.j2",
        one=one,
        repo=repo,
        version=version,
        generators={name: n for name, n in one.generators.items() if name != NO_LLM},
        sources=[source for source in sources if source.rows],
        paper=of_the_paper(one),
        tests=_tests(part for part in one.sets if part.source not in demo),
        guessers=_guessers(guessed),
        guessed=guessed,
        suspicious=[part for part in guessed if _suspicious(part)],
        reasons=_reasons(guessed),
        margin=MARGIN,
        measured=MEASURED,
        source_rejects=_source_rejects(one.sets),
        grams=(WORDS, CHARACTERS),
        rebuild=rebuild(one, sources),
    )


def _tests(parts: Iterable[SetPart]) -> dict[str, int]:
    """Rows of test splits, by source."""
    found: dict[str, int] = {}
    for part in parts:
        found[part.source] = found.get(part.source, 0) + part.splits.get("test", 0)
    return {source: rows for source, rows in found.items() if rows}


def _guessers(parts: Iterable[SetPart]) -> list[str]:
    named = dict.fromkeys(["chance", *GUESSERS])
    for part in parts:  # some sets have guessers of their own
        named |= dict.fromkeys(part.shortcuts)
    return list(named)


def _suspicious(part: SetPart) -> bool:
    return max(part.shortcuts.values()) - part.shortcuts["chance"] >= MARGIN


def _reasons(parts: Iterable[SetPart]) -> dict[str, Sequence[str]]:
    """Why guessers do well, with the sets where they do."""
    found: dict[str, list[str]] = {}
    for part in parts:
        if _suspicious(part):
            found.setdefault(part.guessable or "no reason is known", []).append(part.set)
    return dict(found)


def _source_rejects(parts: Iterable[SetPart]) -> list[tuple[str, Mapping[str, int]]]:
    """Rows of a source that no set could use, once for all sets that were told the same."""
    found = {
        (part.source, json.dumps(part.source_rejects, sort_keys=True)): part.source_rejects
        for part in parts
        if part.source_rejects
    }
    return [(source, rejects) for (source, _), rejects in found.items()]
