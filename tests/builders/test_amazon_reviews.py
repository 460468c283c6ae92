"""Amazon Reviews 2023 as it is published: its quirks, its broken files, and its size."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import polars as pl
import pytest

from builders import cli
from builders.amazon_reviews import stream
from builders.errors import ShopmixError
from tests.reviews import (
    CATEGORIES,
    DEMO,
    TEXT,
    Row,
    fields,
    files,
    made,
    product,
    publish,
    published,
    review,
    told,
)

SETS = ("also_liked", "rank_reviews_by_helpfulness", "rating_of_review", "review_of_product")
RATED = ("rating_of_review",)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("reviews")
    made(out, "demo")
    return out


def same(out: Path, demo: Path, *beside: str) -> bool:
    """Whether all samples are those of the demo rows, but for some columns."""
    found = [pl.read_parquet(folder / "*.parquet").drop(beside) for folder in (out, demo)]
    return len(found[0]) > 500 and found[0].equals(found[1])


#: A text as published, and what is shown of it; None: it says too little to be shown.
TEXTS: dict[str, tuple[object, str | None]] = {
    "line breaks": (f"{TEXT}<br /><br />Sad.", f"{TEXT} Sad."),
    "entities": (f"{TEXT} It&#39;s a &#34;pan&#34; &amp; lid.", f'{TEXT} It\'s a "pan" & lid.'),
    "video": (f"[[VIDEOID:6e1f0a2b]] {TEXT}", TEXT),
    "videos": (f"[[VIDEOID:6e1f]]{TEXT}[[VIDEOID:77aa]]", TEXT),
    "video alone": ("[[VIDEOID:6e1f0a2b7c8d9e0f6e1f0a2b7c8d9e0f]] Ok", None),
    "emoji": (f"{TEXT} 😊👍🏽", f"{TEXT} 😊👍🏽"),
    "emoji alone": ("😊👍🏽❤️" * 20, None),
    "no letters": ("10-4 2:30 #99 ... !!! " * 4, None),
    "controls": (f"{TEXT}\x00\x07\x1b\x85 Sad.\x7f", f"{TEXT} Sad."),
    "half an emoji": (f"{TEXT}\ud83d", TEXT),
    "blanks": (f"\t{TEXT}\r\n \u2028 Sad.\xa0", f"{TEXT} Sad."),
    "mark-up alone": ("<br />" * 20, None),
    "empty": ("", None),
    "short": ("Too small.", None),
    "null": (None, None),
    "number": (5, None),
}


@pytest.mark.parametrize("quirk", TEXTS)
def test_texts_are_shown_as_they_were_meant(quirk: str, tmp_path: Path) -> None:
    text, shown = TEXTS[quirk]
    rows = publish(tmp_path, [review(1, text=text), review(2)], [product(1), product(2)])
    found = made(tmp_path / "out", rows, sets=RATED)["rating_of_review"]
    texts = {one["text"].rstrip("\ufffd?") for one in fields(found)} - {f"{TEXT} Number 2."}
    assert texts == ({shown} if shown else set())


@pytest.mark.parametrize(
    "broken",
    [
        {"user_id": None}, {"parent_asin": None}, {"timestamp": None}, {"rating": None},
        {"rating": 0.0}, {"rating": 6}, {"rating": 4.5},
    ],
    ids=str,
)  # fmt: skip
def test_a_review_that_lacks_what_names_it_is_counted(
    broken: dict[str, object], tmp_path: Path
) -> None:
    rows = publish(tmp_path, [review(1) | broken, review(2)], [product(1), product(2)])
    found = made(tmp_path / "out", rows, sets=RATED)["rating_of_review"]
    assert [one["text"] for one in fields(found)] == [f"{TEXT} Number 2."]
    rejects = {"review without user, product, time or stars": 1}
    assert told(tmp_path / "out", *RATED)["source_rejects"] == rejects


def test_other_fields_of_a_review_may_be_missing(tmp_path: Path) -> None:
    bare = {name: review(1)[name] for name in ("rating", "text", "parent_asin", "user_id")}
    rows = [bare | {"timestamp": 7}, review(2, title=None, helpful_vote=None, asin=None)]
    found = made(tmp_path / "out", publish(tmp_path, rows, [product(1)]), sets=RATED)
    assert [one["title"] for one in fields(found["rating_of_review"])] == [None, None]


DETAILS: tuple[object, ...] = (
    {}, None, {"Brand": "x"}, {"Brand": ["x", 2]}, {"Brand": {"a": {"b": [1, None]}}}, [],
    '{"Brand": "x"}', "None", 5, {f"key {i}": i for i in range(300)}, {"": None, "\x07é": 1e300},
)  # fmt: skip
PRICES: tuple[object, ...] = (None, "None", 19.99, "19.99", "from 5.00", 7, "—", [])

#: What may stand in fields that we do not use, or in none that we know.
UNUSED: dict[str, Callable[[int], Row]] = {
    "price": lambda i: {"price": PRICES[i % len(PRICES)]},
    "details": lambda i: {"details": DETAILS[i % len(DETAILS)]},
    "categories": lambda i: {"categories": [[], ["a"], None, "None"][i % 4]},
    "description": lambda i: {"description": [[], ["a", None], None, ""][i % 4]},
    "images": lambda i: {"images": [[], [{"large": None}], None, {"hi_res": ["x"]}][i % 4]},
    "unknown": lambda i: {"subtitle": None, "author": {"name": i}, f"new {i}": [[i]]},
}


def changed(rows: list[Row], change: Callable[[int], Row]) -> list[Row]:
    return [row | change(i) for i, row in enumerate(rows)]


@pytest.mark.parametrize("quirk", UNUSED)
def test_fields_that_are_not_used_change_no_byte(quirk: str, demo: Path, tmp_path: Path) -> None:
    for name, (reviews, products) in published().items():
        # reviews have fields of that name too, of yet other types
        other = changed(reviews, lambda i: UNUSED[quirk](i + 1))
        publish(tmp_path, other, changed(products, UNUSED[quirk]), name)
    made(tmp_path / "out", tmp_path)
    assert same(tmp_path / "out", demo)


def test_only_the_parent_joins(demo: Path, tmp_path: Path) -> None:
    for name, (reviews, products) in published().items():
        assert any(one["asin"] != one["parent_asin"] for one in reviews)
        parents = [one["parent_asin"] for one in products]
        # an asin that is another product's
        other = changed(reviews, lambda i, p=parents: {"asin": p[i % len(p)]})  # type: ignore[misc]
        publish(tmp_path, other, products, name)
    made(tmp_path / "out", tmp_path)
    assert same(tmp_path / "out", demo, "source_revision")
    assert not same(tmp_path / "out", demo)


UNKNOWN: Row = {"bought_together": ["B0UNKNOWN1", "", None]}


def test_companions_may_be_null_or_missing_or_unknown(tmp_path: Path) -> None:
    """As in all rows that we have; those that are liked together remain."""
    kinds: tuple[Row, ...] = ({"bought_together": None}, {"bought_together": []}, {})
    for name, (reviews, products) in published().items():
        bare = [{k: v for k, v in one.items() if k != "bought_together"} for one in products]
        publish(tmp_path / "none", reviews, changed(bare, lambda i: kinds[i % 3]), name)
        publish(tmp_path / "null", reviews, changed(bare, lambda _: kinds[0]), name)
        publish(tmp_path / "unknown", reviews, changed(bare, lambda _: UNKNOWN), name)
    for kind in ("none", "null", "unknown"):
        made(tmp_path / f"{kind}.out", tmp_path / kind)
    assert told(tmp_path / "none.out", "also_liked")["made"] > 10
    for kind in ("null", "unknown"):
        assert same(tmp_path / "none.out", tmp_path / f"{kind}.out", "source_revision")


def test_the_hub_s_loader_s_own_parquet_is_read_as_well(tmp_path: Path) -> None:
    """Price as text, details as JSON, and the companions, none of which it has seen, as text."""
    for name, (reviews, products) in published().items():
        bare = changed(products, lambda _: {"bought_together": None})
        publish(tmp_path / "lines", reviews, bare, name)
        kept = ("main_category", "title", "features", "parent_asin")
        texts = [
            {k: one[k] for k in kept}
            | {"price": str(one["price"]), "details": json.dumps(one["details"])}
            for one in products
        ]
        r, p = (file.with_suffix(".parquet") for file in files(tmp_path / "parquet", name))
        pl.DataFrame(reviews, infer_schema_length=None).write_parquet(r)
        none = pl.lit(None, pl.String).alias("bought_together")
        pl.DataFrame(texts).with_columns(none).write_parquet(p)
    for kind in ("lines", "parquet"):
        made(tmp_path / f"{kind}.out", tmp_path / kind)
    assert same(tmp_path / "parquet.out", tmp_path / "lines.out")


#: Added to a file, or put in its place, and what the error says beside the file's name.
BROKEN: dict[str, tuple[Callable[[str], str], str]] = {
    "cut": (lambda text: text[:-20], "is the file complete"),
    "cut amid": (lambda text: text.replace("\n", "\n" + text[:30] + "\n", 1), "file complete"),
    "no JSON": (lambda text: text + "<html>Not found</html>\n", "is the file complete"),
    "an array": (lambda text: json.dumps([json.loads(text.split("\n")[0])]), "as published"),
    "empty": (lambda _: "", "the file is empty"),
}


@pytest.mark.parametrize("defect", BROKEN)
@pytest.mark.parametrize("which", [0, 1], ids=["reviews", "products"])
def test_a_broken_file_is_one_clear_error(defect: str, which: int, tmp_path: Path) -> None:
    change, said = BROKEN[defect]
    rows = publish(
        tmp_path, [review(i) for i in range(300)], [product(i) for i in range(300)], "Kitchen"
    )
    publish(tmp_path, [review(1)], [product(1)], "Zoo")
    file = files(tmp_path)[which]
    file.write_text(change(file.read_text("utf-8")), "utf-8")
    with pytest.raises(ShopmixError, match=said) as error:
        made(tmp_path / "out", rows)
    assert str(file) in str(error.value)
    assert "\n" not in str(error.value)
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize(("which", "table"), [(0, "reviews"), (1, "products")])
def test_files_without_rows_are_an_error(which: int, table: str, tmp_path: Path) -> None:
    rows = publish(tmp_path, [review(1)], [product(1)])
    files(tmp_path)[which].write_text("\n")
    with pytest.raises(ShopmixError, match=rf"no usable {table[:-1]} \(no rows\)"):
        made(tmp_path / "out", rows)


def test_a_category_without_products_is_an_error(tmp_path: Path) -> None:
    publish(tmp_path, [review(1)], [])
    files(tmp_path)[1].unlink()
    with pytest.raises(ShopmixError, match=r"meta_\*\.jsonl is missing"):
        made(tmp_path / "out", tmp_path)


def test_nothing_that_can_be_shown_is_no_error(tmp_path: Path) -> None:
    rows = publish(tmp_path, [review(1, text="Ok")], [product(1)])
    assert {name: len(one) for name, one in made(tmp_path / "out", rows).items()} == dict.fromkeys(
        SETS, 0
    )


@pytest.mark.parametrize("size", [None, 20])
def test_batches_and_readings_change_no_byte(
    size: int | None, demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As much is kept as fits, and more is read for where that was too little."""
    made(tmp_path / "once", "demo", size=size)
    reads = []
    read = stream.read

    def counted(*arguments: Any) -> Any:
        reads.append(arguments)
        return read(*arguments)

    monkeypatch.setattr("builders.amazon_reviews.read", counted)
    monkeypatch.setattr(stream, "_BATCH", 7)
    monkeypatch.setattr(stream, "_SPARE", 5)
    monkeypatch.setattr(cli, "FACTOR", 2)
    made(tmp_path / "often", "demo", size=size)
    assert (len(reads) > 1) == (size is not None)
    for file in sorted((tmp_path / "once").iterdir()):
        assert file.read_bytes() == (tmp_path / "often" / file.name).read_bytes(), file.name


def test_the_order_of_rows_and_files_changes_no_byte(demo: Path, tmp_path: Path) -> None:
    for name, (reviews, products) in published().items():
        for rows in (reviews, products):
            Random(1).shuffle(rows)
        publish(tmp_path, reviews, products, name)
    # all products in one file, which is after no category
    metas = [files(tmp_path, name)[1] for name in CATEGORIES]
    text = "".join(file.read_text("utf-8") for file in metas)
    for file in metas:
        file.unlink()
    metas[0].with_name("meta_all.jsonl").write_text(text)
    made(tmp_path / "out", tmp_path)
    assert same(tmp_path / "out", demo)


@pytest.mark.parametrize("size", [1, 12])
def test_a_small_draw_begins_a_large_one(size: int, demo: Path, tmp_path: Path) -> None:
    """Each set alone, so that no other one's reading helps it."""
    for name in SETS:
        large = pl.read_parquet(demo / f"amazon_reviews.{name}.parquet")
        samples = made(tmp_path / name, "demo", size=size, sets=[name])[name]
        assert len(samples) == size
        assert samples.equals(large[:size]), name


@pytest.mark.parametrize("limit", [1, 10, 10_000])
def test_a_limit_leaves_so_many_products(limit: int, demo: Path, tmp_path: Path) -> None:
    found = made(tmp_path, "demo", limit=limit)["rating_of_review"]
    products = found["source_rows"].list.first().str.split(":").list.get(2).unique()
    whole = pl.read_parquet(demo / "amazon_reviews.rating_of_review.parquet")
    if limit == 10_000:
        assert found.drop("source_revision").equals(whole.drop("source_revision"))
    else:
        assert 0 < len(products) <= limit
        assert set(found["id"]) < set(whole["id"])


def test_categories_do_not_mix(demo: Path) -> None:
    """Wrong options come from the category of the question."""
    where = {
        f"products:{one['parent_asin']}": name
        for name, (_, products) in published().items()
        for one in products
    }
    for name, shown in (("also_liked", "products:"), ("review_of_product", "reviews:")):
        samples = pl.read_parquet(demo / f"amazon_reviews.{name}.parquet")
        seen = set()
        for rows in samples["source_rows"]:
            known = {where.get(row, row.split(":")[1]) for row in rows if row.startswith(shown)}
            assert len(known) == 1, rows
            seen |= known
        assert seen == set(CATEGORIES)


def test_samples_name_the_rows_that_they_are_made_of(demo: Path) -> None:
    rows = DEMO / "raw" / "review_categories" / "Home_and_Kitchen.jsonl"
    texts = {
        f"reviews:Home_and_Kitchen:{one['parent_asin']}:{one['user_id']}:{one['timestamp']}": one
        for one in map(json.loads, rows.read_text("utf-8").splitlines())
    }
    samples = pl.read_parquet(demo / "amazon_reviews.rating_of_review.parquet")
    for row, truth in samples.select(pl.col("source_rows").list.first(), "truth").iter_rows():
        if row in texts:
            assert texts[row]["rating"] == int(truth)
