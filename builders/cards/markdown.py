"""Cards are Jinja files under cards/; foreign text must not break their mark-up."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import jinja2

from builders.render import jinja

CARDS = Path(__file__).resolve().parents[2] / "cards"


def render(name: str, **values: Any) -> str:
    """A card's file, filled in; without blanks around it."""
    engine = jinja()
    engine.loader = jinja2.FileSystemLoader(CARDS)
    engine.filters |= {"cell": cell, "fenced": fenced, "count": count}
    engine.filters |= {"listed": listed, "reasons": reasons}
    return engine.get_template(name).render(values).strip()


def cell(value: Any) -> str:
    """A value as a table's cell, or in a line of text: no line breaks, bars or tags of its own."""
    text = "" if value is None else " ".join(str(value).split())
    return text.replace("&", "&amp;").replace("<", "&lt;").replace("|", "\\|")


def count(value: int) -> str:
    """A number as people write it."""
    return f"{value:,}"


def listed(counts: dict[str, int]) -> str:
    """Counts by name, the most frequent first."""
    return "; ".join(f"{cell(name)} {number:,}" for name, number in _by_count(counts))


def reasons(counts: dict[str, int]) -> str:
    """Counts by reason, which is half a sentence, the most frequent first."""
    return "; ".join(f"{number:,}: {cell(reason)}" for reason, number in _by_count(counts))


def _by_count(counts: dict[str, int]) -> list[tuple[str, int]]:
    by_count = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [(name, number) for name, number in by_count if number]


def fenced(text: str) -> str:
    """A text shown as it is, in a fence longer than any in it.

    What looks like a comment of ours is cut in two: the next version finds its place by them.
    """
    longest = max(map(len, re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{text.replace('<!-- shopmix', '<! -- shopmix').rstrip()}\n{fence}"
