"""Samples that ask the same again: exact and near duplicates over `fields`, wordings aside.

A question has parts: its fields, in their order and without the empty ones, and its options, whose
order does not matter. Two samples of one task type are

    exact duplicates    if their fields have the same words in the same order, and their options
                        are the same as a set; case, punctuation and blanks aside
    near duplicates     if each part has four of five words (or more) in common with that of the
                        other (Jaccard similarity; in a text without blanks between words pairs of
                        neighbouring characters count as words)

Each part by itself: a title is long, and must not make questions alike that ask for another
attribute of it, in another language, or for another query. Options that stand under many questions
are labels, such as yes and no. They say what is asked of the fields, so they have to be the same.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from builders.esci.knowledge import RELATIONS
from builders.mixture.minhash import (
    Groups,
    Hashes,
    Rows,
    alike,
    candidates,
    distinct,
    mixed,
    offsets,
    spans,
)
from builders.mixture.tokens import tokens

#: Fields that are no part of what is asked: why options are wrong, and an LLM's wording of it.
_BESIDE = ("options", "reasons", "composed")
#: Options under so many questions or more are labels.
LABELS = 20
#: ECInstruct's labels of relevance, which are ESCI's in words.
_IN_WORDS = {
    "The product is relevant to the query, and satisfies all the query specifications.": "E",
    "The product is somewhat relevant. It fails to fulfill some aspects of the query but the "
    "product can be used as a functional substitute.": "S",
    "The product does not fulfill the query, but could be used in combination with a product "
    "exactly matching the query.": "C",
    "The product is irrelevant to the query.": "I",
}
#: Samples that are read at once: bounds the memory of their texts.
_CHUNK = 65_536
#: The number of the part that options are, after any field.
_OPTIONS = 1 << 16
_PAIRED = np.uint64(0xC2B2AE3D27D4EB4F)


@dataclass(frozen=True)
class Repeats:
    """Which of n samples ask the same.

    first: int64 of shape (n,): for each sample the first one that is an exact duplicate of it,
    itself if none is. near: `a`, `b` (UInt32, a < b, both are the `first` of theirs) and
    `similarity` (Float32, of the parts that are least alike), a row a pair, sorted. Of more than
    `builders.mixture.minhash.CROWD` samples that are much alike, only pairs with the first of
    them are sure to be there.
    """

    first: NDArray[np.int64]
    near: pl.DataFrame


@dataclass(frozen=True)
class _Questions:
    """n samples as hashes. asked, options: shape (n,), what decides on exact duplicates.

    cells: the words of each part that has any, in order, options last. rows, parts: the sample and
    part of each cell; options are part `_OPTIONS`.
    """

    asked: Hashes
    options: Hashes
    cells: Groups
    rows: Rows
    parts: Rows


def repeats(samples: pl.DataFrame) -> Repeats:
    """The duplicates among samples (columns `task_type` and `fields`), whose order is that in
    which they may be taken."""
    types = samples["task_type"].rank("dense").fill_null(0).to_numpy().astype(np.uint64)
    read = [_read(samples["fields"].slice(at, _CHUNK)) for at in range(0, len(samples), _CHUNK)]
    questions = _joined(read or [_read(samples["fields"])])
    del read
    wordless = np.ones(len(samples), np.bool_)
    wordless[questions.rows] = False
    first = _first(types, questions, wordless)
    return Repeats(first, _near(types, questions, first))


def _first(types: Hashes, questions: _Questions, wordless: NDArray[np.bool_]) -> Rows:
    """The first exact duplicate of each; what has no word (an emoji) tells nothing."""
    keys = {"type": types, "asked": questions.asked, "options": questions.options}
    rows = pl.DataFrame(keys).with_row_index("row")
    first = rows.select(pl.col("row").min().over(*keys)).to_series().to_numpy().astype(np.int64)
    return np.where(wordless, np.arange(len(first)), first)


def _near(types: Hashes, questions: _Questions, first: Rows) -> pl.DataFrame:
    labels = _labels(questions)
    is_first = first == np.arange(len(first))
    kept = is_first[questions.rows] & ~(labels[questions.rows] & (questions.parts == _OPTIONS))
    cells = questions.cells.take(np.flatnonzero(kept))
    per_row = np.bincount(questions.rows[kept], minlength=len(first))
    begins = offsets(per_row)
    # a part is compared with the same part alone, and labels have to be the same
    kinds = mixed(types + np.uint64(16) * per_row.astype(np.uint64))
    kinds = mixed(kinds + np.where(labels, questions.options, np.uint64(0)))
    a, b = candidates(Groups(cells.hashes, cells.starts[begins]), kinds)
    parts = per_row[a]
    rows, place = np.unique(np.concatenate([a, b]), return_inverse=True)
    words = distinct(cells.take(spans(begins[rows], per_row[rows])))
    begins = offsets(per_row[rows])
    left, right = (spans(begins[one], parts) for one in np.split(place, 2))
    near, similarity = _compared(words, left, right, offsets(parts)[:-1])
    found = {"a": a[near], "b": b[near], "similarity": similarity[near]}
    return pl.DataFrame(found, {"a": pl.UInt32, "b": pl.UInt32, "similarity": pl.Float32})


def _compared(
    words: Groups, left: Rows, right: Rows, begins: Rows
) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
    """For pairs, whose parts begin at `begins`: whether all are near, and the least similarity."""
    if not len(begins):
        return np.empty(0, np.bool_), np.empty(0, np.float32)
    near, similarity = alike(words, left, right)
    return np.logical_and.reduceat(near, begins), np.minimum.reduceat(similarity, begins)


def _labels(questions: _Questions) -> NDArray[np.bool_]:
    """Which samples have labels for options, or none."""
    told = np.zeros(len(questions.options), np.bool_)
    told[questions.rows[questions.parts == _OPTIONS]] = True
    counts = pl.DataFrame({"asked": questions.asked, "options": questions.options}).select(
        pl.col("asked").n_unique().over("options")
    )
    return ~told | (counts.to_series() >= LABELS).to_numpy()


def _joined(read: list[_Questions]) -> _Questions:
    """The questions of all chunks."""
    counts = offsets(np.array([len(one.asked) for one in read]))
    return _Questions(
        np.concatenate([one.asked for one in read]),
        np.concatenate([one.options for one in read]),
        Groups(
            np.concatenate([one.cells.hashes for one in read]),
            offsets(np.concatenate([np.diff(one.cells.starts) for one in read])),
        ),
        np.concatenate([one.rows + at for one, at in zip(read, counts[:-1], strict=True)]),
        np.concatenate([one.parts for one in read]),
    )


def _read(fields: pl.Series) -> _Questions:
    """What samples ask; their texts are forgotten."""
    texts, row, part = [], [], []
    for number, (field, text) in _texts(fields):
        texts.append(text)
        row.append(number)
        part.append(field)
    found = tokens(pl.Series(texts, dtype=pl.String))
    counts = np.diff(found.starts)
    told = np.flatnonzero(counts)
    rows, parts = np.array(row, np.int64)[told], np.array(part, np.int64)[told]
    asked, options = _keys(found.hashes, counts[told], rows, parts, len(fields))
    words = _words(Groups(found.hashes, offsets(counts[told])), found.spaceless[told])
    # a cell is the texts of one part
    begins = np.flatnonzero(np.diff(rows << 17 | parts, prepend=-1))
    cells = Groups(words.hashes, np.append(words.starts[begins], words.starts[-1:]))
    rows, parts = rows[begins], parts[begins]
    # fields count from 0 in each sample, without the empty ones
    place = np.arange(len(rows)) - np.searchsorted(rows, rows)
    parts = np.where(parts == _OPTIONS, _OPTIONS, place)
    salts = mixed(np.repeat(parts, np.diff(cells.starts)).astype(np.uint64))
    return _Questions(
        asked, options, Groups(mixed(cells.hashes ^ salts), cells.starts), rows, parts
    )


def _texts(fields: pl.Series) -> Iterator[tuple[int, tuple[int, str]]]:
    """(sample, (part, text)) of all that is asked, options last."""
    for number, content in enumerate(map(json.loads, fields)):
        for part, (name, value) in enumerate(content.items()):
            if name in _BESIDE or value is None:
                continue
            if not isinstance(value, list):
                yield number, (part, str(value))
            else:  # a number for each option is a hint, and not shown
                yield from ((number, (part, one)) for one in value if isinstance(one, str))
        yield from ((number, (_OPTIONS, one)) for one in content.get("options") or ())


def _keys(
    hashes: Hashes, counts: Rows, rows: Rows, parts: Rows, samples: int
) -> tuple[Hashes, Hashes]:
    """Hashes of what is asked, as words in order, and of the options, as a set of such."""
    # a unit is all that is asked, or one option
    options = parts == _OPTIONS
    begins = np.flatnonzero(options | (np.diff(rows, prepend=-1) != 0))
    starts = np.append(offsets(counts)[begins], len(hashes))
    sizes = np.diff(starts)
    units = _in_order(Groups(hashes, starts))
    rows, options = rows[begins], options[begins]
    asked, chosen = np.zeros(samples, np.uint64), np.zeros(samples, np.uint64)
    asked[rows[~options]] = units[~options]
    rows, units = rows[options], _one_word(units[options])
    order = np.lexsort((units, rows))
    rows, units = rows[order], units[order]
    new = (np.diff(rows, prepend=-1) != 0) | (np.diff(units, prepend=~units[:1]) != 0)
    np.add.at(chosen, rows[new], mixed(units[new]))
    return asked, chosen


def _in_order(units: Groups) -> Hashes:
    """A hash of each unit's words in their order (multilinear: Lemire and Kaser, 2014)."""
    sizes = np.diff(units.starts)
    weights = mixed(np.arange(sizes.max(initial=0), dtype=np.uint64)) | np.uint64(1)
    weighted = units.hashes * weights[spans(np.zeros_like(sizes), sizes)]
    sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(weighted)])
    return mixed(np.diff(sums[units.starts]))


def _one_word(options: Hashes) -> Hashes:
    """Options, ECInstruct's labels of relevance replaced by ESCI's."""
    said = tokens(pl.Series([*_IN_WORDS, *(RELATIONS[one] for one in _IN_WORDS.values())]))
    theirs, ours = np.split(_in_order(Groups(said.hashes, said.starts)), 2)
    for label, mine in zip(theirs, ours, strict=True):
        options = np.where(options == label, mine, options)
    return options


def _words(texts: Groups, spaceless: NDArray[np.bool_]) -> Groups:
    """What texts are compared by: their words, or where these have no blanks between them, pairs
    of neighbouring characters."""
    counts = np.diff(texts.starts)
    paired = spaceless & (counts > 1)
    single = ~np.repeat(paired, counts)
    words = np.where(
        single, texts.hashes, mixed(texts.hashes * _PAIRED + np.roll(texts.hashes, -1))
    )
    last = np.zeros(len(words), np.bool_)
    last[texts.starts[1:] - 1] = True  # it has no neighbour
    return Groups(words[single | ~last], offsets(counts - paired))
