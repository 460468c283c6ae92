"""Amazon-M2's sets that an LLM has labelled: each rule, on answers that are filed here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
import pytest

from builders.amazon_m2 import BUILDER
from builders.amazon_m2.attributes import ATTRIBUTES, CHOICES
from builders.amazon_m2.measures import fits
from builders.amazon_m2.types import EXPLAINED, ExplainedType, singular
from builders.llm.ledger import Ledger
from builders.llm.product_type import PRODUCT_TYPE
from builders.source import open_source
from tests import conftest
from tests.conftest import samples_of
from tests.llm_answers import answered

ATTRIBUTE, EXPLAIN = (
    f"amazon_m2.{name}" for name in ("category_with_attribute", "explain_product_type")
)
MODEL = "wise"


class Product(NamedTuple):
    """A product, and what the model makes of it."""

    title: str
    kind: str
    category: str
    attributes: tuple[tuple[str, str], ...]
    means: str
    brand: str | None = "Acme"
    desc: str | None = None


HOME, SOUND, PETS, TOOLS = (
    "Home & Kitchen",
    "Musical Instruments",
    "Pet Supplies",
    "Tools & Home Improvement",
)
SHOP = (
    Product("Acme Kettle 1.7 L for tea", "Kettle", HOME, (("capacity", "1.7 L"),),
            "A kettle is a vessel in which water is boiled."),
    Product("Acme Toaster with 4 Slots", "toaster", HOME, (("slots", "4 Slots"),),
            "A toaster is a kitchen device that browns slices of bread."),
    Product("Acme Frying Pan, fits gas", "Frying Pan", HOME, (("hob type", "gas"),),
            "A frying pan is a flat pan in which food is fried."),
    Product("Acme Violin Bow of horsehair", "Violin Bow", SOUND, (("bow hair", "horsehair"),),
            "A violin bow is a stick with hair that makes strings sound."),
    Product("Acme Cymbal, bright tone", "cymbal", SOUND, (("tone", "bright"),),
            "A cymbal is a round plate of metal that drummers strike."),
    Product("Acme Flute in key of C", "flute", SOUND, (("tuning", "key of C"),),
            "A flute is a pipe that sounds when a player blows into it."),
    Product("Acme Dog Lead with carabiner", "Dog Lead", PETS, (("hook", "carabiner"),),
            "A dog lead is a strap by which people hold an animal."),
    Product("Acme Litter that clumps", "litter", PETS, (("clumping", "clumps"),),
            "Litter is a loose material that animals use indoors."),
    Product("Acme Bird Cage 12 mm bars", "bird cage", PETS, (("bar spacing", "12 mm"),),
            "A bird cage is a box of wire in which animals live."),
    Product("Acme Drill 18 V brushless", "drill", TOOLS, (("voltage", "18 V"),),
            "A drill is a machine that makes holes into walls."),
    Product("Acme Spirit Level, 3 vials", "Spirit Level", TOOLS, (("vials", "3 vials"),),
            "A spirit level is a tool that shows whether a surface is even."),
    Product("Acme Chisel 30° edge", "chisel", TOOLS, (("edge angle", "30°"),),
            "A chisel is a blade with a handle that carves wood."),
)  # fmt: skip


class Shop(NamedTuple):
    """Products as published, and a ledger that has the answers about them."""

    rows: Path
    ledger: Path
    calls: dict[str, set[str]]


def shop(folder: Path, products: tuple[Product, ...] = SHOP, locale: str = "UK") -> Shop:
    """Publish products; id and calls are known by their titles."""
    rows = folder / "rows"
    rows.mkdir(parents=True)
    published = [
        {"id": f"B0SHOP{i:04}", "locale": locale, "title": one.title, "brand": one.brand,
         "desc": one.desc}
        for i, one in enumerate(products)
    ]  # fmt: skip
    schema = dict.fromkeys(("id", "locale", "title", "brand", "desc"), pl.String())
    pl.DataFrame(published, schema=schema).write_csv(rows / "products_train.csv")
    session = {"prev_items": "['B0SHOP0000']", "next_item": "B0SHOP0001", "locale": locale}
    pl.DataFrame([session]).write_csv(rows / "sessions_train.csv")
    ledger, calls = Ledger(folder / "ledger.sqlite"), {}
    for one in products:
        shown = {"title": one.title, "brand": one.brand, "description": one.desc}
        typed = {"product_type": one.kind, "category": one.category}
        told = {"attributes": [{"name": name, "value": value} for name, value in one.attributes]}
        explained = {"product_type": one.kind, "explanation": one.means}
        calls[one.title] = {
            *answered(ledger, PRODUCT_TYPE, MODEL, [(shown, typed)]),
            *answered(ledger, ATTRIBUTES, MODEL, [(shown, told)]),
        }
        answered(ledger, EXPLAINED, MODEL, [(shown, explained)])
    ledger.close()
    return Shop(rows, folder / "ledger.sqlite", calls)


def build(of: Shop, out: Path, name: str, **settings: object) -> pl.DataFrame:
    given = {"source": str(of.rows), "llm": f"ledger:{MODEL}", "ledger": of.ledger, "sets": (name,)}
    return dict(samples_of(conftest.build(out, BUILDER, **{**given, **settings})))[name]


def rejects(out: Path, name: str) -> dict[str, int]:
    told: dict[str, int] = json.loads((out / f"{name}.json").read_text("utf-8"))["rejects"]
    return told


def titles(of: Shop, refs: list[str]) -> list[str]:
    found = BUILDER.lookup(open_source(BUILDER.source, str(of.rows)), refs)
    return [found[ref]["title"] for ref in refs]


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    return shop(tmp_path_factory.mktemp("shop"))


# --- 1: the type of product that may have an attribute

KNOWN = {one.kind.lower(): one for one in SHOP}


def asked(samples: pl.DataFrame) -> list[tuple[dict[str, Any], dict[str, Any], int]]:
    return [
        (row, json.loads(row["fields"]), json.loads(row["truth"])) for row in samples.to_dicts()
    ]


def test_the_right_type_is_of_the_product_whose_text_tells_the_attribute(
    shelf: Shop, tmp_path: Path
) -> None:
    samples = asked(build(shelf, tmp_path, ATTRIBUTE))
    assert len(samples) > 5
    for sample, fields, truth in samples:
        one = KNOWN[fields["options"][truth]]
        assert titles(shelf, sample["source_rows"])[0] == one.title
        assert (fields["attribute"], fields["value"]) in one.attributes
        assert fields["value"] in one.title


def test_wrong_types_are_of_departments_without_such_an_attribute(
    shelf: Shop, tmp_path: Path
) -> None:
    for _, fields, truth in asked(build(shelf, tmp_path, ATTRIBUTE)):
        right = KNOWN[fields["options"][truth]]
        wrong = [KNOWN[text] for i, text in enumerate(fields["options"]) if i != truth]
        assert len(wrong) == CHOICES - 1
        assert right.category not in {one.category for one in wrong}
        assert fields["reasons"].count("no_such_attribute") == len(wrong)


def test_all_calls_that_had_a_part_are_named(shelf: Shop, tmp_path: Path) -> None:
    for sample, fields, _ in asked(build(shelf, tmp_path, ATTRIBUTE)):
        shown = [KNOWN[text].title for text in fields["options"]]
        assert set(sample["llm_calls"]) == set().union(*(shelf.calls[title] for title in shown))
        assert len(sample["llm_calls"]) == 2 * CHOICES
        assert sample["generator"] == f"test:{MODEL}"
        assert sorted(titles(shelf, sample["source_rows"])) == sorted(shown)


@pytest.mark.parametrize(
    ("attributes", "reason"),
    [
        ((("light output", "400 lumens"),), "no value of an attribute stands in the text"),
        ((("colour", "red"),), "attribute fits anything"),
        ((("item weight", "red"),), "attribute fits anything"),
        ((("lamp style", "red"),), "attribute names the type"),
        ((("shade", "lamp"),), "attribute names the type"),
        ((("cable", "red cable"),), "attribute's name is its value"),
        ((("2 m", "red"),), "attribute has no plain name"),
        ((("a name of many words", "red"),), "attribute has no plain name"),
        ((("shade", "red"), ("socket", "B22")), None),
        ((("colour", "red"), ("shade", "red")), None),
    ],
)
def test_which_attributes_are_asked_for(
    attributes: tuple[tuple[str, str], ...], reason: str | None, tmp_path: Path
) -> None:
    lamp = Product("Acme Lamp, red cable", "lamp", "Electronics", attributes, "A lamp is a light.")
    of = shop(tmp_path, (*SHOP, lamp))
    samples = asked(build(of, tmp_path / "out", ATTRIBUTE))
    mine = [fields for _, fields, truth in samples if fields["options"][truth] == "lamp"]
    if reason is None:
        assert [one["attribute"] for one in mine] == ["shade"]
    else:
        assert not mine
        assert rejects(tmp_path / "out", ATTRIBUTE)[reason] >= 1


@pytest.mark.parametrize(
    ("name", "value", "apt"),
    [
        ("battery life", "150 minutes", True),
        ("wear time", "eight hours", True),
        ("noise cancelling", "50 hours", False),
        ("heel height", "6 cm", True),
        ("heel height", "non-slip", False),
        ("cover", "62 to 127 cm", False),
        ("capacity", "1.7 L", True),
        ("slice capacity", "4 slices", True),
        ("heating power", "2200 W", True),
        ("heating power", "1.7 L", False),
        ("suction power", "25 kPa", True),
        ("power source", "battery", True),
        ("closure type", "side zip", True),
        ("refresh rate", "144 Hz", True),
    ],
)
def test_a_name_fits_the_unit_of_its_value(name: str, value: str, apt: bool) -> None:
    assert fits(name, value) is apt


def test_an_attribute_that_does_not_fit_its_value_is_not_asked_for(tmp_path: Path) -> None:
    kettle = SHOP[0]._replace(attributes=(("heating power", "1.7 L"),))
    of = shop(tmp_path, (kettle, *SHOP[1:]))
    samples = asked(build(of, tmp_path / "out", ATTRIBUTE))
    assert not any(fields["attribute"] == "heating power" for _, fields, _ in samples)
    assert rejects(tmp_path / "out", ATTRIBUTE)["attribute does not fit its value"] == 1


def test_an_attribute_of_many_departments_is_not_asked_for(tmp_path: Path) -> None:
    everywhere = [(name, "plastic") for name in ("shell", "shell type", "outer shell", "shells")]
    shelled = tuple(
        one._replace(title=f"{one.title}, plastic", attributes=(everywhere[i // 3],))
        for i, one in enumerate(SHOP)
    )
    of = shop(tmp_path, shelled)
    assert build(of, tmp_path / "out", ATTRIBUTE).is_empty()
    assert rejects(tmp_path / "out", ATTRIBUTE) == {"attribute of many departments": len(SHOP)}


def test_no_wrong_type_is_of_a_department_that_has_a_like_attribute(tmp_path: Path) -> None:
    lead = SHOP[6]._replace(title="Acme Dog Lead 8 L", attributes=(("pocket capacity", "8 L"),))
    of = shop(tmp_path, (*SHOP[:6], lead, *SHOP[7:]))
    samples = asked(build(of, tmp_path / "out", ATTRIBUTE))
    (kettle,) = (fields for _, fields, _ in samples if fields["attribute"] == "capacity")
    assert {KNOWN[text].category for text in kettle["options"]} <= {HOME, SOUND, TOOLS}


@pytest.mark.parametrize(
    ("kind", "category", "reason"),
    [
        ("gift card", "Other", "product is of no department"),
        ("card 20", HOME, "product type has a number or the brand"),
        ("acme gift card", HOME, "product type has a number or the brand"),
    ],
)
def test_products_without_a_type_or_department_are_in_no_question(
    kind: str, category: str, reason: str, tmp_path: Path
) -> None:
    odd = Product("Acme Gift Card 20", kind, category, (("shop", "gift"),), "A card is a present.")
    of = shop(tmp_path, (*SHOP, odd._replace(title="Acme Gift Card 20 for the home")))
    samples = asked(build(of, tmp_path / "out", ATTRIBUTE))
    assert samples
    assert not any(kind in fields["options"] for _, fields, _ in samples)
    assert rejects(tmp_path / "out", ATTRIBUTE)[reason] == 1


# --- 20: what a product type is


def test_the_truth_is_the_explanation(shelf: Shop, tmp_path: Path) -> None:
    samples = build(shelf, tmp_path, EXPLAIN)
    assert len(samples) == len(SHOP)
    for sample in samples.to_dicts():
        one = KNOWN[json.loads(sample["fields"])["product_type"]]
        assert json.loads(sample["truth"]) == one.means
        assert titles(shelf, sample["source_rows"]) == [one.title]
        assert sample["generator"] == f"test:{MODEL}"
        assert len(sample["llm_calls"]) == 1
        assert one.title not in sample["messages"][1]["content"]


@pytest.mark.parametrize(
    ("kind", "means", "flaw"),
    [
        ("kettle", "A kettle is a vessel in which water is boiled.", None),
        ("Kettle", "Kettles are vessels in which water is boiled.", None),
        ("teapot", "A teapot is a vessel in which tea is made.", "does not stand in the title"),
        ("Steel Kettle 2 Kilowatt Fast", "A kettle is a vessel to boil water.", "half a title"),
        ("Kettle 2", "A kettle 2 is a vessel in which water is boiled.", "number or the brand"),
        ("Acme", "Acme is a name that is printed on vessels.", "number or the brand"),
        ("kettle", "A kettle boils hot water.", "too short or too long"),
        ("kettle", f"A kettle is {'very ' * 40}hot.", "too short or too long"),
        ("kettle", "It is a vessel in which water is boiled.", "begin with the type"),
        ("kettle", "A kettle is a kettle in which water is boiled.", "in a circle"),
        ("kettle", "A kettle is the perfect vessel for all who boil water.", "advertising"),
        ("kettle", "A kettle is a vessel that boils 2 litres of water.", "has a number"),
        ("kettle", "A kettle is a vessel of Swift in which water boils.", "name of the title"),
        ("kettle", "A kettle is what acme makes so that people boil water.", "name of the title"),
        ("kettle", "A kettle boils a full pot of water in three minutes.", "taken from the text"),
    ],
)
def test_explanations_are_of_the_type_alone(kind: str, means: str, flaw: str | None) -> None:
    shown = {
        "title": "Acme Swift Steel Kettle 2 Kilowatt Fast",
        "brand": "Acme",
        "description": "It boils a full pot of water in three minutes.",
    }
    told = EXPLAINED.check(ExplainedType(product_type=kind, explanation=means), shown)
    assert told is None if flaw is None else flaw in str(told)


@pytest.mark.parametrize("means", ["A kettle boils water", "A kettle is hot. It boils water."])
def test_an_explanation_is_one_whole_sentence(means: str) -> None:
    text = json.dumps({"product_type": "kettle", "explanation": means})
    assert "explanation" in str(EXPLAINED.flaw(text))


def test_a_type_is_asked_about_once(tmp_path: Path) -> None:
    more = [
        Product(
            f"Acme {name} Kettles in red",
            "kettles",
            HOME,
            (),
            f"Kettles are {name} vessels of tin.",
        )
        for name in ("small plain", "large plain", "narrow tall")
    ]
    of = shop(tmp_path, (*SHOP, *more))
    samples = build(of, tmp_path / "out", EXPLAIN)
    kinds = [singular(json.loads(text)["product_type"]) for text in samples["fields"]]
    assert kinds.count("kettle") == 1
    assert len(kinds) == len(SHOP)
    assert rejects(tmp_path / "out", EXPLAIN) == {"type was asked about": len(more)}


# --- both


@pytest.mark.parametrize("name", [ATTRIBUTE, EXPLAIN])
def test_a_few_samples_are_the_first_of_many(name: str, shelf: Shop, tmp_path: Path) -> None:
    many = build(shelf, tmp_path / "many", name)
    for size in (1, 3, 5):
        few = build(shelf, tmp_path / str(size), name, size=size)
        assert few.equals(many.head(size))


@pytest.mark.parametrize("name", [ATTRIBUTE, EXPLAIN])
def test_answers_that_are_there_are_not_asked_for(
    name: str, shelf: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)  # whoever asks now has nobody to ask
    build(shelf, tmp_path / "one", name)
    build(shelf, tmp_path / "two", name, llm=f"openai:{MODEL}")
    for ending in ("parquet", "json"):
        first, second = ((tmp_path / one / f"{name}.{ending}") for one in ("one", "two"))
        assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize("name", [ATTRIBUTE, EXPLAIN])
def test_what_was_not_answered_is_counted(name: str, tmp_path: Path) -> None:
    of = shop(tmp_path / "known")
    more = shop(tmp_path / "all", (*SHOP, SHOP[0]._replace(title="Acme Kettle for soup")))
    samples = build(Shop(more.rows, of.ledger, of.calls), tmp_path / "out", name)
    assert not samples.is_empty()
    assert rejects(tmp_path / "out", name)["no answer in the ledger"] == 1


@pytest.mark.parametrize("name", [ATTRIBUTE, EXPLAIN])
def test_titles_that_are_not_english_are_not_asked_about(name: str, tmp_path: Path) -> None:
    foreign = Product("Der Wasserkocher mit dem Deckel für die Küche", "x", HOME, (), "A x is.")
    of = shop(tmp_path, (*SHOP, foreign))
    build(of, tmp_path / "out", name)
    assert rejects(tmp_path / "out", name)["title is not in English"] == 1
    german = shop(tmp_path / "german", locale="DE")
    assert build(german, tmp_path / "none", name).is_empty()
