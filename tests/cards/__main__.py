"""`python -m tests.cards`: write the golden cards anew, after a change of what they say."""

from __future__ import annotations

from tests.cards.golden import CARDS, FOLDER

for name, card in CARDS.items():
    (FOLDER / name).write_text(card(), "utf-8")
