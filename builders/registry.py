"""All builders, by the name of their source."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import entry_points

from builders.builder import Builder

#: The sources that we ship, each a module or package of this name.
SOURCES = ("esci", "amazon_m2", "amazon_reviews", "ecinstruct", "mmlu", "alpaca")


def builders() -> list[Builder]:
    """One builder for each source: ours, then those that installed packages offer.

    A package offers one by an entry point of the group `shopmix.builders`.
    """
    ours = [import_module(f"builders.{name}").BUILDER for name in SOURCES]
    return ours + [point.load() for point in entry_points(group="shopmix.builders")]
