"""Every set of every builder: what its samples hold, on the demo rows and on real ones."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import datasets
import polars as pl
import pytest
from scipy.stats import chisquare

from builders.builder import Set
from builders.esci import BUILDER
from builders.esci.judgements import WEIGHTS
from builders.render import jinja
from builders.sample import SCHEMA, ideal_answer, prove, system_prompt
from builders.source import open_source
from tests.conftest import samples_of

SETS = {made.name: made for made in BUILDER.sets}
EVERY_SET = pytest.mark.parametrize("made", SETS.values(), ids=SETS)


def _samples(folder: Path, made: Set) -> list[dict[str, Any]]:
    rows = pl.read_parquet(folder / f"{made.name}.parquet").to_dicts()
    for row in rows:
        row |= {"fields": json.loads(row["fields"]), "truth": json.loads(row["truth"])}
    return rows


def _proven(made: Set, sample: dict[str, Any]) -> None:
    said = {message["role"]: message["content"] for message in sample["messages"]}
    assert list(said) == ["system", "user", "assistant"]
    assert said["system"] == system_prompt(made.task_type)
    truth, fields = sample["truth"], sample["fields"]
    prove(made.task_type, made.metric, said["user"], said["assistant"], truth, fields)


@EVERY_SET
def test_the_demo_rows_feed_every_set(made: Set, demo: Path) -> None:
    samples = _samples(demo, made)
    assert len(samples) >= 15
    assert {"en", "es", "ja"} == {sample["language"] for sample in samples}


@EVERY_SET
def test_a_sample_proves_itself(made: Set, demo: Path) -> None:
    for sample in _samples(demo, made):
        _proven(made, sample)


@EVERY_SET
def test_a_sample_names_its_origin(made: Set, demo: Path) -> None:
    samples = _samples(demo, made)
    wordings = {wording.name: wording for wording in made.wordings()}
    assert len({sample["id"] for sample in samples}) == len(samples)
    assert {sample["template"] for sample in samples} == set(wordings)
    revision = samples[0]["source_revision"]
    assert revision.startswith("rows-")
    refs = [ref for sample in samples for ref in sample["source_rows"]]
    found = BUILDER.lookup(open_source(BUILDER.source, "demo"), list(set(refs)))
    assert set(refs) == set(found)
    for sample in samples:
        assert sample["keys"] == sorted(set(sample["keys"]))
        products = {
            f"product:{ref.split(':')[2]}"
            for ref in sample["source_rows"]
            if ref.startswith("products:")
        }
        assert products <= set(sample["keys"])
        assert sample["license"] == "Apache-2.0"
        assert sample["split"] in ("train", "test")
        # the wording and the fields make the prompt again
        rendered = jinja().from_string(wordings[sample["template"]].text).render(sample["fields"])
        assert rendered == sample["messages"][1]["content"]


@EVERY_SET
def test_every_wrong_option_has_a_reason(made: Set, demo: Path) -> None:
    for sample in _samples(demo, made):
        options, reasons = sample["fields"]["options"], sample["fields"]["reasons"]
        assert len(options) == len(reasons)
        assert all(reason is None or reason in BUILDER.reasons for reason in reasons)
        if made.task_type == "multiple-choice":
            assert len(options) == 4
            assert [i for i, reason in enumerate(reasons) if reason is None] == [sample["truth"]]
        elif made.task_type == "retrieval":
            assert 9 <= len(options) <= 15
            assert 1 <= len(sample["truth"]) <= 3
            right = [i + 1 for i, reason in enumerate(reasons) if reason is None]
            assert right == sample["truth"]
            assert len(sample["messages"][2]["content"].split(",")) == 3
        else:
            assert len(options) == 5
            assert len(set(sample["truth"])) >= 2
            assert set(sample["truth"]) <= set(WEIGHTS.values())
            assert sample["messages"][2]["content"] == ideal_answer("ranking", sample["truth"])


@EVERY_SET
def test_judged_options_are_judged_so(made: Set, demo: Path) -> None:
    """Every reason that names a judgement stands in the source, for this query and product."""
    examples = open_source(BUILDER.source, "demo").tables["examples"].collect()
    labels = {f"examples:{row['example_id']}": row["esci_label"] for row in examples.to_dicts()}
    for sample in _samples(demo, made):
        own = [labels[ref] for ref in sample["source_rows"] if ref.startswith("examples:")]
        judged = Counter(
            r[-1]
            for r in sample["fields"]["reasons"]
            if r and r.startswith("judged_") and len(r) == 8
        )
        assert not judged - Counter(own)


@EVERY_SET
def test_the_schema_is_the_design_s_for_polars_and_datasets(
    made: Set, demo: Path, tmp_path: Path
) -> None:
    path = demo / f"{made.name}.parquet"
    assert dict(pl.read_parquet_schema(path)) == SCHEMA
    loaded = datasets.load_dataset(
        "parquet", data_files=str(path), split="train", cache_dir=str(tmp_path)
    )
    assert loaded.column_names == list(SCHEMA)
    assert [message["role"] for message in loaded[0]["messages"]] == ["system", "user", "assistant"]


def test_right_answers_are_uniform_over_positions(demo: Path) -> None:
    """Chi-square over all multiple-choice and retrieval sets; the ranking sets by their best."""
    places: Counter[int] = Counter()
    for name, frame in samples_of(demo):
        if SETS[name].task_type == "multiple-choice":
            places.update(int(truth) for truth in frame["truth"])
    assert chisquare([places[i] for i in range(4)]).pvalue > 0.001
    halves: Counter[bool] = Counter()
    for name, frame in samples_of(demo):
        if SETS[name].task_type == "retrieval":
            for fields, truth in frame.select("fields", "truth").iter_rows():
                count = len(json.loads(fields)["options"])
                halves.update(n <= count // 2 for n in json.loads(truth) if n <= count // 2 * 2)
    assert chisquare([halves[True], halves[False]]).pvalue > 0.001


def test_the_four_relations_are_balanced_as_far_as_the_data_allow(demo: Path) -> None:
    manifest = json.loads((demo / "esci.relation_of_query_and_product.json").read_text())
    counts = manifest["right_options"]
    assert set(counts) == {"exact", "substitute", "complement", "irrelevant"}
    assert sum(counts.values()) == manifest["made"]


def test_details_are_those_of_the_product_that_is_shown(demo: Path) -> None:
    samples = _samples(demo, SETS["esci.product_for_query"])
    products = open_source(BUILDER.source, "demo").tables["products"].collect().to_dicts()
    brands = {
        f"products:{p['product_locale']}:{p['product_id']}": p["product_brand"] for p in products
    }
    told = 0
    for sample in samples:
        own = {brands[ref] for ref in sample["source_rows"] if ref in brands}
        for option in sample["fields"]["options"]:
            if " | brand: " in option:
                told += 1
                assert option.split(" | brand: ")[1].split(" | ")[0] in own
    assert told > 20


def test_brands_are_seen_and_unseen(demo: Path) -> None:
    seen = [
        sample["fields"]["options"][sample["truth"]].lower() in sample["fields"]["title"].lower()
        for sample in _samples(demo, SETS["esci.brand_of_title"])
    ]
    assert 0.05 < 1 - sum(seen) / len(seen) < 0.5


def test_keyword_sets_mix_true_and_false_words(demo: Path) -> None:
    for sample in _samples(demo, SETS["esci.keywords_for_product"]):
        sets = [set(option.split(", ")) for option in sample["fields"]["options"]]
        right = sets.pop(sample["truth"])
        assert len(right) == 4
        assert any(right & wrong for wrong in sets)
        assert all(wrong - right for wrong in sets)


# In the real rows that we have, hardly a product is judged for five queries.
THIN = {"esci.rank_queries_for_product"}


@EVERY_SET
def test_real_rows_feed_every_set(made: Set, real: Path) -> None:
    manifest = json.loads((real / f"{made.name}.json").read_text())
    assert manifest["made"] >= (0 if made.name in THIN else 30)
    assert manifest["made"] == manifest["asked"] or manifest["rejects"]
    for sample in _samples(real, made):
        _proven(made, sample)
