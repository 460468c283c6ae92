"""Amazon Reviews' sets that an LLM has labelled: each rule, on answers that are filed here.

The model of these tests reads the demo rows by rule. It quotes well, but every answer of it holds
one snippet that no review has, and one whose aspect is wrong.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
import pytest

from builders import cli
from builders.amazon_reviews import BUILDER, stream
from builders.amazon_reviews.aspects import REVIEW_ASPECTS, WORDS
from builders.amazon_reviews.kinds import BRAND
from builders.amazon_reviews.reviews import plain
from builders.amazon_reviews.tables import COMPLEMENT, COVERED, SNIPPETS
from builders.llm.ledger import Ledger
from builders.llm.product_type import PRODUCT_TYPE
from builders.options import FEWEST, MOST
from builders.source import open_source
from tests.conftest import build
from tests.llm_answers import answered
from tests.reviews import Row, product, publish, published, review, said

MODEL = "wise"
SETS = (SNIPPETS, COVERED, COMPLEMENT)
DEPARTMENTS = {"Home_and_Kitchen": "Home & Kitchen", "Sports_and_Outdoors": "Sports & Outdoors"}
_PATTERNS = {aspect: re.compile(rf"(?i)\b(?:{words})\b") for aspect, words in WORDS.items()}


def kind(title: str) -> str:
    """The two words before the details."""
    head: str = re.split(r",| with | for |\(|\d", title)[0]
    return " ".join(head.split()[-2:])


def opinions(text: str, stars: float) -> list[dict[str, str]]:
    """Up to four words around each that speaks of an aspect, and two flaws."""
    sentiment = "positive" if stars > 3 else "negative"
    found: list[dict[str, str]] = []
    for sentence in re.split(r"(?<=[.!?;:])\s+", text):
        for aspect, pattern in sorted(_PATTERNS.items(), key=lambda one: hash_of(text + one[0])):
            if len(found) < 3 and (match := pattern.search(sentence)):
                before = sentence[: match.start()].split(" ")[-3:]
                snippet = "".join([" ".join(before), sentence[match.start() :]])
                words = " ".join(snippet.split()[:5])[:60]
                found.append({"snippet": words, "aspect": aspect, "sentiment": sentiment})
    wrong = next(aspect for aspect in WORDS if aspect not in {one["aspect"] for one in found})
    first = found[0]["snippet"] if found else "nothing to say"
    return [
        *found,
        {"snippet": "a word that nobody wrote", "aspect": "taste", "sentiment": sentiment},
        {"snippet": first, "aspect": wrong, "sentiment": sentiment},
    ]


def hash_of(text: str) -> int:
    return sum(ord(letter) * i for i, letter in enumerate(text, 1)) % 9973


class Told(NamedTuple):
    """What was built of the demo rows, and what the model has said of them."""

    out: Path
    ledger: Path
    samples: Mapping[str, pl.DataFrame]
    aspects: Mapping[str, list[dict[str, str]]]
    stars: Mapping[str, set[float]]
    calls: Mapping[str, str]

    def fields(self, name: str) -> Iterator[tuple[Row, Any, Row]]:
        """Fields, truth and the sample itself."""
        for row in self.samples[name].iter_rows(named=True):
            yield json.loads(row["fields"]), json.loads(row["truth"]), row

    def rejects(self, name: str) -> Row:
        found: Row = json.loads((self.out / f"{name}.json").read_text("utf-8"))["rejects"]
        return found


def made(
    out: Path, ledger: Path, source: Path | str = "demo", **settings: Any
) -> dict[str, pl.DataFrame]:
    """Build the sets of what a ledger has."""
    settings = {"sets": SETS, "llm": f"ledger:{MODEL}", "ledger": ledger, **settings}
    build(out, BUILDER, source=str(source), **settings)
    return {name: pl.read_parquet(out / f"{name}.parquet") for name in settings["sets"]}


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    folder = tmp_path_factory.mktemp("told")
    rows = BUILDER.read(open_source(BUILDER.source, "demo"), 0, None, {SNIPPETS: 1_000})
    titles = rows.products.select("product", pl.col("title").alias("of"))
    reviews = plain(rows.told.rows).filter(pl.col("unfit").is_null()).join(titles, on="product")
    place = {
        one["parent_asin"]: DEPARTMENTS[name]
        for name, (_, products) in published().items()
        for one in products
    }
    kinds = {
        title: {"product_type": kind(title), "category": place[asin]}
        for title, asin in rows.products.select("title", "parent_asin").iter_rows()
    }
    aspects, stars = {}, defaultdict(set)
    seeds = {}
    for text, of, rating in reviews.select("text", "of", "rating").sort("rating").iter_rows():
        aspects[text] = opinions(text, rating)
        stars[text].add(rating)
        seeds[kind(of).lower(), text] = {"aspects": aspects[text]}
    ledger = Ledger(folder / "answers.sqlite")
    keys = answered(
        ledger, PRODUCT_TYPE, MODEL, [({"title": one}, told) for one, told in kinds.items()]
    )
    calls = dict(zip(kinds, keys, strict=True))
    pairs = [({"product_type": of, "text": text}, told) for (of, text), told in seeds.items()]
    calls |= dict(
        zip(
            (text for _, text in seeds), answered(ledger, REVIEW_ASPECTS, MODEL, pairs), strict=True
        )
    )
    ledger.close()
    found = made(folder / "out", folder / "answers.sqlite")
    return Told(folder / "out", folder / "answers.sqlite", found, aspects, stars, calls)


# -- 2: snippets on an aspect


def labels(told: Told) -> set[tuple[str, str, str]]:
    """All that was said: letters and digits of a snippet, aspect, sentiment."""
    return {
        (re.sub(r"[\W_]", "", one["snippet"].lower()), one["aspect"], one["sentiment"])
        for text, all_ in told.aspects.items()
        for one in all_
        if one["snippet"].lower() in text.lower()
    }


def test_right_snippets_praise_or_blame_the_aspect_and_wrong_ones_do_not(told: Told) -> None:
    known = labels(told)
    reasons = set()
    for asked, truth, _ in told.fields(SNIPPETS):
        aspect, sentiment = asked["aspect"], asked["sentiment"]
        assert FEWEST <= len(asked["options"]) <= MOST
        assert 1 <= len(truth) <= 3
        for number, (option, reason) in enumerate(
            zip(asked["options"], asked["reasons"], strict=True), 1
        ):
            same = re.sub(r"[\W_]", "", option.lower())
            assert (number in truth) == (reason is None)
            assert ((same, aspect, sentiment) in known) == (reason is None)
            reasons.add(reason)
            if reason == "other_aspect":
                assert not _PATTERNS[aspect].search(option)
                continue
            assert _PATTERNS[aspect].search(option)
            good = (sentiment == "positive") == (reason is None)
            from_ = {star for text, stars in told.stars.items() if option in text for star in stars}
            assert any(star > 3 if good else star < 3 for star in from_), option
    assert reasons == {None, "other_aspect", "other_sentiment"}
    assert len(told.samples[SNIPPETS]) > 100


def test_right_snippets_are_of_products_of_the_type(told: Told) -> None:
    titles = {
        one["parent_asin"]: kind(one["title"] or "").lower()
        for _, products in published().values()
        for one in products
    }
    several = 0
    for asked, truth, row in told.fields(SNIPPETS):
        rows = [one.split(":") for one in row["source_rows"]]
        assert titles[rows[0][2]] == asked["product_type"]
        of_type = {
            one[2]
            for one in rows
            if one[0] == "reviews" and titles[one[2]] == asked["product_type"]
        }
        assert of_type
        several += len(truth) > 1
    assert several > 5


# -- 3: the aspects of a review


def test_right_aspects_have_a_word_in_the_review_and_wrong_ones_none(told: Told) -> None:
    for asked, truth, _ in told.fields(COVERED):
        text = asked["text"]
        assert len(asked["options"]) == 10
        assert 1 <= len(truth) <= 3
        labelled = {one["aspect"] for one in told.aspects[text]}
        for number, aspect in enumerate(asked["options"], 1):
            assert bool(_PATTERNS[aspect].search(text)) == (number in truth)
            assert (aspect in labelled) == (number in truth)
    assert len(told.samples[COVERED]) > 60


def test_no_aspect_is_always_right_or_always_wrong(told: Told) -> None:
    shown: dict[str, set[bool]] = defaultdict(set)
    count: Counter[str] = Counter()
    for asked, truth, _ in told.fields(COVERED):
        for number, aspect in enumerate(asked["options"], 1):
            shown[aspect].add(number in truth)
            count[aspect] += 1
    usual = [aspect for aspect in shown if count[aspect] >= 10]
    assert len(usual) > 20
    assert all(shown[aspect] == {True, False} for aspect in usual)


# -- 4: what complements a type


def test_the_right_type_goes_with_the_product_and_wrong_ones_never_do(told: Told) -> None:
    kinds: dict[str, set[str]] = defaultdict(set)
    places, users, fans, together = {}, defaultdict(set), defaultdict(set), set()
    for name, (reviews, products) in published().items():
        for one in products:
            kinds[kind(one["title"] or "").lower()].add(one["parent_asin"])
            places[one["parent_asin"]] = name
            together |= {(one["parent_asin"], other) for other in one["bought_together"] or ()}
        for one in reviews:
            users[one["parent_asin"]].add(one["user_id"])
            if (one["rating"] or 0) >= 4:
                fans[one["parent_asin"]].add(one["user_id"])
    for asked, truth, row in told.fields(COMPLEMENT):
        own = row["source_rows"][0].partition(":")[2]
        assert own in kinds[asked["product_type"]]
        assert len(asked["options"]) == 4
        right = asked["options"][truth]
        assert any(
            (own, one) in together or len(fans[own] & fans[one]) >= 3 for one in kinds[right]
        )
        assert not set(said(right)) & set(said(asked["product_type"]))
        for option in asked["options"]:
            if option == right:
                continue
            assert {places[one] for one in kinds[option]} != {places[own]}
            assert not set(said(option)) & set(said(asked["product_type"]))
            for wrong in kinds[option]:
                for alike in kinds[asked["product_type"]]:
                    assert not users[wrong] & users[alike]
                    assert not {(wrong, alike), (alike, wrong)} & together
    assert len(told.samples[COMPLEMENT]) > 30


# -- all three


@pytest.mark.parametrize("name", SETS)
def test_samples_name_the_model_and_its_calls(name: str, told: Told) -> None:
    samples = told.samples[name]
    assert set(samples["generator"]) == {f"test:{MODEL}"}
    known = set(told.calls.values())
    for asked, _, row in told.fields(name):
        calls = row["llm_calls"]
        assert len(calls) == len(set(calls))
        assert set(calls) <= known
        if name == COVERED:
            assert len(calls) == 2
            assert told.calls[asked["text"]] in calls
        else:  # those of the options as well
            assert len(calls) >= 3


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("size", [1, 12])
def test_a_small_draw_begins_a_large_one(name: str, size: int, told: Told, tmp_path: Path) -> None:
    found = made(tmp_path, told.ledger, size=size, sets=(name,))[name]
    assert len(found) == size
    assert found.equals(told.samples[name][:size])


def test_batches_and_readings_change_no_byte(
    told: Told, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = []
    read = stream.read

    def counted(*arguments: Any) -> Any:
        reads.append(arguments)
        return read(*arguments)

    made(tmp_path / "once", told.ledger, size=20)
    monkeypatch.setattr("builders.amazon_reviews.read", counted)
    for module, name, value in ((stream, "_BATCH", 7), (stream, "_SPARE", 1), (cli, "FACTOR", 1)):
        monkeypatch.setattr(module, name, value)
    made(tmp_path / "often", told.ledger, size=20)
    assert len(reads) > 1
    for file in sorted((tmp_path / "once").iterdir()):
        assert file.read_bytes() == (tmp_path / "often" / file.name).read_bytes(), file.name


def test_a_second_build_asks_nothing_and_changes_no_byte(told: Told, tmp_path: Path) -> None:
    def entries() -> int:
        with sqlite3.connect(told.ledger) as ledger:
            count: int = ledger.execute("SELECT count(*) FROM attempts").fetchone()[0]
            return count

    before = entries()
    made(tmp_path, told.ledger)
    assert entries() == before
    for file in sorted(told.out.iterdir()):
        assert file.read_bytes() == (tmp_path / file.name).read_bytes(), file.name


def test_flawed_answers_are_counted_by_reason(tmp_path: Path) -> None:
    text = "The handle is comfortable and solid, but the lid fits badly. Not cheap."
    title = "Kettle kettle{} of steel"
    publish(
        tmp_path / "rows",
        [review(i, text=f"{text} Number {i}.") for i in range(6)],
        [product(i, title=title.format(i)) for i in range(5)],
    )
    told = Ledger(tmp_path / "answers.sqlite")
    kinds = [f"kettle{i}" for i in range(5)]
    kinds[1], kinds[2] = "kettle", "pan"
    answered(
        told, PRODUCT_TYPE, MODEL,
        [({"title": title.format(i)}, {"product_type": one, "category": "Other"})
         for i, one in enumerate(kinds)],
    )  # fmt: skip
    good = {"snippet": "handle is comfortable", "aspect": "comfort", "sentiment": "positive"}
    answers = {
        0: [good],
        3: [good | {"snippet": "handle is uncomfortable"}],
        4: [good | {"aspect": "taste"}],
    }
    answered(
        told, REVIEW_ASPECTS, MODEL,
        [({"product_type": f"kettle{i}", "text": f"{text} Number {i}."}, {"aspects": aspects})
         for i, aspects in answers.items()],
    )  # fmt: skip
    told.close()
    for name in (SNIPPETS, COVERED):
        made(tmp_path / "out", tmp_path / "answers.sqlite", tmp_path / "rows", sets=(name,))
        found = json.loads((tmp_path / "out" / f"{name}.json").read_text("utf-8"))
        rejects = dict(found["rejects"])
        assert rejects.pop(BRAND) == 1
        assert rejects.pop("product type does not stand in the title") == 1
        assert rejects.pop("no snippet of 2 to 10 words of a sentence stands in the review") == 1
        assert [
            rejects.pop(one) for one in list(rejects) if one.startswith("no snippet whose")
        ] == [1]
        assert [rejects.pop(one) for one in list(rejects) if one.startswith("review without")] == [
            1
        ]
        # the one good answer has a question of its own, where one review is enough for that
        assert rejects == ({"too few options": 1} if name == SNIPPETS else {})
        assert found["made"] == (name == COVERED)


def test_the_stars_must_agree_with_the_sentiment(told: Told) -> None:
    for asked, _, row in told.fields(SNIPPETS):
        own = row["source_rows"][0].split(":")
        stars = {
            one["rating"]
            for one in published()[own[1]][0]
            if (one["parent_asin"], one["user_id"], str(one["timestamp"])) == tuple(own[2:])
        }
        assert all(star > 3 if asked["sentiment"] == "positive" else star < 3 for star in stars)
