"""Exact and near duplicates: what they are, and that all of them are found."""

from __future__ import annotations

import json
import re
from itertools import combinations
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders.mixture import duplicates, minhash
from builders.mixture.duplicates import LABELS, Repeats, repeats
from builders.mixture.minhash import CROWD
from tests.conftest import samples_of

Fields = dict[str, Any]
YES_NO = ["Yes, it is.", "No, it is not."]
TITLE = "Greenmarrow bypass pruning shears, sharp carbon steel hand pruner for roses, 3/4 inch cut"


def found(*fields: Fields, task_type: str | list[str] = "multiple-choice") -> Repeats:
    """What is found among samples of these fields."""
    texts = [json.dumps(one, ensure_ascii=False) for one in fields]
    return repeats(pl.DataFrame({"fields": texts}).with_columns(task_type=pl.Series(
        [task_type] * len(texts) if isinstance(task_type, str) else task_type, dtype=pl.String
    )))  # fmt: skip


def pairs(result: Repeats) -> list[tuple[int, int]]:
    """The pairs of near duplicates."""
    return list(result.near.select("a", "b").iter_rows())


@pytest.mark.parametrize(
    "other",
    [
        {"title": TITLE.upper(), "options": ["Red kettle", "blue kettle"]},
        {"title": TITLE.replace(",", " --"), "options": ["Blue kettle!", "RED  kettle"]},
        {"title": TITLE, "options": ["blue kettle", "red kettle"], "reasons": [None, "x"]},
        {"title": TITLE, "options": ["blue kettle", "red kettle"], "age": [3, 4], "composed": "?"},
        {"brand": None, "heading": TITLE, "note": "...", "options": ["blue kettle", "red kettle"]},
        {"words": TITLE.split(), "options": ["ｂｌｕｅ kettle", "red kettle"]},
    ],
)  # fmt: skip
def test_the_same_question_in_other_dress_is_an_exact_duplicate(other: Fields) -> None:
    result = found({"title": TITLE, "options": ["red kettle", "blue kettle"]}, other)
    assert result.first.tolist() == [0, 0]
    assert result.near.is_empty()


@pytest.mark.parametrize(
    "other",
    [
        {"title": TITLE, "site": "Italian"},
        {"title": TITLE},
        {"title": "shears", "site": "German"},
        {"title": TITLE, "site": "German", "options": ["a kettle"]},
    ],
)
def test_a_part_that_differs_makes_another_question(other: Fields) -> None:
    result = found({"title": TITLE, "site": "German"}, other)
    assert result.first.tolist() == [0, 1]
    assert result.near.is_empty()


def test_words_in_another_order_are_near_and_not_exact() -> None:
    result = found({"title": "one two three"}, {"title": "three two one"})
    assert result.first.tolist() == [0, 1]
    assert result.near.rows() == [(0, 1, 1.0)]
    assert result.near.schema == {"a": pl.UInt32, "b": pl.UInt32, "similarity": pl.Float32}


@pytest.mark.parametrize(("shared", "near"), [(8, True), (7, False)])
def test_near_begins_at_four_words_of_five(shared: int, near: bool) -> None:
    """8 of 10 words of both texts, or 7 of 11 and 9."""
    words = [f"word{i}" for i in range(shared)]
    result = found({"title": " ".join([*words, "left"])}, {"title": " ".join([*words, "right"])})
    assert pairs(result) == ([(0, 1)] if near else [])
    if near:
        assert result.near["similarity"].item() == pytest.approx(0.8)


def test_the_similarity_is_that_of_the_parts_that_are_least_alike() -> None:
    words = [f"word{i}" for i in range(9)]
    result = found(
        {"a": " ".join(words), "b": "the same text"},
        {"a": " ".join([*words, "more"]), "b": "the same text"},
    )
    assert result.near["similarity"].item() == pytest.approx(0.9)


def test_the_same_question_of_another_type_is_another() -> None:
    fields = {"query": "garden hose", "options": ["a", "b"]}
    assert found(fields, fields, task_type=["ranking", "retrieval"]).first.tolist() == [0, 1]


def test_options_of_one_question_may_be_near() -> None:
    options = ["a red kettle of steel", "one blue pan for eggs", "the green cup with lid"]
    changed = [options[2], options[0].replace("red", "pink"), options[1]]
    result = found({"query": "kettle", "options": options}, {"query": "kettle", "options": changed})
    assert pairs(result) == [(0, 1)]
    assert result.near["similarity"].item() == pytest.approx(14 / 16)


def test_labels_make_no_questions_alike_and_have_to_be_the_same() -> None:
    """One title under two lists of labels asks two questions, though most words are shared."""
    labels = [
        "Users who buy product 1 may also buy it.",
        "Users who view it may buy product 1 too.",
    ]
    others = [labels[0].replace("buy it", "view it"), labels[1]]
    titles = [f"tool{i} for garden{i} and kitchen{i}" for i in range(LABELS)]
    rows = [{"title": title, "options": some} for title in titles for some in (labels, others)]
    result = found(*rows)
    assert result.first.tolist() == list(range(len(rows)))
    assert result.near.is_empty()
    assert pairs(found(*rows[:2])) == [(0, 1)]  # few questions do not tell that they are labels


def test_relevance_in_words_is_escis_relation() -> None:
    query, said = {"query": "dog harness", "title": TITLE}, list(duplicates._IN_WORDS)
    relation = {**query, "options": ["exact", "substitute", "complement", "irrelevant"]}
    assert found(relation, {**query, "options": said[::-1]}).first.tolist() == [0, 0]
    assert found(relation, {**query, "options": said[:2]}).first.tolist() == [0, 1]


def test_texts_without_blanks_are_compared_by_pairs_of_characters() -> None:
    """Of single characters all would be the same."""
    text = "猫爪研木製高六十安定台座玩具付色"
    mixed = "".join(text[i] for i in [*range(0, len(text), 2), *range(1, len(text), 2)])
    assert pairs(found({"title": text}, {"title": mixed})) == []
    result = found({"title": text}, {"title": text + "新"})
    assert result.near["similarity"].item() == pytest.approx((len(text) - 1) / len(text))


def test_questions_without_a_word_tell_nothing() -> None:
    result = found({"text": "!!!"}, {"text": "???"}, {"text": None}, {})
    assert result.first.tolist() == [0, 1, 2, 3]
    assert result.near.is_empty()


def test_no_samples_have_no_duplicates() -> None:
    result = found()
    assert result.first.tolist() == []
    assert result.near.rows() == []


def _word_sets(fields: Fields) -> list[set[str]]:
    return [set(re.findall(r"\w+", text.lower())) for text in fields.values()]


def test_all_near_pairs_of_small_random_texts_are_found_and_no_others() -> None:
    """Against a comparison of all with all."""
    random = Random(5)
    vocabulary = [f"w{i}" for i in range(60)]
    rows: list[Fields] = []
    for _ in range(60):
        base = {"a": random.sample(vocabulary, 6), "b": random.sample(vocabulary, 20)}
        for _ in range(6):
            said = {
                name: [w if random.random() < 0.95 else random.choice(vocabulary) for w in words]
                for name, words in base.items()
            }
            rows.append({name: " ".join(words) for name, words in said.items()})
    expected = set()
    for a, b in combinations(range(len(rows)), 2):
        both = list(zip(_word_sets(rows[a]), _word_sets(rows[b]), strict=True))
        if rows[a] != rows[b] and all(5 * len(x & y) >= 4 * len(x | y) for x, y in both):
            expected.add((a, b))
    result = found(*rows)
    first = result.first.tolist()
    of = {(min(first[a], first[b]), max(first[a], first[b])) for a, b in expected}
    assert len(of) > 100
    assert set(pairs(result)) == of
    assert pairs(result) == sorted(pairs(result))


def test_the_first_of_1000_copies_stands_for_all() -> None:
    result = found({"title": "another one"}, *[{"title": TITLE}] * 1_000)
    assert result.first.tolist() == [0, *[1] * 1_000]
    assert result.near.is_empty()


def test_a_crowd_is_compared_with_its_first() -> None:
    """Variants of one long text are all near each other; each is found to repeat the first."""
    words = " ".join(f"word{i}" for i in range(60))
    result = found(*({"title": f"{words} variant{i}"} for i in range(20 * CROWD)))
    assert {b for a, b in pairs(result) if a == 0} == set(range(1, 20 * CROWD))
    assert len(result.near) < 20 * CROWD * 4 * CROWD


texts = st.lists(st.sampled_from("red blue kettle pan Öl 猫 m2 x".split()), min_size=1, max_size=6)


@given(asked=texts, options=st.lists(texts, max_size=4), data=st.data())
def test_dress_never_tells_questions_apart(
    asked: list[str], options: list[list[str]], data: st.DataObject
) -> None:
    def dressed(words: list[str]) -> str:
        gaps = data.draw(
            st.lists(st.sampled_from([" ", "  ", ", ", " - "]), min_size=6, max_size=6)
        )
        cases = data.draw(st.lists(st.booleans(), min_size=6, max_size=6))
        said = [w.upper() if up else w for w, up in zip(words, cases, strict=False)]
        return "".join(g + w for g, w in zip(gaps, said, strict=False)) + gaps[-1]

    first = {"query": " ".join(asked), "options": [" ".join(one) for one in options]}
    order = data.draw(st.permutations(options))
    result = found(first, {"query": dressed(asked), "options": [dressed(one) for one in order]})
    assert result.first.tolist() == [0, 0]


@given(left=texts, right=texts)
def test_exact_duplicates_have_the_same_words(left: list[str], right: list[str]) -> None:
    result = found({"query": " ".join(left)}, {"query": " ".join(right)})
    assert (result.first[1] == 0) == (left == right)


def test_chunks_and_order_change_nothing_but_the_numbers(
    demo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    samples = pl.concat([rows.head(60) for _, rows in samples_of(demo)])
    whole = repeats(samples)
    for name, size in (("_CHUNK", 100), ("_OPTIONS", 1 << 12)):
        monkeypatch.setattr(duplicates, name, size)
    for name, size in (("_LISTED", 64), ("_COUNTED", 500), ("_WAITING", 10)):
        monkeypatch.setattr(minhash, name, size)
    again = repeats(samples)
    assert np.array_equal(again.first, whole.first)
    assert again.near.equals(whole.near)
    assert len(whole.near) > 0

    back = repeats(samples.reverse())
    last = len(samples) - 1
    assert {(last - b, last - a) for a, b in pairs(back)} >= {
        (a, b) for a, b in pairs(whole) if {a, b}.isdisjoint(_repeated(whole))
    }


def _repeated(result: Repeats) -> set[int]:
    counts = np.bincount(result.first, minlength=len(result.first))
    return set(np.flatnonzero(counts[result.first] > 1).tolist())


def test_demo_samples_that_differ_in_a_short_field_are_not_near(demo: Path) -> None:
    """Titles are long: by all words of a question, one for other queries would be the same."""
    samples = dict(samples_of(demo))["esci.relation_of_query_and_product"]
    fields = [json.loads(text) for text in samples["fields"]]
    for a, b in pairs(repeats(samples)):
        assert set(fields[a]["query"].split()) & set(fields[b]["query"].split())
    queries: dict[str, set[str]] = {}
    for one in fields:
        queries.setdefault(one["title"], set()).add(one["query"])
    assert max(map(len, queries.values())) > 1
