"""Reword: an LLM writes new wordings of a set's instruction, as files for people to read.

It sees the sentences of each wording that people have written, and writes them anew; fields, lists
and labels are put back by rule. What rules can tell to be wrong is dropped, and so is what is
nearly there already. The rest is written outside templates/, where no build looks.
"""

from __future__ import annotations

import argparse
import difflib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, NamedTuple

from pydantic import Field, StringConstraints

from builders.builder import Builder, Set
from builders.console import Reporter
from builders.errors import ShopmixError
from builders.llm import form, options
from builders.llm.drafts import Drafts, Dropped
from builders.llm.instruction import Instruction
from builders.llm.ledger import Answer
from builders.llm.opened import opened
from builders.llm.request import Request, Sampling
from builders.llm.session import Planned, Session
from builders.llm.settings import LlmSettings
from builders.llm.task import Answered, Task
from builders.llm.writer import NOT_ASKED
from builders.registry import builders
from builders.render import TEMPLATES, Wording

#: Where drafts are written unless another folder is named. Git ignores data/.
DRAFTS = Path("data/drafts")

Line = Annotated[str, StringConstraints(min_length=8, max_length=900, pattern=r"^[^\n{}]+$")]


class Rewording(Answered):
    """The lines of an instruction, in other words."""

    lines: Annotated[tuple[Line, ...], Field(min_length=1, max_length=12)]


#: Asked about `lines`, with the `opening` of the new ones, or "".
REWORD = Task("reword", Rewording, Sampling(64, temperature=0.7, top_p=0.95))
#: Tokens of an answer beyond those of `REWORD`, for each word that was shown: enough for twice as
#: many words, as more would be dropped.
_TOKENS_PER_WORD = 3
#: How a single line may begin where it asks for {thing}; a model would begin as it was shown.
OPENINGS = (
    "Find the {thing}",
    "Which {thing}",
    "Choose the {thing}",
    "Only one {thing}",
    "Select the {thing}",
    "Pick the {thing}",
)


class Question(NamedTuple):
    """What is asked about a wording."""

    seed: Wording
    request: Request


@dataclass(frozen=True)
class Report:
    """asked: answers that were wanted. written: the files."""

    asked: int
    written: Sequence[Path]
    dropped: Sequence[Dropped]

    @property
    def reasons(self) -> Counter[str]:
        """How many answers were dropped for what reason."""
        return Counter(one.why.partition(" (")[0] for one in self.dropped)


def reword(builder: Builder, made: Set, session: Session, count: int, out: Path) -> Report:
    """Have each wording of a set written anew `count` times, and write what is worth reading.

    out: the files go to <out>/<source>/<set>/. Raises `ShopmixError` where it lies in templates/,
    whose files are used by builds, and `Planned` in a dry run.
    """
    if any(out.resolve().is_relative_to(one.resolve()) for one in (builder.templates, TEMPLATES)):
        raise ShopmixError(
            f"--out {out} lies in templates/, and what lies there is used: name another folder, "
            f"read the drafts, and move those that are good"
        )
    wordings = made.wordings(builder.templates)
    asked = questions(wordings, session.model, count)
    if not asked:
        raise ShopmixError(f"{made.name}: no wording has sentences that could be written anew")
    found = session.answer([one.request for one in asked], made.name, REWORD.flaw)
    drafts, dropped = Drafts(made, wordings), []
    for one, outcome in zip(asked, found, strict=True):
        if isinstance(outcome, Answer):
            flawed = drafts.take(one.seed, REWORD.read(outcome.text).lines, outcome)
        else:
            why = f"LLM's answer is {outcome.status}" if outcome else NOT_ASKED
            flawed = Dropped(Path(one.seed.path).name, "", why)
        if flawed:
            dropped.append(flawed)
    return Report(len(asked), drafts.write(out), dropped)


def questions(wordings: Sequence[Wording], model: str, count: int) -> list[Question]:
    """What is asked of a model to have each wording that people have written anew so many times."""
    seeds = [one for one in wordings if one.generator is None]
    things = Counter(thing for one in seeds for thing in form.things(one.text))
    openings = [one.format(thing=things.most_common(1)[0][0]) for one in OPENINGS if things]
    return [
        Question(seed, _request(lines, openings, model, index))
        for seed in seeds
        if (lines := Instruction.of(seed.text).lines)
        for index in range(count)
    ]


def _request(lines: Sequence[str], openings: Sequence[str], model: str, index: int) -> Request:
    """To write lines anew, with one opening after the other.

    The schema says how many lines are to come back, and how a single one begins.
    """
    asked, schema = {"lines": "\n".join(lines), "opening": ""}, json.loads(REWORD.schema)
    answer = schema["properties"]["lines"]
    answer |= {"minItems": len(lines), "maxItems": len(lines)}
    if len(lines) == 1 and openings:
        asked["opening"] = opening = openings[index % len(openings)]
        answer["items"]["pattern"] = rf"^{opening} [^\n{{}}]+$"
    most = REWORD.sampling.max_tokens + _TOKENS_PER_WORD * len(asked["lines"].split())
    sampling = replace(REWORD.sampling, max_tokens=most)
    prompt = REWORD.file.prompt(model, sampling, json.dumps(schema))
    (request,) = REWORD.file.requests(prompt, [asked], index)
    return request


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument("set", metavar="SET", help="as esci.title_for_query")
    parser.add_argument(
        "--count", type=int, default=4, metavar="N", help="new wordings to ask for, of each old one"
    )
    parser.add_argument(
        "--out", type=Path, default=DRAFTS, metavar="DIR", help=f"of the drafts; default: {DRAFTS}"
    )
    options.add(parser)


def run(given: argparse.Namespace) -> None:
    """The command: asks, writes drafts, and tells what was dropped. Raises `ShopmixError`."""
    asked = vars(given)
    settings = options.read(LlmSettings, {name: asked[name] for name in LlmSettings.model_fields})
    if given.count < 1:
        raise ShopmixError(f"--count {given.count}: at least 1")
    builder, made = _set_of(given.set)
    reporter = Reporter()
    with opened(settings, False, reporter.note, reporter.asking) as llm:
        if llm.writer is None:
            raise ShopmixError("new wordings are written by an LLM: name one with --llm")
        try:
            report = reword(builder, made, llm.writer.session, given.count, given.out)
        except Planned:
            return
    _tell(report, made, builder, given.out, reporter)


def _set_of(name: str) -> tuple[Builder, Set]:
    known = {made.name: (builder, made) for builder in builders() for made in builder.sets}
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.0)
        raise ShopmixError(f"no set {name!r}: did you mean {near[0]}?")
    return known[name]


def _tell(report: Report, made: Set, builder: Builder, out: Path, reporter: Reporter) -> None:
    for seed, said, why in report.dropped:
        reporter.note(f"dropped, {why}: {seed}: {said}")
    reasons = "".join(f", {count:,} {why}" for why, count in report.reasons.most_common())
    written = len(report.written)
    reporter.note(f"{made.name}: {report.asked:,} answers, {written:,} drafts{reasons}")
    if report.written:
        into = builder.templates.joinpath(*made.name.split("."))
        reporter.note(
            f"nothing uses the drafts in {report.written[0].parent}: read them, move those that "
            f"are good to {into}, and commit them"
        )
