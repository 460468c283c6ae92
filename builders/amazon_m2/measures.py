"""Whether the name of an attribute fits its value, where a unit tells."""

from __future__ import annotations

import re

_NUMBER = r"(?:\d|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|twelve)\b)"

#: The last words of names, units that only they have, and units that they may have.
MEASURES = (
    (
        frozenset("life time runtime playtime playback duration period age".split()),
        r"s(?:ec(?:ond)?s?)?|min(?:ute)?s?|h(?:(?:ou)?rs?)?|days?|weeks?|months?|years?",
        r"x|cycles?",
    ),
    (
        frozenset(
            "height length width depth diameter radius thickness diagonal distance range reach "
            "spacing span size column gap travel gauge".split()
        ),
        r"[mc]?m|met(?:re|er)s?|inch(?:es)?|feet|ft|\"",
        r"sizes?",
    ),
    (
        frozenset(("capacity", "volume")),
        r"[mc]?l|lit(?:re|er)s?|gal(?:lons?)?",
        r"[mgt]b|mah|k?g|[a-z]{4,}",
    ),
    (
        frozenset(("power", "wattage", "consumption")),
        r"k?w(?:atts?)?",
        r"k?pa|hp|lm|lumens?",
    ),
)


def fits(name: str, value: str) -> bool:
    """Whether a value with a unit has a name for it, and a name of a measure its unit."""
    head, said = name.lower().rpartition(" ")[2], value.lower()
    for heads, own, other in MEASURES:
        if head not in heads and _measured(said, own):
            return False
        if head in heads and not _measured(said, f"{own}|{other}"):
            return False
    return True


def _measured(said: str, units: str) -> bool:
    return bool(re.search(rf"{_NUMBER}[\s-]*(?:{units})(?!\w)", said))
