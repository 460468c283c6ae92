"""The gate that keeps a benchmark's questions out of a mixture.

Three rules, from the surest to the widest:

`question`  the same question: the same letters in any order, or the same words, in any order and
            number, once the words of our wordings, those that many of the benchmark's questions
            share, and numbers are set aside. So a question is known in another wording too.
`options`   the same options, if these are its own: three or more, no other question's, and with
            three words that none of our wordings uses. Labels, ratings, yes and no are not.
`overlap`   a run of 13 words (of 26 characters in Japanese and Chinese), four of them in none of
            our wordings, that less than three of the benchmark's questions share.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from builders.errors import ShopmixError
from builders.mixture.benchmark import (
    CHARACTERS,
    WORDS,
    Benchmark,
    Hashes,
    letters,
    options_key,
    runs,
    unescaped,
)
from builders.mixture.tokens import TOKEN, Tokens, tokens

#: A hit: `row` is its place in the samples, `question` its row in the benchmark. `shared` is what
#: the options or the run are (null for a question), `text` our prompt.
SCHEMA: dict[str, type[pl.DataType]] = {
    "row": pl.UInt32,
    "id": pl.String,
    "set": pl.String,
    "benchmark": pl.String,
    "question": pl.UInt32,
    "rule": pl.String,
    "shared": pl.String,
    "text": pl.String,
    "question_text": pl.String,
}
RULES = ("question", "options", "overlap")
#: Samples that a core looks at at once: bounds the memory.
_CHUNK = 4_096
#: From so many on, the same options are no chance; of their words, and of a run's, so many at
#: least must stand in none of our wordings. (With three in a run, labels and phrases of exams would
#: be runs; each question of ShopBench's development set has one with four.)
_OWN_OPTIONS, _OWN_WORDS, _OWN_IN_RUN = 3, 3, 4
#: A word that so many of a benchmark's questions have apart from their options, and such a share
#: of them, is ordinary there.
_COMMON, _COMMON_SHARE = 3, 0.02
_NUMBERS = range(1_000)
_JINJA = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.DOTALL)
#: Fields that do not say what is asked: why options are wrong, and the prompt of an LLM.
_ASIDE = frozenset({"reasons", "composed"})
_PLACE = {"benchmark": pl.UInt32, "question": pl.UInt32}
_MATCH = {
    "row": pl.UInt32, **_PLACE, "rule": pl.UInt8, "weight": pl.UInt32, "shared": pl.String,
    "text": pl.UInt32, "at": pl.Int64, "len": pl.Int64,
}  # fmt: skip
#: What makes a match a sample's first; weight: the more, the better.
_BEST = "row rule weight benchmark question text at".split()
_NONE, _MOST = np.uint64(0), np.uint64(2**64 - 1)


class _Seen:
    """A quick look whether a hash may be one of a few: never no for one of them."""

    def __init__(self, hashes: Hashes) -> None:
        bits = max(22, (64 * len(hashes)).bit_length())
        self._shift = np.uint64(64 - min(bits, 28))
        self._table = np.zeros(1 << min(bits, 28), dtype=np.bool_)
        self._table[hashes >> self._shift] = True

    def __call__(self, hashes: Hashes) -> NDArray[np.bool_]:
        found: NDArray[np.bool_] = self._table[hashes >> self._shift]
        return found


@dataclass(frozen=True)
class _Asked:
    """What a chunk of n samples asks: n prompts, and after them once more the fields of those
    whose prompt an LLM has composed. rows: the sample of each text."""

    texts: pl.Series
    rows: NDArray[np.uint32]
    tokens: Tokens


def gate(benchmarks: Sequence[Benchmark], wordings: Iterable[str]) -> Gate:
    """A gate against benchmarks. wordings: our own, as Jinja, of which the text between counts.

    A digest and the questions that it is of are one benchmark. Raises `ShopmixError` where two
    others have one name.
    """
    chosen: dict[str, Benchmark] = {}
    for one in benchmarks:
        if one.hash not in chosen or chosen[one.hash].texts is None:
            chosen[one.hash] = one
    names = [one.name for one in chosen.values()]
    if twice := [name for name in names if names.count(name) > 1]:
        raise ShopmixError(f"two benchmarks are called {twice[0]}: rename the file of one")
    parts = [part for text in wordings for part in _JINJA.split(text) if part.strip()]
    return Gate(tuple(chosen.values()), tokens(pl.Series(parts, dtype=pl.String)))


class Gate:
    """Finds samples that are questions of benchmarks. What it says of a sample does not depend on
    the other samples."""

    def __init__(self, benchmarks: tuple[Benchmark, ...], wordings: Tokens) -> None:
        self.benchmarks = benchmarks
        ours = np.concatenate([wordings.hashes, tokens(pl.Series(map(str, _NUMBERS))).hashes])
        self._ours, self._ordinary = _Seen(ours), _Seen(np.concatenate([ours, *self._common()]))
        self._letters = self._all("letters")
        self._options = self._own_options()
        self._words = self._telling_words()
        self._bounds = pl.DataFrame(
            [(*key, words[0], words[-1]) for key, words in self._words.items()],
            schema={**_PLACE, "least": pl.UInt64, "greatest": pl.UInt64},
            orient="row",
        )
        self._grams = {WORDS: self._all("grams"), CHARACTERS: self._all("long_grams")}
        for count, table in self._grams.items():
            own = runs(wordings, count)
            self._grams[count] = table.join(own, on="hash", how="anti", maintain_order="left")
        self._seen = {
            count: _Seen(table["hash"].to_numpy()) for count, table in self._grams.items()
        }

    def _all(self, name: str) -> pl.DataFrame:
        """A table of all benchmarks: benchmark (its place), question, hash."""
        tables = [
            one.table(name).select(pl.lit(i, pl.UInt32).alias("benchmark"), "question", "hash")
            for i, one in enumerate(self.benchmarks)
        ]
        return pl.concat([pl.DataFrame(schema={**_PLACE, "hash": pl.UInt64}), *tables])

    def _common(self) -> Iterator[Hashes]:
        for one in self.benchmarks:
            counts = one.stem_words.group_by("hash").len()
            least = max(_COMMON, _COMMON_SHARE * one.count)
            yield counts.filter(pl.col("len") >= least)["hash"].to_numpy()

    def _telling(self, words: pl.DataFrame) -> pl.DataFrame:
        return words.filter(~pl.Series(self._ordinary(words["hash"].to_numpy())))

    def _own_options(self) -> pl.DataFrame:
        """Options that tell their question."""
        words = self._telling(self._all("option_words")).group_by("benchmark", "question").len()
        telling = words.filter(pl.col("len") >= _OWN_WORDS)
        return self._all("options").join(telling, on=["benchmark", "question"], how="semi")

    def _telling_words(self) -> dict[tuple[int, int], Hashes]:
        """By benchmark and question, its words that are not ordinary, sorted."""
        words = pl.concat([self._all("stem_words"), self._all("option_words")])
        words = self._telling(words).unique().sort("hash")
        parts = words.partition_by("benchmark", "question", as_dict=True)
        return {(place, row): part["hash"].to_numpy() for (place, row), part in parts.items()}

    def hits(self, samples: pl.DataFrame) -> pl.DataFrame:
        """The samples to refuse, a row each, as `SCHEMA` says; for the first rule that finds one,
        and the question that shares most.

        samples: id, set, messages, fields.
        """
        starts = range(0, len(samples), _CHUNK)
        with ThreadPoolExecutor(pl.thread_pool_size()) as pool:
            chunks = list(pool.map(lambda at: self._chunk(samples.slice(at, _CHUNK)), starts))
        found = [
            part.with_columns(pl.col("row") + at) for part, at in zip(chunks, starts, strict=True)
        ]
        return pl.concat([pl.DataFrame(schema=SCHEMA), *found])

    def _chunk(self, samples: pl.DataFrame) -> pl.DataFrame:
        prompts = unescaped(samples["messages"].list.get(1).struct.field("content").rename("text"))
        asked = self._asked(prompts, samples["fields"])
        found = pl.concat(
            [
                self._same_letters(prompts),
                self._same_words(asked),
                self._same_options(samples["fields"]),
                *(self._overlap(asked, count) for count in (WORDS, CHARACTERS)),
            ]
        )
        found = found.sort(_BEST, descending=[name == "weight" for name in _BEST])
        found = _with_stretches(found.unique("row", keep="first", maintain_order=True), asked.texts)
        rows, places = found["row"], found.select("benchmark", "question").rows()
        texts = [self.benchmarks[place].texts for place, _ in places]
        told = [text and text[row] for text, (_, row) in zip(texts, places, strict=True)]
        names = [self.benchmarks[place].name for place, _ in places]
        return samples.select("id", "set")[rows].select(
            rows,
            "id",
            "set",
            pl.Series("benchmark", names, pl.String),
            found["question"],
            pl.Series("rule", [RULES[rule] for rule in found["rule"]], pl.String),
            found["shared"],
            prompts.gather(rows),
            pl.Series("question_text", told, pl.String),
        )

    def _asked(self, prompts: pl.Series, fields: pl.Series) -> _Asked:
        composed = fields.str.contains('"composed"', literal=True).fill_null(False).arg_true()
        own = [" ".join(_told(json.loads(text))) for text in fields.gather(composed)]
        texts = pl.concat([prompts, unescaped(pl.Series("text", own, pl.String))])
        rows = np.concatenate([np.arange(len(prompts)), composed.to_numpy()]).astype(np.uint32)
        return _Asked(texts, rows, tokens(texts))

    def _same_letters(self, prompts: pl.Series) -> pl.DataFrame:
        keys = pl.DataFrame({"hash": letters(prompts)}).with_row_index("row")
        return _found(keys.join(self._letters, on="hash"), "question")

    def _same_words(self, asked: _Asked) -> pl.DataFrame:
        """The least and the greatest hash find candidates, all words decide."""
        hashes, starts = asked.tokens.hashes, asked.tokens.starts
        ordinary = self._ordinary(hashes)
        filled = np.flatnonzero(np.diff(starts))
        first = starts[filled]
        bounds = pl.DataFrame(
            {
                "text": filled,
                "row": asked.rows[filled],
                "least": np.minimum.reduceat(np.where(ordinary, _MOST, hashes), first),
                "greatest": np.maximum.reduceat(np.where(ordinary, _NONE, hashes), first),
            }
        )
        found = bounds.join(self._bounds, on=["least", "greatest"])
        same = []
        for text, *question in found.select("text", *_PLACE).iter_rows():
            own = slice(starts[text], starts[text + 1])
            words = np.unique(hashes[own][~ordinary[own]])
            same.append(np.array_equal(words, self._words[question[0], question[1]]))
        found = found.filter(pl.Series(same, dtype=pl.Boolean))
        return _found(found.select("row", *_PLACE), "question")

    def _same_options(self, fields: pl.Series) -> pl.DataFrame:
        decoded = fields.str.json_decode(pl.Struct({"options": pl.List(pl.String)}))
        lists = decoded.struct.field("options").alias("shared").to_frame().with_row_index("row")
        lists = lists.filter(pl.col("shared").list.len() >= _OWN_OPTIONS)
        keys = pl.Series("hash", options_key(lists["shared"]))
        found = lists.with_columns(keys).join(self._options, on="hash")
        return _found(found.with_columns(pl.col("shared").list.join(" | ")), "options")

    def _overlap(self, asked: _Asked, count: int) -> pl.DataFrame:
        found = runs(asked.tokens, count, self._seen[count]).join(self._grams[count], on="hash")
        places = found["at"].to_numpy()[:, None] + np.arange(count)
        own = (~self._ours(asked.tokens.hashes[places])).sum(axis=1) >= _OWN_IN_RUN
        by = ["text", *_PLACE]
        found = found.filter(pl.Series(own)).sort(*by, "at")
        # grams in a row are one stretch: all along it, place less rank is the same
        rank = pl.int_range(pl.len()).over(by)
        stretches = found.group_by(*by, (pl.col("at") - rank).alias("stretch")).agg(
            pl.col("at").first(), pl.len()
        )
        longest = stretches.sort("len", "at", descending=[True, False]).group_by(by).agg(
            pl.col("at", "len").first(), pl.col("len").sum().alias("weight")
        )  # fmt: skip
        text = longest["text"].to_numpy()
        return _found(
            longest.with_columns(
                pl.Series("row", asked.rows[text]),
                pl.Series("at", longest["at"].to_numpy() - asked.tokens.starts[text]),
                pl.col("len") + (count - 1),
            ),
            "overlap",
        )


def _with_stretches(found: pl.DataFrame, texts: pl.Series) -> pl.DataFrame:
    """Matches, what their stretch of tokens says as `shared`."""
    read = texts.gather(found["text"]).str.normalize("NFKC").str.to_lowercase()
    said = read.str.extract_all(TOKEN).rename("said").to_frame()
    stretch = pl.col("said").list.slice(pl.col("at"), pl.col("len")).list.join(" ")
    return pl.concat([found, said], how="horizontal").with_columns(
        pl.coalesce("shared", stretch).alias("shared")
    )


def _told(value: Any) -> Iterator[str]:
    """All texts of a sample's fields that say what is asked."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, inner in value.items():
            if name not in _ASIDE:
                yield from _told(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _told(inner)


def _found(matches: pl.DataFrame, rule: str) -> pl.DataFrame:
    """A rule's matches as the columns that all rules have. weight: of how much is shared. text,
    at, len: where it stands, as a place among the texts that were asked, and tokens of it."""
    matches = matches.with_columns(pl.lit(RULES.index(rule)).alias("rule"))
    missing = {name: kind for name, kind in _MATCH.items() if name not in matches.columns}
    return matches.with_columns(
        pl.lit(None, kind).alias(name) for name, kind in missing.items()
    ).select(pl.col(name).cast(kind) for name, kind in _MATCH.items())
