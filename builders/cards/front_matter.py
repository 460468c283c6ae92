"""The YAML above a card, edited key by key: what is not ours stays as it was written.

Parsed and dumped anew, as huggingface_hub's cards are, it would lose comments and nulls, and
`no` would become `false`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import yaml
from huggingface_hub.repocard import REGEX_YAML_BLOCK

from builders.errors import ShopmixError


def dumped(told: Any) -> str:
    """As YAML, in the order given."""
    return yaml.safe_dump(told, sort_keys=False, allow_unicode=True)


def split(card: str) -> tuple[str, str]:
    """A card's YAML, without the lines of dashes, and its text."""
    found = REGEX_YAML_BLOCK.match(card)
    return (found[2] + "\n", card[found.end() :]) if found else ("", card)


def joined(front: str, text: str) -> str:
    """A card of its YAML and its text."""
    return f"---\n{front}---\n{text}"


def parsed(front: str) -> dict[str, Any]:
    """What the YAML says. Raises `ShopmixError` where it is no mapping of keys."""
    try:
        told = yaml.safe_load(front)
    except yaml.YAMLError as error:
        raise ShopmixError(f"the YAML above README.md cannot be read: {_line(error)}") from None
    if not isinstance(told, dict | None):
        raise ShopmixError("the YAML above README.md has no keys: write `key: value` lines")
    return told or {}


def replaced(front: str, ours: Mapping[str, Any]) -> str:
    """The YAML with our values, each where its key stood or at the end; None takes a key out.

    All other lines stay as they are, comments too.
    """
    parsed(front)
    left, lines = dict(ours), []
    for key, chunk in _chunks(front):
        if key not in ours:
            lines.append(chunk)
            continue
        if key in left:
            lines.append(_dumped(key, left.pop(key)))
        lines += [
            line
            for line in chunk.splitlines(keepends=True)
            if line.startswith("#") or not line.strip()
        ]
    text = "".join(lines + [_dumped(key, value) for key, value in left.items()])
    parsed(text)  # an alias of theirs may have stood for something in a value of ours
    return text


def _dumped(key: str, value: Any) -> str:
    return "" if value is None else dumped({key: value})


def _chunks(front: str) -> Iterator[tuple[str | None, str]]:
    """(key, the lines from it to the next key); what stands above the first has None."""
    root = yaml.compose(front, Loader=yaml.SafeLoader)
    if not isinstance(root, yaml.MappingNode):  # no keys at all
        yield None, front
        return
    if root.flow_style:
        raise ShopmixError("the YAML above README.md is one {...}: write a line for each key")
    lines = front.splitlines(keepends=True)
    starts = [key.start_mark.line for key, _ in root.value]
    yield None, "".join(lines[: starts[0]])
    for (key, _), start, end in zip(root.value, starts, [*starts[1:], len(lines)], strict=True):
        yield key.value, "".join(lines[start:end])


def _line(error: yaml.YAMLError) -> str:
    return " ".join(str(error).split())
