"""The instruction of a wording: its sentences, apart from the fields, lists and labels around them.

What is Jinja in a wording becomes a placeholder, as [QUERY] for `{{ query }}` and [OPTIONS] for a
loop over `options`. A line of some words is the instruction's; the others stay as they are. So new
sentences put into the old frame are a wording again, whoever wrote them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

#: A tag of Jinja, and the first name that it speaks of.
_TAG = re.compile(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", re.DOTALL)
_NAME = re.compile(r"\{[{%#]-?\s*(?:for\s+\w+\s+in\s+|if\s+)?(\w+)")
_OPENS = re.compile(r"\{%-?\s*(?:for|if)\b")
_CLOSES = re.compile(r"\{%-?\s*end(?:for|if)\b")
PLACEHOLDER = re.compile(r"\[[A-Z][A-Z0-9_]*(?: \d+)?\]")
#: What names a line, as "Instructions: ", and stays.
_LABEL = re.compile(r"(?:[A-Z]\w*(?: \w+){0,2}: )?")
_WORD = re.compile(r"\w[\w'-]*")
#: A line of fewer words is a label.
FEWEST_WORDS = 5


def words(text: str) -> list[str]:
    """The words of a text in lower case, without placeholders."""
    return [word.lower() for word in _WORD.findall(PLACEHOLDER.sub(" ", text))]


@dataclass(frozen=True)
class Instruction:
    """frame: the wording's lines as (what stays before, the sentences or "", what they are).

    tags: the Jinja that each placeholder stands for.
    """

    frame: tuple[tuple[str, str], ...]
    tags: dict[str, str]

    @staticmethod
    def of(text: str) -> Instruction:
        """Take the Jinja source of a wording apart."""
        masked, tags = _masked(text)
        return Instruction(tuple(map(_split, masked.split("\n"))), tags)

    @property
    def lines(self) -> tuple[str, ...]:
        """The sentences, line by line, with placeholders."""
        return tuple(said for _, said in self.frame if said)

    @property
    def shown(self) -> str:
        """The whole wording with placeholders."""
        return "\n".join(label + said for label, said in self.frame)

    def saying(self, lines: Sequence[str]) -> Instruction:
        """The same frame with other sentences, one for each of `lines`."""
        new = iter(lines)
        frame = tuple((label, next(new) if said else "") for label, said in self.frame)
        return Instruction(frame, self.tags)

    @property
    def text(self) -> str:
        """The Jinja source."""
        return PLACEHOLDER.sub(lambda found: self.tags.get(found[0], found[0]), self.shown)


def _masked(text: str) -> tuple[str, dict[str, str]]:
    """A wording with placeholders, and what each stands for."""
    parts: list[str] = []
    tags: dict[str, str] = {}
    depth = begin = end = 0
    for tag in _TAG.finditer(text):
        if depth == 0:
            parts.append(text[end : tag.start()])
            begin = tag.start()
        depth += bool(_OPENS.match(tag[0])) - bool(_CLOSES.match(tag[0]))
        if depth == 0:
            end = tag.end()
            parts.append(_placeholder(text[begin:end], tags))
    return "".join([*parts, text[end:]]), tags


def _placeholder(jinja: str, tags: dict[str, str]) -> str:
    """The placeholder of a piece of Jinja, entered among `tags`."""
    named = _NAME.match(jinja)
    name = named[1].upper() if named else "TEXT"
    count = 1
    while (
        tags.setdefault(found := f"[{name}]" if count == 1 else f"[{name} {count}]", jinja) != jinja
    ):
        count += 1
    return found


def _split(line: str) -> tuple[str, str]:
    """What stays of a line, and the sentences behind it: none where it has too few words."""
    label = _LABEL.match(line)
    assert label
    said = line[label.end() :]
    return (label[0], said) if len(words(said)) >= FEWEST_WORDS else (line, "")
