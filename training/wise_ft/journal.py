"""How far a merge has come, kept beside its files, so that a killed one goes on.

A line says what is safely on the disk: so many bytes of a file and their hash, or a whole file.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from builders.errors import ShopmixError
from training.lock import hold

NAME = ".merge.jsonl"


class Journal:
    """The journal of a folder, which nobody else may write to meanwhile."""

    def __init__(self, folder: Path, identity: Mapping[str, Any]) -> None:
        """identity: all that decides the bytes.

        Raises `ShopmixError` where another merge has begun here, or is at work.
        """
        self.path = folder / NAME
        self._file = self.path.open("a+b")
        try:
            hold(self._file, f"{folder}: another process is merging into it")
        except ShopmixError:
            self._file.close()
            raise
        lines = self._lines()
        if lines and lines[0] != identity:
            self._file.close()
            raise ShopmixError(
                f"{folder} holds the beginning of another merge: delete it, or give another --out"
            )
        self._known = {str(line["file"]): line for line in lines[1:]}
        if not lines:
            self._add(identity)

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def at(self, file: str) -> tuple[int, str, bool]:
        """Bytes of a file that are on the disk, their hash, and whether that is all of it."""
        line = self._known.get(file)
        return (line["bytes"], line["hash"], line["whole"]) if line else (0, "", False)

    def record(self, file: str, count: int, digest: str, whole: bool) -> None:
        """Say so of a file, once it is true."""
        line = {"file": file, "bytes": count, "hash": digest, "whole": whole}
        self._known[file] = line
        self._add(line)

    def _add(self, line: Mapping[str, Any]) -> None:
        self._file.write(json.dumps(line).encode() + b"\n")
        self._file.flush()

    def _lines(self) -> list[dict[str, Any]]:
        """All lines up to what a crash has spoilt, which is cut off: others will follow them."""
        self._file.seek(0)
        found, whole = [], 0
        for line in self._file:
            if not line.endswith(b"\n"):
                break
            try:
                found.append(json.loads(line))
            except ValueError:  # a crash of the machine may leave zeros
                break
            whole += len(line)
        self._file.truncate(whole)
        return found
