"""What is scored already, in a file of JSON lines that only ever grows.

A point is known by what decides its score: base, adapters, weights and command, by content. So
neither a crash nor another grid over the same adapters pays for a point twice.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from pydantic import BaseModel, ConfigDict, FiniteFloat, ValidationError

from builders.errors import FatalError, ShopmixError
from training.lock import hold
from training.wise_ft.write import write_all

NAME = "results.jsonl"


class Part(BaseModel):
    """An adapter of a point; those of weight 0 have no part in it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    digest: str
    weight: FiniteFloat


class Scored(BaseModel):
    """A scored point. base: its digest. seconds: what making and scoring took."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    base: str
    adapters: tuple[Part, ...]
    command: str
    score: FiniteFloat
    seconds: FiniteFloat

    @property
    def key(self) -> Key:
        """What it is known by."""
        return key(self.base, self.adapters, self.command)


Key = tuple[str, tuple[tuple[str, float], ...], str]


def key(base: str, adapters: tuple[Part, ...], command: str) -> Key:
    """What a point is known by; the order of its adapters does not matter."""
    return base, tuple(sorted((part.digest, part.weight) for part in adapters)), command


class Results:
    """The scored points of a folder, by their keys."""

    def __init__(self, file: Path, opened: BinaryIO) -> None:
        self._opened = opened
        whole = 0
        self.points: dict[Key, Scored] = {}
        for number, line in enumerate(opened, 1):
            if not line.endswith(b"\n"):  # cut off by a crash
                break
            try:
                point = Scored.model_validate_json(line)
            except ValidationError:
                raise ShopmixError(f"{file}, line {number} is no result: remove it") from None
            self.points[point.key] = point
            whole += len(line)
        opened.truncate(whole)

    def add(self, point: Scored) -> None:
        """Keep a point; it is on disk when this returns. Raises `FatalError` where it cannot be."""
        try:
            write_all(self._opened.fileno(), point.model_dump_json().encode() + b"\n")
            os.fsync(self._opened.fileno())
        except OSError as error:
            raise _unwritable(self._opened.name, error) from None
        self.points[point.key] = point


@contextmanager
def kept(folder: Path) -> Iterator[Results]:
    """The results of a folder, which no other process can open meanwhile. Raises `ShopmixError`."""
    file = folder / NAME
    if folder.is_dir() and any(folder.iterdir()) and not file.is_file():
        raise ShopmixError(f"--out {folder} holds other files: give a new folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        opened = file.open("a+b")
    except OSError as error:
        raise _unwritable(file, error) from None
    with opened:
        hold(opened, f"another sweep is at work in {folder}")
        opened.seek(0)
        yield Results(file, opened)


def _unwritable(file: str | Path, error: OSError) -> FatalError:
    return FatalError(f"{file} cannot be written: {error.strerror or error}")
