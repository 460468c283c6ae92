"""A repository of the Hub: its commits with their files, its branches and its tags."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

#: What the Hub puts into a new repository.
ATTRIBUTES = b"*.parquet filter=lfs diff=lfs merge=lfs -text\n"
#: A file above this many bytes is an LFS file, whatever its name.
REGULAR_BYTES = 10_000_000


def is_lfs(path: str, size: int) -> bool:
    """Whether the Hub wants a file of so many bytes as an LFS file."""
    return path.endswith(".parquet") or size > REGULAR_BYTES


@dataclass(frozen=True)
class Entry:
    """A file at a commit. `oid` is what git calls its content, `sha256` what LFS does (or None)."""

    path: str
    content: bytes = field(repr=False)

    @cached_property
    def oid(self) -> str:
        return hashlib.sha1(b"blob %d\0" % len(self.content) + self.content).hexdigest()

    @cached_property
    def sha256(self) -> str | None:
        if not is_lfs(self.path, len(self.content)):
            return None
        return hashlib.sha256(self.content).hexdigest()

    def told(self) -> dict[str, Any]:
        """The entry as `tree` and `paths-info` tell it."""
        size = len(self.content)
        told = {"type": "file", "oid": self.oid, "size": size, "path": self.path}
        lfs = {"oid": self.sha256, "size": size, "pointerSize": 134}
        return told | ({"lfs": lfs} if self.sha256 else {})


@dataclass(frozen=True)
class Commit:
    """All files as they are after a change, and the commit before it."""

    files: dict[str, Entry] = field(repr=False)
    title: str = "initial commit"
    message: str = ""
    author: str = "you"
    parent: Commit | None = field(default=None, repr=False)
    date: datetime = field(default_factory=lambda: datetime.now(UTC), compare=False)

    @cached_property
    def oid(self) -> str:
        told = [self.parent.oid if self.parent else None, self.title, self.message, self.author]
        files = [[name, self.files[name].oid] for name in sorted(self.files)]
        return hashlib.sha1(json.dumps([told, files]).encode()).hexdigest()

    def history(self) -> Iterator[Commit]:
        """This commit and those before it, the newest first."""
        commit: Commit | None = self
        while commit:
            yield commit
            commit = commit.parent

    def below(self, path: str, recursive: bool) -> list[dict[str, Any]]:
        """The files and folders below a folder ("" is the root), as `tree` tells them."""
        told: dict[str, dict[str, Any]] = {}
        start = f"{path}/" if path else ""
        for name in sorted(self.files):
            parts = name.removeprefix(start).split("/")
            if not name.startswith(start):
                continue
            for depth in range(1, len(parts) if recursive else min(len(parts), 2)):
                folder = start + "/".join(parts[:depth])
                oid = hashlib.sha1(folder.encode()).hexdigest()
                told[folder] = {"type": "directory", "oid": oid, "size": 0, "path": folder}
            if recursive or len(parts) == 1:
                told[name] = self.files[name].told()
        return list(told.values())


@dataclass
class Repo:
    """A data set or a model. `commit` and `files` are those of `main`.

    objects: LFS content by its sha256, of commits and of uploads that no commit has named yet.
    parts: what has arrived of uploads in parts, by sha256 and part number (from 1).
    """

    id: str
    private: bool = False
    branches: dict[str, Commit] = field(default_factory=dict, repr=False)
    tags: dict[str, Commit] = field(default_factory=dict, repr=False)
    objects: dict[str, bytes] = field(default_factory=dict, repr=False)
    parts: dict[tuple[str, int], bytes] = field(default_factory=dict, repr=False)

    @property
    def commit(self) -> str:
        return self.branches["main"].oid

    @property
    def files(self) -> dict[str, Entry]:
        return self.branches["main"].files

    def at(self, revision: str) -> Commit | None:
        """The commit that a branch, a tag or a commit's own id stands for."""
        named = self.branches | self.tags
        if revision in named:
            return named[revision]
        every = (commit for head in named.values() for commit in head.history())
        return next((commit for commit in every if commit.oid == revision), None)

    def add(self, commit: Commit, branch: str = "main") -> Commit:
        """Make a commit the head of a branch."""
        for entry in commit.files.values():
            if entry.sha256:
                self.objects.setdefault(entry.sha256, entry.content)
        self.branches[branch] = commit
        return commit


def files_of(folder: Path) -> dict[str, Entry]:
    """The files below a folder as they are now."""
    names = {file.relative_to(folder).as_posix(): file for file in folder.rglob("*")}
    return {name: Entry(name, f.read_bytes()) for name, f in names.items() if f.is_file()}
