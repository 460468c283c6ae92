"""Cards that are kept as files, for review."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from builders.cards.dataset import dataset_card
from builders.cards.model import model_card
from tests.cards.mixtures import INSTRUCTIONS, KNOWLEDGE, RANKING, manifest
from tests.cards.models import MERGED, V8

FOLDER = Path(__file__).parent / "golden"


def dataset() -> str:
    """The card of two mixtures."""
    both = {
        "v8": manifest("v8", (RANKING, KNOWLEDGE, INSTRUCTIONS)),
        "v9b": manifest("v9b", (RANKING,)),
    }
    return dataset_card(None, both, "you/shopmix", "1.0.0")


CARDS: dict[str, Callable[[], str]] = {
    "dataset.md": dataset,
    "adapter.md": lambda: model_card(V8),
    "merged.md": lambda: model_card(MERGED),
}
