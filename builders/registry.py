"""All builders, by the name of their source."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import EntryPoint, entry_points

from builders.builder import Builder
from builders.errors import ShopmixError

#: The sources that we ship, each a module or package of this name.
SOURCES = ("esci", "amazon_m2", "amazon_reviews", "ecinstruct", "mmlu", "alpaca")
#: Where installed packages offer theirs.
GROUP = "shopmix.builders"


def builders() -> list[Builder]:
    """One builder for each source: ours, then those that installed packages offer.

    A package offers one by an entry point of the group `shopmix.builders`. Raises `ShopmixError`
    naming the one that does not lead to a builder.
    """
    ours = [import_module(f"builders.{name}").BUILDER for name in SOURCES]
    return ours + [_offered(point) for point in entry_points(group=GROUP)]


def _offered(point: EntryPoint) -> Builder:
    what = f"entry point {point.name} = {point.value} of the group {GROUP}"
    try:
        found = point.load()
    except Exception as error:  # whatever the code of another raises when it is imported
        raise ShopmixError(f"{what} cannot be loaded ({type(error).__name__}: {error})") from error
    if not isinstance(found, Builder):
        raise ShopmixError(f"{what} is {found!r}, not a builder: name an instance of its class")
    return found
