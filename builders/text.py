"""Cleaning, cutting and comparing the texts of shops, on polars columns."""

from __future__ import annotations

import html
import re

import polars as pl

# An entity, a tag, a control or invisible format character, or blanks that are not one space.
_DIRTY = r"&(#\d+|#[xX][0-9a-fA-F]+|\w+;)|<[a-zA-Z/!]|[\p{Cc}\p{Cf}]|\s\s|[\s--\x20]|^ | $"
_BREAKS = r"(?i)<\s*(br|/p|/li|/div|/h\d|/tr)\s*/?>"
_TAGS = r"(?s)<!--.*?-->|<[/!]?[a-zA-Z][^<>]*>"
_INVISIBLE = r"[\p{Cc}\p{Cf}--\s]"
#: A text that was escaped more often is left as it is.
_LAYERS = 8

#: Two texts that share this much of their words may mean the same.
NEAR = 0.5

# Function words: they say nothing of a product, but which language a text is in.
ENGLISH = frozenset(
    "the|a|an|and|for|with|of|in|to|your|you|from|is|are|this|that|our|it|on|or|by|as|at|be|can|"
    "will".split("|")
)
SPANISH = frozenset(
    "de|la|el|los|las|para|con|y|en|por|un|una|del|su|sus|es|se|al|que|o|como|más|este|esta|"
    "muy|lo".split("|")
)
_STOP = sorted(ENGLISH | SPANISH)

# Japanese has no blanks: a change of script is where its words part. Hiragana is mostly grammar.
_WORD = r"[\p{Katakana}ー]{2,}|\p{Han}+|[\p{Latin}\p{M}\p{N}]+(?:\.\p{N}+)?"


def clean(texts: pl.Series) -> pl.Series:
    """Plain text of a column of str: entities, mark-up and control characters gone, blanks single.

    Empty texts become null. Only dirty rows are touched, so a clean column costs one scan.
    """
    dirty = texts.str.contains(_DIRTY).fill_null(False)
    if dirty.any():
        texts = texts.scatter(dirty.arg_true(), _mended(texts.filter(dirty)))
    return pl.select(pl.when(texts != "").then(texts)).to_series().rename(texts.name)


def _mended(texts: pl.Series) -> pl.Series:
    """Entities may hold mark-up, and mark-up hide entities: as often as anything changes."""
    for _ in range(_LAYERS):
        plain = pl.Series([html.unescape(text) for text in texts], dtype=pl.String)
        plain = plain.str.replace_all(_INVISIBLE, "").str.replace_all(_BREAKS, " ")
        plain = plain.str.replace_all(_TAGS, "")
        if plain.equals(texts):
            break
        texts = plain
    return texts.str.replace_all(r"\s+", " ").str.strip_chars()


def tidy(texts: pl.Series) -> pl.Series:
    """A column of str without control characters and outer blanks; lines, mark-up and inner
    blanks stay, for texts in which they mean something. Empty texts become null."""
    found = texts.str.replace_all(r"\r\n?|[\x0b\x0c\x1c-\x1f\x{85}\x{2028}\x{2029}]", "\n")
    found = found.str.replace_all(_INVISIBLE, "").str.strip_chars()
    return pl.select(pl.when(found != "").then(found)).to_series().rename(texts.name)


def cut(text: str, chars: int) -> str:
    """The first sentences of a text that fit into `chars` characters.

    A text without a sentence end in the second half of the space is cut between two words, and
    says so by an ellipsis.
    """
    if len(text) <= chars:
        return text
    head = text[: chars + 1]
    ends = [match.end() for match in re.finditer(r"[.!?](?=\s)|[。！？]", head)]
    if ends and chars // 2 <= ends[-1] <= chars:
        return head[: ends[-1]]
    return (head[:-1].rpartition(" ")[0].rstrip(" ,;:-") or text[: chars - 1]) + "…"


def squeezed(text: pl.Expr) -> pl.Expr:
    """Lower-case letters and digits alone: equal for texts that differ in case or punctuation."""
    return text.str.to_lowercase().str.replace_all(r"[^\p{L}\p{N}]+", "")


def tokens(text: pl.Expr) -> pl.Expr:
    """The distinct content words of a text in lower case, as a list of str."""
    found = text.str.to_lowercase().str.extract_all(_WORD)
    return found.list.eval(
        pl.element().filter(~pl.element().is_in(_STOP)).unique(maintain_order=True)
    )


def words(text: pl.Expr) -> pl.Expr:
    """The tokens of a text without a final s, to be compared, not shown."""
    found = text.str.to_lowercase().str.extract_all(_WORD)
    return found.list.eval(
        stem(pl.element().filter(~pl.element().is_in(_STOP))).unique(maintain_order=True)
    )


def stem(token: pl.Expr) -> pl.Expr:
    """A token as `words` has it: plurals in -s are as good as their singular."""
    return token.str.strip_suffix("s")


def overlap(left: pl.Expr, right: pl.Expr) -> pl.Expr:
    """Share of the smaller word list that the other list has too; 0 where one is empty."""
    smaller = pl.min_horizontal(left.list.len(), right.list.len())
    common = left.list.set_intersection(right).list.len()
    return pl.when(smaller > 0).then(common / smaller).otherwise(0.0)


def jaccard(left: pl.Expr, right: pl.Expr) -> pl.Expr:
    """Common words over all words of two lists of distinct words; 0 where both are empty."""
    common = left.list.set_intersection(right).list.len()
    union = left.list.len() + right.list.len() - common
    return pl.when(union > 0).then(common / union).otherwise(0.0)


def within(inner: pl.Expr, outer: pl.Expr) -> pl.Expr:
    """Whether every word of one list is in the other; true for an empty list."""
    return inner.list.set_difference(outer).list.len() == 0
