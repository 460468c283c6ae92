"""Where a mixture's rows come from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from builders.builder import Builder
from builders.cards.citations import CITATIONS, Citation
from builders.cards.licences import Licence, licence
from builders.mixture.manifest import SetPart
from builders.mixture.pools import demo_revision
from builders.registry import builders

#: What the revision of local rows begins with; the rest is a hash of them.
LOCAL = "rows-"


@dataclass(frozen=True)
class Used:
    """A source at a revision. link: its page, None where it is not known. rows: of both splits.

    demo: whether its rows are those that ship with shopmix, written in the source's form.
    """

    name: str
    revision: str
    licence: Licence
    link: str | None
    rows: int
    demo: bool

    @property
    def citation(self) -> Citation | None:
        """Whom to name; nobody for the demo rows, or where it is not known."""
        return None if self.demo else CITATIONS.get(self.name)

    @property
    def where(self) -> str:
        """What `--source` takes for it; DIR for a folder that only its owner knows."""
        if self.demo:
            return "demo"
        return "DIR" if self.revision.startswith(LOCAL) else f"hub@{self.revision}"


def used(parts: Iterable[SetPart]) -> list[Used]:
    """The sources of these sets, by name and revision; also of sets that have no rows."""
    found: dict[tuple[str, str, str], int] = {}
    for part in parts:
        key = (part.source, part.source_revision, part.license)
        found[key] = found.get(key, 0) + part.train + part.validation
    known = {one.source.name: one for one in builders()}
    return [
        Used(
            name,
            revision,
            licence(license),
            _link(known.get(name)) or licence(license).link,
            rows,
            demo=revision.startswith(LOCAL) and _of_demo(revision, known.get(name)),
        )
        for (name, revision, license), rows in sorted(found.items())
    ]


def _link(builder: Builder | None) -> str | None:
    repo = builder.source.repo if builder else None
    return f"https://huggingface.co/datasets/{repo}" if repo else None


def _of_demo(revision: str, builder: Builder | None) -> bool:
    return builder is not None and revision == demo_revision(builder)
