"""Where a mixture's rows come from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from builders.cards.licences import Licence, licence
from builders.mixture.manifest import SetPart
from builders.registry import builders


@dataclass(frozen=True)
class Used:
    """A source at a revision. link: its page, None where it is not known. rows: of both splits."""

    name: str
    revision: str
    licence: Licence
    link: str | None
    sets: tuple[str, ...]
    rows: int


def used(parts: Iterable[SetPart]) -> list[Used]:
    """The sources of these sets, by name and revision."""
    found: dict[tuple[str, str, str], list[SetPart]] = {}
    for part in parts:
        found.setdefault((part.source, part.source_revision, part.license), []).append(part)
    repos = {one.source.name: one.source.repo for one in builders()}
    return [
        Used(
            name,
            revision,
            licence(license),
            f"https://huggingface.co/datasets/{repo}"
            if (repo := repos.get(name))
            else licence(license).link,
            tuple(dict.fromkeys(part.set for part in of_source)),
            sum(part.train + part.validation for part in of_source),
        )
        for (name, revision, license), of_source in sorted(found.items())
    ]
