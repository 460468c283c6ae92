"""All wordings that there are: what the gate must not take for a benchmark's own words."""

from __future__ import annotations

from functools import cache

from builders.registry import builders


@cache
def wordings() -> tuple[str, ...]:
    """The texts of all wordings of all builders, as Jinja, in a fixed order."""
    roots = sorted({builder.templates for builder in builders()})
    return tuple(file.read_text("utf-8") for root in roots for file in sorted(root.rglob("*.j2")))
