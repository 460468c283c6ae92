"""Is a text in the language that its locale says?

langdetect takes 2 to 4 ms a text and wavers on short ones, so it is asked only where script and
function words leave a doubt, seeded (it draws random numbers) and with the languages of shops.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from pathlib import Path

import langdetect
from langdetect.detector_factory import DetectorFactory

from builders.text import ENGLISH, SPANISH

#: A locale of the sources and the language (ISO 639-1) that its texts are in.
LOCALES = {"us": "en", "es": "es", "jp": "ja"}

_KANA = re.compile(r"[぀-ヿ]")
_LATIN = re.compile(r"[A-Za-zÀ-ɏ]")
_FOREIGN = re.compile(r"[^\W\d_A-Za-zÀ-ɏ]")  # letters that are not Latin
_ACCENT = re.compile(r"[áéíóúñ¿¡]", re.IGNORECASE)
_PROFILES = ("en", "es", "fr", "de", "it", "pt", "ja", "zh-cn")
#: langdetect's own probability from which another language is believed.
_SURE = 0.9


@lru_cache(maxsize=1 << 18)
def speaks(text: str, language: str) -> bool:
    """Whether a text of a shop is in `language` (en, es or ja)."""
    if language == "ja":
        return bool(_KANA.search(text)) or (bool(_FOREIGN.search(text)) and _detects(text, "ja"))
    foreign = 0 if text.isascii() else len(_FOREIGN.findall(text))
    if foreign and foreign > len(_LATIN.findall(text)):
        return False
    tokens = text.lower().split()
    english = sum(token in ENGLISH for token in tokens)
    spanish = sum(token in SPANISH for token in tokens)
    own, other = (english, spanish) if language == "en" else (spanish, english)
    if own > 2 * other or (language == "en" and not spanish and not _ACCENT.search(text)):
        return True
    return _detects(text, language)


def _detects(text: str, language: str) -> bool:
    detector = _factory().create()
    detector.append(text)
    try:
        found = detector.get_probabilities()
    except langdetect.LangDetectException:  # no letters: nothing speaks against the locale
        return True
    best = max(found, key=lambda one: one.prob, default=None)
    return best is None or best.lang == language or best.prob < _SURE


@cache
def _factory() -> DetectorFactory:
    DetectorFactory.seed = 0
    profiles = Path(langdetect.__file__).parent / "profiles"
    factory = DetectorFactory()
    factory.load_json_profile([(profiles / name).read_text("utf-8") for name in _PROFILES])
    return factory
