"""Reviews and products of ours in the layout of Amazon Reviews 2023, and what is built of them."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from builders.amazon_reviews import BUILDER
from builders.source import HERE
from builders.text import words
from tests.conftest import build, samples_of

DEMO = HERE / "demo" / "amazon_reviews"
CATEGORIES = ("Home_and_Kitchen", "Sports_and_Outdoors")
#: Not English alone, but without a word that a title of ours has.
TEXT = "The handle broke after two weeks of daily use, and nobody answered my letters."

#: The sets that no LLM has a part in.
PLAIN = tuple(made.name for made in BUILDER.sets if not made.labels)

Row = dict[str, Any]


def review(number: int, **changed: object) -> Row:
    """A review of the product of this number."""
    row = {
        "rating": 5.0, "title": "So so", "text": f"{TEXT} Number {number}.", "images": [],
        "asin": f"A{number}", "parent_asin": f"P{number}", "user_id": f"U{number}",
        "timestamp": 1_600_000_000_000 + number, "helpful_vote": 0, "verified_purchase": True,
    }  # fmt: skip
    return row | changed


def product(number: int, **changed: object) -> Row:
    """A product whose title shares no word with that of another."""
    row = {
        "main_category": "Home", "title": f"brand{number} item{number} model{number}",
        "average_rating": 4.5, "rating_number": 9, "features": [], "description": [],
        "price": None, "images": [], "videos": [], "store": None, "categories": [],
        "details": {}, "parent_asin": f"P{number}", "bought_together": None,
    }  # fmt: skip
    return row | changed


def lines(rows: Iterable[Row]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def files(folder: Path, category: str = "Kitchen") -> tuple[Path, Path]:
    """Where a category's reviews and products are."""
    raw = folder / "raw"
    found = (
        raw / "review_categories" / f"{category}.jsonl",
        raw / "meta_categories" / f"meta_{category}.jsonl",
    )
    for file in found:
        file.parent.mkdir(parents=True, exist_ok=True)
    return found


def publish(
    folder: Path, reviews: Iterable[Row], products: Iterable[Row], category: str = "Kitchen"
) -> Path:
    """Write a category's two files."""
    for file, rows in zip(files(folder, category), (reviews, products), strict=True):
        file.write_text(lines(rows), "utf-8")
    return folder


def published(folder: Path = DEMO) -> dict[str, tuple[list[Row], list[Row]]]:
    """The reviews and the products of each category of a folder, as they stand there."""
    found = {}
    for file in sorted((folder / "raw" / "review_categories").glob("*.jsonl")):
        both = [path.read_text("utf-8") for path in files(folder, file.stem) if path.exists()]
        rows = [[json.loads(line) for line in text.split("\n") if line] for text in both]
        found[file.stem] = (rows[0], rows[1] if len(rows) > 1 else [])
    return found


def made(out: Path, source: Path | str, **settings: Any) -> dict[str, pl.DataFrame]:
    """Build the sets (`PLAIN`, or those named), and read them by their short names."""
    settings["sets"] = tuple(settings.get("sets", PLAIN))
    build(out, BUILDER, source=str(source), **settings)
    return {name.partition(".")[2]: found for name, found in samples_of(out)}


def told(out: Path, name: str) -> Mapping[str, Any]:
    """A set's manifest."""
    found: dict[str, Any] = json.loads((out / f"amazon_reviews.{name}.json").read_text("utf-8"))
    return found


def fields(samples: pl.DataFrame) -> list[Row]:
    return [json.loads(text) for text in samples["fields"]]


class Published:
    """Rows of a folder, and the samples that were built of them."""

    def __init__(self, folder: Path, out: Path) -> None:
        self.sets, self.out = made(out, folder), out
        self.reviews: dict[str, list[Row]] = defaultdict(list)
        self.users: dict[str, set[str]] = defaultdict(set)
        self.fans: dict[str, set[str]] = defaultdict(set)
        self.products: dict[str, Row] = {}
        for name, (reviews, _) in published(folder).items():
            for one in reviews:
                parent, user, time = one["parent_asin"], one["user_id"], one["timestamp"]
                self.reviews[f"reviews:{name}:{parent}:{user}:{time}"].append(one)
                self.users[parent].add(user)
                if (one["rating"] or 0) >= 4:
                    self.fans[parent].add(user)
        for file in (folder / "raw" / "meta_categories").iterdir():
            for line in filter(None, file.read_text("utf-8").split("\n")):
                one = json.loads(line)
                self.products[f"products:{one['parent_asin']}"] = one

    def samples(self, name: str) -> Iterator[tuple[Row, Any, list[str], list[str]]]:
        """Fields, truth, the question's own rows and those of its options, as they are shown."""
        for fields_, truth, rows in (
            self.sets[name].select("fields", "truth", "source_rows").iter_rows()
        ):
            asked = json.loads(fields_)
            own = len(rows) - len(asked.get("options", ()))
            yield asked, json.loads(truth), rows[:own], rows[own:]

    def together(self, row: str) -> set[str]:
        """The companions that a product publishes."""
        return set(self.products.get(row, {}).get("bought_together") or ())

    @cached_property
    def count(self) -> int:
        return sum(map(len, self.sets.values()))


def likeness(one: str, other: str) -> float:
    left, right = (set(said(text)) for text in (one, other))
    return len(left & right) / max(1, len(left | right))


def said(text: str) -> list[str]:
    found: list[str] = pl.select(words(pl.lit(text))).item().to_list()
    return found
