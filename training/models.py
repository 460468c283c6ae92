"""Where a model or an adapter is: a folder, or a repo of the Hugging Face Hub."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import huggingface_hub
from huggingface_hub.errors import HTTPError  # type: ignore[attr-defined] # its client's own

from builders.errors import ShopmixError

_REPO = re.compile(r"([\w.-]+/[\w.-]+)(?:@([\w./-]+))?", re.ASCII)
#: Weights in other formats and in subfolders stay where they are.
WANTED = (
    "*.json",
    "*.safetensors",
    "*.txt",
    "*.jinja",
    "*.model",
    "*.tiktoken",
    "*.py",
    "LICENSE*",
    "README.md",
)


@dataclass(frozen=True)
class Located:
    """A folder with a model's files. name: as it was asked for. revision: a repo's commit."""

    folder: Path
    name: str
    revision: str | None = None


def named(what: str) -> tuple[str, str | None] | None:
    """The repo and the revision of `you/name` or `you/name@REVISION`; None for anything else."""
    found = _REPO.fullmatch(what)
    return (found[1], found[2]) if found else None


def located(what: str) -> Located:
    """A folder as it is, or a repo as `you/name` or `you/name@REVISION`, fetched into the cache.

    Raises `ShopmixError` where there is neither.
    """
    if Path(what).is_dir():
        return Located(Path(what), str(Path(what)))
    found = named(what)
    if not found:
        raise ShopmixError(f"{what} is no folder: give one, or a repo of the Hub as you/name")
    repo, revision = found
    try:
        folder = huggingface_hub.snapshot_download(
            repo, revision=revision, allow_patterns=[*WANTED], ignore_patterns=["*/*"]
        )
    except (HTTPError, OSError, ValueError) as error:
        said = " ".join(str(error).split())[:300].rstrip(".")
        raise ShopmixError(
            f"{what} is no folder, and cannot be read from {huggingface_hub.constants.ENDPOINT} "
            f"({said}): give a folder that is there, or a repo that you may read"
        ) from None
    return Located(Path(folder), what, Path(folder).name)
