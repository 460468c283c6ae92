"""Drafts of wordings: what rules tell to be wrong is dropped, the rest is written to be read."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from builders.builder import Set
from builders.errors import ShopmixError
from builders.llm import form
from builders.llm.instruction import Instruction, words
from builders.llm.ledger import Answer
from builders.manifest import replacing
from builders.render import Wording

#: Two wordings that share this much of their runs of three words are nearly the same.
NEAR = 0.5
_RUN = 3


class Draft(NamedTuple):
    """A wording to be read. name: of its file. text: its Jinja source."""

    name: str
    text: str


class Dropped(NamedTuple):
    """What makes no draft. seed: the file that was to be written anew. said: the new sentences."""

    seed: str
    said: str
    why: str


class Drafts:
    """The drafts for a set, each unlike the wordings that there are and unlike each other."""

    def __init__(self, made: Set, wordings: Sequence[Wording]) -> None:
        self.made = made
        self.kept: list[Draft] = []
        self._known = {_file(one): _runs(Instruction.of(one.text)) for one in wordings}

    def take(self, seed: Wording, lines: Sequence[str], answer: Answer) -> Dropped | None:
        """Make a draft of new lines for a wording's instruction; or say why it makes none."""
        old, said = Instruction.of(seed.text), " / ".join(lines)
        if len(lines) != len(old.lines):
            return Dropped(_file(seed), said, "other number of lines")
        new = old.saying(lines)
        if flaw := form.flaw(old, new, self.made.task_type):
            return Dropped(_file(seed), said, flaw)
        runs = _runs(new)
        near, like = max((_shared(runs, other), name) for name, other in self._known.items())
        if near >= NEAR:
            return Dropped(_file(seed), said, f"near-duplicate ({near:.0%} of {like})")
        name = f"{_file(seed).removesuffix('.j2')}-{answer.key[:8]}.j2"
        self._known[name] = runs
        written = f"{{# written by {answer.generator}, call {answer.key} #}}\n"
        self.kept.append(Draft(name, written + new.text))
        return None

    def write(self, out: Path) -> list[Path]:
        """Write them to <out>/<source>/<set>/, once a set has loaded them as its wordings.

        Raises `ShopmixError` where it cannot, or the folder cannot be written.
        """
        if not self.kept:
            return []
        with tempfile.TemporaryDirectory() as root:
            list(self._written(Path(root)))
            self.made.wordings(Path(root))
        return list(self._written(out))

    def _written(self, out: Path) -> Iterator[Path]:
        folder = out.joinpath(*self.made.name.split("."))
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ShopmixError(f"{folder} cannot be made: {error.strerror or error}") from None
        for draft in self.kept:
            with replacing(folder / draft.name) as half:
                half.write_text(draft.text, "utf-8")
            yield folder / draft.name


def _runs(instruction: Instruction) -> frozenset[tuple[str, ...]]:
    """The runs of three words in an instruction's sentences; of a short one all that there is."""
    said = words(" ".join(instruction.lines))
    return frozenset(tuple(said[i : i + _RUN]) for i in range(max(len(said) - _RUN, 0) + 1) if said)


def _shared(one: frozenset[tuple[str, ...]], other: frozenset[tuple[str, ...]]) -> float:
    """Jaccard's index: what two sets share, of all that they have."""
    return len(one & other) / max(len(one | other), 1)


def _file(wording: Wording) -> str:
    return wording.path.rpartition("/")[2]
