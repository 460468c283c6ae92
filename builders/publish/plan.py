"""What a publish changes of a data set: one commit, worked out before anything is sent."""

from __future__ import annotations

import difflib
import hashlib
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from builders.cards import croissant
from builders.cards.dataset import dataset_card
from builders.errors import ShopmixError
from builders.mixture import manifest as mixtures
from builders.mixture.manifest import File, Manifest
from builders.publish.checks import Mixture, Note
from builders.publish.hub import Head, Stored
from builders.publish.words import counted

CARD = "README.md"
#: Reads a text file of the data set's head.
Read = Callable[[str], str]


@dataclass(frozen=True)
class Plan:
    """A commit upon a head. Paths are those in the repo.

    manifests: all mixtures that the data set will hold, by name. shards: those to be sent. texts:
    the other files that change. card: before (None where there is none) and after.
    """

    manifests: Mapping[str, Manifest]
    shards: Mapping[str, tuple[Path, File]]
    texts: Mapping[str, bytes]
    deleted: tuple[str, ...]
    kept: tuple[str, ...]
    card: tuple[str | None, str]

    @property
    def changed(self) -> tuple[str, ...]:
        """The paths that the head has not, or otherwise; none where it holds all already."""
        return (*self.shards, *self.texts, *self.deleted)

    def told(self) -> Iterator[str]:
        """The commit for a person: its files, and how the card changes."""
        for path, (_, file) in self.shards.items():
            yield f"add     {path}  {counted(file.rows, 'row')}, {counted(file.bytes, 'byte')}"
        for path, text in self.texts.items():
            yield f"write   {path}  {counted(len(text), 'byte')}"
        yield from (f"delete  {path}" for path in self.deleted)
        yield from (f"keep    {path}" for path in self.kept)
        total = counted(sum(file.bytes for _, file in self.shards.values()), "byte")
        kept, gone = len(self.kept), len(self.deleted)
        yield f"{counted(len(self.shards), 'shard')} of {total}, {kept:,} kept, {gone:,} deleted"
        before, after = self.card
        yield from difflib.unified_diff(
            (before or "").splitlines(), after.splitlines(), CARD, CARD, n=1, lineterm=""
        )


def plan(
    head: Head | None,
    read: Read,
    ours: Mapping[str, Mixture],
    repo: str,
    version: str,
    note: Note,
) -> Plan:
    """What has to change of a head (None: there is no data set yet) to hold our mixtures.

    Mixtures and texts of others stay as they are. Raises `ShopmixError` where the card of the head
    cannot be merged.
    """
    there: Mapping[str, Stored] = head.files if head else {}
    local = {
        f"{name}/{file.path}": (mixture.folder / file.path, file)
        for name, mixture in ours.items()
        for file in mixture.manifest.files
    }
    kept = tuple(path for path, (_, file) in local.items() if same(there.get(path), file))
    manifests = {name: mixture.manifest for name, mixture in ours.items()}
    found = mixtures_of(there, read, note, ours)
    others = {name: one for name, one in found.items() if one.mixture == name}
    manifests = dict(sorted({**others, **manifests}.items()))
    before = read(CARD) if CARD in there else None
    card = dataset_card(before, manifests, repo, version)
    metadata = croissant.croissant(manifests, repo, version)
    texts = {CARD: card.encode(), croissant.NAME: metadata.encode()} | {
        f"{name}/{mixtures.NAME}": (one.folder / mixtures.NAME).read_bytes()
        for name, one in ours.items()
    }
    return Plan(
        manifests,
        {path: one for path, one in local.items() if path not in kept},
        {
            path: text
            for path, text in texts.items()
            if path not in there or there[path].blob != _blob(text)
        },
        tuple(path for path in there if path not in local and _shard_of(path, ours)),
        kept,
        (before, card),
    )


def same(there: Stored | None, file: File) -> bool:
    """Whether a shard stands in the repo as its manifest says."""
    return there is not None and (there.sha256, there.size) == (file.sha256, file.bytes)


def _shard_of(path: str, ours: Mapping[str, Mixture]) -> bool:
    """Whether it is a shard that a config of ours would take up."""
    name, _, file = path.partition("/")
    splits = "|".join(mixtures.SPLITS)
    return name in ours and re.fullmatch(rf"({splits})-[^/]*\.parquet", file) is not None


def mixtures_of(
    there: Iterable[str], read: Read, note: Note, ours: Collection[str] = ()
) -> dict[str, Manifest]:
    """The mixtures that stand in a data set, by folder, but for those of ours.

    there: paths of its files.
    """
    found = {}
    for path in there:
        name, _, file = path.partition("/")
        if file == mixtures.NAME and name not in ours:
            text = read(path)
            try:
                found[name] = mixtures.parse(text, path)
            except ShopmixError as error:  # it may be anything: not ours to judge
                note(f"left as it is, with what the card says of it: {error}")
    return found


def _blob(content: bytes) -> str:
    """What git calls a file's content."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
