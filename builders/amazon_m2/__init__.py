"""Amazon-M2 (KDD Cup 2023): products in six locales, and shopping sessions.

Published for research under the rules of the competition. Truth is that one id is one product in
all locales, and what was clicked in one session.
"""

from __future__ import annotations

from collections.abc import Mapping

from builders.amazon_m2 import descriptions, pairs, sessions
from builders.amazon_m2.tables import NAMED, SOURCE, Tables, read
from builders.builder import Builder, Set
from builders.shopbench import BEHAVIOR, CHOICE, CONCEPTS, FIND, LINGUAL
from builders.source import Rows

REASONS = {**descriptions.REASONS, **sessions.REASONS}

_LOCALES = "one id is one product in all locales"

SETS = (
    Set(
        "amazon_m2.title_in_locale", 9, 10_000, "generation", "bleu", LINGUAL,
        "the title of a product in another locale", _LOCALES,
        frozenset({"title", "site"}), pairs.title_in_locale, options=False,
    ),
    Set(
        "amazon_m2.description_in_language", 10, 10_000, *CHOICE, LINGUAL,
        "the description of the same product in another language", _LOCALES,
        frozenset({"description"}), descriptions.description_in_language,
    ),
    Set(
        "amazon_m2.previous_clicks", 31, 10_000, *FIND, BEHAVIOR,
        "what was clicked before a purchase", "what was clicked in the session",
        frozenset({"title"}), sessions.previous_clicks,
        guessable="right options have telling words of the purchase, wrong ones have none",
    ),
)  # fmt: skip


class AmazonM2(Builder):
    """Builds the sets of Amazon-M2."""

    source = SOURCE
    sets = SETS
    reasons = REASONS
    unit = "products"
    named = NAMED

    def read(self, rows: Rows, seed: int, limit: int | None, wanted: Mapping[str, int]) -> Tables:
        """Products and sessions, all in memory."""
        return read(rows, limit)


BUILDER = AmazonM2()
