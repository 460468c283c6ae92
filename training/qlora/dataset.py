"""The mixture that is trained on: a folder of `builders.mixture`, or a published data set."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import huggingface_hub
import polars as pl
from huggingface_hub.hf_api import DatasetInfo

from builders.errors import ShopmixError
from builders.mixture.manifest import NAME, TRAIN, File, Manifest, parse, whole
from builders.mixture.settings import MIXTURES
from builders.publish.talk import talking
from training.models import named

#: How axolotl reads a sample: the chat template, and loss on what the assistant says alone.
_READ = {
    "type": "chat_template",
    "field_messages": "messages",
    "message_property_mappings": {"role": "role", "content": "content"},
    "roles_to_train": ["assistant"],
    "train_on_eos": "turn",
}


@dataclass(frozen=True)
class Mixture:
    """A mixture. where: its folder, or the data set on the Hub.

    revision: what was asked for of the Hub, a tag as a rule, and commit: what that is; None for a
    folder.
    """

    manifest: Manifest
    where: str
    revision: str | None = None
    commit: str | None = None

    def entries(self, split: str) -> list[dict[str, Any]]:
        """What axolotl's `datasets` (or `test_datasets`) says of a split; empty without rows."""
        files = self._files(split)
        if not files:
            return []
        if self.commit:
            entry = {"path": self.where, "name": self.manifest.mixture, "split": split}
            return [{**entry, "revision": self.commit, **_READ}]
        # files by name: lists of duplicates and leaks lie beside them
        shards = [f"{self.where}/{file.path}" for file in files]
        given = {"path": self.where, "data_files": shards, "ds_type": "parquet", "split": "train"}
        return [{**given, **_READ}]

    def rows(self, columns: list[str]) -> pl.LazyFrame:
        """The training split of a folder, or the first training shard of a data set, fetched."""
        files = self._files(TRAIN)
        if not self.commit:
            return pl.scan_parquet([f"{self.where}/{one.path}" for one in files]).select(columns)
        path = f"{self.manifest.mixture}/{files[0].path}"
        return pl.scan_parquet(_fetched(self.where, path, self.commit)).select(columns)

    def _files(self, split: str) -> list[File]:
        return sorted(
            (file for file in self.manifest.files if file.split == split), key=lambda f: f.path
        )


def find(mixture: str, dataset: str) -> Mixture:
    """The mixture of this name in a folder, or in a data set `you/name` or `you/name@REVISION`.

    Raises `ShopmixError` where it is missing, damaged, or has nothing to train on.
    """
    repo = named(dataset)
    if Path(dataset).is_dir() or dataset == str(MIXTURES) or not repo:
        found = _in_folder(mixture, Path(dataset))
    else:
        found = _on_the_hub(mixture, *repo)
    if not found.manifest.rows(TRAIN):
        raise ShopmixError(f"{found.where}: the mixture has no row to train on")
    return found


def _in_folder(mixture: str, folder: Path) -> Mixture:
    place = folder if (folder / NAME).is_file() else folder / mixture
    manifest = whole(place)
    if manifest.mixture != mixture:
        raise ShopmixError(f"{place} is mixture {manifest.mixture}, not {mixture}")
    return Mixture(manifest, str(place))


def _on_the_hub(mixture: str, repo: str, revision: str | None) -> Mixture:
    with talking(f"--dataset {repo}: no such folder, and on the Hub it cannot be read"):
        info = huggingface_hub.HfApi().dataset_info(
            repo,
            revision=revision,
            files_metadata=True,
            timeout=huggingface_hub.constants.HF_HUB_ETAG_TIMEOUT,
        )
    where, path, commit = f"{repo}@{revision or info.sha}", f"{mixture}/{NAME}", str(info.sha)
    names = {one.rfilename for one in info.siblings or []}
    if path not in names:
        others = sorted(one.partition("/")[0] for one in names if one.endswith(f"/{NAME}"))
        raise ShopmixError(
            f"{where} has no config {mixture}: it has {', '.join(others) or 'no mixture at all'}"
        )
    manifest = parse(Path(_fetched(repo, path, commit)).read_text("utf-8"), f"{where}, {path}")
    if flaws := list(_damaged(info, manifest)):
        raise ShopmixError(
            f"{where}: {', '.join(flaws)} not what {path} says: take another revision, or publish "
            f"the mixture anew"
        )
    return Mixture(manifest, repo, revision or commit, commit)


def _damaged(info: DatasetInfo, manifest: Manifest) -> Iterator[str]:
    """The shards of a data set that are missing or other than their manifest says."""
    there = {one.rfilename: one for one in info.siblings or []}
    for file in manifest.files:
        path = f"{manifest.mixture}/{file.path}"
        found = there.get(path)
        if (
            not found
            or not found.lfs
            or (found.lfs.sha256, found.size) != (file.sha256, file.bytes)
        ):
            yield path


def _fetched(repo: str, path: str, commit: str) -> str:
    with talking(f"{repo}/{path} cannot be read"):
        return huggingface_hub.hf_hub_download(repo, path, repo_type="dataset", revision=commit)
