"""Which labels of relevance the words of a query and a title bear out.

ESCI's labels (and ECInstruct's, which are made of them) come from raters who saw the whole product
page. A reader of query and title can check words, so a label counts where they agree with it:

    E  the title has every word of the query, not all of them after "for", and its first part names
       no accessory that the query does not: a TV remote is no TV; the query has two words or more,
       as one names a field, not a product, and neither negations nor single letters
    S  it has half of them or more, but not all: the same kind of thing, a requirement missed
    C  it has some of them, but not all: an accessory names what it goes with
    I  it has a quarter of them at most

Words are looked for at the beginning of the title's words (a plural does no harm), those with a
digit as a whole (A10 is not A10e), and Japanese ones anywhere.
"""

from __future__ import annotations

import polars as pl

# What a title fits, but is not.
FITS = r" (?:for|fits|compatible with|compatible con|para) .*$"
# What a title calls its product, up to the first comma, dash, "for" or "with".
NAMED = r"^(.+?)(?:\s(?:for|with|fits|compatible)\s|[,;:|(\[]|\s[-–]\s|$)"
# What goes with a thing, or shows it, and is not the thing.
ACCESSORY = (
    r"\b(accessor|band|bag|book|bracelet|case|charm|charger|costume|cover|decal|earring|figure|holder"
    r"|kit|lens|magnet|manual|mount|necklace|ornament|part|poster|print|protector|puzzle|remote"
    r"|replacement|shirt|skin|stand|sticker|strap|topper|toy)(?:s|es|y|ies)?\b"
)
# Words cannot bear out what must not be there, and a single letter is found anywhere.
UNTOLD = r"\b(?:without|not|no|non|except|sin|excepto)\b|(?:^|\s)[a-z](?:\s|$)"
# One Japanese word may be a whole compound, "手帳型スマホケース" written without its first part.
LONG_JAPANESE = r"^[\p{Katakana}ー\p{Han}]{4,}$"


def plain(title: pl.Expr) -> pl.Expr:
    """A title as its words are looked for: lower case, single blanks around and between them."""
    return " " + title.str.to_lowercase().str.replace_all(r"[^\p{L}\p{N}]+", " ") + " "


def head(title: pl.Expr) -> pl.Expr:
    """A plain title up to what the product fits."""
    return title.str.replace(FITS, "")


def sought(word: pl.Expr) -> pl.Expr:
    """A query's word as it is looked for in a plain title."""
    word = word.str.replace_all(".", " ", literal=True)
    return (
        pl.when(word.str.contains(r"\p{N}"))
        .then(" " + word + " ")
        .when(word.str.contains(r"^\p{Latin}"))
        .then(" " + word)
        .otherwise(word)
    )


def bears_out(share: pl.Expr) -> dict[str, pl.Expr]:
    """For each label, whether it fits the share of the query's words that the title has."""
    some = (share > 0) & (share < 1)
    return {"E": share == 1, "S": some & (share >= 1 / 2), "C": some, "I": share <= 1 / 4}


def names_accessory(title: pl.Expr, query: pl.Expr) -> pl.Expr:
    """Whether the query names the accessory that a lower-case title's first part names, if any."""
    accessory = title.str.extract(NAMED).str.extract(ACCESSORY)
    return query.str.contains(accessory, literal=True).fill_null(True)
