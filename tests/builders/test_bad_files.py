"""JSON and CSV that are not as published: one clear error, and nothing is written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from builders.errors import ShopmixError
from builders.source import HERE
from tests.conftest import BUILDERS, build

#: A source, its file, what stands in it instead, and what the error says.
DEFECTS = {
    "a key is missing": ("alpaca", [{"prompt": "Say hello.", "output": "Hello."}], "instruction"),
    "other objects": ("ecinstruct", [{"a": 1}], "column"),
    "an object": ("ecinstruct", {"a": 1}, "column"),
    "no instruction": ("alpaca", [dict.fromkeys(("instruction", "input", "output"), "")], "empty"),
    "no rows": ("alpaca", [], "alpaca_data_cleaned.json|no usable instruction"),
}


@pytest.mark.parametrize("defect", DEFECTS)
def test_json_that_holds_no_usable_row_is_an_error(defect: str, tmp_path: Path) -> None:
    source, content, said = DEFECTS[defect]
    (name,) = (file.name for file in (HERE / "demo" / source).iterdir())
    (tmp_path / name).write_text(json.dumps(content), "utf-8")
    with pytest.raises(ShopmixError, match=said) as error:
        build(tmp_path / "out", BUILDERS[source], source=str(tmp_path))
    assert str(tmp_path) in str(error.value)
    assert not list((tmp_path / "out").iterdir())


def test_mmlu_without_a_usable_question_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev" / "marketing_dev.csv").write_text("Which?,a,b,c,d,E\n", "utf-8")
    with pytest.raises(ShopmixError, match=r"no usable question .key is none of A, B, C, D: 1"):
        build(tmp_path / "out", BUILDERS["mmlu"], source=str(tmp_path))


def test_a_csv_line_of_another_length_is_an_error(tmp_path: Path) -> None:
    for file in (HERE / "demo" / "amazon_m2").iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    with (tmp_path / "products_train.csv").open("a", encoding="utf-8") as products:
        products.write("B0X,UK,one,two\n")
    with pytest.raises(ShopmixError, match=r"products_train.csv.*B0X,UK,one,two"):
        build(tmp_path / "out", BUILDERS["amazon_m2"], source=str(tmp_path))
