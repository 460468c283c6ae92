"""The samples and pairs of a report: which, and what is told of them."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from builders.errors import ShopmixError
from builders.esci import BUILDER
from builders.mixture.manifest import DUPLICATES, read
from builders.report import pairs
from builders.report.samples import reasons, shown
from builders.report.shards import first_rows
from builders.sample import SCHEMA
from tests.report.conftest import duplicate, leak
from tests.report.made import mixture, question, ranking, text


def test_the_first_rows_of_every_set_in_the_mixtures_order(tmp_path: Path) -> None:
    shards = [
        [question(5), ranking(6), question(1)],
        [question(9), ranking(2), ranking(3)],
        [text(4, "A lamp."), question(7)],
    ]
    folder = mixture(tmp_path / "m", shards, [question(8)])
    manifest = read(folder)
    found = first_rows(folder, manifest, "train", 2)
    assert [int(one, 16) for one in found["id"]] == [5, 6, 1, 2, 4]
    held = first_rows(folder, manifest, "validation", 2)
    assert [int(one, 16) for one in held["id"]] == [8]
    assert held["part"].to_list() == ["validation"]


def test_options_of_a_multiple_choice_say_why_they_are_wrong() -> None:
    told = shown({**question(2), "part": "train"}, reasons())
    assert [(one["number"], one["right"], one["why"]) for one in told["options"]] == [
        (0, False, BUILDER.reasons["judged_I"]),
        (1, False, BUILDER.reasons["judged_I"]),
        (2, True, None),
        (3, False, BUILDER.reasons["judged_I"]),
    ]
    assert told["line"] == "lamp 2"
    assert told["generator"] == "none"


def test_options_of_a_ranking_have_weights_and_count_from_one() -> None:
    told = shown({**ranking(2), "part": "train"}, reasons())
    assert [(one["number"], one["weight"]) for one in told["options"]] == [
        (1, 0.1),
        (2, 1.0),
        (3, 0.0),
    ]
    assert told["truth"] is None


def test_the_right_ones_of_a_retrieval() -> None:
    sample = question(0, task_type="retrieval", truth="[2, 4]")
    told = shown({**sample, "part": "train"}, reasons())
    assert [one["right"] for one in told["options"]] == [False, True, False, True]


def test_a_code_without_words_stays() -> None:
    told = shown({**question(0, source="own"), "part": "train"}, reasons())
    assert [one["why"] for one in told["options"]] == [None, "judged_I", "judged_I", "judged_I"]


def test_a_text_without_options_has_its_truth_and_all_lineage() -> None:
    told = shown({**text(3, "A lamp."), "part": "validation"}, reasons())
    assert told["options"] == []
    assert json.loads(told["truth"]) == "A lamp."
    assert told["split"] == "validation"
    assert told["lineage"] == {
        "source": "amazon_m2",
        "revision": "abc123",
        "split of the source": "train",
        "source rows": ["queries:3", "products:us:B3"],
        "keys": ["query:lamp 3", "product:B3"],
        "wording": "amazon_m2/explain_product_type/terse.j2@12345678",
        "written by": "openai:gpt-4.1-mini",
        "LLM calls": ["c9977144627e4d985b4f7d0da1e8cfbe"],
        "metric": "sent-transformer",
        "track": "amazon-kdd-cup-24-user-behavior-alignment",
        "licence": "LicenseRef-Amazon-M2-research",
    }


def test_the_line_of_a_long_text_is_cut() -> None:
    fields = json.dumps({"number": 3, "empty": " ", "text": "lamp\n" * 100})
    told = shown({**text(1, "A."), "fields": fields, "part": "train"}, {})
    assert told["line"].startswith("lamp lamp")
    assert (len(told["line"]), told["line"][-1]) == (140, "…")


def test_the_line_of_a_sample_that_asks_about_its_options_alone() -> None:
    pairs_alone = json.dumps({"options": ["query: lamp | product: Lamp", "query: bulb"]})
    told = shown({**ranking(1), "fields": pairs_alone, "truth": "[1, 0]", "part": "train"}, {})
    assert told["line"] == "query: lamp | product: Lamp"


def test_dropped_duplicates_have_their_text_of_the_samples(tmp_path: Path) -> None:
    found = [duplicate(900, 5, "exact"), duplicate(901, 6, "exact", dropped=False)]
    folder = mixture(tmp_path / "m", [[question(5), question(6)]], duplicates=found)
    pool = tmp_path / "samples"
    pool.mkdir()
    dropped = pl.DataFrame([question(900)], SCHEMA)
    dropped.write_parquet(pool / "esci.product_for_query.parquet")
    first, second = pairs.duplicates(folder, read(folder), pool)
    texts = [side["text"] for side in first["sides"]]
    assert texts[0] == f"{question(900)['messages'][1]['content']}\n>>> 0"
    assert texts[1] == f"{question(5)['messages'][1]['content']}\n>>> 1"
    assert first["badges"] == ["exact", "1.00 alike", "dropped"]
    assert second["badges"][2] == "kept"
    assert second["sides"][0]["text"] is None  # neither here nor there


def test_of_each_kind_the_least_alike_pairs_come_first(tmp_path: Path) -> None:
    close = [duplicate(1_000 + i, 5, "near", similarity=0.99 - i / 1_000) for i in range(150)]
    same = [duplicate(2_000 + i, 5, "exact") for i in range(150)]
    folder = mixture(tmp_path / "m", [[question(5)]], duplicates=[*same, *close])
    listed = pairs.duplicates(folder, read(folder), tmp_path / "no samples")
    assert len(listed) == 2 * pairs.LISTED
    assert [one["sides"][0]["id"] for one in listed[:2]] == [f"{1_149:032x}", f"{1_148:032x}"]
    exact = [one["sides"][0]["id"] for one in listed if one["badges"][0] == "exact"]
    assert exact == [f"{2_000 + i:032x}" for i in range(100)]  # in the file's order


def test_leaks_stand_beside_the_question(tmp_path: Path) -> None:
    folder = mixture(tmp_path / "m", [[question(5)]], leaks=[leak(1, question_text=None)])
    (found,) = pairs.leaks(folder)
    assert found == {
        "badges": ["overlap", "refused"],
        "shared": "which lamp is it that",
        "sides": [
            {
                "name": "esci.product_for_query",
                "id": f"{1:032x}",
                "text": "Which lamp is it that shines?",
            },
            {"name": "shopbench_development", "id": "question 7", "text": None},
        ],
    }


def test_a_list_that_is_missing_is_named(tmp_path: Path) -> None:
    folder = mixture(tmp_path / "m", [[question(5)]])
    (folder / DUPLICATES).write_bytes(b"half")
    with pytest.raises(ShopmixError, match=r"duplicates\.parquet cannot be read"):
        pairs.duplicates(folder, read(folder), tmp_path)
    (folder / "leaks.parquet").unlink()
    with pytest.raises(ShopmixError, match=r"leaks\.parquet cannot be read"):
        pairs.leaks(folder)
