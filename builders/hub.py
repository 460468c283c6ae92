"""Rows from the Hugging Face Hub: a pinned data set, only what is in use of it, kept on disk.

All goes through the official client, which honours HF_ENDPOINT and the user's token. Of parquet
files only the columns in use are read, by HTTP ranges, and kept in our cache under the commit that
the revision resolved to; files of other formats are kept whole, in the client's own cache.
"""

from __future__ import annotations

import fnmatch
import glob
import os
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

import huggingface_hub
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import xxhash
from huggingface_hub.errors import HTTPError  # type: ignore[attr-defined] # its client's own
from rich.console import Console
from rich.progress import track

from builders.errors import ShopmixError
from builders.source import Source

#: `data/train-00000-of-00004.parquet` and `train/0000.parquet` both are of the split train.
_SPLIT = re.compile(r"(?:^|/)(auxiliary_train|train|test|validation|dev)\b")
_HINT = (
    "give a folder with the published files (--source DIR) or try the built-in rows (--source demo)"
)


def download(source: Source, parts: Sequence[str]) -> tuple[dict[str, pl.LazyFrame], str]:
    """The data set's parquet tables by split, and the commit they are of.

    Raises `ShopmixError` where the Hub cannot be reached or lacks the data set or a column.
    """
    what = _named(source, parts)
    try:
        commit, files = _listed(what, source, parts)
        splits = defaultdict(list)
        for name in files:
            what = f"{source.repo}/{name}"
            splits[_split_of(what, name)].append(_kept(source, commit, name))
    except (HTTPError, OSError, ValueError, pa.ArrowException) as error:
        raise _failed(what, error) from None
    return {split: pl.scan_parquet(paths) for split, paths in sorted(splits.items())}, commit


def snapshot(source: Source, parts: Sequence[str]) -> tuple[Path, str]:
    """A folder with the data set's files as published, and the commit they are of.

    parts: which of its parts (categories) are wanted, where it has parts.
    Raises `ShopmixError` as `download` does.
    """
    what = _named(source, parts)
    try:
        commit, files = _listed(what, source, parts)
        folder = huggingface_hub.snapshot_download(
            what, repo_type="dataset", revision=commit, allow_patterns=files
        )
        return _links(source, commit, Path(folder), files), commit
    except (HTTPError, OSError, ValueError) as error:
        raise _failed(what, error) from None


def _links(source: Source, commit: str, snapshot: Path, files: Sequence[str]) -> Path:
    """A folder with these files alone: the client's has those of earlier calls as well."""
    names = xxhash.xxh3_64_hexdigest(" ".join(files).encode())[:8]
    folder = _cache() / str(source.repo).replace("/", "--") / f"{commit}-{names}"
    for name in files:
        link = folder / name
        link.parent.mkdir(parents=True, exist_ok=True)
        if not link.exists() or not link.samefile(snapshot / name):
            link.unlink(missing_ok=True)
            link.symlink_to((snapshot / name).resolve())
    return folder


def _named(source: Source, parts: Sequence[str]) -> str:
    if source.repo is None:
        raise ShopmixError(f"{source.name} is not on the Hub: {source.obtain}; {_HINT}")
    divided = "{part}" in "".join(source.repo_files)
    if divided and not parts:
        raise ShopmixError(f"{source.name} is too large to be fetched whole: {source.obtain}")
    if parts and not divided:
        raise ShopmixError(f"{source.name} has no parts to choose from: take --source hub")
    return source.repo


def _listed(what: str, source: Source, parts: Sequence[str]) -> tuple[str, list[str]]:
    """The commit that the revision is now, and the names of the files wanted, sorted."""
    info = huggingface_hub.HfApi().dataset_info(
        what,
        revision=source.repo_revision,
        timeout=huggingface_hub.constants.HF_HUB_ETAG_TIMEOUT,  # else it waits for ever
    )
    commit, listed = info.sha or "", [one.rfilename for one in info.siblings or []]
    wanted = [
        p.replace("{part}", glob.escape(part)) for part in parts or [""] for p in source.repo_files
    ]
    files: set[str] = set()
    for pattern in wanted:
        found = fnmatch.filter(listed, pattern)
        if not found:
            raise ShopmixError(f"{what}@{commit}: no file {pattern}; {_HINT}")
        files.update(found)
    return commit, sorted(files)


def _failed(what: str, error: Exception) -> ShopmixError:
    said = " ".join(" ".join(str(error).split("\n")[:3]).split()).rstrip(".")
    hub = huggingface_hub.constants.ENDPOINT
    return ShopmixError(f"{what} cannot be read from {hub} ({said}): {_HINT}")


def _split_of(what: str, name: str) -> str:
    found = _SPLIT.search(name)
    if found is None:
        raise ShopmixError(f"{what} does not say which split it is of; {_HINT}")
    return found.group(1)


def _kept(source: Source, commit: str, name: str) -> Path:
    """The columns in use of one file, from the cache or else the Hub."""
    layout = xxhash.xxh3_64_hexdigest(" ".join(source.repo_columns).encode())[:8]
    path = _cache() / str(source.repo).replace("/", "--") / f"{commit}-{layout}" / name
    if _whole(path):
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    # pyarrow asks for just the ranges that it needs; reading ahead would fetch all other columns
    remote = huggingface_hub.HfFileSystem().open(
        f"datasets/{source.repo}@{commit}/{name}", "rb", cache_type="none"
    )
    with remote, pq.ParquetFile(remote, pre_buffer=True) as file:
        present = set(file.schema_arrow.names)
        columns = [column for column in source.repo_columns if column in present]
        schema = pa.schema([file.schema_arrow.field(column) for column in columns])
        temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        try:
            with pq.ParquetWriter(temporary, schema) as writer:
                for group in _shown(file.num_row_groups, name):
                    writer.write_table(file.read_row_group(group, columns=columns))
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    return path


def _shown(groups: int, name: str) -> Iterable[int]:
    """The numbers of a file's row groups, with a bar on a terminal and one line in a log."""
    console = Console(stderr=True)
    if not console.is_terminal:
        print(f"fetching {name}", flush=True)
    return track(
        range(groups), f"fetching {name}", console=console, disable=not console.is_terminal
    )


def _whole(path: Path) -> bool:
    """Whether a file is in the cache; not so one that a crash of the machine has cut off."""
    try:
        pq.read_schema(path)
    except (OSError, pa.ArrowException):
        return False
    return True


def _cache() -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "shopmix" / "hub"
