"""All builders, by the name of their source."""

from __future__ import annotations

from builders import esci
from builders.builder import Builder


def builders() -> list[Builder]:
    """One builder for each source."""
    return [esci.BUILDER]
