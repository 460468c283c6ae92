"""A benchmark as what must not be trained on: its questions, hashed.

`python -m builders.mixture.benchmark QUESTIONS.jsonl --out FILE` writes a digest: hashes alone,
so that a gate can be shipped for questions that are not ours to ship.
"""

from __future__ import annotations

import argparse
import base64
import binascii
import html
import json
import re
import string
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import polars as pl
import xxhash
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from builders.cli import run
from builders.draw import hashed
from builders.errors import ShopmixError
from builders.manifest import replacing
from builders.mixture.tokens import Tokens, tokens
from builders.text import squeezed

Hashes = NDArray[np.uint64]

#: Tokens of a gram, and of one that is mostly of a script without blanks, where a token is a
#: character. Of ESCI's English products 13 % share 13 words with one of another brand; of the
#: Japanese ones 43 % share 13 characters, and 4 % share 26.
WORDS, CHARACTERS = 13, 26
#: A question of fewer letters from a to z has no key of its letters.
_LETTERS = 20
#: What so many questions share is no question's own: it belongs to instructions.
_SHARED = 3
_BASE = 0x9E3779B97F4A7C15  # odd, so that no token is multiplied away
_OPTION = re.compile(r"\s*(\d{1,2})\s*[.):]\s*(\S.*)")
_ENTITY = r"&[#\w]"
_SPACELESS = r"[\p{Han}\p{Hiragana}\p{Katakana}ー]"
#: A hash for each byte: a letter's, in either case; nothing for all else.
_LETTER = np.zeros(256, np.uint64)
for _letter in string.ascii_lowercase:
    _LETTER[[ord(_letter), ord(_letter.upper())]] = xxhash.xxh3_64_intdigest(_letter.encode())


@dataclass(frozen=True, eq=False)
class Benchmark:
    """The questions of a benchmark. Each table has the columns `question` (UInt32, its row in the
    file) and `hash` (UInt64), sorted and distinct.

    letters: key of the letters of the whole question, in any order. options: key of the options,
    in any order, where it lists any and no other question has the same. stem_words, option_words:
    its distinct words apart from and in its options. grams, long_grams: runs of `WORDS` and of
    `CHARACTERS` tokens, without those that several questions share. texts: the questions
    themselves, None where only a digest is at hand.
    """

    name: str
    letters: pl.DataFrame
    options: pl.DataFrame
    stem_words: pl.DataFrame
    option_words: pl.DataFrame
    grams: pl.DataFrame
    long_grams: pl.DataFrame
    count: int
    texts: tuple[str, ...] | None

    @cached_property
    def hash(self) -> str:
        """xxh3-128 of the tables, 32 hex: the same for a digest and for the questions it is of."""
        digest = xxhash.xxh3_128(str(self.count).encode())
        for name in TABLES:
            table = self.table(name)
            digest.update(name.encode())
            for column in ("question", "hash"):
                digest.update(table[column].to_numpy().tobytes())
        return digest.hexdigest()

    def table(self, name: str) -> pl.DataFrame:
        """The table of this name."""
        found: pl.DataFrame = getattr(self, name)
        return found


TABLES = tuple(field.name for field in fields(Benchmark) if field.type == "pl.DataFrame")


def read_benchmark(path: Path) -> Benchmark:
    """A benchmark from a file of questions, or from a digest of one; it is called as its file.

    Questions are JSON lines whose `input_field` is the prompt, as ShopBench has them; other
    fields do not matter. Raises `ShopmixError` naming the file and the line.
    """
    try:
        text = path.read_text("utf-8-sig")
    except FileNotFoundError:
        raise ShopmixError(f"no benchmark {path}: name a file of questions or a digest") from None
    except OSError as error:
        raise ShopmixError(f"{path} cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise ShopmixError(f"{path} cannot be read: {error}") from None
    if f'"{_FORMAT}"' in text[:200]:
        return _from_digest(path, text)
    lines = [(n, line) for n, line in enumerate(text.split("\n"), 1) if line.strip()]
    if not lines:
        raise ShopmixError(f"{path} has no question: write one a line, as JSON with input_field")
    return benchmark(path.stem, [_question(path, n, line) for n, line in lines])


def _question(path: Path, number: int, line: str) -> str:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise ShopmixError(f"{path}, line {number} is not JSON: {error}") from None
    found = row.get("input_field") if isinstance(row, dict) else None
    if not isinstance(found, str) or not found.strip():
        raise ShopmixError(f"{path}, line {number}: input_field must be the question's text")
    return found


def benchmark(name: str, texts: Sequence[str]) -> Benchmark:
    """A benchmark of these questions."""
    plain = unescaped(pl.Series(texts, dtype=pl.String))
    keys = letters(plain)
    stems, options = zip(*map(split_options, plain), strict=True)
    listed = pl.Series(options, dtype=pl.List(pl.String))
    spelt = plain.str.count_matches("[a-zA-Z]").to_numpy() >= _LETTERS
    option_keys = options_key(listed)
    # a question that stands there twice is one
    sharing = (
        pl.DataFrame({"options": option_keys, "question": keys})
        .select(pl.col("question").n_unique().over("options"))
        .to_series()
        .to_numpy()
    )
    own = (listed.list.len().to_numpy() > 0) & (sharing == 1)
    # labels that several questions share are not their text
    without = pl.when(pl.Series(sharing >= _SHARED)).then(pl.Series(stems)).otherwise(plain)
    grams, long_grams = _grams(pl.select(without).to_series(), keys)
    return Benchmark(
        name=name,
        letters=_table(np.flatnonzero(spelt), keys[spelt]),
        options=_table(np.flatnonzero(own), option_keys[own]),
        stem_words=_words(pl.Series(stems)),
        option_words=_words(listed.list.join("\n")),
        grams=grams,
        long_grams=long_grams,
        count=len(texts),
        texts=tuple(texts),
    )


def split_options(text: str) -> tuple[str, list[str]]:
    """A question without its options, and these: its longest run of lines numbered from 0 or 1."""
    lines = text.split("\n")
    best, run_ = range(0), range(0)
    first = 0
    for place, line in enumerate(lines):
        number = int(found[1]) if (found := _OPTION.match(line)) else None
        if number is not None and run_ and number == first + len(run_):
            run_ = range(run_.start, place + 1)
        else:
            first = number if number in (0, 1) else -1
            run_ = range(place, place + 1) if number in (0, 1) else range(0)
        best = max(best, run_, key=len)
    if len(best) < 2:
        return text, []
    options = [found[2] for place in best if (found := _OPTION.match(lines[place]))]
    return "\n".join(lines[: best.start] + lines[best.stop :]), options


def unescaped(texts: pl.Series) -> pl.Series:
    """Texts without HTML entities, however often they were escaped."""
    dirty = texts.str.contains(_ENTITY).fill_null(False)
    if not dirty.any():
        return texts
    plain = pl.Series(map(_unescaped, texts.filter(dirty)), dtype=pl.String)
    return texts.scatter(dirty.arg_true(), plain)


def _unescaped(text: str) -> str:
    while (plain := html.unescape(text)) != text:
        text = plain
    return text


def letters(texts: pl.Series) -> Hashes:
    """A key of each text (str) that only its letters from a to z decide: not their case, not what
    stands between them, not their order. Two texts of one key are anagrams, so long ones are the
    same."""
    data = np.frombuffer(texts.str.join("").item().encode(), dtype=np.uint8)
    return _sums(_LETTER[data], texts.str.len_bytes().fill_null(0).to_numpy())


def options_key(options: pl.Series) -> Hashes:
    """A key of each list of str, whatever the order, case and punctuation; 0 for none."""
    flat = options.explode(empty_as_null=False, keep_nulls=False).rename("option")
    text = squeezed(pl.col("option").str.normalize("NFKC"))
    keys = unescaped(flat).to_frame().select(hashed(text)).to_series().to_numpy()
    return _sums(keys, options.list.len().fill_null(0).to_numpy())


def _sums(values: Hashes, lengths: NDArray[Any]) -> Hashes:
    """Sums modulo 2**64 of runs of values."""
    found = np.zeros(len(lengths), np.uint64)
    filled = np.flatnonzero(lengths)
    begins = np.cumsum(lengths, dtype=np.int64) - lengths
    if len(filled):
        found[filled] = np.add.reduceat(values, begins[filled])
    return found


def runs(
    found: Tokens, count: int, wanted: Callable[[Hashes], NDArray[np.bool_]] | None = None
) -> pl.DataFrame:
    """All runs of `count` tokens within a text, or those `wanted` says yes to: text (UInt32), at
    (place of the first token in `found.hashes`), hash."""
    hashes = rolled(found.hashes, count)
    at = np.arange(len(hashes)) if wanted is None else np.flatnonzero(wanted(hashes))
    text = np.searchsorted(found.starts, at, side="right") - 1
    within = at + count <= found.starts[text + 1]
    at, text = at[within], text[within].astype(np.uint32)
    return pl.DataFrame({"text": text, "at": at, "hash": hashes[at]})


def rolled(hashes: Hashes, count: int) -> Hashes:
    """A hash of every `count` neighbours: the sum of hash * BASE ** place, modulo 2**64."""
    found, width = hashes, 1
    for bit in f"{count:b}"[1:]:  # a run of 2n is two runs of n
        found = found[:-width] * _power(width) + found[width:]
        width *= 2
        if bit == "1":
            found = found[:-1] * _power(1) + hashes[width:]
            width += 1
    return found


def _power(exponent: int) -> np.uint64:
    return np.uint64(pow(_BASE, exponent, 1 << 64))


def _grams(texts: pl.Series, keys: Hashes) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The runs of `WORDS` tokens that are mostly words, and those of `CHARACTERS` that are not;
    without those that several questions (by their keys) share."""
    found = tokens(texts)
    characters = texts.str.extract_all(_SPACELESS).explode(empty_as_null=False).unique()
    spaceless = np.isin(found.hashes, tokens(characters).hashes)
    before = np.concatenate([[0], np.cumsum(spaceless)])
    tables = []
    for count, of_words in ((WORDS, True), (CHARACTERS, False)):
        grams = runs(found, count)
        at = grams["at"].to_numpy()
        mostly_words = 2 * (before[at + count] - before[at]) < count
        # a question that stands there twice is one
        questions = grams.with_columns(key=keys[grams["text"].to_numpy()])
        own = questions.select(pl.col("key").n_unique().over("hash") < _SHARED)
        kept = grams.filter(pl.Series(mostly_words == of_words) & own.to_series())
        tables.append(_table(kept["text"].to_numpy(), kept["hash"].to_numpy()))
    return tables[0], tables[1]


def _words(texts: pl.Series) -> pl.DataFrame:
    found = tokens(texts)
    return _table(np.repeat(np.arange(len(texts)), np.diff(found.starts)), found.hashes)


def _table(questions: NDArray[Any], hashes: Hashes) -> pl.DataFrame:
    table = pl.DataFrame({"question": questions.astype(np.uint32), "hash": hashes})
    return table.unique().sort("question", "hash")


class _Column(BaseModel):
    """counts: hashes of each question. hashes: uint64, little-endian, in base64."""

    model_config = ConfigDict(extra="forbid")
    counts: list[Annotated[int, Field(ge=0)]]
    hashes: str


_FORMAT = "shopmix digest of a benchmark"


class _Digest(BaseModel):
    model_config = ConfigDict(extra="forbid")
    format: Literal["shopmix digest of a benchmark"]
    questions: Annotated[int, Field(gt=0)]
    hash: str
    tables: dict[str, _Column]


def digest(found: Benchmark) -> str:
    """The text of a benchmark's digest: hashes alone, the same bytes for the same questions."""
    tables = {name: _packed(found.table(name), found.count) for name in TABLES}
    told = {
        "format": _FORMAT, "questions": found.count, "hash": found.hash, "tables": tables,
    }  # fmt: skip
    return json.dumps(told, indent=1) + "\n"


def _packed(table: pl.DataFrame, count: int) -> dict[str, Any]:
    counts = np.bincount(table["question"].to_numpy(), minlength=count)
    data = table["hash"].to_numpy().astype("<u8").tobytes()
    return {"counts": counts.tolist(), "hashes": base64.b64encode(data).decode()}


def _from_digest(path: Path, text: str) -> Benchmark:
    try:
        read = _Digest.model_validate_json(text)
        tables = {name: _unpacked(read.tables[name], read.questions) for name in TABLES}
    except (ValidationError, KeyError, ValueError, binascii.Error):
        tables = None
    found = tables and Benchmark(name=path.stem, **tables, count=read.questions, texts=None)
    if not found or found.hash != read.hash:
        raise ShopmixError(
            f"{path} is not a whole digest, or that of another version: write it anew with "
            f"python -m builders.mixture.benchmark QUESTIONS.jsonl --out {path}"
        )
    return found


def _unpacked(column: _Column, count: int) -> pl.DataFrame:
    hashes = np.frombuffer(base64.b64decode(column.hashes, validate=True), dtype="<u8")
    if len(column.counts) != count or sum(column.counts) != len(hashes):
        raise ValueError("counts and hashes disagree")
    return _table(np.repeat(np.arange(count), column.counts), hashes.astype(np.uint64))


def main(argv: Sequence[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(
        prog="python -m builders.mixture.benchmark",
        description="Write a digest of a benchmark's questions: hashes alone, no text.",
    )
    parser.add_argument("questions", type=Path, help="JSON lines with input_field")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE")
    given = parser.parse_args(argv)
    found = read_benchmark(given.questions)
    with replacing(given.out) as half:
        half.write_text(digest(found), "utf-8")
    print(f"{given.out}: {found.count:,} questions, {len(found.grams):,} grams, {found.hash}")


if __name__ == "__main__":
    run(main)
