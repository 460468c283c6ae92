"""Sets of hashed words that are alike: candidates by MinHash, and their true similarity.

Two sets have a hash of their MinHash signatures in common with the probability that is their
Jaccard similarity (Broder, 1997). Sets that agree in all hashes of a band are candidates. Of pairs
of similarity 0.8, one in 1,200 agrees in no band, by simulation; of those at 0.85, not one in
100,000. What is found too much is sorted out by counting.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from rensa import RMinHash

#: As many as polars takes, so that one variable limits both.
THREADS = pl.thread_pool_size()
#: Hashes of a signature, and the bands of so many of them that two sets are looked up by.
HASHES, BANDS, ROWS = 128, 64, 8
#: Of more than so many sets with a band in common, each is compared with the first so many alone:
#: else 50,000 variants of one text would be a billion pairs.
CROWD = 32
#: A pair with fewer hashes in common is not counted: one of similarity 0.8 has 102, give or take 5.
_LIKELY = 80
#: How much of their words two sets have in common that are near: 4 of 5.
NEAR = 4, 5
_SEED = 5
#: Signatures that are lists of Python at once, words that are counted and pairs that wait to be
#: made single: they bound the memory.
_LISTED, _COUNTED, _WAITING = 16_384, 1 << 22, 1 << 24
#: Bits of a word's hash that are compared; the number of its set takes the others.
_BITS = np.uint64(40)
_MOST = 1 << 24
_LOW = 0xFFFFFFFF
_MIXED = np.uint64(0x9E3779B97F4A7C15)

Rows = NDArray[np.int64]
Hashes = NDArray[np.uint64]


@dataclass(frozen=True)
class Groups:
    """Groups of hashes, one after the other: group i has `hashes[starts[i]:starts[i + 1]]`."""

    hashes: Hashes
    starts: Rows

    def take(self, groups: Rows) -> Groups:
        """Some of them, in this order."""
        counts = np.diff(self.starts)[groups]
        return Groups(self.hashes[spans(self.starts[groups], counts)], offsets(counts))


def offsets(counts: Rows) -> Rows:
    """Where groups of these sizes begin, and the last one ends: shape (n + 1,)."""
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)


def spans(starts: Rows, counts: Rows) -> Rows:
    """The numbers from each start on, so many of each, one after the other."""
    return np.arange(counts.sum()) + np.repeat(starts - offsets(counts)[:-1], counts)


def mixed(numbers: Hashes) -> Hashes:
    """Numbers with their bits spread over all 64, one to one (SplitMix64: Steele et al., 2014)."""
    found = numbers + _MIXED
    found = (found ^ (found >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    found = (found ^ (found >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(found ^ (found >> np.uint64(31)), np.uint64)


def candidates(words: Groups, kinds: Hashes) -> tuple[Rows, Rows]:
    """Pairs of sets (a < b, sorted) that are of one kind and likely to be near; none without words.

    words: those of n sets, which may repeat. kinds: shape (n,).
    """
    told = np.flatnonzero(np.diff(words.starts))
    signatures = _signatures(words, told)
    weights = mixed(np.arange(ROWS, dtype=np.uint64)) | np.uint64(1)

    def sharing(band: int) -> Rows:
        columns = np.argsort(mixed(np.arange(HASHES, dtype=np.uint64) + np.uint64(HASHES * band)))
        key = kinds[told]
        for column, weight in zip(columns[:ROWS], weights, strict=True):
            key = key + signatures[:, column] * weight
        return _sharing(mixed(key))

    pairs, waiting = np.empty(0, np.int64), [np.empty(0, np.int64)]
    with ThreadPoolExecutor(THREADS) as pool:
        for band in range(0, BANDS, THREADS):
            waiting += pool.map(sharing, range(band, min(band + THREADS, BANDS)))
            if band + THREADS >= BANDS or sum(map(len, waiting)) > _WAITING:
                pairs = _single(np.sort(np.concatenate([pairs, *waiting])))
                waiting = []
    pairs = pairs[_likely(signatures.astype(np.uint8, "C"), pairs)]
    return told[pairs >> 32], told[pairs & _LOW]


def _single(ordered: NDArray[Any]) -> NDArray[Any]:
    """Sorted numbers, each once; `np.unique` is many times slower."""
    return np.asarray(ordered[np.diff(ordered, prepend=~ordered[:1]) != 0])


def _signatures(words: Groups, rows: Rows) -> NDArray[np.uint32]:
    """Of some groups: shape (len(rows), HASHES), column by column."""
    found = np.empty((len(rows), HASHES), np.uint32, order="F")
    for at in range(0, len(rows), _LISTED):
        some = words.take(rows[at : at + _LISTED])
        matrix = RMinHash.digest_matrix_from_flat_token_hashes(
            some.hashes, some.starts.astype(np.uint64), HASHES, _SEED
        )
        found[at : at + _LISTED] = matrix.to_rows()
    return found


def _likely(signatures: NDArray[np.uint8], pairs: Rows) -> NDArray[np.bool_]:
    """Which pairs have as many hashes in common as near ones do, by a byte of each."""
    likely = np.empty(len(pairs), np.bool_)
    for at in range(0, len(pairs), _LISTED):
        some = pairs[at : at + _LISTED]
        equal = signatures[some >> 32] == signatures[some & _LOW]
        likely[at : at + _LISTED] = equal.sum(axis=1) >= _LIKELY
    return likely


def _sharing(keys: Hashes) -> Rows:
    """Pairs of places with the same key, as `a << 32 | b`; of a crowd, with its first ones."""
    # a key gives its lowest bits to its place: one plain sort is many times quicker than argsort
    bits = np.uint64(len(keys).bit_length())
    placed = np.sort(keys >> bits << bits | np.arange(len(keys), dtype=np.uint64))
    ordered = placed >> bits
    order = (placed ^ ordered << bits).astype(np.int64)
    begins = np.flatnonzero(np.diff(ordered, prepend=~ordered[:1]))
    sizes = np.diff(begins, append=len(keys))
    partners = np.minimum(np.arange(len(keys)) - np.repeat(begins, sizes), CROWD)
    first = order[spans(np.repeat(begins, sizes), partners)]
    return np.asarray((first << 32) | np.repeat(order, partners), np.int64)


def alike(words: Groups, left: Rows, right: Rows) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
    """Whether sets of distinct words are near, for pairs of their numbers, and their Jaccard
    similarity: 0 where the sizes alone tell that they are not near."""
    sizes = np.diff(words.starts)
    smaller, larger = np.minimum(sizes[left], sizes[right]), np.maximum(sizes[left], sizes[right])
    common = np.zeros(len(left), np.int64)
    fit = np.flatnonzero(NEAR[1] * smaller >= NEAR[0] * larger)
    ends = np.cumsum((smaller + larger)[fit])
    at = 0
    while at < len(fit):
        until = int(np.searchsorted(ends, ends[at] + _COUNTED, "right"))
        some = fit[at : min(until, at + _MOST)]
        common[some] = _common(words.take(left[some]), words.take(right[some]))
        at += len(some)
    union = smaller + larger - common
    return NEAR[1] * common >= NEAR[0] * union, (common / np.maximum(union, 1)).astype(np.float32)


def distinct(groups: Groups) -> Groups:
    """Each group's distinct words, as the bits that are compared."""
    words = _single(np.sort(_numbered(groups)))
    counts = np.bincount((words >> _BITS).astype(np.int64), minlength=len(groups.starts) - 1)
    return Groups(words << (np.uint64(64) - _BITS), offsets(counts))


def _common(left: Groups, right: Groups) -> Rows:
    """How many words each set has in common with the one beside it."""
    words = np.sort(np.concatenate([_numbered(left), _numbered(right)]))
    twice = words[1:][words[1:] == words[:-1]] >> _BITS
    return np.bincount(twice.astype(np.int64), minlength=len(left.starts) - 1)


def _numbered(groups: Groups) -> Hashes:
    """Words after the number of their group."""
    number = np.repeat(np.arange(len(groups.starts) - 1, dtype=np.uint64), np.diff(groups.starts))
    return np.asarray(number << _BITS | groups.hashes >> (np.uint64(64) - _BITS), np.uint64)
