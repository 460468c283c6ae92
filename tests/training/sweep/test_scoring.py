from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest

from builders.errors import ShopmixError
from training.sweep.scoring import found, scorer


@pytest.mark.parametrize(
    ("printed", "score"),
    [
        ("0.7866\n", 0.7866),
        ("track 5\n 0.7 \n 78.66 \ndone\n", 78.66),
        ('0.1\n{"score": 0.7866, "questions": 96}\n', 0.7866),
        ('{"score": 1}\n{"other": 2}\n', 1),
        ('{"score": "high"}\n{"score": true}\n[3]\n', None),
        ("score: 0.5\n", None),
        ("-3e-2", -0.03),
        ("", None),
    ],
)
def test_the_last_number_is_the_score(printed: str, score: float | None) -> None:
    assert found(printed) == score


def python(program: str) -> str:
    return shlex.join([sys.executable, "-c", program, "{model}"])


def test_the_command_gets_the_folders_and_no_shell(tmp_path: Path) -> None:
    program = "import sys; print(sys.argv[1:], file=sys.stderr); print(len(sys.argv))"
    made = scorer(f"{python(program)} '--base={{base}}' '$HOME' ';'")
    folders = {"model": tmp_path / "my model", "base": tmp_path / "b"}
    assert made.score("a point", folders, tmp_path) == 5
    said = (tmp_path / "stderr.txt").read_text()
    assert said == f"{[str(folders['model']), f'--base={tmp_path}/b', '$HOME', ';']}\n"


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("import sys; print(0.5); print('lost', file=sys.stderr); sys.exit(3)", "exit code 3"),
        ("print('lost')", "no score"),
        ("print('lost'); print('nan')", "the score nan"),
        ("print('lost'); print('{\"score\": Infinity}')", "the score inf"),
        ("import os; print('lost', flush=True); os.abort()", "exit code -6"),
    ],
)
def test_a_failure_names_the_point_and_what_was_said(
    tmp_path: Path, program: str, said: str
) -> None:
    with pytest.raises(ShopmixError) as error:
        scorer(python(program)).score("v8=0.5", {"model": tmp_path}, tmp_path)
    text = str(error.value)
    assert text.startswith("v8=0.5: ")
    assert said in text
    assert str(tmp_path) in text
    assert "lost" in text.partition("\n")[2]


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("python score.py", "either {model} or {adapter}"),
        ("python score.py {model} {adapter}", "either {model} or {adapter}"),
        ("python score.py {modle}", "either {model} or {adapter}"),
        ("no-such-command {model}", "there is no command no-such-command"),
        ("./no/such/file {adapter}", "there is no command"),
        ("python '{model}", "No closing quotation"),
        ("", "either {model} or {adapter}"),
    ],
)
def test_a_command_that_cannot_be(template: str, said: str) -> None:
    with pytest.raises(ShopmixError, match=said):
        scorer(template)


def test_without_the_module_of_the_default_a_command_is_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("training.sweep.scoring.find_spec", lambda name: None)
    with pytest.raises(ShopmixError, match=r"inference\.evaluate is not part .* --command"):
        scorer(None)


def test_the_default_runs_in_this_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.sweep.scoring.find_spec", lambda name: name)
    made = scorer(None)
    assert made.words == (sys.executable, "-m", "inference.evaluate", "--model", "{model}")
    assert made.scores == "model"
