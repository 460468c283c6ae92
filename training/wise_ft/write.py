"""Writing one file of a merged model: blocks are made by all cores, and written in order.

Until all is on the disk, and read back as it was meant, a file has another name.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path

import numpy as np
import xxhash

from builders.errors import ShopmixError
from builders.manifest import hash_file
from training.wise_ft.change import Changed, blocks
from training.wise_ft.checkpoint import open_shard
from training.wise_ft.journal import Journal
from training.wise_ft.layout import Part, Planned
from training.wise_ft.numbers import CHUNK, STORED, finite, read_bytes

#: After so many bytes what is written goes to the disk, and the journal says so.
SYNC = 256 << 20
#: What a file is called until it is whole.
HALF = ".part"

Bytes = bytes | memoryview
#: Bytes that are copied at once where nothing changes.
_COPY = 1 << 20


@dataclass(frozen=True)
class Workers:
    """pool: makes blocks. disk: one thread, that waits for the disk. ahead: blocks made ahead."""

    pool: ThreadPoolExecutor
    disk: ThreadPoolExecutor
    ahead: int


@dataclass(frozen=True)
class _Span:
    """Bytes of a file up to `end`: rows `first` to `last` of a changed part, bytes of another."""

    end: int
    part: Part
    first: int
    last: int


def write(
    file: Planned,
    folder: Path,
    journal: Journal,
    workers: Workers,
    progress: Callable[[int], None],
) -> Future[None]:
    """Write a file, going on where the journal says. progress: called with bytes.

    Returns while the disk has still to end it: then it has its name, and stands in the journal.
    Raises `ShopmixError` and `OSError`.
    """
    half = folder / f"{file.name}{HALF}"
    begin, digest = _begun(half, file, journal)
    progress(begin)
    with half.open("r+b" if begin else "wb", buffering=0) as out:
        out.seek(begin)
        out.truncate()
        synced, safe = begin, None
        for end, data in _made(file, begin, workers):
            write_all(out.fileno(), data)
            digest.update(data)
            progress(len(data))
            if end - synced >= SYNC:
                if safe:
                    safe.result()  # no more than two such stretches wait for the disk
                said = partial(journal.record, file.name, end, digest.hexdigest(), False)
                safe, synced = workers.disk.submit(_sync, os.dup(out.fileno()), said), end
    name = folder / file.name
    return workers.disk.submit(_finish, safe, half, name, file, digest.hexdigest(), journal)


def _begun(half: Path, file: Planned, journal: Journal) -> tuple[int, xxhash.xxh3_128]:
    """What an earlier run has left of a file, if it is whole up to where the journal says."""
    count, said, _ = journal.at(file.name)
    digest = xxhash.xxh3_128()
    ends = {len(file.header), *(span.end for span in _spans(file))}
    if count not in ends or not half.is_file() or half.stat().st_size < count:
        return 0, digest
    with half.open("rb") as opened:
        left = count
        while left and (data := opened.read(min(left, CHUNK))):
            digest.update(data)
            left -= len(data)
    return (count, digest) if digest.hexdigest() == said else (0, xxhash.xxh3_128())


def write_all(fd: int, data: Bytes) -> None:
    """Write all of it, past any buffer. Raises `OSError`."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def _sync(fd: int, said: Callable[[], None]) -> None:
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
    said()


def _finish(
    safe: Future[None] | None,
    half: Path,
    final: Path,
    file: Planned,
    digest: str,
    journal: Journal,
) -> None:
    """Bring a file to the disk, read it back, and give it its name. safe: the sync before."""
    if safe:
        safe.result()  # a disk that fails says so once: the next sync may end well
    sync(half)
    shapes = {one.name: (one.dtype, one.shape) for one in open_shard(half).tensors}
    wanted = {one.name: (one.dtype, one.shape) for one in file.source.tensors}
    if not wanted.items() <= shapes.items() or hash_file(half) != digest:
        raise ShopmixError(f"{half} is not what was written to it: the disk cannot be trusted")
    half.rename(final)
    sync(final.parent)
    journal.record(file.name, file.size, digest, True)


def sync(path: Path) -> None:
    """Bring a file, or the names of a folder, to the disk."""
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _spans(file: Planned) -> Iterator[_Span]:
    """What follows the header."""
    at = len(file.header)
    for part in file.parts:
        size = part.tensor.end - part.tensor.start
        if part.change is None:
            for first in range(0, size, _COPY):
                last = min(first + _COPY, size)
                yield _Span(at + last, part, first, last)
        else:
            rows = max(part.tensor.shape[0] if len(part.tensor.shape) > 1 else 1, 1)
            for first, last in blocks(part.tensor):
                yield _Span(at + size // rows * last, part, first, last)
        at += size


def _made(file: Planned, begin: int, workers: Workers) -> Iterator[tuple[int, Bytes]]:
    """The bytes of a file after `begin` in order, with where they end; a few are made ahead."""
    if not begin:
        yield len(file.header), file.header
    waiting: deque[tuple[int, Future[Bytes]]] = deque()
    left = (span for span in _spans(file) if span.end > begin)
    try:
        for part, spans in groupby(left, key=lambda span: span.part):
            # the factors of one tensor are read once, and gone with its last block
            make = Changed(part.tensor, part.change).block if part.change else _copied(part)
            for span in spans:
                waiting.append((span.end, workers.pool.submit(make, span.first, span.last)))
                if len(waiting) > workers.ahead:
                    end, made = waiting.popleft()
                    yield end, made.result()
        while waiting:
            end, made = waiting.popleft()
            yield end, made.result()
    finally:
        for _, made in waiting:
            made.cancel()


def _copied(part: Part) -> Callable[[int, int], memoryview]:
    """What reads bytes that stay, and looks at them: a model with NaN is not passed on."""
    tensor = part.tensor

    def copy(first: int, last: int) -> memoryview:
        data = read_bytes(tensor, first, last - first)
        if tensor.dtype in STORED and not finite(np.frombuffer(data, STORED[tensor.dtype])):
            raise ShopmixError(
                f"{tensor.file}: {tensor.name}: the base holds NaN or infinity: download it anew"
            )
        return data

    return copy
