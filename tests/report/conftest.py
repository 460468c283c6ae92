"""A small mixture with all that a report shows, and its page."""

from __future__ import annotations

from pathlib import Path

import pytest

from builders.report.__main__ import main
from tests.report.made import mixture, question, ranking, text

#: What a text may hold that a page must not run.
INJECTED = (
    "</script><script>document.title = 'run'</script>"
    "<img src=x onerror=\"document.title = 'run'\"><b>bold</b>"
)
WRITTEN = text(200, INJECTED, keys=[f"product:{INJECTED}"])


def duplicate(one: int, other: int, kind: str, **told: object) -> dict[str, object]:
    """A row of what was found of duplicates, of two questions of one set."""
    name = "esci.product_for_query"
    return {
        "id": f"{one:032x}",
        "set": name,
        "other_id": f"{other:032x}",
        "other_set": name,
        "kind": kind,
        "similarity": 1.0 if kind == "exact" else 0.9,
        "dropped": True,
        **told,
    }


def leak(number: int, **told: object) -> dict[str, object]:
    """A row of what was found of leaks."""
    return {
        "id": f"{number:032x}",
        "set": "esci.product_for_query",
        "benchmark": "shopbench_development",
        "question": 7,
        "rule": "overlap",
        "shared": "which lamp is it that",
        "text": "Which lamp is it that shines?",
        "question_text": "WHICH LAMP IS IT THAT BURNS?",
        **told,
    }


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a mixture: 130 products for queries in two shards (one of them injected by a
    reason), 8 rankings in Spanish, a text that is mark-up, and 5 rows of validation."""
    return mixture(
        tmp_path_factory.mktemp("mixtures") / "small",
        [
            [*(question(i) for i in range(70)), WRITTEN, *(ranking(300 + i) for i in range(8))],
            [question(i) for i in range(70, 130)],
        ],
        [question(400 + i) for i in range(5)],
        [duplicate(3, 4, "near"), duplicate(900, 5, "exact")],
        [leak(800), leak(801, rule="question", shared=None, question_text=None)],
        {
            "esci.product_for_query": {
                "rejects": {f"no {INJECTED}": 12, "too short": 3},
                "source_rejects": {"judged twice": 4},
                "left_out": {"near duplicate": 2},
                "shortcuts": {"chance": 0.25, "first": 0.25, "longest": 0.33, "age": 0.9},
                "guessable": None,
            },
            "esci.rank_products_for_query": {
                "source_rejects": {"judged twice": 5, "no title": 1},
                "shortcuts": {"chance": 0.6, "first": 0.61, "overlap": 0.9},
                "guessable": "the words tell",
            },
        },
    )


@pytest.fixture(scope="session")
def page(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report on it."""
    out = tmp_path_factory.mktemp("pages") / "report.html"
    main([str(made), "--out", str(out)])
    return out
