"""Extract: what kind of thing a product is, quoted from its title, and its category."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from builders.llm.request import Sampling
from builders.llm.task import Answered, Phrase, Task, occurs

#: Departments of a shop: coarse, so that two of them have little in common.
Category = Literal[
    "Arts & Crafts",
    "Automotive",
    "Baby",
    "Beauty & Personal Care",
    "Books",
    "Clothing, Shoes & Jewelry",
    "Electronics",
    "Garden & Outdoor",
    "Grocery",
    "Health & Household",
    "Home & Kitchen",
    "Industrial & Scientific",
    "Musical Instruments",
    "Office Products",
    "Pet Supplies",
    "Sports & Outdoors",
    "Tools & Home Improvement",
    "Toys & Games",
    "Other",
]
#: So many words name a type; more are half a title.
MOST_WORDS = 4


class ProductType(Answered):
    """What is sold."""

    product_type: Phrase
    category: Category


def _check(answer: ProductType, seed: Mapping[str, Any]) -> str | None:
    if not occurs(answer.product_type, seed["title"]):
        return "product type does not stand in the title"
    if len(answer.product_type.split()) > MOST_WORDS:
        return "product type is half a title"
    return None


#: Asked about a column `title`.
PRODUCT_TYPE = Task("product_type", ProductType, Sampling(64), _check)
