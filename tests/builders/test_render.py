"""Wordings: what jinja2 means is what is rendered, on every file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from builders.builder import Set
from builders.draw import Draw
from builders.errors import ShopmixError
from builders.registry import builders
from builders.render import Wording, choose, compiled, jinja, load

SETS = [made for builder in builders() for made in builder.sets]
NASTY = [
    '5" <b>&amp;</b> {{ x }} \\n',
    "日本語「かぎ」'quoted'",
    "  blanks  ",
    "é\u00a0🙂\nline",
    "{% if %}",
]


LISTS = ("bullets", "options", "documents", "history")
NULLABLE = ("description", "title", "input")


def _fields(made: Set, nullable: str | None) -> dict[str, Any]:
    plain = {name: NASTY[i % 4] for i, name in enumerate(sorted(made.fields))}
    lists = dict.fromkeys({*made.fields, "options"} & {*LISTS}, NASTY)
    return plain | lists | dict.fromkeys(made.fields & {*NULLABLE}, nullable)


@pytest.mark.parametrize("made", SETS, ids=lambda made: made.name)
@pytest.mark.parametrize("nullable", ["Plain. <i>Text</i>", None])
def test_both_engines_render_the_same_bytes(made: Set, nullable: str | None) -> None:
    fields = _fields(made, nullable)
    for wording in made.wordings():
        meant = jinja().from_string(wording.text).render(fields)
        assert compiled(wording)(fields) == meant, wording.path
        assert not made.options or all(option in meant for option in fields["options"])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{{ n }} {{ void }} {{ list }}",
        "{% for a in list %}{% for b in list %}{{ loop.index0 }}{{ a }}{{ b }}{% endfor %}\n"
        "{% endfor %}",
        "{% for str in list %}{{ str }}{{ n }}{% endfor %}",
        "{% if void %}no{% else %}{{ n }}{% endif %}",
        "a\n  {% if n > 1 %}\nyes\n  {% endif %}\n{{ list|length }} \\ ' \" {# gone #}\n\n",
    ],
)
def test_compiled_is_what_jinja2_means(text: str) -> None:
    fields = {"n": 2, "void": None, "list": ["x", "{y}", "'"]}
    assert compiled(Wording("a.j2", text))(fields) == jinja().from_string(text).render(fields)


@pytest.mark.parametrize("text", ["{{ n|upper }}", "{% set a = 1 %}", "{{ n + 1 }}", "{{ f(n) }}"])
def test_more_than_wordings_need_is_told(text: str) -> None:
    with pytest.raises(ShopmixError, match=r"a\.j2: \w+ is more of Jinja"):
        compiled(Wording("a.j2", text))


@pytest.mark.parametrize("made", SETS, ids=lambda made: made.name)
def test_a_set_has_wordings_that_use_all_it_provides(made: Set) -> None:
    wordings = made.wordings()
    assert len(wordings) >= 5
    assert len({wording.text for wording in wordings}) == len(wordings)
    for wording in wordings:
        for field in made.fields | ({"options"} if made.options else set()):
            assert field in wording.text, f"{wording.path} never shows {field}"


def _folder(root: Path, text: str) -> Path:
    folder = root / "shop" / "quiz"
    folder.mkdir(parents=True)
    (folder / "a.j2").write_text(text, "utf-8")
    return root


def test_a_bad_wording_is_told_with_its_file_and_line(tmp_path: Path) -> None:
    with pytest.raises(ShopmixError, match=r"a\.j2 uses brnd; this set provides brand"):
        load("shop.quiz", frozenset({"brand"}), _folder(tmp_path / "1", "{{ brnd }}"))
    with pytest.raises(ShopmixError, match=r"a\.j2, line 2"):
        load("shop.quiz", frozenset(), _folder(tmp_path / "2", "\n{% for %}"))
    with pytest.raises(ShopmixError, match=r"no wordings for set shop\.none"):
        load("shop.none", frozenset(), tmp_path)


def test_a_new_wording_takes_only_the_samples_it_wins(tmp_path: Path) -> None:
    root = _folder(tmp_path, "one")
    rows, draw = pl.DataFrame({"key": [str(i) for i in range(1_000)]}), Draw(0, "shop.quiz", 0, 0)
    for name in ("b", "c"):
        (root / "shop" / "quiz" / f"{name}.j2").write_text(name, "utf-8")
    three = load("shop.quiz", frozenset(), root)
    before = [three[i].path for i in choose(rows, three, draw)]
    (root / "shop" / "quiz" / "aa.j2").write_text("aa", "utf-8")
    four = load("shop.quiz", frozenset(), root)
    after = [four[i].path for i in choose(rows, four, draw)]
    changed = [new for old, new in zip(before, after, strict=True) if old != new]
    assert set(changed) == {"shop/quiz/aa.j2"}
    assert 200 < len(changed) < 300
