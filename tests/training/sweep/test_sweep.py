"""`python -m training.sweep`, with a command that reads the weights out of what it is given."""

from __future__ import annotations

import json
import shlex

import pytest

from builders.cli import run
from builders.errors import ShopmixError
from tests.training.sweep.conftest import Folder, Sweep
from tests.training.sweep.score import MAPS, score
from tests.training.wise_ft.models import write_adapter
from tests.training.wise_ft.tensors import contents, read_model, read_tensors
from training.sweep.__main__ import main
from training.wise_ft.__main__ import main as wise_ft

ALPHAS = "0,0.25,0.5,0.75,1"


def told(folder: Folder) -> dict[str, object]:
    found: dict[str, object] = json.loads((folder.out / "sweep.json").read_text())
    return found


def test_one_adapter(folder: Folder, sweep: Sweep) -> None:
    before = contents(folder.base)
    printed = sweep(f"--adapter={folder.one}", f"--alphas={ALPHAS}")
    wanted = [0, 0.25, 0.5, 0.75, 1]
    assert folder.called() == [(weight, 0) for weight in wanted]
    found = told(folder)
    points = found["points"]
    assert isinstance(points, list)
    assert [point["weights"] for point in points] == [{str(folder.one): one} for one in wanted]
    assert [point["score"] for point in points] == [score(one, 0) for one in wanted]
    assert found["best"] == points[2]
    rows = [line.split() for line in printed.splitlines()]
    assert [row[:2] for row in rows if row[3:] == ["best"]] == [["0.5", "0.7350"]]
    assert "<svg" in (folder.out / "sweep.svg").read_text()
    assert sorted(file.name for file in folder.out.iterdir()) == [
        "results.jsonl",
        "sweep.json",
        "sweep.svg",
    ]
    assert contents(folder.base) == before


def test_the_last_line_makes_the_best(folder: Folder, sweep: Sweep) -> None:
    printed = sweep(f"--adapter={folder.one}", f"--adapter={folder.two}=0.25", "--alphas=0.4,0.5")
    words = shlex.split(printed.splitlines()[-1])
    assert words[:3] == ["python", "-m", "training.wise_ft"]
    wise_ft(words[3:])
    found = read_model(folder.out / "best")
    assert [found[f"{module}.weight"][0, 0] for module in MAPS] == [0.5, 0.25]


def test_two_adapters_make_a_grid(folder: Folder, sweep: Sweep) -> None:
    sweep(
        f"--adapter={folder.one}",
        "--alphas=0,0.5,1",
        f"--adapter={folder.two}",
        "--alphas=0:0.5:0.25",
    )
    assert folder.called() == [(one, two) for one in (0, 0.5, 1) for two in (0, 0.25, 0.5)]
    best = told(folder)["best"]
    assert isinstance(best, dict)
    assert best["weights"] == {str(folder.one): 0.5, str(folder.two): 0.25}


def test_a_point_is_scored_once(folder: Folder, sweep: Sweep) -> None:
    one, two = f"--adapter={folder.one}", f"--adapter={folder.two}"
    sweep(one, "--alphas=0.5,0,0.5")
    assert folder.called() == [(0, 0), (0.5, 0)]
    assert "2 of 3 points are scored already" in sweep(one, "--alphas=0:1:0.5")
    assert folder.called()[2:] == [(1, 0)]
    # in a grid of two, points without the second are the same points, and so they are turned round
    sweep(one, "--alphas=0,0.5", two, "--alphas=0,0.25")
    assert folder.called()[3:] == [(0, 0.25), (0.5, 0.25)]
    sweep(two, "--alphas=0,0.25", one, "--alphas=0,0.5")
    assert len(folder.called()) == 5
    # what decides a score decides whether it is known
    sweep(one, "--alphas=0.5", command=folder.command("--fail-at=99"))
    assert folder.called()[5:] == [(0.5, 0)]


def test_an_adapter_trained_anew_is_another(folder: Folder, sweep: Sweep) -> None:
    sweep(f"--adapter={folder.one}", "--alphas=0.5")
    config = json.loads((folder.one / "adapter_config.json").read_text())
    (folder.one / "adapter_config.json").write_text(json.dumps({**config, "lora_alpha": 2}))
    sweep(f"--adapter={folder.one}", "--alphas=0.5")
    assert folder.called() == [(0.5, 0), (1, 0)]


def test_all_weights_0_are_the_base_itself(folder: Folder, sweep: Sweep) -> None:
    printed = sweep(f"--adapter={folder.one}", "--alphas=0")
    assert folder.scored_folders() == [folder.base]
    assert "that is the base itself" in printed


def test_files_that_nothing_changes_are_links(folder: Folder, sweep: Sweep) -> None:
    with pytest.raises(ShopmixError, match="out of memory"):  # then the model stays
        command = folder.command("--fail-at=1")
        sweep(f"--adapter={folder.one}", "--alphas=1", command=command)
    (model,) = (folder.out / ".scratch").glob("*/model")
    same = [file.samefile(folder.base / file.name) for file in model.glob("*.safetensors")]
    assert sorted(same) == [False, True, True]


def test_one_adapter_to_serve_beside_the_base(folder: Folder, sweep: Sweep) -> None:
    command = folder.command(scored="{adapter}")
    one, two = f"--adapter={folder.one}", f"--adapter={folder.two}"
    printed = sweep(one, f"--alphas={ALPHAS}", two, "--alphas=0,0.25", command=command)
    assert folder.called() == [(a, b) for a in (0, 0.25, 0.5, 0.75, 1) for b in (0, 0.25)]
    assert {path.name for path in folder.scored_folders()} == {"adapter"}
    words = shlex.split(printed.splitlines()[-1])
    wise_ft(words[3:])
    saved = read_tensors(folder.out / "best" / "adapter_model.safetensors")
    assert len(saved) == 4


def test_checkpoints_of_a_run_share_a_weight(folder: Folder, sweep: Sweep) -> None:
    first = folder.one.rename(folder.one.parent / "checkpoint-1")
    folder.two.rename(folder.one.parent / "checkpoint-2")
    sweep(f"--adapter={first}+checkpoint-2", "--alphas=0.5,1")
    assert folder.called() == [(0.25, 0.25), (0.5, 0.5)]


def test_a_failing_command(
    folder: Folder, sweep: Sweep, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [f"--adapter={folder.one}", f"--alphas={ALPHAS}"]
    command = folder.command("--fail-at=3")
    with pytest.raises(SystemExit) as stopped:
        run(lambda: main(folder.arguments(*given, command=command)))
    assert stopped.value.code == 2
    said = capsys.readouterr().err
    for words in (f"{folder.one}=0.5: ", "exit code 3", "out of memory", "What was scored is kept"):
        assert words in said
    assert len((folder.out / "results.jsonl").read_text().splitlines()) == 2
    assert not (folder.out / "sweep.json").exists()
    sweep(*given, command=command)  # the fourth call does not fail
    assert folder.called() == [(one, 0) for one in (0, 0.25, 0.5, 0.5, 0.75, 1)]
    # the model of the failed point was still there
    failed, again = folder.scored_folders()[2:4]
    assert failed == again
    assert not (folder.out / ".scratch").exists()


def test_nothing_is_read_for_a_command_that_cannot_be(folder: Folder) -> None:
    given = [f"--base={folder.base}-not", f"--out={folder.out}", f"--adapter={folder.one}"]
    with pytest.raises(ShopmixError, match="--command"):
        main([*given, "--alphas=1"])
    assert not folder.out.exists()


def test_bad_adapters_are_told_before_anything_is_scored(folder: Folder, sweep: Sweep) -> None:
    other = write_adapter(folder.base.parent / "other", targets=["mlp.up_proj"])
    (other / "adapter_config.json").write_text('{"peft_type": "LORA", "use_dora": true}')
    with pytest.raises(ShopmixError, match="DoRA"):
        sweep(f"--adapter={folder.one}", "--alphas=1", f"--adapter={other}=0.5")
    assert folder.called() == []
