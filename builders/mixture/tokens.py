"""Texts as hashed words: what duplicates and leaks are looked for in.

Case, punctuation, blanks and Unicode's compatible forms make no difference. Japanese and Chinese
have no blanks between words: there each character is a token.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from builders.draw import hashed

_SPACELESS = r"\p{Han}\p{Hiragana}\p{Katakana}ー"
#: A token: a run of letters and digits, or one character of a script without blanks.
TOKEN = rf"[{_SPACELESS}]|[[\p{{L}}\p{{M}}\p{{N}}]--[{_SPACELESS}]]+"
#: Rows that are tokenised at once: bounds the memory of their tokens as text.
_CHUNK = 32_768


@dataclass(frozen=True)
class Tokens:
    """The tokens of n texts, one after the other.

    hashes: uint64, one a token, in reading order. starts: int64 of shape (n + 1,); text i has
    `hashes[starts[i]:starts[i + 1]]`. spaceless: bool of shape (n,), whether half or more of a
    text's tokens are characters of a script without blanks.
    """

    hashes: NDArray[np.uint64]
    starts: NDArray[np.int64]
    spaceless: NDArray[np.bool_]


def tokens(texts: pl.Series) -> Tokens:
    """The tokens of texts (str; null has none)."""
    chunks = [texts.slice(at, _CHUNK) for at in range(0, max(len(texts), 1), _CHUNK)]
    with ThreadPoolExecutor(pl.thread_pool_size()) as pool:  # an expression alone takes one core
        parts = list(pool.map(_tokens, chunks))
    counts = np.concatenate([part[1] for part in parts])
    return Tokens(
        np.concatenate([part[0] for part in parts]),
        np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        np.concatenate([part[2] for part in parts]),
    )


def _tokens(
    texts: pl.Series,
) -> tuple[NDArray[np.uint64], NDArray[np.int64], NDArray[np.bool_]]:
    plain = texts.fill_null("").rename("text").rechunk()
    foreign = (plain.str.len_bytes() != plain.str.len_chars()).arg_true()
    if len(foreign):  # ASCII has no other forms
        plain = plain.clone().scatter(foreign, plain.gather(foreign).str.normalize("NFKC"))
    read = (
        plain.to_frame()
        .select(pl.col("text").str.to_lowercase())
        .select(
            pl.col("text").str.extract_all(TOKEN).alias("tokens"),
            pl.col("text").str.count_matches(rf"[{_SPACELESS}]").alias("characters"),
        )
    )
    counts = read["tokens"].list.len()
    # an empty list would become one null
    words = read.filter(pl.col("tokens").list.len() > 0).select(pl.col("tokens").explode())
    hashes = words.select(hashed(pl.col("tokens"))).to_series().to_numpy()
    spaceless = (read["characters"] > 0) & (2 * read["characters"] >= counts)
    return hashes, counts.to_numpy().astype(np.int64), spaceless.to_numpy()
