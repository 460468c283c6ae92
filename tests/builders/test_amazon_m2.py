"""Amazon-M2: each quirk of its rows, and each rule of its sets."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from builders.amazon_m2 import BUILDER
from builders.amazon_m2.pairs import SITES
from builders.amazon_m2.tables import Tables, read
from builders.amazon_m2.texts import LOCALES, telling
from builders.draw import Draw
from builders.errors import ShopmixError
from builders.language import FUNCTION_WORDS
from builders.options import FEWEST, MAX_RIGHT, MOST
from builders.source import HERE, open_source
from tests import conftest
from tests.conftest import real_rows, samples_of

DEMO = HERE / "demo" / "amazon_m2"
TITLES, DESCRIPTIONS, CLICKS = (
    f"amazon_m2.{name}"
    for name in ("title_in_locale", "description_in_language", "previous_clicks")
)
MAKE = {made.name: made.make for made in BUILDER.sets}
PRODUCTS = pl.read_csv(DEMO / "products_train.csv", infer_schema=False)
SESSIONS = pl.read_csv(DEMO / "sessions_train.csv", infer_schema=False)


def build(source: Path, out: Path, **settings: object) -> dict[str, pl.DataFrame]:
    return dict(samples_of(conftest.build(out, BUILDER, source=str(source), **settings)))


def publish(folder: Path, products: pl.DataFrame, sessions: pl.DataFrame) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    products.write_csv(folder / "products_train.csv")
    sessions.write_csv(folder / "sessions_train.csv")
    return folder


def tables(folder: Path) -> Tables:
    return read(open_source(BUILDER.source, str(folder)), None)


def questions(name: str, t: Tables) -> pl.DataFrame:
    return MAKE[name](t, Draw(0, name, 0, 1_000))


def product(**columns: str | None) -> dict[str, str | None]:
    return {**dict.fromkeys(PRODUCTS.columns), **columns}


def pair(source: str, target: str) -> pl.DataFrame:
    """One product, in the United Kingdom and in Germany."""
    both = (("UK", source), ("DE", target))
    rows = [product(id="B0TEST0001", locale=locale, title=title) for locale, title in both]
    return pl.DataFrame(rows, schema=PRODUCTS.schema)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> dict[str, pl.DataFrame]:
    return build(Path("demo"), tmp_path_factory.mktemp("m2"))


def fields(samples: pl.DataFrame) -> list[dict[str, Any]]:
    return [json.loads(text) for text in samples["fields"]]


def origin(sample: dict[str, Any]) -> list[tuple[str, str]]:
    """Locale and id of the products a sample is made of."""
    rows = [row.split(":") for row in sample["source_rows"] if row.startswith("products:")]
    return [(locale, one) for _, locale, one in rows]


# --- the rows as published


def test_printed_arrays_and_lists_of_items_are_read_alike(tmp_path: Path) -> None:
    folder = publish(tmp_path / "csv", PRODUCTS, SESSIONS)
    lists = SESSIONS.with_columns(pl.col("prev_items").str.extract_all(r"\w+"))
    later = tmp_path / "parquet"
    later.mkdir()
    PRODUCTS.write_parquet(later / "products_train.parquet")
    lists.write_parquet(later / "sessions_train.parquet")
    assert tables(later).sessions["prev_items"].str.contains("'").any() is False
    assert usable(questions(CLICKS, tables(later)))
    clicks = [clicked(one) for one in (folder, later)]
    assert clicks[0] == clicks[1]


def usable(found: pl.DataFrame) -> list[dict[str, Any]]:
    return found.filter(pl.col("reject").is_null()).to_dicts()


def weighed(row: dict[str, Any]) -> set[str]:
    right = zip(row["options"], row["weights"], strict=True)
    return {option for option, weight in right if weight == 1}


def clicked(folder: Path) -> list[list[str]]:
    items = tables(folder).sessions.select(
        "locale", "next_item", pl.col("prev_items").str.extract_all(r"\w+").list.join(",")
    )
    return sorted(map(list, items.iter_rows()))


def test_a_glued_array_with_line_breaks_holds_its_ids() -> None:
    long = SESSIONS.filter(pl.col("prev_items").str.contains("\n"))
    assert len(long) > 5
    found = tables(DEMO).sessions.filter(pl.col("prev_items").str.contains("\n"))
    ids = found["prev_items"].str.extract_all(r"\w+").explode()
    assert set(ids.str.len_chars()) == {10}


def test_several_session_files_are_one_table(tmp_path: Path) -> None:
    folder = publish(tmp_path, PRODUCTS, SESSIONS.head(40))
    SESSIONS.slice(40).write_csv(folder / "sessions_train_rest.csv")
    assert tables(folder).sessions.equals(tables(DEMO).sessions)


def test_the_price_sentinel_is_nowhere(demo: dict[str, pl.DataFrame]) -> None:
    assert PRODUCTS["price"].str.contains("40000000.07").any()
    for samples in demo.values():
        texts = samples["messages"].explode().struct.field("content")
        assert not texts.str.contains("40000000").any()


def test_a_product_listed_twice_in_a_locale_is_one() -> None:
    t = tables(DEMO)
    assert t.rejects["product listed twice"] == 2
    assert t.products.select("id", "locale").is_duplicated().sum() == 0


def test_rows_without_title_or_locale_are_counted(tmp_path: Path) -> None:
    bad = [
        product(id="B0TEST0001", locale="UK", title=None),
        product(id="B0TEST0002", locale="UK", title="nan"),
        product(id="B0TEST0003", locale="CA", title="A kettle"),
    ]
    lost = pl.DataFrame({"prev_items": "['B0']", "next_item": None, "locale": "UK"})
    folder = publish(
        tmp_path,
        pl.concat([PRODUCTS, pl.DataFrame(bad, schema=PRODUCTS.schema)]),
        pl.concat([SESSIONS, SESSIONS.head(3), lost.cast(SESSIONS.schema)]),
    )
    rejects = tables(folder).rejects
    assert rejects["product without title or locale"] == 3
    assert rejects["session without purchase or locale"] == 1
    assert rejects["session listed twice"] == 3


def test_no_usable_product_is_an_error(tmp_path: Path) -> None:
    folder = publish(tmp_path, PRODUCTS.with_columns(pl.lit("CA").alias("locale")), SESSIONS)
    with pytest.raises(ShopmixError, match="no usable product"):
        tables(folder)


def test_entities_and_tags_are_gone(demo: dict[str, pl.DataFrame]) -> None:
    assert PRODUCTS["desc"].str.contains("<br>|&amp;|&nbsp;").sum() > 2
    for samples in demo.values():
        texts = samples["messages"].explode().struct.field("content")
        assert not texts.str.contains("<br|&amp;|&nbsp;|\u00a0").any()


def test_limit_counts_products_of_all_locales() -> None:
    found = read(open_source(BUILDER.source, "demo"), 7).products
    assert found["id"].n_unique() == 7
    whole = PRODUCTS.filter(pl.col("id").is_in(found["id"].unique().to_list()))
    assert len(found) == whole.select("id", "locale").n_unique()


# --- 9: the title in another locale


def test_titles_are_of_one_product_in_two_languages(demo: dict[str, pl.DataFrame]) -> None:
    titles = PRODUCTS.group_by("locale", "id").agg("title")
    known = {(locale, one): found for locale, one, found in titles.iter_rows()}
    for sample, asked in zip(demo[TITLES].to_dicts(), fields(demo[TITLES]), strict=True):
        (source, one), (target, other) = origin(sample)
        assert one == other
        assert source != target
        assert asked["title"] in known[source, one]
        assert json.loads(sample["truth"]) in known[target, one]
        assert asked["site"] == SITES[target]
        assert sample["language"] == LOCALES[source]
        assert sample["metric"] == ("jp-bleu" if target == "JP" else "bleu")


@pytest.mark.parametrize(
    ("source", "target", "reason"),
    [
        ("Steel kettle with lid", "Wasserkocher aus Edelstahl mit Deckel", None),
        ("Steel kettle with lid", "The steel kettle for you with a lid", "other locale"),
        ("Steel kettle with lid", "Wasserkocher Edelstahl", "hardly words"),
        ("Acme Pro X Zeta Ultra", "Acme Pro X Zeta ultra!", "nearly equal"),
        ("Kettle 1.7 litres for tea", "Wasserkocher 1,7 Liter für Tee", None),
        ("Kettle 1.7 litres for tea", "Wasserkocher 0,5 Liter für Tee", "numbers"),
        ("Kettle with a lid for tea", "Wasserkocher 0,5 Liter für Tee", None),
    ],
)
def test_pairs_of_titles_that_cannot_be_asked(
    source: str, target: str, reason: str | None, tmp_path: Path
) -> None:
    folder = publish(tmp_path, pair(source, target), SESSIONS)
    # chance says which of the two is asked about: the other way round for half of the seeds
    draws = (Draw(seed, TITLES, 0, 9) for seed in range(30))
    found = pl.concat(MAKE[TITLES](tables(folder), draw) for draw in draws)
    found = found.filter(pl.col("locale") == "UK")
    assert len(found) > 5
    for reject in found["reject"]:
        assert reject is None if reason is None else reason in reject


def test_a_title_in_a_foreign_language_is_rejected_either_way(tmp_path: Path) -> None:
    foreign = {("DE", "B0M2DHDP05"), ("JP", "B0M2DHDP05")}
    rejected = questions(TITLES, tables(DEMO)).filter(pl.col("reject").is_not_null())
    assert "text in the other locale is not in its language" in rejected["reject"].to_list()
    for name, samples in build(Path("demo"), tmp_path, seed=3).items():
        if name == TITLES:
            assert not foreign & {one for row in samples.to_dicts() for one in origin(row)}


# --- 10: the description in another language


def test_options_are_of_two_languages_none_of_them_the_question_s(
    demo: dict[str, pl.DataFrame],
) -> None:
    for sample in demo[DESCRIPTIONS].to_dicts():
        (source, _), *shown = origin(sample)
        languages = [locale for locale, _ in shown]
        assert source not in languages
        assert sorted(map(languages.count, set(languages))) == [2, 2]


def test_the_right_description_is_the_product_s_and_the_wrong_ones_are_not(
    demo: dict[str, pl.DataFrame],
) -> None:
    for sample in demo[DESCRIPTIONS].to_dicts():
        (_, asked), (_, right), *wrong = origin(sample)
        assert asked == right
        assert right not in {one for _, one in wrong}
        assert len({one for _, one in wrong}) == 3


def test_nothing_that_is_equal_in_all_languages_points_at_an_option(
    demo: dict[str, pl.DataFrame],
) -> None:
    functional = frozenset().union(*FUNCTION_WORDS.values())
    brands = PRODUCTS["brand"].drop_nulls().str.to_lowercase().unique().to_list()
    assert any(re.search(r"\d", asked["description"]) for asked in fields(demo[DESCRIPTIONS]))
    for asked in fields(demo[DESCRIPTIONS]):
        words = set(re.findall(r"[a-zà-ɏ]{2,}", asked["description"].lower())) - functional
        for option in asked["options"]:
            assert not re.search(r"\d", option)
            assert not any(brand in option.lower() for brand in brands)
            assert words.isdisjoint(re.findall(r"[a-zà-ɏ]{2,}", option.lower()))


def test_no_wrong_description_is_of_a_variant(demo: dict[str, pl.DataFrame]) -> None:
    variants = [{"B0M2DKET01", "B0M2DKET02"}, {"B0M2DHDP01", "B0M2DHDP02"}]
    for sample in demo[DESCRIPTIONS].to_dicts():
        (_, right), *others = origin(sample)
        assert not any({right, other} in variants for _, other in others)


def test_descriptions_without_text_are_counted() -> None:
    draw = Draw(0, DESCRIPTIONS, 0, 1_000)
    found = MAKE[DESCRIPTIONS](tables(DEMO), draw)
    assert draw.dropped["too little text"] == 2
    assert "product in one locale alone" in draw.dropped
    told = found["reject"].drop_nulls().unique().to_list()
    assert "too little text without numbers, names and words of the question" in told


# --- 31: what was clicked before


def sessions_of(sample: dict[str, Any]) -> dict[str, Any]:
    row = next(row for row in sample["source_rows"] if row.startswith("sessions:"))
    return BUILDER.lookup(open_source(BUILDER.source, "demo"), [row])[row]


def test_right_clicks_are_the_session_s_and_wrong_ones_are_not(
    demo: dict[str, pl.DataFrame],
) -> None:
    for sample, asked in zip(demo[CLICKS].to_dicts(), fields(demo[CLICKS]), strict=True):
        session = sessions_of(sample)
        clicks = set(re.findall(r"\w+", session["prev_items"])) - {session["next_item"]}
        titles = PRODUCTS.filter(
            pl.col("locale") == session["locale"], pl.col("id").is_in([*clicks])
        )
        right = {asked["options"][number - 1] for number in json.loads(sample["truth"])}
        assert right <= set(titles["title"])
        assert not (set(asked["options"]) - right) & set(titles["title"])
        assert asked["title"] not in asked["options"]
        assert 1 <= len(right) <= MAX_RIGHT
        assert FEWEST <= len(asked["options"]) <= MOST
        assert sample["language"] == LOCALES[session["locale"]]


def test_no_wrong_option_is_a_variant_of_what_was_clicked(demo: dict[str, pl.DataFrame]) -> None:
    for sample, asked in zip(demo[CLICKS].to_dicts(), fields(demo[CLICKS]), strict=True):
        right = {asked["options"][number - 1] for number in json.loads(sample["truth"])}
        texts = [asked["title"], *right]
        for option in set(asked["options"]) - right:
            both = pl.DataFrame({"own": texts}).select(
                telling(pl.col("own")), telling(pl.lit(option)).alias("other")
            )
            for own, other in both.iter_rows():
                assert len({*own} & {*other}) / len({*own} | {*other}) < 0.5


def kettles(*clicks: str, bought: str = "B0KETTLE01") -> tuple[pl.DataFrame, pl.DataFrame]:
    """A session about kettles, and twenty about things that have nothing in common."""
    kettle = {
        "B0KETTLE01": "Glass kettle with tea strainer, black",
        "B0KETTLE02": "Glass kettle with tea strainer, white",
        "B0KETTLE03": "Electric kettle for tea lovers",
        "B0KETTLE04": "Wooden spoon",
        "B0KETTLE05": "Camping kettle",
    }
    rows = [product(id=one, locale="UK", title=title) for one, title in kettle.items()]
    other = [f"Alpha{c} Beta{c} Gamma{c}" for c in "abcdefghijklmnopqrst"]
    rows += [
        product(id=f"B0OTHER0{i:02}", locale="UK", title=title) for i, title in enumerate(other)
    ]
    printed = "[" + " ".join(f"'{one}'" for one in clicks) + "]"
    sessions = [(printed, bought, "UK")]
    sessions += [(f"['B0OTHER0{i:02}']", f"B0OTHER0{i + 1:02}", "UK") for i in range(19)]
    schema = SESSIONS.schema
    return pl.DataFrame(rows, schema=PRODUCTS.schema), pl.DataFrame(
        sessions, schema=schema, orient="row"
    )


@pytest.mark.parametrize(
    ("clicks", "reject", "right"),
    [
        (["B0KETTLE03", "B0KETTLE03"], None, {"Electric kettle for tea lovers"}),
        (["B0KETTLE01", "B0KETTLE03"], None, {"Electric kettle for tea lovers"}),
        (["B0KETTLE02", "B0KETTLE03"], None, {"Electric kettle for tea lovers"}),
        (["B0KETTLE01"], "no other click is among the products", set()),
        (["B0UNKNOWN1"], "no other click is among the products", set()),
        (["B0KETTLE02"], "no click resembles the purchase", set()),
        (["B0KETTLE04"], "no click resembles the purchase", set()),
        (["B0KETTLE05"], "no click resembles the purchase", set()),
        ([], "no other click is among the products", set()),
    ],
    ids=["again", "bought", "variant", "itself", "unknown", "colour", "unlike", "chance", "none"],
)
def test_which_clicks_are_asked_for(
    clicks: list[str], reject: str | None, right: set[str], tmp_path: Path
) -> None:
    found = questions(CLICKS, tables(publish(tmp_path, *kettles(*clicks))))
    (asked,) = found.filter(pl.col("title").str.contains("kettle")).to_dicts()
    assert asked["reject"] == reject
    if reject is None:
        assert weighed(asked) == right


def test_a_purchase_that_is_no_product_is_rejected(tmp_path: Path) -> None:
    found = questions(CLICKS, tables(publish(tmp_path, *kettles("B0KETTLE03", bought="B0X"))))
    assert "purchase is not among the products" in found["reject"].to_list()


# --- what an LLM makes, and real rows


def test_sets_made_with_an_llm_are_left_out_where_there_is_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # there may be a ledger where we are
    folder = publish(tmp_path / "rows", PRODUCTS, SESSIONS)
    made = {made.name: made.number for made in BUILDER.sets if made.labels}
    assert set(made.values()) == {1, 20}
    built = build(folder, tmp_path / "out", ledger=None)
    assert not made.keys() & built.keys()
    assert built.keys() == {TITLES, DESCRIPTIONS, CLICKS}
    told = " ".join(capsys.readouterr().out.split())
    for name in made:
        assert f"{name} is made with an LLM: name one with --llm" in told
        with pytest.raises(ShopmixError, match="is made with an LLM: name one with --llm"):
            build(folder, tmp_path / "out", ledger=None, sets=(name,))


def test_real_rows_are_read_and_what_they_lack_is_told(tmp_path: Path) -> None:
    assert {len(samples) for samples in build(real_rows("amazon_m2"), tmp_path).values()} == {0}
    told = json.loads((tmp_path / f"{TITLES}.json").read_text("utf-8"))
    assert told["rejects"] == {"product in one locale alone": 1072}
