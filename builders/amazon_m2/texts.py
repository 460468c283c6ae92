"""The languages of the locales, and which words of a text say something."""

from __future__ import annotations

import polars as pl

from builders.language import FUNCTION_WORDS, speaks
from builders.text import words

#: A locale, and the language (ISO 639-1) that its texts are in.
LOCALES = {"DE": "de", "UK": "en", "JP": "ja", "IT": "it", "FR": "fr", "ES": "es"}

_FUNCTION_WORDS = sorted(frozenset().union(*FUNCTION_WORDS.values()))


def telling(text: pl.Expr) -> pl.Expr:
    """The words of a text that say something of a product, in any of the languages."""
    return words(text).list.set_difference(_FUNCTION_WORDS)


def language(locale: str) -> pl.Expr:
    """The language of the locale in a column."""
    return pl.col(locale).replace_strict(LOCALES, return_dtype=pl.String)


def spoken(texts: pl.DataFrame, text: str, locale: str) -> pl.Series:
    """Whether each text of a column is in the language of its locale; false for no text."""
    return pl.Series(
        [
            said is not None and speaks(said, of)
            for said, of in texts.select(text, language(locale)).iter_rows()
        ],
        dtype=pl.Boolean,
    )
