"""The dataset card: valid on the Hub, loadable, and careful with what others wrote."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Any

import datasets
import pytest
import yaml
from huggingface_hub import DatasetCard

from builders.cards.dataset import BEGIN, END, dataset_card
from builders.cards.front_matter import split
from builders.errors import ShopmixError
from builders.mixture.manifest import Manifest
from builders.mixture.recipe import RECIPES, load
from builders.source import open_source
from tests.cards.golden import CARDS, FOLDER
from tests.cards.mixtures import INSTRUCTIONS, KNOWLEDGE, PROMPT, RANKING, manifest, written
from tests.conftest import BUILDERS

REPO = "you/shopmix"
OWN = """---
# our data
license: mit   # for now
language: [no, en]   # not a boolean
empty_key:
citation: |
  @misc{ours,
    title = {Ours}}
configs:
- config_name: raw
  data_files: raw/*.csv
  sep: ";"
dataset_info:
  config_name: raw
  splits:
  - name: train
    num_examples: 7
tags:
- shopping
# the end
---

# Our data

Written by hand.
"""


def card(existing: str | None = None, version: str = "1.0.0", **mixtures: Manifest) -> str:
    return dataset_card(existing, mixtures or {"v8": manifest()}, REPO, version)


def told(text: str) -> dict[str, Any]:
    found: dict[str, Any] = DatasetCard(text).data.to_dict()  # type: ignore[no-untyped-call]
    return found


@pytest.mark.parametrize("name", CARDS)
def test_golden(name: str) -> None:
    """`python -m tests.cards` writes them anew."""
    assert CARDS[name]() == (FOLDER / name).read_text("utf-8")


def test_front_matter() -> None:
    data = told(card(v8=manifest(), v9b=manifest("v9b", (RANKING,))))
    assert data["language"] == ["en", "es", "ja"]
    assert data["task_categories"] == ["multiple-choice", "text-ranking"]
    assert data["size_categories"] == ["n<1K"]
    assert data["license"] == "other"
    assert re.fullmatch(r"[a-z0-9.-]+", data["license_name"])
    assert data["license_link"].startswith("https://huggingface.co/datasets/you/shopmix")
    assert [one["config_name"] for one in data["configs"]] == ["v8", "v9b"]
    assert data["configs"][0]["data_files"] == [
        {"split": "train", "path": "v8/train-*.parquet"},
        {"split": "validation", "path": "v8/validation-*.parquet"},
    ]


@pytest.mark.parametrize(
    ("license", "front"),
    [
        ("Apache-2.0", {"license": "apache-2.0"}),
        (
            "LicenseRef-Amazon-Reviews-2023-research",
            {
                "license": "other",
                "license_name": "licenseref-amazon-reviews-2023-research",
                "license_link": "https://amazon-reviews-2023.github.io/",
            },
        ),
        ("Own-1.0", {"license": "other", "license_name": "own-1.0"}),
    ],
)
def test_one_licence(license: str, front: dict[str, str]) -> None:
    data = told(card(v8=manifest(parts=[{**RANKING, "license": license}])))
    assert {key: value for key, value in data.items() if key.startswith("license")} == front


@pytest.mark.parametrize(
    ("rows", "size"), [(999, "n<1K"), (1000, "1K<n<10K"), (462_435, "100K<n<1M")]
)
def test_size(rows: int, size: str) -> None:
    part = {**RANKING, "train": rows, "validation": 0}
    assert told(card(v8=manifest(parts=[part])))["size_categories"] == [size]


def test_body_says_what_the_manifest_does() -> None:
    _, text = split(card(v8=manifest(parts=(RANKING, KNOWLEDGE, INSTRUCTIONS))))
    assert "| 5 | esci.rank_products_for_query | ranking | 4 | 1 | 4 | 12 |" in text
    assert "| 0.992! |" in text  # the overlap, far above chance
    assert "| 0.280 |" in text  # the longest, not far enough
    assert 'load_dataset("you/shopmix", "v8", revision="v1.0.0")' in text
    assert "Creative Commons Attribution-NonCommercial 4.0" in text
    assert "`0123456789abcdef0123456789abcdef01234567`" in text
    assert "python -m builders.mixture v8" in text
    assert manifest().id in text
    rejected = "11: query with fewer than 5 judged products; 1: too long"
    assert f"{rejected}. Samples passed over: 1: exact duplicate" in text


def test_what_is_told_of_all_is_told_once() -> None:
    four = card(v7=manifest("v7"), v7b=manifest("v7b"), v8=manifest("v8"), v9b=manifest("v9b"))
    for once in ("| `keys` |", "](https://huggingface.co/datasets/cais/mmlu)", '- "MIT", '):
        assert four.count(once) == 1
    for heading in ("Sources", "Licences", "Validation", "Rebuild", "Known limits"):
        assert four.count(f"\n## {heading}\n") == 1
    assert "- v7, v7b, v8, v9b: The strictest rule" in four


def test_anchors_lead_somewhere() -> None:
    """As the Hub names headings: in small letters, blanks as hyphens, without stops."""
    mixtures = {name: manifest(name) for name in ("v8", "V1.5")}
    front, text = split(dataset_card(None, mixtures, REPO, "1.0.0"))
    headings = [
        re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
        for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    ]
    assert len({*headings}) == len(headings)
    links = re.findall(r"\]\(#(.+?)\)", text) + re.findall(r"#(\w+)$", front, re.MULTILINE)
    assert {"v8", "v15", "rebuild", "licences"} == {*links}
    assert {*links} <= {*headings}


def test_authors_are_named() -> None:
    text = card(v8=manifest(parts=(RANKING, INSTRUCTIONS)))
    assert "- esci: Chandan K. Reddy et al. (2022): Shopping Queries Dataset" in text
    assert "- alpaca: Rohan Taori et al. (2023)" in text
    assert "Hendrycks" not in text


def test_rows_of_test_splits_are_told_once() -> None:
    judged = {**RANKING, "splits": {"train": 3, "test": 2}}
    text = card(v8=manifest(parts=(judged, {**judged, "set": "esci.other"}, KNOWLEDGE)))
    assert "> Rows of test splits are in: esci 4; mmlu 1." in text
    assert text.count("est splits") == 1
    part = {**KNOWLEDGE, "splits": {"auxiliary_train": 2}}
    assert "[!WARNING]" not in card(v8=manifest(parts=[part]))


@pytest.mark.parametrize(
    ("name", "changed", "said"),
    [
        ("v8", {}, True),
        ("v8", {"duplicates": "drop"}, False),
        ("mine", {"name": "mine"}, False),
    ],
)
def test_only_the_papers_recipes_are_as_in_the_paper(
    name: str, changed: dict[str, str], said: bool
) -> None:
    recipe = {**load(RECIPES / "v8.yaml").told(), **changed}
    one = manifest(name).model_copy(update={"recipe": recipe})
    text = dataset_card(None, {name: one}, REPO, "1.0.0")
    assert ("Rows of test splits are in, as in the paper: mmlu 1." in text) is said


def test_demo_rows_are_not_the_source() -> None:
    """They have its form alone, so nobody is cited for them and no test split leaks."""
    builder = BUILDERS["mmlu"]
    revision = builder.read(open_source(builder.source, "demo"), 0, None, {}).revision
    text = card(v8=manifest(parts=(RANKING, {**KNOWLEDGE, "source_revision": revision})))
    assert f"| mmlu, demo rows | `{revision}` |" in text
    assert "cais/mmlu" not in text
    assert "Hendrycks" not in text
    assert "[!WARNING]" not in text
    assert "--source mmlu=demo" in text


def test_local_rows_need_not_be_the_source() -> None:
    said = "They need not be what the source publishes"
    assert said in card()
    assert said not in card(v8=manifest(parts=[RANKING]))


def test_shortcuts_are_told_by_their_reason() -> None:
    """Of sets that have rows in it."""
    other = {**RANKING, "set": "esci.other"}
    none = {**RANKING, "set": "esci.none", "train": 0, "validation": 0}
    text = card(v8=manifest(parts=(RANKING, KNOWLEDGE, other, none)))
    assert "2 of 3 sets with options are answered by one of them 0.08 or more above chance" in text
    reason = "only sure exact matches \\| are &lt;used>"
    assert f"\n- {reason}: esci.rank_products_for_query, esci.other\n" in text


def test_an_llm_is_named_where_one_had_a_part() -> None:
    assert "LLM's part" not in card()
    assert "ledger --export" not in card()
    text = card(v8=manifest(parts=[INSTRUCTIONS]))
    assert "with an LLM's part in them: openai:gpt-4.1-mini 1\n" in text
    assert "ledger --export" in text


def test_a_publish_looks_for_leaks_where_a_recipe_names_no_benchmark() -> None:
    bare = manifest()
    bare = bare.model_copy(update={"leaks": bare.leaks.model_copy(update={"benchmarks": {}})})
    text = card(v8=bare)
    assert "only ShopBench's development questions were looked for, as it was published" in text


def test_a_prompt_cannot_break_out() -> None:
    """Its fence is longer than its own, and its comments are no markers of ours."""
    text = card()
    shown = PROMPT.replace("<!-- shopmix", "<! -- shopmix").rstrip()
    assert f"````text\n{shown}" in text
    assert text.count(END) == 1
    assert card(text) == text


def test_bars_and_tags_in_cells() -> None:
    part = {**RANKING, "asks": "a | b\n<script>"}
    assert "| a \\| b &lt;script> |" in card(v8=manifest(parts=[part]))


@pytest.mark.parametrize("existing", [None, "", "# By hand\n", OWN, OWN.replace("\n", "\r\n")])
def test_twice_is_once(existing: str | None) -> None:
    once = card(existing)
    assert card(once) == once
    assert told(once)["configs"][-1]["config_name"] == "v8"


def test_what_others_wrote_stays() -> None:
    text = card(OWN)
    front, body = split(text)
    for line in ("# our data", "empty_key:", "    title = {Ours}}", "# the end"):
        assert f"\n{line}\n" in f"\n{front}"
    assert body.startswith(f"\n# Our data\n\nWritten by hand.\n\n{BEGIN}\n")
    data = told(text)
    assert data["configs"][0] == {"config_name": "raw", "data_files": "raw/*.csv", "sep": ";"}
    assert data["dataset_info"][0]["splits"] == [{"name": "train", "num_examples": 7}]
    assert data["tags"] == ["shopping", "shopmix", "shopbench"]
    assert data["license"] == "other"  # theirs is another than ours


def test_text_around_ours_stays() -> None:
    """Also between two versions."""
    first = card().replace(f"\n{BEGIN}", f"\nAbove.\n\n{BEGIN}") + "\nBelow.\n"
    second = card(first, version="1.1.0")
    assert "\nAbove.\n\n<!--" in second
    assert second.endswith(f"{END}\n\nBelow.\n")
    assert 'revision="v1.1.0"' in second
    assert 'revision="v1.0.0"' not in second


def test_line_ends_stay() -> None:
    text = card(OWN.replace("\n", "\r\n"))
    assert "\n" not in text.replace("\r\n", "")


def test_another_mixture_joins() -> None:
    """A publish of one mixture keeps config and section of another, in any order."""
    both = card(card(v9b=manifest("v9b", (RANKING,))), version="1.1.0", v8=manifest())
    data = told(both)
    assert [one["config_name"] for one in data["configs"]] == ["v9b", "v8"]
    assert [one["config_name"] for one in data["dataset_info"]] == ["v9b", "v8"]
    assert both.index("\n## v8\n") < both.index("\n## v9b\n")
    assert 'load_dataset("you/shopmix", "v9b", revision="v1.0.0")' in both
    assert card(both, version="1.1.0", v8=manifest()) == both


def test_a_config_that_was_taken_out_is_gone() -> None:
    both = card(v8=manifest(), v9b=manifest("v9b", (RANKING,)))
    front, text = split(both)
    less = yaml.safe_load(front)
    less["configs"] = less["configs"][:1]
    again = card(f"---\n{yaml.safe_dump(less)}---\n{text}")
    assert "\n## v9b\n" not in again


def test_languages_of_ours_alone_go_with_their_rows() -> None:
    again = card(card(), v8=manifest(parts=[KNOWLEDGE]))
    assert told(again)["language"] == ["en"]


@pytest.mark.parametrize(
    ("existing", "message"),
    [
        ("---\nlicense: [mit\n---\n", "cannot be read"),
        ("---\njust words\n---\n", "has no keys"),
        ("---\n{license: mit}\n---\n", "a line for each key"),
        ("---\nconfigs: v8\n---\n", "configs .* is no list"),
        (f"{BEGIN}\nno end\n", "once each"),
        (f"{END}\n{BEGIN}\n", "once each"),
    ],
)
def test_a_card_that_cannot_be_kept(existing: str, message: str) -> None:
    with pytest.raises(ShopmixError, match=message):
        card(existing)


@pytest.fixture
def published(tmp_path: Path) -> Path:
    """Two mixtures and their card, as they lie in a repo."""
    mixtures = {
        "v8": written(tmp_path, manifest()),
        "v9b": written(tmp_path, manifest("v9b", (RANKING,))),
    }
    (tmp_path / "README.md").write_text(dataset_card(None, mixtures, REPO, "1.0.0"), "utf-8")
    return tmp_path


@pytest.mark.parametrize("streaming", [False, True])
def test_datasets_loads_it(published: Path, streaming: bool) -> None:
    cache = str(published / "cache")
    for name, mixture in (("v8", manifest()), ("v9b", manifest("v9b", (RANKING,)))):
        data = datasets.load_dataset(
            str(published), name, cache_dir=cache, streaming=streaming, token=False
        )
        assert set(data) == {"train", "validation"}
        for one in data:
            ids = [row["id"] for row in data[one]]
            assert ids == [f"{name} {one} {i}" for i in range(mixture.rows(one))]


def test_datasets_takes_all_of_the_front_matter(
    published: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger("datasets"), "propagate", True)
    builder = datasets.load_dataset_builder(
        str(published), "v8", cache_dir=str(published / "cache")
    )
    assert not caplog.records
    assert {name: one.num_examples for name, one in builder.info.splits.items()} == {
        "train": 6,
        "validation": 1,
    }


def test_a_shard_too_many_is_refused(published: Path) -> None:
    """The card says how many rows there are: what a version forgot to delete is noticed."""
    [shard] = (published / "v8").glob("train-*")
    shard.with_name("train-00000-of-00001-stale.parquet").write_bytes(shard.read_bytes())
    with pytest.raises(datasets.exceptions.NonMatchingSplitsSizesError):
        datasets.load_dataset(str(published), "v8", cache_dir=str(published / "cache"))


def test_no_validation_no_split(tmp_path: Path) -> None:
    """A pattern without a file would be an error."""
    mixtures = {"v8": written(tmp_path, manifest(parts=[KNOWLEDGE]))}
    (tmp_path / "README.md").write_text(dataset_card(None, mixtures, REPO, "1.0.0"), "utf-8")
    data = datasets.load_dataset(str(tmp_path), "v8", cache_dir=str(tmp_path / "cache"))
    assert list(data) == ["train"]
