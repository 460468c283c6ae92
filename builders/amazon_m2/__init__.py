"""Amazon-M2 (KDD Cup 2023): products in six locales, and shopping sessions.

Published for research under the rules of the competition. Truth is that one id is one product in
all locales, what was clicked in one session, and what an LLM has told of a product where a text
bears it out.
"""

from __future__ import annotations

from collections.abc import Mapping

from builders.amazon_m2 import attributes, descriptions, pairs, sessions, types
from builders.amazon_m2.tables import NAMED, SOURCE, Tables, read
from builders.builder import Builder, Set
from builders.llm.product_type import PRODUCT_TYPE
from builders.shopbench import BEHAVIOR, CHOICE, CONCEPTS, FIND, LINGUAL
from builders.source import Rows

REASONS = {**attributes.REASONS, **descriptions.REASONS, **sessions.REASONS}

_LOCALES = "one id is one product in all locales"

SETS = (
    Set(
        "amazon_m2.category_with_attribute", 1, 2_350, *CHOICE, CONCEPTS,
        "the type of product that may have an attribute",
        "a product whose text tells the attribute, labelled by an LLM",
        frozenset({"attribute", "value"}), attributes.category_with_attribute,
        labels=(PRODUCT_TYPE, attributes.ATTRIBUTES),
        guessable="types that tell an attribute in figures are of few departments",
    ),
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
        "amazon_m2.explain_product_type", 20, 10_000, "generation", "sent-transformer", CONCEPTS,
        "what a type of product is", "an LLM's explanation, of which rules see the form alone",
        frozenset({"product_type"}), types.explain_product_type, options=False,
        labels=(types.EXPLAINED,),
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
