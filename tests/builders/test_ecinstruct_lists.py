"""ECInstruct: the sets whose options are products or reviews."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from builders.ecinstruct import BUILDER
from builders.source import open_source
from builders.text import words
from tests.ecinstruct import Row, made, manifest, ranked, right, row, samples


def test_retrieval_is_filled_with_products_of_other_queries(demo: Path) -> None:
    told = samples(demo, "products_for_query")
    rows = BUILDER.read(open_source(BUILDER.source, "demo"), 0, None, {}).rows
    split = dict(rows.select("row", "split").iter_rows())
    for one in told:
        options = one["fields"]["options"]
        assert 9 <= len(options) <= 15
        texts = pl.DataFrame({"text": [one["fields"]["query"], *options]})
        asked, *shown = map(set, texts.select(words(pl.col("text"))).to_series().to_list())
        assert {i + 1 for i, title in enumerate(shown) if title & asked} == set(one["truth"])
        assert {split[ref] for ref in one["source_rows"]} == {one["split"]}
    assert {len(one["truth"]) for one in told} == {1, 2, 3}


def test_right_products_stand_in_the_answer_in_the_published_order(tmp_path: Path) -> None:
    own = ["Mug Rack", "Red Mug", "Blue Bowl", "Big Mug"]
    others = [
        ranked(f"lamp{i}", [f"Lamp{i} One", f"Bulb{i} Two", f"Shade{i} Three"], "A,B,C")
        for i in range(8)
    ]
    rows = [ranked("red mug", own, "B,D,C,A"), *others, ranked("red jug", own, "B,D,E")]
    (sample,) = [
        one
        for one in made(tmp_path, rows, "products_for_query")
        if one["fields"]["query"] == "red mug"
    ]
    options = sample["fields"]["options"]
    answer = [options[int(n) - 1] for n in sample["messages"][2]["content"].split(",")]
    assert answer[:2] == ["Red Mug", "Big Mug"]  # the third of the ranking has no word of the query
    assert "Blue Bowl" not in options and "Mug Rack" not in options
    told = manifest(tmp_path / "out", "products_for_query")["rejects"]
    assert told["output is no ranking of the products"] == 1


def next_up(history: list[str], options: list[str], output: str) -> Row:
    ordinal = ["1st", "2nd", "3rd"]
    told = [f"{ordinal[i]}: {text}" for i, text in enumerate(history)]
    shown = [f"{chr(65 + i)}: {text}" for i, text in enumerate(options)]
    return row("Sequential_Recommendation", repr(told), output, repr(shown))


def test_of_twenty_next_products_the_right_one_and_nine_others_are_shown(tmp_path: Path) -> None:
    others = [f"Gadget{i} Number{i}. Kind{i}. Maker{i}." for i in range(16)]
    near = "Red Rod, 9 ft. Fishing. Casta."
    options = ["Tent's Pole. Camping. Rock.", "Red Rod, 7 ft. Fishing. Casta.", near, *others[:16]]
    options.append(others[0])  # given twice
    history = ["Reel &amp; Line. Fishing. Casta.", "Tent's Pole. Camping. Rock."]
    rows = [next_up(history, options, "B"), row("Sequential_Recommendation", "['1st: a", "A", "[")]
    (sample,) = made(tmp_path, rows, "next_product")
    assert sample["fields"]["history"] == ["Reel & Line. Fishing. Casta.", history[1]]
    assert right(sample) == "Red Rod, 7 ft. Fishing. Casta."
    shown = sample["fields"]["options"]
    assert len(shown) == len(set(shown)) == 10
    assert near not in shown and history[1] not in shown
    told = manifest(tmp_path / "out", "next_product")
    assert told["rejects"] == {"input cannot be read": 1}


def test_a_long_history_keeps_its_latest_titles_whole(tmp_path: Path) -> None:
    history = ["cup " * 175 + "A", "pan " * 175 + "B", "pot " * 100 + "C"]
    rows = [next_up(history, [f"Gadget{i} Number{i}" for i in range(20)], "T")]
    (sample,) = made(tmp_path, rows, "next_product")
    assert sample["fields"]["history"] == history[1:]


SCALE = ["very positive", "positive", "neutral", "negative", "very negative"]


def review(text: str, place: int, **more: str) -> Row:
    lettered = [f"{'ABCDE'[i]}: {name}" for i, name in enumerate(SCALE)]
    return row("Sentiment_Analysis", text, lettered[place], lettered, **more)


def test_sentiments_stand_in_their_order(demo: Path) -> None:
    told = samples(demo, "sentiment_of_review")
    assert all(one["fields"]["options"] == SCALE for one in told)
    assert {one["truth"] for one in told} == set(range(5))


def test_five_reviews_of_one_split_are_ranked_one_of_each_sentiment(tmp_path: Path) -> None:
    rows = [
        review(f"Review {i} says {SCALE[i % 5]}.", i % 5, split="train" if i < 20 else "val")
        for i in range(40)
    ]
    rows.append(review("Word after word. " * 50, 0))
    told = made(tmp_path, rows, "rank_reviews_by_sentiment")
    assert len(told) == 40
    numbered = {f"Review {i} says {SCALE[i % 5]}.": i for i in range(40)}
    for one in told:
        shown = [numbered[option] for option in one["fields"]["options"]]
        assert one["truth"] == [float(4 - i % 5) for i in shown]
        assert sorted(one["truth"]) == [0, 1, 2, 3, 4]
        assert len({i < 20 for i in shown}) == 1
        assert len(one["source_rows"]) == 5
    rejects = manifest(tmp_path / "out", "rank_reviews_by_sentiment")["rejects"]
    assert rejects == {"review longer than 600 characters": 1}
