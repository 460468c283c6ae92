"""Texts on numbered things: the same thing has the same text, whatever asks for it.

A text's words are read from a table of draws, from a place and in steps that are hashes of its
thing. So none is kept, and no two have more in common than their language has.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from benchmarks.mixture_shapes import Text
from benchmarks.speech import CAP, COMMA, DRAWS, END, OWN, PLAIN, STOP, Array, Speech, zipf

LANGUAGES = "en es ja de fr it".split()
TOPICS = 1_500  # their words are the vocabulary
#: Of words in a style: the share of function words, of common ones, and of numbers.
STYLES = {"title": (0.1, 0.2, 0.08), "name": (0.08, 0.3, 0.04), "body": (0.4, 0.15, 0.01)}
LONGEST = {"title": 200, "name": 60, "body": 3_000}
#: Japanese says the same in about so many characters of one in other languages.
DENSE = 0.5
_NUMBERS = [f"{n} " for n in (*range(2, 100), *range(100, 1000, 50), 1000, 1500, 2000)]


def mix(*parts: Array | int | str) -> Array:
    """64 bits of each row's parts, by the finisher of SplitMix64."""
    state = np.full(1, 0x9E3779B97F4A7C15, np.uint64)
    for part in parts:
        number = xxhash.xxh3_64_intdigest(part.encode()) if isinstance(part, str) else part
        state = (np.asarray(number).astype(np.uint64) ^ state) * np.uint64(0xBF58476D1CE4E5B9)
        state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        state = state ^ (state >> np.uint64(31))
    return np.asarray(state)


def share(*parts: Array | int | str) -> Array:
    """From 0 to 1, for each row's parts."""
    return np.asarray(mix(*parts) / 2.0**64)


class Texts:
    """The texts of things in all languages."""

    def __init__(self) -> None:
        """Make the words."""
        rng = np.random.default_rng(0)
        self._normal = rng.standard_normal(DRAWS)
        self._speech = [Speech(rng, one, TOPICS, extra=_NUMBERS) for one in LANGUAGES]
        self._tables = [{style: self._table(one, style) for style in STYLES}
                        for one in self._speech]  # fmt: skip

    @staticmethod
    def _table(speech: Speech, style: str) -> Array:
        """The draws of words: function words, common ones, numbers, and the rest of the language's,
        each in a form."""
        rng, kind = speech.rng, speech.rng.random(DRAWS)
        small, common, numbers = np.cumsum(STYLES[style])
        words = speech.own + zipf(rng, OWN * TOPICS, DRAWS)
        words = np.where(kind < common, rng.choice(speech.shop, DRAWS), words)
        form = np.full(DRAWS, CAP if style == "title" else PLAIN)
        if style == "body":
            form = rng.choice([PLAIN, COMMA, STOP], DRAWS, p=[0.8, 0.1, 0.1])
        function = zipf(rng, speech.shop[0], DRAWS)
        words = np.where(kind < small, function, words + form * speech.size)
        said = speech.extra + rng.integers(0, len(_NUMBERS), DRAWS)
        is_number = (kind >= common) & (kind < numbers)
        return np.where(is_number, said, words).astype(np.int32)

    def on(self, language: Array, salt: str, things: Array, text: Text, cut: Array) -> pa.Array:
        """A text on each thing, in its language (a place in `LANGUAGES`).

        salt: what kind of things. cut: by which part texts are longer or shorter than they are.
        """
        seed, row = mix(things, salt), np.arange(len(things))
        parts, order = [], []
        for number, speech in enumerate(self._speech):
            mine = row[language == number]
            if len(mine):
                dense = DENSE if LANGUAGES[number] == "ja" else 1.0
                parts.append(self._in(number, speech, seed[mine], text, dense * cut[mine]))
                order.append(mine)
        if not parts:
            return pa.array([], pa.string())
        return pa.concat_arrays(parts).take(pa.array(np.argsort(np.concatenate(order))))

    def _in(self, number: int, speech: Speech, seed: Array, text: Text, scale: Array) -> pa.Array:
        table = self._tables[number][text.style]
        normal = self._normal[(seed & np.uint64(DRAWS - 1)).astype(np.int64)]
        chars = text.chars * np.exp(text.spread * normal).clip(max=LONGEST[text.style] / text.chars)
        mean = speech.lengths[table].mean()
        count = np.rint(scale * chars / mean).astype(np.int64).clip(min=1)
        ends = np.cumsum(count)
        place = np.arange(ends[-1]) - np.repeat(ends - count, count)
        first = (seed >> np.uint64(16)).astype(np.int64) % DRAWS
        step = (seed >> np.uint64(40)).astype(np.int64) | 1
        ids = table[(np.repeat(first, count) + place * np.repeat(step, count)) % DRAWS]
        if text.style == "body":
            begins = np.append(ends - count, np.flatnonzero(ids[:-1] // speech.size == STOP) + 1)
            ids[begins] = ids[begins] % speech.size + (PLAIN if speech.ja else CAP) * speech.size
            ids[ends - 1] = ids[ends - 1] % speech.size + END * speech.size
        return pc.utf8_trim_whitespace(speech.text(ids, ends))
