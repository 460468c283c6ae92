"""Is a text in the language that its locale says?

Script and function words tell most texts. Where they leave a doubt, letters decide: how often one
to three of them follow each other in each language, as counted in the profiles of langdetect (its
own estimate takes 2 to 4 ms a text, draws random numbers, and wavers on titles).
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache, lru_cache
from pathlib import Path

import langdetect
import numpy as np
from langdetect.utils.ngram import NGram
from numpy.typing import NDArray

from builders.text import ENGLISH, SPANISH

#: A locale of ESCI and the language (ISO 639-1) that its texts are in.
LOCALES = {"us": "en", "es": "es", "jp": "ja"}

#: Words that say nothing of a product.
FUNCTION_WORDS = {
    "en": ENGLISH,
    "es": SPANISH,
    "de": frozenset(
        "der|die|das|den|dem|des|ein|eine|einen|einem|einer|und|oder|mit|für|von|vom|zu|zum|zur|"
        "im|in|an|am|auf|aus|bei|bis|als|auch|ist|sind|nicht|ohne|sich|sie|ihr|ihre|inkl|pro|"
        "wie|wird|werden|durch|ab|nach|unter|über|sowie".split("|")
    ),
    "fr": frozenset(
        "le|la|les|l|un|une|des|du|de|d|et|ou|à|au|aux|en|dans|par|pour|sans|sur|avec|est|sont|"
        "ce|cette|ces|votre|vos|vous|que|qui|plus|se|son|sa|ses|pas|très".split("|")
    ),
    "it": frozenset(
        "il|lo|la|i|gli|le|l|un|uno|una|di|del|della|dei|delle|dell|e|o|a|al|alla|ai|da|dal|dalla|"
        "in|nel|nella|con|su|sul|per|tra|senza|è|sono|che|non|si|più|come|questo|questa|"
        "tuo|tua".split("|")
    ),
}
#: The language of a word that only one of these has.
_TELLING = {
    word: one
    for one, own in FUNCTION_WORDS.items()
    for word in own.difference(*(FUNCTION_WORDS[other] for other in FUNCTION_WORDS if other != one))
}

_KANA = re.compile(r"[぀-ヿ]")
_LATIN = re.compile(r"[A-Za-zÀ-ɏ]")
_FOREIGN = re.compile(r"[^\W\d_A-Za-zÀ-ɏ]")  # letters that are not Latin
_WORD = re.compile(r"[^\W\d_]+")
_PROFILES = ("en", "es", "fr", "de", "it", "pt", "ja", "zh-cn")
#: How likely letters are that a profile lacks: langdetect's own allowance.
_UNSEEN = 0.5 / 10_000
#: Another language is believed from this much log-likelihood more than the locale's: in all, as
#: names are spelt like any language, and on average, as long texts quote some words of another.
_SURE, _CLEAR = 20.0, 0.15
#: Of a text, so many characters are spelt out.
_ENOUGH = 400
#: How much a word weighs that only one language has.
_TOLD = 10.0


@lru_cache(maxsize=1 << 18)
def speaks(text: str, language: str) -> bool:
    """Whether a text of a shop is in `language` (en, es, de, fr, it or ja)."""
    if language == "ja":
        return bool(_KANA.search(text)) or (bool(_FOREIGN.search(text)) and _spelt(text, "ja", {}))
    foreign = 0 if text.isascii() else len(_FOREIGN.findall(text))
    if foreign and foreign > len(_LATIN.findall(text)):
        return False
    tokens = text.lower().split()
    told = Counter(_TELLING[token] for token in tokens if token in _TELLING)
    others = max((count for one, count in told.items() if one != language), default=0)
    return told[language] > 2 * others or _spelt(text, language, told)


def _spelt(text: str, language: str, told: Mapping[str, int]) -> bool:
    """Whether no other language is clearly nearer, by spelling and the function words told."""
    # models and shouts are spelt like any language
    words = (word for word in _WORD.findall(text[:_ENOUGH]) if len(word) == 1 or not word.isupper())
    spelt = [_likely(word.lower()) for word in words]
    count = sum(counted for _, counted in spelt)
    if not count:  # nothing speaks against the locale
        return True
    found = sum(likely for likely, _ in spelt) + _TOLD * np.array(
        [told.get(one, 0) for one in _PROFILES]
    )
    ahead = float(found.max() - found[_PROFILES.index(language)])
    return ahead < _SURE or ahead < _CLEAR * count


@lru_cache(maxsize=1 << 17)
def _likely(word: str) -> tuple[NDArray[np.float64], int]:
    """Log-likelihood of a word's spelling in each of `_PROFILES`, and of how many sequences."""
    index, likely = _spellings()
    rows = [index[letters] for letters in _letters(word) if letters in index]
    return likely[rows].sum(axis=0), len(rows)


def _letters(word: str) -> Iterator[str]:
    """One, two and three letters in a row, a blank around the word."""
    kind = word if word.isascii() else "".join(map(_class, word))
    padded = f" {kind} "
    yield from kind
    for size in (2, 3):
        yield from (padded[i : i + size] for i in range(len(padded) - size + 1))


def _class(letter: str) -> str:
    """Han characters stand for their class, as in the profiles."""
    return str(NGram.CJK_MAP.get(letter, letter))


@cache
def _spellings() -> tuple[dict[str, int], NDArray[np.float64]]:
    """The row of each sequence of letters, and its log-likelihood in each of `_PROFILES`."""
    folder = Path(langdetect.__file__).parent / "profiles"
    shares: dict[str, NDArray[np.float64]] = {}
    for column, name in enumerate(_PROFILES):
        profile = json.loads((folder / name).read_text("utf-8"))
        for letters, count in profile["freq"].items():
            row = shares.setdefault(letters.lower(), np.zeros(len(_PROFILES)))
            row[column] += count / profile["n_words"][len(letters) - 1]
    index = {letters: row for row, letters in enumerate(shares)}
    return index, np.log(np.array(list(shares.values())) + _UNSEEN)
