"""Benchmarks as hashes: what is read of a file, and what a digest keeps."""

from __future__ import annotations

import json
import re
from pathlib import Path

import polars as pl
import pytest

from builders.cli import run
from builders.errors import ShopmixError
from builders.mixture.benchmark import (
    CHARACTERS,
    WORDS,
    benchmark,
    digest,
    letters,
    main,
    options_key,
    read_benchmark,
    rolled,
    runs,
    split_options,
    unescaped,
)
from builders.mixture.tokens import tokens
from tests.conftest import SHARED

QUESTIONS = Path(__file__).parent / "questions.jsonl"
SHIPPED = Path(__file__).parents[2] / "recipes" / "benchmarks" / "shopbench_development.json"
DEVELOPMENT = SHARED / "shopbench" / "development.json"


def test_questions_are_read_in_order() -> None:
    found = read_benchmark(QUESTIONS)
    assert found.name == "questions"
    assert found.texts is not None
    assert found.count == len(found.texts) == 13
    assert found.texts[0].startswith("Explain the product type Salad Spinner")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "has no question"),
        ('{"input_field": "a"}\n{"input_field": \n', "line 2 is not JSON"),
        ('\n{"input": "a"}\n', "line 2: input_field must be"),
        ('{"input_field": " "}\n', "line 1: input_field must be"),
        ('{"input_field": 3}\n', "line 1: input_field must be"),
        ("[1]\n", "line 1: input_field must be"),
    ],
)
def test_bad_questions_name_file_and_line(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "mine.jsonl"
    path.write_text(text, "utf-8")
    with pytest.raises(ShopmixError, match=f"mine.jsonl.*{complaint}"):
        read_benchmark(path)


def test_missing_and_binary_files_are_told(tmp_path: Path) -> None:
    with pytest.raises(ShopmixError, match="no benchmark"):
        read_benchmark(tmp_path / "none.jsonl")
    (tmp_path / "binary.jsonl").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ShopmixError, match=r"binary.jsonl cannot be read"):
        read_benchmark(tmp_path / "binary.jsonl")


def test_a_digest_is_the_benchmark_without_its_texts(tmp_path: Path) -> None:
    path = tmp_path / "kept.json"
    main([str(QUESTIONS), "--out", str(path)])
    asked, kept = read_benchmark(QUESTIONS), read_benchmark(path)
    assert (kept.name, kept.texts, kept.count) == ("kept", None, asked.count)
    assert kept.hash == asked.hash
    assert kept.grams.equals(asked.grams)
    assert path.read_text("utf-8") == digest(asked)


def test_a_digest_holds_no_word_of_the_questions() -> None:
    found = read_benchmark(QUESTIONS)
    assert found.texts is not None
    named = {"format", "questions", "hash", "tables", "counts", "options", "shopmix", "of", "a"}
    words = {word for text in found.texts for word in re.findall("[a-z]{5,}", text.lower())} - named
    values = [json.dumps(json.loads(digest(found))[key]) for key in ("questions", "hash")]
    plain = re.sub(r'"hashes": "[^"]*"', "", digest(found)).lower() + "".join(values)
    assert not [word for word in words if re.search(rf"\b{word}\b", plain)]


def _cut(text: str) -> str:
    return text[: len(text) // 2]


def _other_hash(text: str) -> str:
    return re.sub(r'"hash": "....', '"hash": "0000', text)


def _other_count(text: str) -> str:
    return text.replace('"questions": 13', '"questions": 12')


@pytest.mark.parametrize("harm", [_cut, _other_hash, _other_count])
def test_a_damaged_digest_is_refused(tmp_path: Path, harm: object) -> None:
    path = tmp_path / "kept.json"
    assert callable(harm)
    path.write_text(harm(digest(read_benchmark(QUESTIONS))), "utf-8")
    with pytest.raises(ShopmixError, match=r"kept.json is not a whole digest"):
        read_benchmark(path)


def test_the_command_ends_with_2_on_bad_input(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        run(lambda: main([str(tmp_path / "none.jsonl"), "--out", str(tmp_path / "out.json")]))
    assert ended.value.code == 2
    assert "no benchmark" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_what_is_shipped_is_the_digest_of_the_development_questions() -> None:
    kept = read_benchmark(SHIPPED)
    assert kept.count == 96
    if not DEVELOPMENT.exists():
        pytest.skip(f"no questions at {DEVELOPMENT}: they are not part of this repository")
    assert SHIPPED.read_text("utf-8") == digest(read_benchmark(DEVELOPMENT))


def test_options_are_the_longest_run_of_numbered_lines() -> None:
    text = "Choose.\n1. A sentence of the text.\n\n0. red\n 1) green\n2.blue\nAnswer:"
    assert split_options(text) == (
        "Choose.\n1. A sentence of the text.\n\nAnswer:",
        ["red", "green", "blue"],
    )
    assert split_options("1. alone") == ("1. alone", [])
    assert split_options("1. one\n3. three\n4. four")[1] == []


def test_letters_know_neither_case_nor_order_nor_what_is_between() -> None:
    same, other = letters(pl.Series(["0. Tea cup\n1. Mug", "MUG; tea-CUP"])), letters
    assert same[0] == same[1]
    assert same[0] != other(pl.Series(["tea cups mug"]))[0]
    assert letters(pl.Series(["", None, "12 ?"])).tolist() == [0, 0, 0]


def test_options_have_one_key_in_any_order() -> None:
    keys = options_key(
        pl.Series([["Tea-Cup", "a mug"], ["A MUG.", "tea cup"], ["tea cup", "a jug"], [], None])
    )
    assert keys[0] == keys[1] != keys[2]
    assert keys[3:].tolist() == [0, 0]
    assert options_key(pl.Series([["Salt &amp; Pepper"]])) == options_key(
        pl.Series([["salt & pepper"]])
    )


@pytest.mark.parametrize("count", [1, 2, 3, WORDS, CHARACTERS])
def test_runs_are_equal_where_their_tokens_are(count: int) -> None:
    hashes = tokens(pl.Series([" ".join(f"w{i % 30}" for i in range(60))])).hashes
    found = rolled(hashes, count).tolist()
    assert len(found) == 60 - count + 1
    assert found[30:] == found[: 31 - count]
    assert len(set(found)) == 30
    assert len(rolled(hashes[: count - 1], count)) == 0


def test_no_run_goes_over_the_end_of_a_text() -> None:
    texts = tokens(pl.Series(["a b c", "", "d e", "f g h i"]))
    assert runs(texts, 3).select("text", "at").rows() == [(0, 0), (3, 5), (3, 6)]


def test_entities_are_read_however_often_they_were_escaped() -> None:
    found = unescaped(pl.Series(["Pete &amp;amp; Co", "AT&T", None, "plain", "&#34;so&quot;"]))
    assert found.to_list() == ["Pete & Co", "AT&T", None, "plain", '"so"']


def test_grams_of_japanese_are_longer() -> None:
    sentence = "取っ手は熱くならず注ぎ口は細いのでお茶を最後まで一滴もこぼさず注げます"
    found = benchmark("one", [f"Describe this:\n{sentence}"])
    assert len(found.long_grams) == len(sentence) + 2 - CHARACTERS + 1
    assert len(found.grams) == 0


def test_what_three_questions_share_is_not_theirs() -> None:
    common = "please read the following review with care and then say how many stars it gave"
    texts = [f"{common}: text number {name}" for name in ("one", "two", "three")]
    shared = benchmark("three", texts).grams["hash"]
    alone = benchmark("one", texts[:1]).grams["hash"]
    assert len(alone) == 15 + 3 - WORDS + 1
    assert set(shared) & set(alone) < set(alone)
    assert benchmark("twice", [texts[0]] * 3).grams["hash"].n_unique() == len(alone)
