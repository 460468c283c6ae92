"""croissant.json: valid, readable and true to the shards, as mlcroissant itself finds."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from builders.cards.croissant import NAME, croissant
from builders.errors import ShopmixError
from builders.sample import SCHEMA
from tests.cards.mixtures import INSTRUCTIONS, KNOWLEDGE, RANKING, manifest, written

mlc = pytest.importorskip("mlcroissant", reason="the extra `croissant` is not installed")
# how mlcroissant calls rdflib and pandas is not ours to change
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture
def published(tmp_path: Path) -> Path:
    mixtures = {
        "v8": written(tmp_path, manifest()),
        "v9b": written(tmp_path, manifest("v9b", (RANKING,))),
    }
    (tmp_path / NAME).write_text(croissant(mixtures, "you/shopmix", "1.0.0"), "utf-8")
    return tmp_path


def opened(folder: Path) -> Any:
    return mlc.Dataset(jsonld=folder / NAME, mapping={"repo": str(folder)})


def test_it_is_valid(published: Path) -> None:
    metadata = opened(published).metadata
    assert not metadata.ctx.issues.errors
    assert metadata.version == "1.0.0"
    assert [one.id for one in metadata.record_sets] == ["v8", "v9b"]


@pytest.mark.parametrize(
    ("name", "train"), [("v8", RANKING["train"] + KNOWLEDGE["train"]), ("v9b", RANKING["train"])]
)
def test_rows_are_read_by_it(published: Path, name: str, train: int) -> None:
    rows = list(opened(published).records(name))
    ids = sorted(row[f"{name}/id"].decode() for row in rows)
    assert ids == [f"{name} train {i}" for i in range(train)] + [f"{name} validation 0"]
    for row in rows:
        assert set(row) == {f"{name}/mixture_split", *(f"{name}/{column}" for column in SCHEMA)}
        assert row[f"{name}/mixture_split"].decode() in row[f"{name}/id"].decode()
        assert row[f"{name}/keys"] == [b"query:hose"]
        roles = [message[f"{name}/messages/role"] for message in row[f"{name}/messages"]]
        assert roles == [b"system", b"user", b"assistant"]


def test_every_shard_is_there_with_its_hash(published: Path) -> None:
    told = json.loads((published / NAME).read_text("utf-8"))
    hashes = {
        one["contentUrl"]: one["sha256"]
        for one in told["distribution"]
        if one["@type"] == "cr:FileObject" and one["@id"] != "repo"
    }
    shards = {
        path.relative_to(published).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in published.rglob("*.parquet")
    }
    assert hashes == shards


def test_lineage() -> None:
    mixture = manifest(parts=(RANKING, KNOWLEDGE, INSTRUCTIONS))
    told = json.loads(croissant({"v8": mixture}, "you/shopmix", "1.0.0"))
    assert told["identifier"] == [f"shopmix:v8:{mixture.id}"]
    assert {one["name"]: (one["version"], one["license"]) for one in told["isBasedOn"]} == {
        "alpaca": (
            INSTRUCTIONS["source_revision"],
            "https://creativecommons.org/licenses/by-nc/4.0/",
        ),
        "esci": (RANKING["source_revision"], "https://www.apache.org/licenses/LICENSE-2.0"),
        "mmlu": (KNOWLEDGE["source_revision"], "https://opensource.org/license/mit"),
    }
    assert "2206.06588" in {one["name"]: one["citation"] for one in told["isBasedOn"]}["esci"]
    assert told["license"][0] == "https://creativecommons.org/licenses/by-nc/4.0/"


def test_a_source_without_rows_is_no_lineage() -> None:
    none = {**KNOWLEDGE, "train": 0, "validation": 0}
    told = json.loads(croissant({"v8": manifest(parts=(RANKING, none))}, "you/shopmix", "1.0.0"))
    assert [one["name"] for one in told["isBasedOn"]] == ["esci"]


def test_a_version_can_be_cited() -> None:
    told = json.loads(croissant({"v8": manifest()}, "you/shopmix", "1.2.0"))
    assert told["citeAs"].startswith("@misc{shopmix, ")
    assert "version = {1.2.0}" in told["citeAs"]
    assert "https://huggingface.co/datasets/you/shopmix" in told["citeAs"]
    assert "datePublished" not in told  # it would be another with each publish


def test_same_mixtures_same_bytes() -> None:
    both = {"v9b": manifest("v9b", (RANKING,)), "v8": manifest()}
    turned = dict(reversed(both.items()))
    assert croissant(both, "you/shopmix", "1.0.0") == croissant(turned, "you/shopmix", "1.0.0")


def test_without_the_extra_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mlcroissant", None)
    with pytest.raises(ShopmixError, match="pip install 'shopmix"):
        croissant({"v8": manifest()}, "you/shopmix", "1.0.0")
