"""Reading back what was published, before it gets its tag."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping

import polars as pl
from huggingface_hub import get_token

from builders.errors import ShopmixError
from builders.mixture.manifest import SPLITS
from builders.publish.checks import Mixture, Note
from builders.publish.hub import Hub
from builders.publish.loaded import Splits, digest
from builders.publish.plan import same
from builders.publish.talk import AGAIN
from builders.publish.words import counted

#: Of an error when it is loaded, which may be long, so many characters are told.
_SAID = 300


def check_packages() -> None:
    """Raises `ShopmixError` where a package is missing that only publishing needs."""
    for name, use in (("datasets", "reads back with"), ("mlcroissant", "writes metadata with")):
        if importlib.util.find_spec(name) is None:
            raise ShopmixError(f"publishing {use} {name}: pip install 'shopmix[publish]'")


def verify(hub: Hub, commit: str, ours: Mapping[str, Mixture], note: Note) -> None:
    """Compare a commit with the mixtures: shards by the Hub's hashes, rows as `datasets` loads
    them. Raises `ShopmixError` on a difference."""
    stored = hub.files(commit)
    wrong = [
        path
        for name, mixture in ours.items()
        for file in mixture.manifest.files
        if not same(stored.get(path := f"{name}/{file.path}"), file)
    ]
    if wrong:
        raise ShopmixError(
            f"{hub.repo} at {commit} does not hold what was sent, no tag was set: "
            f"{', '.join(wrong)}"
        )
    for name, mixture in ours.items():
        note(f"{name}: reading it back")
        found, wanted = _loaded(hub.repo, name, commit), _local(mixture)
        if found != wanted:
            raise ShopmixError(
                f"{hub.repo} at {commit}: {name} loads as {_told(found)}, not as {_told(wanted)} "
                f"in the order of its shards; no tag was set. See what its card says of configs"
            )
        note(f"{name}: {_told(found)}, their hashes and ids are ours")


def _local(mixture: Mixture) -> Splits:
    found = {}
    for split in SPLITS:
        files = sorted(file.path for file in mixture.manifest.files if file.split == split)
        if files:
            ids = _ids(mixture, files)
            found[split] = mixture.manifest.rows(split), digest(ids)
    return found


def _ids(mixture: Mixture, files: Iterable[str]) -> Iterable[str]:
    for file in files:
        yield from pl.read_parquet(mixture.folder / file, columns=["id"])["id"]


def _loaded(repo: str, config: str, commit: str) -> Splits:
    """A config at a commit, loaded by a process that finds nothing in its caches."""
    with tempfile.TemporaryDirectory(prefix="shopmix-") as home:
        caches = {name for name in os.environ if name.startswith("HF_") and name.endswith("_CACHE")}
        kept = {name: value for name, value in os.environ.items() if name not in caches}
        done = subprocess.run(
            [sys.executable, "-m", "builders.publish.loaded", repo, config, commit],
            env={**kept, "HF_HOME": home, "HF_TOKEN": get_token() or ""},
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        said = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1][:_SAID]
        raise ShopmixError(
            f"{repo} at {commit}: {config} cannot be read back ({said}), no tag was set. It needs "
            f"room below {tempfile.gettempdir()} (TMPDIR names another place); {AGAIN}"
        )
    return {split: (rows, ids) for split, (rows, ids) in json.loads(done.stdout).items()}


def _told(splits: Splits) -> str:
    return ", ".join(f"{counted(rows, 'row')} of {split}" for split, (rows, _) in splits.items())
