"""Compose: an LLM writes the question of a task from fields of the seed.

It sees neither the options nor the truth, so it cannot tell them: the set's own template puts the
options below. What must survive is checked by rule: every field that is to be quoted stands in the
question word for word, in quotation marks, and nothing else does; there is no number or name that
the fields do not have; and what remains is English, asks, and claims no answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, StringConstraints

from builders.language import speaks
from builders.llm.task import Answered, occurs

#: What a question has at least beside its quotations.
_FEWEST_WORDS = 5

_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_CITED = re.compile(r"(?<!\w)(?:'.+?'|\".+?\"|“.+?”|‘.+?’)(?!\w)|['\"“‘]…|…['\"”’](?!\w)")
_SENTENCE = re.compile(r"(?<=[.?!])\s+(?=[A-Z…])")
_NAME = re.compile(r"(?<=[\w,;…] )(?!I\b)[A-Z]\w*")
_OPTION = re.compile(r"\b(?:[Oo]ption|[Cc]hoice|[Aa]nswer)s? ?[:(]? ?(?:\d|[A-J]\b)|\b[A-J]\)")
_VERBS = (
    "answer|assess|check|choose|classify|compare|consider|copy|decide|determine|estimate|evaluate|"
    "explain|extract|find|give|go|guess|highlight|identify|judge|list|locate|look|mark|name|pick|"
    "place|point|predict|quote|rate|read|recommend|report|retrieve|return|say|search|select|"
    "settle|show|sort|state|suggest|take|tell|use|weigh|work|write"
)
_ORDER = re.compile(
    rf"(?:^|[.:,;…] |\b(?:please|then|and|to|must|should) )(?:{_VERBS})\b", re.IGNORECASE
)
_QUERY = re.compile(
    r"\b(?:what|which|who|whose|where|how|why|when)\b.*\?|"
    r"(?:^|[.:,;…] |\b(?:and|or) )(?:is|are|was|do|does|did|can|could|would|should|will|has|have)"
    r"\b.*\?",
    re.IGNORECASE,
)
_OPEN = re.compile(r"\?|\b(?:whether|how|if)\b", re.IGNORECASE)


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("control characters are not allowed")
    return text


class Question(Answered):
    """What is asked, in one paragraph."""

    composed: Annotated[
        str,
        StringConstraints(min_length=10, max_length=700, pattern=r"^[^\n{}]+$"),
        AfterValidator(_printable),
    ]


def survives(
    *quoted: str, claims: str = "", never: str = ""
) -> Callable[[Question, Mapping[str, Any]], str | None]:
    """A check of composed questions; quoted: the fields that must stand in them.

    claims: a pattern of what would tell the answer, unless its sentence asks for it. never: a
    pattern of what always would. In both … stands for what is quoted.
    """

    def flaws(said: str, seed: Mapping[str, Any]) -> Iterator[str]:
        own = said
        for name in quoted:
            before, own = own, _without(str(seed[name]), own)
            if own == before:
                yield f"does not quote the {name}"
        told = (str(seed[name]) for name in quoted)
        if _CITED.search(own) or any(occurs(one, own) for one in told if len(one.split()) > 2):
            yield "quotes more than it was given to quote"
        yield from _of_own(own, [str(value) for value in seed.values()])
        if never and re.search(never, own, re.IGNORECASE):
            yield "tells the answer"
        stated = (one for one in _SENTENCE.split(own) if not _OPEN.search(one))
        if claims and any(re.search(claims, one, re.IGNORECASE) for one in stated):
            yield "claims an answer"

    def check(answer: Question, seed: Mapping[str, Any]) -> str | None:
        flaw = next(flaws(answer.composed, seed), None)
        return flaw and f"composed question {flaw}"

    return check


def _of_own(own: str, fields: list[str]) -> Iterator[str]:
    """What is wrong with the words of a question that are no quotation."""
    if len(re.findall(r"[^\W\d_]+", own)) < _FEWEST_WORDS:
        yield "says nothing of its own"
    if not speaks(own, "en"):
        yield "is not in English"
    if not (_ORDER.search(own) or _QUERY.search(own)):
        yield "does not ask"
    if _OPTION.search(own):
        yield "names options"
    if not own.endswith((".", "?", "!", "…")):
        yield "breaks off"
    sentences = [one.lower() for one in _SENTENCE.split(own)]
    if len(set(sentences)) < len(sentences):
        yield "repeats itself"
    if set(_NUMBER.findall(own)) - set(_NUMBER.findall(" ".join(fields))):
        yield "has a number of its own"
    if not all(occurs(name, *fields) for name in _NAME.findall(own)):
        yield "has a name of its own"


def _without(passage: str, said: str) -> str:
    """A text with … for the first quotation of a passage, if there is one."""
    words = r"\s+".join(map(re.escape, passage.split()))
    pattern = re.compile(
        rf"(?<!\w)(?:'{words}[.,]?'|\"{words}[.,]?\"|“{words}[.,]?”|‘{words}[.,]?’)(?!\w)",
        re.IGNORECASE,
    )
    # what asks or ends a sentence in a quotation does not do so in the question
    return pattern.sub("…." if passage.endswith((".", "?", "!")) else "…", said, count=1)
