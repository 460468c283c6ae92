"""`python -m builders.show`: samples of a mixture in the terminal."""

from __future__ import annotations

from pathlib import Path

import pytest

from builders.errors import ShopmixError
from builders.show import main
from tests.report.made import mixture, question, ranking, text


@pytest.fixture(scope="module")
def mixtures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mixtures")
    first = [question(2), ranking(3), question(4)]
    second = [text(5, "A lamp."), ranking(6), ranking(7), ranking(8)]
    mixture(folder / "v8", [first, second], [ranking(9)])
    mixture(folder / "other", [[question(1)]])
    return folder


def _shown(capsys: pytest.CaptureFixture[str], mixtures: Path, *given: str) -> list[int]:
    """The numbers of the samples that are printed."""
    main([*given, "--mixtures", str(mixtures)])
    lines = capsys.readouterr().out.splitlines()
    return [int(line.split()[2], 16) for line in lines if line.startswith("=== ")]


@pytest.mark.parametrize(
    ("given", "numbers"),
    [
        ([], [2, 3, 4]),
        (["-n", "99"], [2, 3, 4, 5, 6, 7, 8, 9]),
        (["--type", "ranking"], [3, 6, 7]),
        (["--type", "ranking", "-n", "1"], [3]),
        (["--language", "es", "-n", "9"], [3, 6, 7, 8, 9]),
        (["--source", "amazon_m2"], [5]),
        (["--set", "esci.product_for_query"], [2, 4]),
        (["--split", "validation"], [9]),
        (["--split", "train", "--language", "es", "-n", "9"], [3, 6, 7, 8]),
    ],
)
def test_the_first_samples_that_were_asked_for(
    mixtures: Path, capsys: pytest.CaptureFixture[str], given: list[str], numbers: list[int]
) -> None:
    assert _shown(capsys, mixtures, "v8", *given) == numbers


def test_a_sample_is_printed_whole(mixtures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["v8", "--type", "ranking", "-n", "1", "--mixtures", str(mixtures)])
    assert capsys.readouterr().out == (
        f"=== esci.rank_products_for_query {3:032x}\n"
        "Ordena los productos.\nlámpara 3\nLámpara 3.0\nLámpara 3.1\nLámpara 3.2\n"
        ">>> 2,1,3\nweights: 0.1, 1.0, 0.0\n\n"
    )


def test_a_mixture_goes_by_its_folder_too(
    mixtures: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert _shown(capsys, tmp_path, str(mixtures / "other")) == [1]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["v9"], "no mixture 'v9' in .*: did you mean v8?"),
        (["v8", "--type", "rank"], "no type 'rank' in v8: did you mean ranking?"),
        (["v8", "--set", "product_for_query"], "did you mean esci.product_for_query?"),
        (["v8", "--language", "e"], "no language 'e' in v8: did you mean e[ns]?"),
        (["v8", "--source", "esc"], "did you mean esci?"),
        (["v8", "--split", "valid"], "did you mean validation?"),
        (
            ["v8", "--type", "ranking", "--source", "amazon_m2"],
            "v8 has no sample of type ranking, source amazon_m2: leave one of these out",
        ),
    ],
)
def test_unknown_values_are_errors(mixtures: Path, given: list[str], told: str) -> None:
    with pytest.raises(ShopmixError, match=told):
        main([*given, "--mixtures", str(mixtures)])


def test_no_mixture_at_all(tmp_path: Path) -> None:
    with pytest.raises(ShopmixError, match=r"manifest\.json is missing"):
        main(["v8", "--mixtures", str(tmp_path)])


@pytest.mark.parametrize("count", ["0", "-1", "two"])
def test_a_count_is_at_least_one(count: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(["v8", "-n", count])
    assert exit_.value.code == 2
    assert "argument -n" in capsys.readouterr().err
