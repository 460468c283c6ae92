"""ECInstruct: each quirk of its rows, and each rule of its sets."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from builders.draw import Draw
from builders.ecinstruct import BUILDER
from builders.ecinstruct.relevance import borne_out
from builders.source import open_source
from tests.conftest import build, real_rows
from tests.ecinstruct import Row, made, manifest, right, row, samples

YES_NO = "Product_Substitute_Identification"


def substitute(query: str, product: str, output: str, **more: str) -> Row:
    return row(YES_NO, {"query": query, "product": product}, output, **more)


def test_an_input_of_several_settings_is_asked_once_under_its_most_protected_split(
    tmp_path: Path,
) -> None:
    again = {"setting": "IND_Unseen_Instruction", "instruction": "Answer."}
    rows = [
        substitute("red mug", "Mug, Blue", "yes"),
        substitute("red mug", "Mug, Blue", "yes", split="test", **again),
        substitute("red mug", "Mug, Blue", "yes", split="val", **again),
    ]
    (sample,) = made(tmp_path, rows, "substitute_for_query")
    assert sample["split"] == "test"
    rejects = manifest(tmp_path / "out", "substitute_for_query")["source_rejects"]
    assert rejects == {"input given again, in another setting": 2}
    (published,) = BUILDER.lookup(
        open_source(BUILDER.source, str(tmp_path)), sample["source_rows"]
    ).values()
    assert published == rows[1]


def test_train_is_drawn_before_val_and_test_and_a_small_draw_begins_a_large_one(
    tmp_path: Path,
) -> None:
    rows = [
        substitute(f"red mug {i}", f"Mug {i}, Blue", "yes", split=("train", "val", "test")[i % 3])
        for i in range(90)
    ]
    whole = made(tmp_path / "a", rows, "substitute_for_query")
    assert [one["split"] for one in whole] == ["train"] * 30 + ["val"] * 30 + ["test"] * 30
    small = made(tmp_path / "b", rows, "substitute_for_query", size=40)
    assert [one["id"] for one in small] == [one["id"] for one in whole[:40]]


def test_what_cannot_be_used_is_counted_by_reason(tmp_path: Path) -> None:
    rows = [
        substitute("red mug", "Mug, Blue", "yes"),
        substitute("red cup", "Cup, Blue", "yes"),
        substitute("red cup", "Cup, Blue", "no"),  # contradicts the one before
        substitute("red jug", "Jug, Blue", "perhaps"),
        substitute("red pan", "Pan, Red", "yes"),  # has all of the query's words
        substitute("red can", "Can, Blue", "yes", split="other"),
        row(YES_NO, '{"query": "red', "yes"),
        row(YES_NO, '["red"]', "yes"),
        {**substitute("", "", "yes"), "input": None},
        row("Answer_Generation", {"question": "How?", "document": ["So."]}, "So."),
    ]
    assert len(made(tmp_path, rows, "substitute_for_query")) == 1
    told = manifest(tmp_path / "out", "substitute_for_query")
    assert told["source_rejects"] == {
        "input or output is empty": 1,
        "same input, contradicting outputs": 2,
        "split is unknown": 1,
        "task that no set asks": 1,
    }
    assert told["rejects"] == {
        "input cannot be read": 2,
        "the words do not bear the label out": 2,
    }


def test_the_demo_has_the_odd_rows(demo: Path) -> None:
    rejects = manifest(demo, "relation_of_products")
    assert rejects["rejects"]["too few options"] == 1  # an output that is no option
    assert rejects["source_rejects"]["task that no set asks"] == 2
    assert rejects["source_rejects"]["input or output is empty"] == 1
    assert rejects["source_rejects"]["same input, contradicting outputs"] == 2
    assert manifest(demo, "relevance_of_product")["rejects"]["input cannot be read"] == 1
    for told in (samples(demo, "answerable"), samples(demo, "sentiment_of_review")):
        prompts = " ".join(one["messages"][1]["content"] for one in told)
        assert "padlock on the front" in prompts or "bright enough" in prompts
        assert not any(mark in prompts for mark in ("&amp;", "&#39;", "&quot;", "\x07", "\x0b"))


def finding(attribute: str, value: str, source: str = "product title") -> dict[str, str]:
    return {"attribute": attribute, "value": value, "source": source}


def product(title: str, *findings: dict[str, str], **more: str) -> Row:
    told = {"product title": title, "target attributes": "Any"}
    told |= {f"product {name}": text for name, text in more.items()}
    return row("Attribute_Value_Extraction", told, json.dumps(findings))


def test_values_stand_in_the_text_as_they_are_answered(tmp_path: Path) -> None:
    rows = [
        product(
            "Oak &amp; Ash Bench, Navy and Cream",
            finding("wood", "oak &amp; ash"),
            finding("color", "cream"),
            finding("color", "navy"),
            finding("color", "navy"),
            finding("size", "None", "None"),
            feature="Folds flat, ASIN: B000000000, Date first listed on Amazon: May 1, 2000",
            price="$5.00",
        )
    ]
    found = {one["fields"]["attribute"]: one for one in made(tmp_path, rows, "attribute_value")}
    assert {name: one["truth"] for name, one in found.items()} == {
        "wood": ["Oak & Ash"],
        "color": ["Navy", "Cream"],  # once each, in the order of the text
    }
    assert found["color"]["messages"][2]["content"] == "Navy, Cream"
    shown = "title: Oak & Ash Bench, Navy and Cream\nprice: $5.00\nfeature: Folds flat"
    assert found["wood"]["fields"]["product"] == shown  # what is missing has no line
    told = manifest(tmp_path / "out", "attribute_value")
    assert told["rejects"] == {"attribute without a value": 1}


def test_fields_that_tell_a_value_in_different_words_leave_the_title(tmp_path: Path) -> None:
    boots = finding("closure", "laces", "product description")
    rows = [product("Boot with Lace", finding("closure", "lace"), boots, description="Two laces.")]
    (sample,) = made(tmp_path, rows, "attribute_value")
    assert sample["truth"] == ["Lace"]
    assert sample["fields"]["product"] == "title: Boot with Lace"


@pytest.mark.parametrize(
    ("findings", "reason"),
    [
        ([finding("color", "red, white")], "a value holds a comma"),
        ([finding("color", "green")], "a value does not stand in the text"),
        ([finding("color", "re")], "a value does not stand in the text"),
        ([finding("color", "red"), finding("color", "red, white")], "a value holds a comma"),
        ([finding("use", "red cape"), finding("use", "cape")], "a value is a part of another"),
        ([finding("Type", "dress")], "an attribute that several phrases fit"),
        (
            [
                finding("use", "stage", "product description"),
                finding("use", "stages", "product feature"),
            ],
            "fields tell the value in different words",
        ),
    ],
)
def test_values_that_cannot_be_answered_are_rejected(
    findings: list[dict[str, str]], reason: str, tmp_path: Path
) -> None:
    rows = [product("Red, White Red Cape", *findings, description="A dress for the stage.")]
    assert not made(tmp_path, rows, "attribute_value")
    (told,) = manifest(tmp_path / "out", "attribute_value")["rejects"]
    assert told.startswith(reason)


def test_output_that_is_no_list_of_findings_is_rejected(tmp_path: Path) -> None:
    rows = [
        row("Attribute_Value_Extraction", {"product title": f"Cape {i}"}, output)
        for i, output in enumerate(['["red"]', '[{"attribute": ["a"]}, 3]', "red", '{"a": 1}'])
    ]
    assert not made(tmp_path, rows, "attribute_value")
    assert manifest(tmp_path / "out", "attribute_value")["rejects"] == {"output cannot be read": 4}


def test_products_are_compared_in_both_orders_without_what_is_missing(tmp_path: Path) -> None:
    told = (
        '{"product 1": {"title": "tax 7", "description": NaN, "manufacturer": "nan", '
        '"price": "$19.99"}, "product 2": {"title": "tax 7 (win)", "description": "all forms", '
        '"manufacturer": "ledger", "price": "0.0"}}'
    )
    rows = [row("Product_Matching", told, "yes")]
    pairs = made(tmp_path, rows, "same_product")
    first = "title: tax 7\nprice: $19.99"
    second = "title: tax 7 (win)\nmanufacturer: ledger\ndescription: all forms"
    shown = {(one["fields"]["first"], one["fields"]["second"]) for one in pairs}
    assert shown == {(first, second), (second, first)}
    assert {right(one) for one in pairs} == {"Both are the same product."}
    assert len({one["source_rows"][0] for one in pairs}) == 1


def test_answers_are_options_without_letters_shuffled(demo: Path) -> None:
    for name, count in (("relevance_of_product", 4), ("relation_of_products", 2)):
        told = samples(demo, name)
        assert all(len(one["fields"]["options"]) == count for one in told)
        assert len({one["truth"] for one in told}) == count
        assert not any(o[1:2] == ":" for one in told for o in one["fields"]["options"])
    for name in ("answerable", "same_product", "substitute_for_query"):
        told = samples(demo, name)
        assert len({right(one) for one in told}) == 2
        assert {one["truth"] for one in told} == {0, 1}


PAIR = "Product_Relation_Prediction"
RELATIONS = [
    "A: Users who buy product 1 may also buy product 2.",
    "B: Users who view product 1 may also view product 2.",
    "C: The product 1 is similar with the product 2.",
]


@pytest.mark.parametrize(
    ("second", "output", "shown"),
    [
        ("Lined Rubber Boots", "A", "buy"),
        ("Red Rain Cape for Children", "A", None),
        ("Red Rain Cape for Children", "B", "view"),
        ("Red Rain Cape for Children", "C", "similar"),
        ("Lined Rubber Boots", "B", None),
    ],
)
def test_a_relation_counts_where_the_titles_bear_it_out(
    second: str, output: str, shown: str | None, tmp_path: Path
) -> None:
    told = {"Product 1:": "Blue Rain Cape for Women", "Product 2:": second}
    asked = made(tmp_path / "rows", [row(PAIR, told, output, RELATIONS)], "relation_of_products")
    assert len(asked) == (shown is not None)
    for one in asked:
        assert str(shown) in right(one)
        (wrong,) = set(one["fields"]["options"]) - {right(one)}
        # what is viewed is similar too: never the one beside the other
        assert ("buy" in wrong) != (shown == "buy")


def test_the_skew_of_relevance_is_reported(demo: Path) -> None:
    counts = manifest(demo, "relevance_of_product")["right_options"]
    assert max(counts, key=counts.__getitem__).startswith("The product is relevant")
    assert max(counts.values()) > sum(counts.values()) / 2


@pytest.mark.parametrize(
    ("query", "title", "borne"),
    [
        ("wool socks", "Warm Wool Socks, Gray", "E"),
        ("wool socks", "Warm Cotton Socks, Gray", "SC"),
        ("wool socks", "Pan Lid", "I"),
        ("long red wool socks", "Red Pen", "CI"),
        ("socks", "Wool Socks", ""),  # one word names a field, not a product
        ("tv 50 inch", "Wall Mount for TV 50 Inch", ""),  # an accessory
        ("phone x2 charger", "Charger for Phone X2", "E"),
        ("lamp without shade", "Lamp without Shade", ""),  # words cannot bear out an absence
    ],
)
def test_labels_that_the_words_bear_out(query: str, title: str, borne: str) -> None:
    found = borne_out(pl.DataFrame({"key": ["1"], "query": [query], "title": [title]})).row(
        0, named=True
    )
    assert "".join(label for label in "ESCI" if found[label]) == borne


def test_documents_are_shown_whole(tmp_path: Path) -> None:
    told = {"question": "Is it loud?", "document": ["It &quot;hums&quot;.", "A: yes, very.", "nan"]}
    rows = [
        row("Answerability_Prediction", told, "yes"),
        row("Answerability_Prediction", {"question": "Is it red?", "document": []}, "no"),
        row("Answerability_Prediction", {"question": "Big?", "document": ["x" * 4_000]}, "no"),
    ]
    (sample,) = made(tmp_path, rows, "answerable")
    assert sample["fields"]["documents"] == ['It "hums".', "A: yes, very."]
    rejects = manifest(tmp_path / "out", "answerable")["rejects"]
    assert rejects["input cannot be read"] == 1
    assert rejects["prompt longer than 4000 characters"] == 1


def test_tiers_come_one_after_the_other() -> None:
    rows = pl.DataFrame({"key": [str(i) for i in range(60)], "tier": [i % 2 for i in range(60)]})
    drawn = Draw(0, "a", 20, 20).first(rows, "key", tiers="tier")
    assert drawn["tier"].to_list() == [0] * 10 + [1] * 10
    assert Draw(0, "a", 0, 40).first(rows, "key", tiers="tier")["key"][20:].equals(drawn["key"])


def test_real_rows_feed_five_of_the_ten_sets(tmp_path: Path) -> None:
    build(tmp_path, BUILDER, source=str(real_rows("ecinstruct")))
    counts = {one.name: manifest(tmp_path, one.name[11:])["made"] for one in BUILDER.sets}
    fed = {name.removeprefix("ecinstruct."): count for name, count in counts.items() if count}
    assert fed.keys() == {
        "attribute_value",
        "relevance_of_product",
        "relation_of_products",
        "same_product",
        "substitute_for_query",
    }
    assert min(fed.values()) > 30
