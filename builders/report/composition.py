"""What a mixture is made of and what was left out, as bars: counts and their shares."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from builders.mixture.manifest import Manifest, SetPart
from builders.shortcuts import MARGIN


@dataclass(frozen=True)
class Bar:
    """A count of rows. share: of all, 0 to 1. width: of the longest bar beside it, 0 to 1."""

    label: str
    rows: int
    share: float
    width: float


@dataclass(frozen=True)
class Lost:
    """Rows that were not used, by reason, the most frequent first. used: those that were."""

    name: str
    rows: int
    used: int
    reasons: tuple[Bar, ...]


@dataclass(frozen=True)
class Guess:
    """The mean score of a guesser, 0 to 1. flagged: it is above chance by the margin or more."""

    guesser: str
    score: float
    flagged: bool


@dataclass(frozen=True)
class Guessed:
    """What guessers reach on a set. reason: why, where one is flagged; None if nobody gave one."""

    set: str
    chance: float
    guesses: tuple[Guess, ...]
    reason: str | None

    @property
    def flagged(self) -> bool:
        """Whether any guesser is."""
        return any(guess.flagged for guess in self.guesses)


def in_words(guesser: str) -> str:
    """How a guesser is called on the page."""
    return guesser.replace("_", " ")


def bars(counts: Mapping[str, int]) -> tuple[Bar, ...]:
    """Counts as bars, the longest first."""
    total, largest = sum(counts.values()), max(counts.values(), default=0)
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return tuple(Bar(label, n, n / total, n / largest) for label, n in ordered if n)


def composition(manifest: Manifest) -> dict[str, tuple[Bar, ...]]:
    """Rows of both splits by source, task type, language and generator."""
    sources: Counter[str] = Counter()
    for part in manifest.sets:
        sources[part.source] += part.train + part.validation
    return {
        "Source": bars(sources),
        "Task type": bars(manifest.task_types),
        "Language": bars(manifest.languages),
        "Generator": bars(manifest.generators),
    }


def lost_rows(manifest: Manifest) -> tuple[Lost, ...]:
    """Rows that a builder could not use, by source. Sets of a source read the same rows: where
    their counts differ, the largest stands."""
    found: dict[str, dict[str, int]] = {}
    used: Counter[str] = Counter()
    for part in manifest.sets:
        reasons = found.setdefault(part.source, {})
        for reason, count in part.source_rejects.items():
            reasons[reason] = max(count, reasons.get(reason, 0))
        used[part.source] += part.train + part.validation
    return _lost((source, used[source], reasons) for source, reasons in found.items())


def rejected(manifest: Manifest) -> tuple[Lost, ...]:
    """Candidates that a builder refused, by set."""
    return _lost((part.set, _taken(part), part.rejects) for part in manifest.sets)


def left_out(manifest: Manifest) -> tuple[Lost, ...]:
    """Samples that the mixture passed over, by set."""
    return _lost((part.set, _taken(part), part.left_out) for part in manifest.sets)


def _taken(part: SetPart) -> int:
    return part.train + part.validation


def _lost(found: Iterable[tuple[str, int, Mapping[str, int]]]) -> tuple[Lost, ...]:
    """Those that lost any, the greatest loss first."""
    lost = [Lost(name, sum(why.values()), used, bars(why)) for name, used, why in found]
    return tuple(sorted((one for one in lost if one.rows), key=lambda one: (-one.rows, one.name)))


def guessed(manifest: Manifest) -> tuple[Guessed, ...]:
    """What guessers reach on every set with options; those with a shortcut first, and of these
    the unexplained ones."""
    found = []
    for part in manifest.sets:
        scores = dict(part.shortcuts)
        if not scores:
            continue
        chance = scores.pop("chance")
        guesses = (
            Guess(in_words(name), score, score - chance >= MARGIN) for name, score in scores.items()
        )
        found.append(Guessed(part.set, chance, tuple(guesses), part.guessable))
    return tuple(sorted(found, key=lambda one: (not one.flagged, one.reason is not None)))
