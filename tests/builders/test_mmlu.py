"""MMLU: its quirks, and that its test questions can be left out."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from pathlib import Path

import polars as pl
import pytest

from builders.errors import ShopmixError
from builders.mmlu import BUILDER
from builders.source import HERE
from tests.conftest import build, real_rows

NAME = "mmlu.general_knowledge"
#: A question: it, four choices, the key.
Row = tuple[str, ...]
PLAIN: Row = ("Which of these floats?", "a stone", "a nail", "a cork", "a coin", "C")


def write(folder: Path, *rows: Row | str, split: str = "test", subject: str = "physics") -> Path:
    """A file as it is published; a row that is a str stands in it as it is."""
    ending = "" if split == "auxiliary_train" else f"_{split}"
    file = folder / split / f"{subject}{ending}.csv"
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", encoding="utf-8", newline="") as opened:
        for row in rows:
            if isinstance(row, str):
                opened.write(row)
            else:
                csv.writer(opened, lineterminator="\n").writerow(row)
    return folder


def made(source: Path | str, out: Path) -> pl.DataFrame:
    """The samples, with columns for what was asked."""
    build(out, BUILDER, source=str(source))
    found = pl.read_parquet(out / f"{NAME}.parquet")
    asked = [json.loads(text) for text in found["fields"]]
    return found.with_columns(
        question=pl.Series([one["question"] for one in asked], dtype=pl.String),
        options=pl.Series([one["options"] for one in asked], dtype=pl.List(pl.String)),
        right=pl.col("truth").cast(pl.Int64),
    )


def rejects(out: Path) -> dict[str, int]:
    told = json.loads((out / f"{NAME}.json").read_text("utf-8"))
    return dict(told["source_rejects"] | told["rejects"])


#: Lines as published: question, choices and key that are asked.
QUIRKS: dict[str, tuple[str, Row]] = {
    "lines": (
        '"Look at this:\n\n  x = 1\n  y = 2\nWhat is x?",1,2,3,4,A\n',
        ("Look at this:\n\n  x = 1\n  y = 2\nWhat is x?", *"1234", "A"),
    ),
    "CRLF": (
        '"Look:\r\nWhat is x?",1,2,3,4,B\r\n"Is y?",1,2,3,4,A\r\n',
        ("Look:\nWhat is x?", *"1234", "B"),
    ),
    "None": ("How many?,1,2,3,None,D\n", ("How many?", "1", "2", "3", "None", "D")),
    "null words": ("Which?,NA,null,nan,N/A,B\n", ("Which?", "NA", "null", "nan", "N/A", "B")),
    "numbers": ("How much?,01,1.50,1e3,-0,C\n", ("How much?", "01", "1.50", "1e3", "-0", "C")),
    "true": ("Is it?,True,False,true?,1,A\n", ("Is it?", "True", "False", "true?", "1", "A")),
    "quotation mark amid a field": (
        'A 5" pipe is,5 in" wide,"""5"" long",5\' deep,5,B\n',
        ('A 5" pipe is', '5 in" wide', '"5" long', "5' deep", "5", "B"),
    ),
    "commas": (
        '"Red, blue, or","1,000","a, b",c,d,A\n',
        ("Red, blue, or", "1,000", "a, b", "c", "d", "A"),
    ),
    "blanks": (" What? , a,b ,c\t,d,D\n", ("What?", "a", "b", "c", "d", "D")),
    "controls": ("Wh\x07at\x1b?,a\x7f,b,c,d,D\n", ("What?", "a", "b", "c", "d", "D")),
    "mark-up": (
        "Is 1 < 2 &amp; 3 <b> 4?,&lt;,<i>,c,d,A\n",
        ("Is 1 < 2 &amp; 3 <b> 4?", "&lt;", "<i>", "c", "d", "A"),
    ),
    "byte order mark": ("\ufeffWhat?,a,b,c,d,D\n", ("What?", "a", "b", "c", "d", "D")),
    "no last line end": ("What?,a,b,c,d,D", ("What?", "a", "b", "c", "d", "D")),
}


@pytest.mark.parametrize("quirk", QUIRKS)
def test_what_is_published_is_asked(quirk: str, tmp_path: Path) -> None:
    line, (question, *choices, key) = QUIRKS[quirk]
    found = made(write(tmp_path, line), tmp_path / "out").filter(question=question)
    assert found["options"].to_list() == [choices]
    assert found["right"].to_list() == ["ABCD".index(key)]
    _, prompt, answer = (message["content"] for message in found["messages"][0])
    assert answer == str("ABCD".index(key))
    assert [text for text in (question, *choices) if text not in prompt] == []


#: Rows that are no question, or no fair one, and the reason that counts them.
UNFIT: dict[str, tuple[Row, str]] = {
    "no choice": (("Which?", "a", "", "c", "d", "A"), "question or choice is empty"),
    "blank choice": (("Which?", "a", " \t", "c", "d", "A"), "question or choice is empty"),
    "no question": (("", "a", "b", "c", "d", "A"), "question or choice is empty"),
    "E": (("Which?", "a", "b", "c", "d", "E"), "key is none of A, B, C, D"),
    "small letter": (("Which?", "a", "b", "c", "d", "a"), "key is none of A, B, C, D"),
    "number": (("Which?", "a", "b", "c", "d", "0"), "key is none of A, B, C, D"),
    "no key": (("Which?", "a", "b", "c", "d", ""), "key is none of A, B, C, D"),
    "equal choices": (("Which?", "a", "b", "c", "b", "B"), "two choices are equal but for case"),
    "but for case": (("Which?", "a", "Ab", "c", "aB", "A"), "two choices are equal but for case"),
    "braces": (("Is {{x}}?", "a", "b", "c", "d", "A"), "text holds template mark-up"),
    "long": (("x " * 2_500, "a", "b", "c", "d", "A"), "prompt longer than 4000 characters"),
}


@pytest.mark.parametrize("defect", UNFIT)
def test_what_is_no_question_is_counted(defect: str, tmp_path: Path) -> None:
    row, reason = UNFIT[defect]
    found = made(write(tmp_path, row, PLAIN), tmp_path / "out")
    assert found["question"].to_list() == [PLAIN[0]]
    assert rejects(tmp_path / "out") == {reason: 1}


def test_choices_stay_in_their_order_and_count_from_zero(tmp_path: Path) -> None:
    rows = [(f"Which is {i}?", "d", "c", "b", "all of the above", "ABCD"[i % 4]) for i in range(80)]
    found = made(write(tmp_path, *rows), tmp_path / "out")
    assert found["options"].to_list() == [["d", "c", "b", "all of the above"]] * 80
    for question, right, messages in found.select("question", "right", "messages").iter_rows():
        assert right == int(question.split()[2][:-1]) % 4
        lines = [
            line.strip()
            for line in messages[1]["content"].splitlines()
            if "all of the above" in line
        ]
        assert any(line.startswith(("3", "(3", "[3")) for line in lines), messages[1]["content"]


def test_splits_are_named_as_on_the_hub(tmp_path: Path) -> None:
    for split in ("test", "val", "dev", "auxiliary_train"):
        row = (f"Is it {split}?", *PLAIN[1:])
        write(tmp_path, row, split=split, subject="high_school_physics")
    found = made(tmp_path, tmp_path / "out").select("question", "split").rows()
    named = {"val": "validation"}
    assert {(q, named.get(q[6:-1], q[6:-1])) for q, _ in found} == set(found)
    rows = pl.read_parquet(tmp_path / "out" / f"{NAME}.parquet")["source_rows"].explode()
    assert {row.rpartition(":")[0].partition(":")[2] for row in rows} == {
        f"{split}/high_school_physics" for split in ("test", "validation", "dev", "auxiliary_train")
    }


def test_another_folder_is_no_split(tmp_path: Path) -> None:
    write(tmp_path, PLAIN, split="old")
    write(tmp_path, ("Why?", *PLAIN[1:]))
    assert made(tmp_path, tmp_path / "out")["question"].to_list() == ["Why?"]
    assert rejects(tmp_path / "out") == {"split is unknown": 1}


#: The same question again, so that who has seen the one knows the other.
AGAIN: dict[str, Row] = {
    "equal": PLAIN,
    "case": ("WHICH of these floats?", "A stone", "A nail", "A Cork", "A coin", "C"),
    "blanks": ("Which  of these\nfloats? ", "a  stone", "a nail", "a cork", "a coin", "C"),
    "order": ("Which of these floats?", "a cork", "a coin", "a nail", "a stone", "A"),
}
SPLITS = ("test", "val", "dev", "auxiliary_train")


@pytest.mark.parametrize("copy", AGAIN)
@pytest.mark.parametrize("place", range(1, 4))
def test_a_question_of_two_splits_is_of_the_most_protected(
    copy: str, place: int, tmp_path: Path
) -> None:
    """Whichever file is read first."""
    write(tmp_path, AGAIN[copy], split=SPLITS[place], subject="astronomy")
    write(tmp_path, PLAIN, split=SPLITS[place - 1], subject="zoology")
    found = made(tmp_path, tmp_path / "out")
    assert found["question"].to_list() == [PLAIN[0]]
    assert found["split"].to_list() == [SPLITS[place - 1].replace("val", "validation")]
    assert rejects(tmp_path / "out") == {"asked twice; the most protected split stays": 1}


def test_quotation_marks_make_no_other_question(tmp_path: Path) -> None:
    write(tmp_path, ("What's “it”?", *PLAIN[1:]), split="dev")
    write(tmp_path, ('What’s "it"?', *PLAIN[1:]))
    assert made(tmp_path, tmp_path / "out")["split"].to_list() == ["test"]


@pytest.mark.parametrize(
    "other",
    [
        ("Which of these sinks?", *PLAIN[1:]),
        (*PLAIN[:4], "a boat", "C"),
        ("Which of these floats", *PLAIN[1:]),
    ],
)
def test_another_question_is_not_the_same(other: Row, tmp_path: Path) -> None:
    write(tmp_path, other, split="auxiliary_train")
    assert len(made(write(tmp_path, PLAIN), tmp_path / "out")) == 2


@pytest.mark.parametrize("other", [(*PLAIN[:5], "D"), (*AGAIN["order"][:5], "B")])
def test_contradictory_keys_leave_no_question(other: Row, tmp_path: Path) -> None:
    write(tmp_path, other, split="auxiliary_train")
    write(tmp_path, PLAIN, ("Why?", *PLAIN[1:]))
    assert made(tmp_path, tmp_path / "out")["question"].to_list() == ["Why?"]
    assert rejects(tmp_path / "out") == {"asked twice with different keys": 2}


def plain(rows: Iterable[tuple[str, list[str]]]) -> set[tuple[str, ...]]:
    """Questions in a form in which copies are equal."""
    marks = str.maketrans("‘’“”", "''\"\"")
    return {
        (_plain(question, marks), *sorted(_plain(choice, marks) for choice in choices))
        for question, choices in rows
    }


def _plain(text: str, marks: dict[int, int]) -> str:
    return " ".join(text.lower().translate(marks).split())


@pytest.mark.parametrize("source", ["demo", "real"])
def test_one_filter_leaves_out_the_test_questions(source: str, tmp_path: Path) -> None:
    """All of them, also where an auxiliary file or another split has a copy."""
    folder = real_rows("mmlu") if source == "real" else HERE / "demo" / "mmlu"
    published = []
    for file in (folder / "test").glob("*.csv"):
        with file.open(encoding="utf-8", newline="") as opened:
            published += [(row[0], row[1:5]) for row in csv.reader(opened)]
    samples = made(folder, tmp_path)
    left = samples.filter(pl.col("split") != "test").select("question", "options").rows()
    assert len(left) > 40
    assert plain(left) & plain(published) == set()
    assert len(plain(samples.select("question", "options").rows())) == len(samples)
    if source == "real":
        assert len(samples) > 16_000
        assert sum("None" in options for options in samples["options"].to_list()) >= 5
        assert samples["question"].str.contains("\n").sum() > 900


BROKEN: dict[str, tuple[str, str]] = {
    "a column less": ("What?,a,b,c,A\n", "Expected 6 columns, got 5"),
    "a column more": ("What?,a,b,c,d,e,A\n", "Expected 6 columns, got 7"),
    "a line of words": ("What?,a,b,c,d,A\nNot found\n", "Expected 6 columns, got 1"),
    "empty": ("", "the file is empty"),
}


@pytest.mark.parametrize("defect", BROKEN)
def test_a_broken_file_is_one_clear_error(defect: str, tmp_path: Path) -> None:
    content, said = BROKEN[defect]
    write(tmp_path, PLAIN)
    write(tmp_path, content, split="val", subject="zoology")
    with pytest.raises(ShopmixError, match=said) as error:
        made(tmp_path, tmp_path / "out")
    assert str(tmp_path / "val" / "zoology_val.csv") in str(error.value)
    assert "\n" not in str(error.value)
