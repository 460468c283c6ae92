"""Alpaca-Cleaned: every instruction once, word for word."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from builders.alpaca import BUILDER
from builders.errors import ShopmixError
from tests.conftest import build, real_rows

NAME = "alpaca.instructions"
Row = dict[str, Any]


def row(instruction: str = "Name a colour.", input: str = "", output: str = "Red.") -> Row:
    return {"instruction": instruction, "input": input, "output": output}


PLAIN = row("Say hello.", output="Hello.")


def write(folder: Path, *rows: Row) -> Path:
    file = folder / "alpaca_data_cleaned.json"
    file.write_text(json.dumps(rows, indent=4), "utf-8")
    return folder


def made(source: Path, out: Path) -> pl.DataFrame:
    build(out, BUILDER, source=str(source))
    return pl.read_parquet(out / f"{NAME}.parquet")


def rejects(out: Path) -> dict[str, int]:
    told = json.loads((out / f"{NAME}.json").read_text("utf-8"))
    return dict(told["source_rejects"] | told["rejects"])


def fields(samples: pl.DataFrame) -> list[Row]:
    return [json.loads(text) for text in samples["fields"]]


NONE = ("", "noinput", "<noinput>", "<NoInput>", "No input", " noinput\n", " \t\n", None)


@pytest.mark.parametrize("missing", NONE)
def test_no_input_is_none(missing: str | None, tmp_path: Path) -> None:
    rows = write(tmp_path, row() | {"input": missing}, row("Add.", "1 and 2", "3"))
    samples = made(rows, tmp_path / "out")
    found = {one["instruction"]: one["input"] for one in fields(samples)}
    assert found == {"Name a colour.": None, "Add.": "1 and 2"}
    prompts = "".join(samples["messages"].list.get(1).struct.field("content"))
    assert "noinput" not in prompts.lower()
    assert "None" not in prompts


def test_input_that_speaks_of_no_input_stays(tmp_path: Path) -> None:
    rows = write(tmp_path, row(input="No input was given."))
    assert fields(made(rows, tmp_path / "out"))[0]["input"] == "No input was given."


VERBATIM = {
    "code": "```python\ndef add(a, b):\n    return a + b  # {a}\n\n\nprint(add(1, 2))\n```",
    "tabs": "for i in 1 2; do\n\techo $i\n\tdone",
    "lines": "One.\n\n\n  Two.\n   - three\n",
    "mark-up": '<p class="x">Tea &amp; cake</p><br />\n<!-- not lost -->',
    "braces": '{ "a": {"b": [1, {}]} } and { { x } }',
    "blanks": "a  b   c",
    "languages": "¿Qué? 何ですか — “ja” 😊👩‍👧 e\u0301",
    "escapes": "a\\nb \\t %s %d $x \\",
}


@pytest.mark.parametrize("kind", VERBATIM)
def test_texts_are_kept_to_the_letter(kind: str, tmp_path: Path) -> None:
    text = VERBATIM[kind]
    kept = text.strip().replace("\u200d", "")  # a joiner of emoji is invisible
    rows = write(tmp_path, row("Copy this.", text, text), row(text, "", "Done."))
    found = made(rows, tmp_path / "out")
    asked = {one["instruction"]: one for one in fields(found)}
    assert asked["Copy this."]["input"] == kept
    assert kept in asked
    for (_, prompt, answer), truth in found.select("messages", "truth").iter_rows():
        assert kept in prompt["content"]
        assert answer["content"] == json.loads(truth)
        assert answer["content"] in (kept, "Done.")


def test_line_ends_and_controls_are_made_plain(tmp_path: Path) -> None:
    rows = write(tmp_path, row(output="One.\r\nTwo.\rThree.\u2028Four.\x00\x07\x1b\u200b"))
    found = made(rows, tmp_path / "out")
    assert json.loads(found["truth"][0]) == "One.\nTwo.\nThree.\nFour."


UNFIT: dict[str, tuple[Row, str]] = {
    "no output": (row(output=""), "instruction or output is empty"),
    "blank output": (row(output=" \n\t"), "instruction or output is empty"),
    "null output": (row() | {"output": None}, "instruction or output is empty"),
    "no instruction": (row(""), "instruction or output is empty"),
    "long output": (row(output="x" * 5_001), "output longer than 5000 characters"),
    "long input": (row(input="x" * 4_001), "prompt longer than 4000 characters"),
    "braces": (row(output="Write {{ name }}."), "text holds template mark-up"),
    "braces asked": (row("What is {% if %}?"), "text holds template mark-up"),
    "twice": (PLAIN, "instruction given twice"),
    "twice, another answer": (PLAIN | {"output": "Hi."}, "instruction given twice"),
    "twice, no input": (PLAIN | {"input": "noinput"}, "instruction given twice"),
}


@pytest.mark.parametrize("defect", UNFIT)
def test_what_cannot_be_used_is_counted(defect: str, tmp_path: Path) -> None:
    unfit, reason = UNFIT[defect]
    found = made(write(tmp_path, unfit, PLAIN), tmp_path / "out")
    assert [one["instruction"] for one in fields(found)] == ["Say hello."]
    assert rejects(tmp_path / "out") == {reason: 1}


def test_of_two_answers_the_same_stays_in_any_order(tmp_path: Path) -> None:
    rows = [PLAIN | {"output": f"Hello {i}."} for i in range(9)]
    for name, order in (("one", rows), ("two", rows[::-1])):
        (tmp_path / name).mkdir()
        made(write(tmp_path / name, *order), tmp_path / f"{name}.out")
    one, two = (tmp_path / f"{name}.out" / f"{NAME}.parquet" for name in ("one", "two"))
    assert one.read_bytes() == two.read_bytes()


def test_the_same_instruction_for_another_input_is_another(tmp_path: Path) -> None:
    rows = write(tmp_path, *(row("Translate.", f"word {i}", f"Wort {i}") for i in range(9)))
    assert len(made(rows, tmp_path / "out")) == 9


def test_the_longest_output_is_kept_whole(tmp_path: Path) -> None:
    found = made(write(tmp_path, row(output="x" * 5_000)), tmp_path / "out")
    assert len(json.loads(found["truth"][0])) == 5_000


BROKEN: dict[str, tuple[str, str]] = {
    "cut": ('[{"instruction": "a", "inp', "is the download complete"),
    "empty": ("", "is the download complete"),
    "lines": (json.dumps(PLAIN) + "\n" + json.dumps(PLAIN), "is the download complete"),
    "no output": ('[{"instruction": "a", "input": ""}]', "column output is missing"),
}


@pytest.mark.parametrize("defect", BROKEN)
def test_a_broken_file_is_one_clear_error(defect: str, tmp_path: Path) -> None:
    content, said = BROKEN[defect]
    file = tmp_path / "alpaca_data_cleaned.json"
    file.write_text(content, "utf-8")
    with pytest.raises(ShopmixError, match=said) as error:
        made(tmp_path, tmp_path / "out")
    assert str(file) in str(error.value)
    assert "\n" not in str(error.value)


def test_real_outputs_are_those_published(tmp_path: Path) -> None:
    folder = real_rows("alpaca")
    published = json.loads((folder / "alpaca_data_cleaned.json").read_text("utf-8"))
    outputs = {one["output"].strip() for one in published}
    found = made(folder, tmp_path)
    assert len(found) > 4_900
    other = [truth for truth in map(json.loads, found["truth"]) if truth not in outputs]
    # but for controls
    assert len(other) < 20
