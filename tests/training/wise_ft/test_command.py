"""`python -m training.wise_ft`: what it is given, and what it says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.training.wise_ft.merging import asked, command, merged, refused
from tests.training.wise_ft.models import exact, write_adapter, write_base
from tests.training.wise_ft.tensors import contents
from training.wise_ft.__main__ import main


def test_a_merge_by_command(tmp_path: Path) -> None:
    """It says what it merges and what came of it; all as the function makes it."""
    base = write_base(tmp_path / "base")
    adapters = [
        (write_adapter(tmp_path / "v8", r=4, alpha=8), 0.56),
        (write_adapter(tmp_path / "v9b", r=8, alpha=8, seed=9), -0.25),
    ]
    done = command(*asked(base, adapters, tmp_path / "out"))
    assert (done.returncode, done.stderr) == (0, "")
    assert contents(tmp_path / "out") == contents(merged(base, adapters, tmp_path / "same"))
    for word in ("v8", "0.56", "v9b", "-0.25", "3 files", str(tmp_path / "out")):
        assert word in done.stdout


def test_bad_input_by_command(tmp_path: Path) -> None:
    base = write_base(tmp_path / "base")
    adapter = write_adapter(tmp_path / "v8", use_dora=True)
    done = command(*asked(base, [(adapter, 0.5)], tmp_path / "out"))
    assert (done.returncode, done.stdout.count("Traceback")) == (2, 0)
    assert done.stderr.startswith("error: ")
    assert "DoRA" in done.stderr
    assert not (tmp_path / "out").exists()


def test_an_adapter_of_a_track_that_is_not_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not looked for on the Hub, though `runs/v9b` could be a repo of somebody's."""
    monkeypatch.chdir(tmp_path)
    write_base(tmp_path / "base")
    write_adapter(tmp_path / "runs" / "v8")
    said = refused(["--track=5", "--base=base", "--out=out"], capsys)
    assert "runs/v9b is no folder: train it by python -m training.qlora v9b" in said
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--adapter={v8}=1", "--out={out}"], "--base"),
        (["--base={base}", "--adapter={v8}=1"], "--out"),
        (["--base={base}", "--out={out}"], "no adapter"),
        (["--base={base}", "--track=5", "--adapter={v8}=1", "--out={out}"], "--track"),
        (["--base={base}", "--track=6", "--out={out}"], "6"),
        (["--base={base}", "--adapter={v8}=1", "--out={out}", "--rank=2"], "--rank"),
        (["--base={base}", "--adapter={v8}=1", "--out={v8}/config"], "config"),
    ],
)
def test_arguments_that_do_not_go_together(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], given: list[str], said: str
) -> None:
    names = {"base": write_base(tmp_path / "base"), "v8": write_adapter(tmp_path / "v8")}
    (tmp_path / "v8" / "config").write_text("a file")
    arguments = [one.format(**names, out=tmp_path / "out") for one in given]
    assert said in refused(arguments, capsys)
    assert not (tmp_path / "out").exists()


def test_a_merge_and_its_adapter_in_one_go(tmp_path: Path) -> None:
    """The adapter, at weight 1, gives the same model."""
    base, saved = write_base(tmp_path / "base"), tmp_path / "saved"
    adapters = [
        (write_adapter(tmp_path / "v8", r=4, alpha=8), 0.56),
        (write_adapter(tmp_path / "v9b", r=3, alpha=5, seed=9), -0.25),
    ]
    main([*asked(base, adapters, tmp_path / "out"), f"--save-adapter={saved}"])
    config = json.loads((saved / "adapter_config.json").read_text())
    assert config["r"] == 7
    again = exact(base, [(saved, 1.0)])
    for name, tensor in exact(base, adapters).items():
        assert abs(again[name].values - tensor.values).max() <= 2e-7 * tensor.magnitude.max()


def test_a_run_that_has_not_ended_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its adapter can be merged, as a checkpoint can. What each was trained on is told too."""
    base, run = write_base(tmp_path / "base"), write_adapter(tmp_path / "v8")
    (run / "run.json").write_text("{}")
    main(asked(base, [(run, 1.0)], tmp_path / "early"))
    said = capsys.readouterr().out
    assert f"warning: the training of {run} has not ended" in said
    assert "Qwen/Qwen2-0.5B" in said
    (run / "training.json").write_text("{}")
    main(asked(base, [(run, 1.0)], tmp_path / "out"))
    assert "warning" not in capsys.readouterr().out


def test_an_adapter_is_no_base(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = write_adapter(tmp_path / "v8")
    said = refused(asked(run, [(run, 1.0)], tmp_path / "out"), capsys)
    assert f"{run} holds an adapter: give the model that it was trained on" in said
