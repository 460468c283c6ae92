"""ESCI's sets: what its samples hold, on the demo rows."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from builders.builder import Set
from builders.esci import BUILDER
from builders.esci.judgements import WEIGHTS
from builders.source import open_source
from tests.builders.test_samples import samples_in

SETS = {made.name: made for made in BUILDER.sets}
EVERY_SET = pytest.mark.parametrize("made", SETS.values(), ids=SETS)


@EVERY_SET
def test_the_demo_rows_feed_every_set_in_three_languages(made: Set, demo: Path) -> None:
    assert {"en", "es", "ja"} == {sample["language"] for sample in samples_in(demo, made)}


@EVERY_SET
def test_there_are_four_choices_and_five_ranks_of_esci_s_weights(made: Set, demo: Path) -> None:
    for sample in samples_in(demo, made):
        if made.task_type == "multiple-choice":
            assert len(sample["fields"]["options"]) == 4
        elif made.task_type == "ranking":
            assert set(sample["truth"]) <= set(WEIGHTS.values())


@EVERY_SET
def test_judged_options_are_judged_so(made: Set, demo: Path) -> None:
    """Every reason that names a judgement stands in the source, for this query and product."""
    examples = open_source(BUILDER.source, "demo").tables["examples"].collect()
    labels = {f"examples:{row['example_id']}": row["esci_label"] for row in examples.to_dicts()}
    for sample in samples_in(demo, made):
        own = [labels[ref] for ref in sample["source_rows"] if ref.startswith("examples:")]
        judged = Counter(
            r[-1]
            for r in sample["fields"]["reasons"]
            if r and r.startswith("judged_") and len(r) == 8
        )
        assert not judged - Counter(own)


def test_the_four_relations_are_balanced_as_far_as_the_data_allow(demo: Path) -> None:
    manifest = json.loads((demo / "esci.relation_of_query_and_product.json").read_text())
    counts = manifest["right_options"]
    assert set(counts) == {"exact", "substitute", "complement", "irrelevant"}
    assert sum(counts.values()) == manifest["made"]


def test_details_are_those_of_the_product_that_is_shown(demo: Path) -> None:
    samples = samples_in(demo, SETS["esci.product_for_query"])
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
        for sample in samples_in(demo, SETS["esci.brand_of_title"])
    ]
    assert 0.05 < 1 - sum(seen) / len(seen) < 0.5


def test_keyword_sets_mix_true_and_false_words(demo: Path) -> None:
    for sample in samples_in(demo, SETS["esci.keywords_for_product"]):
        sets = [set(option.split(", ")) for option in sample["fields"]["options"]]
        right = sets.pop(sample["truth"])
        assert len(right) == 4
        assert any(right & wrong for wrong in sets)
        assert all(wrong - right for wrong in sets)
