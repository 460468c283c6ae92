"""The model that is trained on: its name, its shape, its licence, and what it was merged of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from huggingface_hub import hf_hub_download
from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

from builders.cards.front_matter import parsed, split
from builders.cards.licences import named as licence_named
from builders.errors import ShopmixError
from builders.publish.talk import talking
from training.models import named
from training.wise_ft import journal
from training.wise_ft.checkpoint import CONFIG, open_checkpoint, read_json
from training.wise_ft.merge import NAME as MERGE

CARD = "README.md"


@dataclass(frozen=True)
class Base:
    """A model. name: a repo of the Hub, or a folder. license: its SPDX id, or LicenseRef-...

    revision: the repo's commit; None for a folder. config: its config.json; without revision and
    empty where neither the Hub nor its cache can be read. merge: what a merged model says of itself
    (`MERGE`), for a second round.
    """

    name: str
    revision: str | None = None
    license: str = "LicenseRef-unknown"
    config: Mapping[str, Any] = field(default_factory=dict)
    merge: Mapping[str, Any] | None = None

    @property
    def place(self) -> str:
        """The folder from anywhere, or the repo."""
        return str(Path(self.name).resolve()) if Path(self.name).is_dir() else self.name


def find(what: str) -> Base:
    """A model in a folder, or on the Hub as `you/name` or `you/name@REVISION`.

    Of the Hub no weights are read. Raises `ShopmixError` where it is none.
    """
    if Path(what).is_dir():
        return _in_folder(Path(what))
    found = named(what)
    if not found:
        raise ShopmixError(f"--base {what}: no such folder, and no name of a model on the Hub")
    return _on_the_hub(*found)


def merged(folder: Path) -> Base:
    """A model that `training.wise_ft` has merged. Raises `ShopmixError` where it is not whole."""
    if (folder / journal.NAME).is_file():
        raise ShopmixError(
            f"--from {folder}: its merge has not ended: run that command again, it goes on"
        )
    if not (folder / MERGE).is_file():
        raise ShopmixError(
            f"--from {folder}: {MERGE} is missing: give a folder that python -m training.wise_ft "
            f"--out has made, or name any other model with --base"
        )
    told, found = read_json(folder / MERGE), open_checkpoint(folder)
    sizes = {file["path"]: file["bytes"] for file in told["files"]}
    if {shard.file.name: shard.size for shard in found.shards} != sizes:
        raise ShopmixError(
            f"--from {folder}: its weights are not what {MERGE} says: copy it, or merge, anew"
        )
    return replace(_in_folder(folder), merge=told)


def _in_folder(folder: Path) -> Base:
    config, card = read_json(folder / CONFIG), folder / CARD
    text = card.read_text("utf-8") if card.is_file() else ""
    return Base(str(folder), None, _license(text), config)


def _on_the_hub(repo: str, revision: str | None) -> Base:
    try:
        file = _fetched(repo, revision, CONFIG)
    except LocalEntryNotFoundError:  # no network, and not in the cache
        return Base(repo, revision)
    except EntryNotFoundError:
        raise ShopmixError(f"--base {repo} has no {CONFIG}: it is no model") from None
    commit = file.parent.name
    try:
        card = _fetched(repo, commit, CARD).read_text("utf-8")
    except EntryNotFoundError:
        card = ""
    return Base(repo, commit, _license(card), read_json(file))


def _fetched(repo: str, revision: str | None, name: str) -> Path:
    """A file of a repo, in the cache's folder of the commit. Raises `EntryNotFoundError`."""
    with talking(f"--base {repo}: no such folder, and on the Hub it cannot be read"):
        try:
            return Path(hf_hub_download(repo, name, revision=revision))
        except EntryNotFoundError as error:
            missing = error
    raise missing


def _license(card: str) -> str:
    """The SPDX id of the licence that a model card names."""
    front = parsed(split(card)[0])
    said = front.get("license")
    if said == "other":
        said = front.get("license_name")
    return licence_named(str(said or "unknown"))
