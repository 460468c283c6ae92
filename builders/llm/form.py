"""What new sentences must keep of the old ones, as far as rules can tell; people read the rest.

Words of the answer's form stay ("number", "commas", "first", "only"), and so do numbers,
placeholders and what stands above or below. Each rule looks at what the old wording says: it need
not say more, but may not say less.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from builders.language import speaks
from builders.llm.instruction import PLACEHOLDER, Instruction, words

_NUMBER = ("number", frozenset("number numbers digit digits".split()))
_COMMA = ("commas", frozenset("comma commas comma-separated".split()))
_ORDER = ("order", frozenset(
    "order ordered first last front top head beginning descending best worst most least highest "
    "likeliest surest rank sort permutation".split()
))  # fmt: skip
_ALONE = ("only", frozenset(
    "only just alone merely solely exclusively bare single nothing no not without besides".split()
))  # fmt: skip
_COPIED = ("copied", frozenset("copy copied text phrase phrases words span spans written".split()))
#: What an answer looks like, by task type: where a wording has a word of a row, so has a new one.
FORMS: Mapping[str, tuple[tuple[str, frozenset[str]], ...]] = {
    "multiple-choice": (_NUMBER, _ALONE),
    "ranking": (_NUMBER, _COMMA, _ORDER, _ALONE),
    "retrieval": (_NUMBER, _COMMA, _ORDER, _ALONE),
    "named_entity_recognition": (_COPIED, _COMMA, _ALONE),
    "generation": (_ALONE,),
}
_COUNTS = {
    word: str(number)
    for number, word in enumerate("two three four five six seven eight nine ten".split(), start=2)
}
_UP = frozenset("above preceding".split())
_DOWN = frozenset("below following follows".split())
#: A placeholder with the quotation marks around it, and whatever else is in brackets.
_PUT_IN = re.compile(rf"['\"]?{PLACEHOLDER.pattern}['\"]?")
_BRACKETS = re.compile(r"[\[<(][^\[\]<>()]*[\])>]?")
_OF_WHAT = re.compile(r"\b(?:number|digit) of (?:the|that|this) (\w+)", re.I)
_SENTENCE = re.compile(r"[^.?!]+")
_UNASKED = re.compile(r"(?:^|[.?!] )Which\b[^.?!]*[.!]")
_TWICE = re.compile(r"\b(\w+) \1\b", re.I)
#: How any line may end; else it ends as it did, with a colon or an arrow.
_ENDS = ".?!"
#: How much shorter and longer a new wording may be, in words, and how many more a short one has.
_SHORTEST, _LONGEST, _MORE = 0.3, 2.0, 10


def things(text: str) -> list[str]:
    """What a text asks the number of, as "query" in "the number of the query"."""
    return [thing.lower() for thing in _OF_WHAT.findall(text)]


def flaw(old: Instruction, new: Instruction, task_type: str) -> str | None:
    """Why new sentences may not stand for the old ones, or None.

    new: in the frame of `old`. task_type: ShopBench's.
    """
    pairs = zip(old.lines, new.lines, strict=True)
    by_line = (flaw for was, said in pairs if (flaw := _flaw_of_line(was, said)))
    return (
        next(by_line, None)
        or _flaw_of_form(old, new, task_type)
        or _flaw_of_text(" ".join(old.lines), " ".join(new.lines))
    )


def _flaw_of_line(was: str, said: str) -> str | None:
    """What is wrong with what is put into a line, and with its ends."""
    if sorted(_PUT_IN.findall(was)) != sorted(_PUT_IN.findall(said)):
        return "another use of placeholders"
    if set(_BRACKETS.findall(said)) - set(_BRACKETS.findall(was)):
        return "brackets of its own"
    if was[0].islower() != said[0].islower() or said[-1] not in {*_ENDS, was[-1]}:
        return "another begin or end of a line"
    return None


def _flaw_of_form(old: Instruction, new: Instruction, task_type: str) -> str | None:
    """What is lost of the answer's form."""
    before, after = set(words(old.shown)), set(words(new.shown))
    for name, any_of in FORMS[task_type]:
        if any_of & before and not any_of & after:
            return f"lost word of form: {name}"
    if _numbers(before) != _numbers(after):
        return "other numbers"
    for place in (_UP, _DOWN):
        if place & after and not place & before:
            return "another place: above or below"
    known = {_stem(word) for word in before}
    if any(_stem(thing) not in known for line in new.lines for thing in things(line)):
        return "number of another thing"
    return None


def _flaw_of_text(old: str, text: str) -> str | None:
    """What is wrong with sentences, whatever they ask."""
    length = len(words(old))
    if not _SHORTEST * length <= len(words(text)) <= _LONGEST * length + _MORE:
        return "too short or too long"
    sentences = [" ".join(words(one)) for one in _SENTENCE.findall(text)]
    if len(set(sentences)) < len(sentences) or _TWICE.search(text):
        return "says something twice"
    if _UNASKED.search(text):
        return "question without its mark"
    plain = {char for char in text if " " <= char <= "~"}
    if set(text) - plain - set(old) or not speaks(PLACEHOLDER.sub("", text), "en"):
        return "not plain English"
    return None


def _numbers(said: set[str]) -> set[str]:
    """The numbers among words, but for one, which is a pronoun as well."""
    return {_COUNTS.get(word, word) for word in said if word in _COUNTS or word.isdecimal()}


def _stem(word: str) -> str:
    """A word without the ending of its plural."""
    word = word.lower()
    return f"{word[:-3]}y" if word.endswith("ies") else word.removesuffix("s")
