"""The wordings of a mixture's sets: what the gate must not take for a benchmark's own words."""

from __future__ import annotations

from collections.abc import Iterable

from builders.registry import builders


def wordings(sets: Iterable[str]) -> tuple[str, ...]:
    """The texts of all wordings of these sets, as Jinja, in an order that hangs on names alone."""
    roots = {made.name: builder.templates for builder in builders() for made in builder.sets}
    folders = [roots[name].joinpath(*name.split(".")) for name in sorted(sets)]
    return tuple(
        file.read_text("utf-8") for folder in folders for file in sorted(folder.rglob("*.j2"))
    )
