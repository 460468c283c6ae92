"""ShopBench's sentence metric runs on the real all-MiniLM-L6-v2."""

import json
from collections.abc import Callable

import pytest

from tests.engines.engine import ROOT, Engine

pytestmark = pytest.mark.engines
TEXT = "A warm winter jacket for children, with a hood"


@pytest.fixture(scope="module")
def scores(
    engine: Callable[[str], Engine], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, float]:
    """The score of three answers against `TEXT`."""
    answers = {
        "same": TEXT,
        "near": "Hooded coat that keeps kids warm in the cold season",
        "far": "Replacement ink cartridge, black, compatible with office printers",
    }
    folder = tmp_path_factory.mktemp("sentences")
    pairs = folder / "pairs.json"
    pairs.write_text(json.dumps([(answer, TEXT) for answer in answers.values()]))
    values = engine("autoawq").script("embed", pairs, folder / "out.json", PYTHONPATH=str(ROOT))
    return dict(zip(answers, values, strict=True))


def test_equal_texts_score_one(scores: dict[str, float]) -> None:
    """A text is as close to itself as can be."""
    assert scores["same"] == pytest.approx(1.0, abs=1e-5)


def test_meaning_decides(scores: dict[str, float]) -> None:
    """Other words of the same meaning score far above a text about something else."""
    assert scores["near"] > 0.6
    assert 0.0 <= scores["far"] < 0.2
