"""YAML above a card: our keys change, all other lines are the same bytes."""

from __future__ import annotations

import pytest

from builders.cards.front_matter import parsed, replaced, split
from builders.errors import ShopmixError


@pytest.mark.parametrize(
    ("front", "after"),
    [
        ("", "a: 1\nb:\n- x\n"),
        ("# only a comment\n", "# only a comment\na: 1\nb:\n- x\n"),
        ("z: {x: 1}  # theirs\n", "z: {x: 1}  # theirs\na: 1\nb:\n- x\n"),
        ("b: old\n# on z\nz: no\na:\n- 1\n- 2\n", "b:\n- x\n# on z\nz: no\na: 1\n"),
        ("a: |\n  # text\n  more\nz: 1\n", "a: 1\nz: 1\nb:\n- x\n"),
        ("a: 1\na: 2\n", "a: 1\nb:\n- x\n"),
        ("gone: 1\nz: ~\n", "z: ~\na: 1\nb:\n- x\n"),
    ],
)
def test_replaced(front: str, after: str) -> None:
    assert replaced(front, {"a": 1, "b": ["x"], "gone": None}) == after
    assert replaced(after, {"a": 1, "b": ["x"], "gone": None}) == after


def test_an_alias_of_what_was_ours_is_told() -> None:
    with pytest.raises(ShopmixError, match="cannot be read: found undefined alias"):
        replaced("a: &one [x]\nz: *one\n", {"a": 1})


@pytest.mark.parametrize(
    ("card", "front", "text"),
    [
        ("---\na: 1\n---\n\nText\n", "a: 1\n", "\nText\n"),
        ("Text\n---\na: 1\n---\n", "", "Text\n---\na: 1\n---\n"),
        ("---\na: 1\n---", "a: 1\n", ""),
        ("", "", ""),
    ],
)
def test_split(card: str, front: str, text: str) -> None:
    assert split(card) == (front, text)


def test_parsed() -> None:
    assert parsed("") == {}
    assert parsed("a: [1]\n") == {"a": [1]}
    with pytest.raises(ShopmixError, match="has no keys"):
        parsed("- a\n")
