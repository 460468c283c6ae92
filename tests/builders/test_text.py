"""Cleaning, cutting, words and languages."""

from __future__ import annotations

import polars as pl
import pytest

from builders.language import speaks
from builders.text import clean, cut, jaccard, overlap, tokens, within, words


@pytest.mark.parametrize(
    ("raw", "plain"),
    [
        ("Salt &amp; Pepper", "Salt & Pepper"),
        ("&amp;quot;Big&amp;quot;", '"Big"'),
        ("<p>One</p><br/>two<b>!</b>", "One two!"),
        ("a\u200bb\tc\r\n d", "ab c d"),
        (" \ufeff ", None),
        ("", None),
        (None, None),
        ("I <3 tea, < 5 kg", "I <3 tea, < 5 kg"),
        ("plain", "plain"),
    ],
)
def test_clean(raw: str | None, plain: str | None) -> None:
    assert clean(pl.Series([raw], dtype=pl.String)).to_list() == [plain]


def test_cut_ends_with_a_sentence() -> None:
    text = "First sentence here. Second one is 3.5 cm. And a third"
    assert cut(text, 100) == text
    assert cut(text, 45) == "First sentence here. Second one is 3.5 cm."
    assert cut(text, 25) == "First sentence here."
    assert cut("防水です。とても軽いです。長く使えます", 14) == "防水です。とても軽いです。"
    assert cut("one two three four", 10) == "one two…"
    assert cut("ひらがなだけのながいぶん", 5) == "ひらがな…"


def test_words_part_scripts_and_drop_what_says_nothing() -> None:
    frame = pl.DataFrame(
        {"text": ["The Cases for iPhone-12, 5.5 inch", "手帳型スマホケース iPhone12対応"]}
    )
    assert frame.select(words(pl.col("text"))).to_series().to_list() == [
        ["case", "iphone", "12", "5.5", "inch"],
        ["手帳型", "スマホケース", "iphone12", "対応"],
    ]
    assert frame.select(tokens(pl.col("text"))).to_series()[0].to_list()[0] == "cases"


def test_comparing_words() -> None:
    frame = pl.DataFrame(
        {"a": [["x", "y"], []], "b": [["y", "z", "x"], ["x"]]},
        schema_overrides={"a": pl.List(pl.String)},
    )
    row = frame.select(
        j=jaccard(pl.col("a"), pl.col("b")),
        o=overlap(pl.col("a"), pl.col("b")),
        w=within(pl.col("a"), pl.col("b")),
    )
    assert row.rows() == [(pytest.approx(2 / 3), 1.0, True), (0.0, 0.0, True)]


@pytest.mark.parametrize(
    ("text", "language", "right"),
    [
        ("Stainless steel kettle with a soft handle", "en", True),
        ("Anker USB-C 20W", "en", True),
        ("Hervidor de acero inoxidable con mango suave para la cocina", "en", False),
        ("Hervidor de acero inoxidable con mango suave para la cocina", "es", True),
        ("This kettle is made for the kitchen and comes with a lid", "es", False),
        ("ステンレス製ケトル 1.7L", "ja", True),
        ("Stainless steel kettle", "ja", False),
        ("Нержавеющий чайник", "en", False),
    ],
)
def test_speaks(text: str, language: str, right: bool) -> None:
    assert speaks(text, language) is right


def test_detection_does_not_waver() -> None:
    speaks.cache_clear()
    text = "Funda silicona negra móvil"
    first = [speaks.__wrapped__(text, "es") for _ in range(20)]
    assert len(set(first)) == 1
