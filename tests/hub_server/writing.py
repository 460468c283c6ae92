"""What the tests write to the Hub, by its real client."""

from __future__ import annotations

import hashlib
import io

import polars as pl
import pytest
from huggingface_hub import CommitInfo, CommitOperationAdd, HfApi

from tests.hub_server import HubServer

REPO = "you/shopmix"
#: Mark of the tests in whose own process the client sends LFS files: it does so in a way that its
#: HTTP library wants it to leave.
SENDS = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")
CARD = """---
license: apache-2.0
language: [en, ja]
configs:
- config_name: v7
  data_files:
  - split: train
    path: v7/train-*
- config_name: v8
  default: true
  data_files:
  - split: train
    path: v8/train-*
  - split: validation
    path: [v8/validation-*]
---
# Ours
"""


def shard(*ids: int) -> bytes:
    """A parquet file of some kilobytes."""
    file = io.BytesIO()
    texts = [hashlib.sha256(b"%d %d" % (i, j)).hexdigest() for i in ids for j in range(200)]
    pl.DataFrame({"id": [i for i in ids for _ in range(200)], "text": texts}).write_parquet(file)
    return file.getvalue()


def commit(
    api: HfApi, files: dict[str, bytes], title: str = "some files", parent: str | None = None
) -> CommitInfo:
    additions = [CommitOperationAdd(name, content) for name, content in files.items()]
    return api.create_commit(
        REPO, additions, commit_message=title, repo_type="dataset", parent_commit=parent
    )


def puts(hub: HubServer) -> list[str]:
    return [path for method, path in hub.requests if method == "PUT"]


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
