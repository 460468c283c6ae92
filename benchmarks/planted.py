"""Samples with planted duplicates, and a slow second opinion on what a duplicate is.

The base is the demo samples, again and again, each time with most words exchanged for invented
ones. The same arguments give the same rows.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import polars as pl

DEMO = Path(__file__).resolve().parent.parent / "data" / "demo"
LEAST = 0.8
#: Options under so many questions are labels, which a planted near duplicate keeps.
LABELS = 20
_SPACELESS = ("CJK UNIFIED", "HIRAGANA", "KATAKANA")
_SYLLABLES = "ba ce di fo gu ha je ki lo mu na pe ri so tu va we xi yo zu".split()

Fields = dict[str, Any]


@dataclass(frozen=True)
class Planted:
    """Samples (columns `task_type`, `fields`), the base first, then exact and near duplicates, and
    for each of these the sample of the base that it was made of."""

    samples: pl.DataFrame
    base: int
    exact: list[int]
    near: list[int]


def planted(base: int, exact: int, near: int, seed: int = 0) -> Planted:
    """A base of so many samples with so many duplicates."""
    random = Random(seed)
    rows = [row for _, row in zip(range(base), _copies(random), strict=False)]
    lists = Counter(_option_set(json.loads(fields)) for _, fields in rows)
    origins: dict[str, list[int]] = {"exact": [], "near": []}
    for kind, count in (("exact", exact), ("near", near)):
        while len(origins[kind]) < count:
            origin = random.randrange(base)
            task_type, text = rows[origin]
            fields = json.loads(text)
            free = lists[_option_set(fields)] < LABELS
            made = dressed(fields, random) if kind == "exact" else changed(fields, free, random)
            if made is not None:
                rows.append((task_type, json.dumps(made, ensure_ascii=False)))
                origins[kind].append(origin)
    samples = pl.DataFrame(rows, schema=["task_type", "fields"], orient="row")
    return Planted(samples, base, origins["exact"], origins["near"])


def _copies(random: Random) -> Iterator[tuple[str, str]]:
    """Demo samples, from the second time on with three words of four exchanged."""
    files = sorted(DEMO.glob("*.parquet"))
    demo = pl.concat([pl.read_parquet(one, columns=["task_type", "fields"]) for one in files])
    listed = [(task_type, json.loads(text)) for task_type, text in demo.iter_rows()]
    lists = Counter(_option_set(fields) for _, fields in listed)
    word = re.compile(r"[^\W\d_]{4,}")
    while True:
        said: dict[str, str] = {}

        def other(match: re.Match[str], said: dict[str, str] = said) -> str:
            found = match.group().lower()
            if found not in said:
                kept = random.random() < 0.25
                invented = "".join(random.choices(_SYLLABLES, k=max(2, len(found) // 2)))
                said[found] = found if kept else invented
            return said[found]

        for task_type, fields in listed:
            beside = {"options"} if lists[_option_set(fields)] >= LABELS else set()
            yield (
                task_type,
                json.dumps(
                    {
                        name: value
                        if name in beside
                        else _each(value, lambda one: word.sub(other, one))
                        for name, value in asked(fields).items()
                    },
                    ensure_ascii=False,
                ),
            )


def asked(fields: Fields) -> Fields:
    """The fields without what is no part of the question."""
    return {
        name: value
        for name, value in fields.items()
        if name not in ("reasons", "composed", "age") and value
    }


def _each(value: Any, change: Any) -> Any:
    return [change(one) for one in value] if isinstance(value, list) else change(value)


def _option_set(fields: Fields) -> tuple[str, ...]:
    return tuple(sorted(fields.get("options") or ()))


def dressed(fields: Fields, random: Random) -> Fields:
    """The same question: other case, punctuation and blanks, its options in another order."""

    def dress(text: str) -> str:
        gap = random.choice(["  ", " - ", ", ", " / ", "\n"])
        cases: list[Callable[[str], str]] = [str.upper, str.lower, str.title, str]
        case = random.choice(cases)
        end = random.choice(["", ".", "!", " …"])
        found = case(text)
        # letters that have no one-to-one partner, such as ß, stay
        same = words(found, paired=False) == words(text, paired=False)
        return (found if same else text).replace(" ", gap) + end

    made = {name: _each(value, dress) for name, value in fields.items()}
    if "options" in made:
        random.shuffle(made["options"])
    return made


def changed(fields: Fields, options: bool, random: Random) -> Fields | None:
    """Nearly the same question: a few words exchanged, put in or left out; None where one would be
    too many. options: whether these may change as well."""
    names = [name for name in fields if options or name != "options"]
    made = dict(fields)
    for name in random.sample(names, random.randint(1, len(names))):
        texts = fields[name] if isinstance(fields[name], list) else [fields[name]]
        texts = list(texts)
        for _ in range(random.randint(1, 1 + sum(map(len, texts)) // 80)):
            at = random.randrange(len(texts))
            texts[at] = _edited(texts[at], random)
        made[name] = texts if isinstance(fields[name], list) else texts[0]
    return made if LEAST <= similarity(fields, made) < 1 else None


def _edited(text: str, random: Random) -> str:
    """A text with one word exchanged, put in or left out; without blanks, one character."""
    gap = " " if " " in text else ""
    said = text.split(" ") if gap else list(text)
    at, new = (
        random.randrange(len(said)),
        "新" if not gap else "".join(random.sample(_SYLLABLES, 3)),
    )
    said[at : at + random.randint(0, 1)] = random.choice([[new], []])
    return gap.join(said)


def similarity(left: Fields, right: Fields) -> float:
    """The least Jaccard similarity of two questions' parts; 0 where these are not the same ones."""
    ours, theirs = _parts(left), _parts(right)
    if len(ours) != len(theirs) or bool(left.get("options")) != bool(right.get("options")):
        return 0.0
    return min((len(a & b) / len(a | b) for a, b in zip(ours, theirs, strict=True)), default=0.0)


def _parts(fields: Fields) -> list[frozenset[str]]:
    options = {"options": fields["options"]} if fields.get("options") else {}
    listed = {name: value for name, value in asked(fields).items() if name != "options"} | options
    found = []
    for value in listed.values():
        texts = value if isinstance(value, list) else [value]
        found.append(frozenset(word for text in texts for word in words(text)))
    return [part for part in found if part]


def words(text: str, paired: bool = True) -> list[str]:
    """The words of a text, letter by letter; pairs of characters where it has no blanks."""
    found, spaceless, before = list[str](), 0, False
    for one in unicodedata.normalize("NFKC", text).lower():
        character = unicodedata.name(one, "").startswith(_SPACELESS) or one in "々〆〇ー"
        letter = unicodedata.category(one)[0] in "LMN"
        if letter and before and not character:
            found[-1] += one
        elif letter:
            found.append(one)
        spaceless += character
        before = letter and not character
    if not paired or not spaceless or 2 * spaceless < len(found) or len(found) < 2:
        return found
    return [a + " " + b for a, b in pairwise(found)]
