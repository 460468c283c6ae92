"""Fast texts for synthetic rows: tokens glued together by their numbers, columns joined.

A text takes turns between function words and content words of its language, so that a language
detector knows it, and takes some of its content words from its topic.
"""

import json
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.random import Generator as Rng
from numpy.typing import NDArray

from benchmarks.words import FUNCTION, SHOP, invent

Array = NDArray[Any]
OWN, DRAWS = 13, 1 << 16  # words of a topic; draws that the running texts go through
PLAIN, CAP, COMMA, STOP, END, OPEN = range(6)  # the forms of a word; OPEN and more start an item
#: What follows in a title: words of the topic (0 to 3), shop words (s), function words (f).
TITLE = "0 1 f s 2 s s f s 3 s s f s s s f s s".split()
FORMS = ("{w} ", "{c} ", "{w}, ", "{w}. ", "{w}.")
FORMS_JA = ("{w}", "{w} ", "{w}、", "{w}。", "{w}。")


def zipf(rng: Rng, items: int, count: int, power: float = 0.8) -> Array:
    """Draw from range(items) with Zipf's distribution."""
    weights = np.cumsum(np.arange(1.0, items + 1) ** -power)
    return np.asarray(np.searchsorted(weights, rng.random(count) * weights[-1]))


def pick(values: Sequence[Any] | pa.Array, number: Array) -> pa.Array:
    """Take the values of these numbers, null for -1."""
    return pa.array(values).take(pa.array(number, mask=number < 0))


def some(rng: Rng, values: Sequence[Any] | pa.Array, number: Array, share: Any) -> pa.Array:
    """Take the values of these numbers for a share of the rows, null for the others."""
    return pick(values, np.where(rng.random(len(number)) < share, number, -1))


def glue(tokens: pa.Array, ids: Array, ends: Array) -> pa.Array:
    """Make a text of each run of tokens that ends at the given positions."""
    taken = tokens.take(pa.array(ids))
    offsets = np.frombuffer(taken.buffers()[1], np.int32)[np.append(0, ends)]
    return pa.StringArray.from_buffers(len(ends), pa.py_buffer(offsets), taken.buffers()[2])


def join(*parts: Any, between: str = "", skip: bool = True) -> pa.Array:
    """Join columns and constants, row by row; what is null is left out, or all of the row is.

    pyarrow 26 drops the rows in which all is null: one of the parts must never be.
    """
    handling = "skip" if skip else "emit_null"
    return pc.binary_join_element_wise(*parts, between, null_handling=handling)


def codes(numbers: Array, digits: str, width: int, start: str = "") -> pa.Array:
    """Write numbers in the given digits at one width, as texts."""
    made = np.empty((len(numbers), len(start) + width), np.uint8)
    made[:, : len(start)] = np.frombuffer(start.encode(), np.uint8)
    table, rest = np.frombuffer(digits.encode(), np.uint8), numbers
    for column in range(len(start) + width - 1, len(start) - 1, -1):
        rest, digit = np.divmod(rest, len(digits))
        made[:, column] = table[digit]
    ends = (made.shape[1] * np.arange(len(made) + 1)).astype(np.int32)
    return pa.StringArray.from_buffers(len(made), pa.py_buffer(ends), pa.py_buffer(made))


def quoted(values: pa.Array, key: str = "") -> pa.Array:
    """A JSON string, or with a key an object's entry; null where the value is."""
    return join(f'"{key}": "' if key else '"', values, '"', skip=False)


def listed(parts: Iterable[pa.Array], has: Array, form: str = "[]") -> pa.Array:
    """A JSON list or object of what is not null (one part must never be), or an empty one."""
    return pc.if_else(pa.array(has), join(form[0], join(*parts, between=", "), form[1]), form)


def data(texts: pa.Array) -> memoryview:
    """The bytes of all texts, one after the other."""
    ends = np.frombuffer(texts.buffers()[1], np.int32)
    return memoryview(texts.buffers()[2])[: ends[len(texts)]]


class Speech:
    """A language's words in all their forms, and running texts on topics."""

    def __init__(
        self,
        rng: Rng,
        language: str,
        topics: int,
        openers: Sequence[str] = (),
        extra: Sequence[str] = (),
        moods: Sequence[str] = ("",),
        escaped: bool = False,
    ) -> None:
        """Make the tokens: the words' forms, items' openers and extra tokens; escaped for JSON.

        A text in a mood takes a part of its content words from the mood's own.
        """
        small, shop, mood = FUNCTION[language].split(), SHOP[language].split(), " ".join(moods)
        ja, self.rng = language == "ja", rng
        self.ja, self.shop = ja, len(small) + np.arange(len(shop))  # the numbers of shop words
        self.own = len(small) + len(shop) + len(mood.split())  # the number of the first own word
        words = [*small, *shop, *mood.split(), *invent(rng, language, OWN * topics)]
        for nth in range(2):  # two words of a topic are real ones, the same in all languages
            words[self.own + nth :: OWN] = [
                shop[(7 * topic + nth * 31) % len(shop)] for topic in range(topics)
            ]
        self.size, forms = len(words), (*(FORMS_JA if ja else FORMS), *openers)
        texts = [f.format(w=w, c=w[:1].upper() + w[1:]) for f in forms for w in words] + [*extra]
        if escaped:
            texts = [json.dumps(text)[1:-1] for text in texts]
        self.tokens, self.extra = pa.array(texts), len(texts) - len(extra)
        self.lengths = pc.utf8_length(self.tokens).to_numpy()
        function, kind = zipf(rng, len(small), DRAWS), rng.random((len(moods), DRAWS))
        content, starts = len(small) + zipf(rng, len(shop), DRAWS, 0.4), len(small) + len(shop)
        stop = rng.choice([PLAIN, COMMA, STOP], DRAWS, p=[0.76, 0.12, 0.12]) * self.size
        tables = []  # of each mood: what stands first in a pair of words, and what second
        for words_of, drawn in zip(moods, kind, strict=True):
            count = len(words_of.split())
            moody = starts + (rng.integers(0, count, DRAWS) if count else 0)
            starts += count
            chosen = np.where((drawn < 0.35) & (count > 0), moody, content)
            chosen = np.where(drawn > 0.65, self.own, chosen)
            tables += [chosen, function + stop] if ja else [function, chosen + stop]
        self.table = np.concatenate(tables).astype(np.int32)
        mine, lengths = self.table % self.size == self.own, self.lengths[self.table]
        own = self.lengths[self.own : self.size].mean() - self.lengths[self.own]
        self.mean = lengths.mean() + own * mine.mean()

    def concepts(self, seed: Array, nth: int) -> Array:
        """A shop word for each seed, the same thing in all languages."""
        return np.asarray(self.shop[(seed // (nth + 1) + 41 * nth * nth) % len(self.shop)])

    def owned(self, topic: Array, seed: Array, nth: Array | int) -> Array:
        """The nth of the topic's words as the seed orders them."""
        return np.asarray(self.own + OWN * topic + (seed + (1 + seed // 64 % 6) * nth) % OWN)

    def body(
        self, topic: Array, seed: Array, chars: Array, mood: Array | int = 0, opener: Any = -1
    ) -> tuple[Array, Array]:
        """Running text of about so many characters: its tokens, and where each text ends.

        A text whose opener is not -1 is a list, its sentences start with the opener's form.
        """
        counts = 2 * np.rint(chars / self.mean / 2).astype(np.int64).clip(min=1)
        ends, total = np.cumsum(counts), int(counts.sum())
        starts = ends - counts
        place = np.arange(total) & 1  # a text has an even number of words
        base = (np.zeros(len(counts), np.int32) + mood).astype(np.int32) * 2
        draw = self.rng.integers(0, DRAWS, total, np.uint16)
        ids = self.table[(np.repeat(base, counts) + place) * DRAWS + draw]
        form = ids // self.size
        mine = np.flatnonzero(ids - form * self.size == self.own)
        row = np.searchsorted(ends, mine, "right")
        nth = self.rng.integers(0, 4, len(mine), np.uint8)
        ids[mine] += (self.owned(topic[row], seed[row], nth) - self.own).astype(np.int32)
        after = np.flatnonzero(form[:-1] == STOP) + 1
        first = np.concatenate((starts, after))
        if not self.ja:
            ids[first] = ids[first] % self.size + CAP * self.size
        if np.max(opener) >= 0:
            kind = np.append(opener, np.asarray(opener)[np.searchsorted(ends, after, "right")])
            first, kind = first[kind >= 0], kind[kind >= 0]
            words = self.shop[self.rng.integers(0, len(self.shop), len(first))]
            ids[first] = words + (OPEN + kind) * self.size
        ids[ends - 1] = ids[ends - 1] % self.size + END * self.size
        return ids, ends

    def titles(self, topic: Array, seed: Array, count: Array) -> pa.Array:
        """The first words of the pattern of titles, so many for each row."""
        columns: list[Array] = []
        for nth, kind in enumerate(TITLE):
            joined = self.ja and TITLE[nth + 1 : nth + 2] == ["f"]  # no blank before a particle
            form = self.size * (PLAIN if joined or kind == "f" else CAP)
            if kind == "f":
                columns.append((seed // 5 + nth) % 8 + form)
            elif kind == "s":
                columns.append(self.concepts(seed, nth) + form)
            else:
                columns.append(self.owned(topic, seed, int(kind)) + form)
        count = count.clip(1, len(TITLE))
        count = count - (np.array(TITLE) == "f")[count - 1]
        ids = np.stack(columns, 1)[np.arange(len(TITLE)) < count[:, None]]
        return pc.utf8_rtrim_whitespace(self.text(ids, np.cumsum(count)))

    def text(self, ids: Array, ends: Array) -> pa.Array:
        """The texts of runs of tokens."""
        return glue(self.tokens, ids, ends)

    def some(self, topic: Array, seed: Array, middle: float, share: float) -> pa.Array:
        """Texts of about e to the power of middle characters for a share of the rows."""
        has = self.rng.random(len(topic)) < share
        chars = self.rng.lognormal(middle, 0.5, has.sum()).clip(20, 1500)
        texts = self.text(*self.body(topic[has], seed[has], chars))
        return pick(texts, np.where(has, np.cumsum(has) - 1, -1))
