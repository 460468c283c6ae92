"""What may be done with a mixture: the licence of each source, and the strictest of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Licence:
    """A licence. rule: what it asks for, in a line.

    redistribute: whether rows may be passed on. commercial: whether they may be used for money.
    """

    id: str
    name: str
    link: str | None
    redistribute: bool
    commercial: bool
    rule: str

    @property
    def hub(self) -> str:
        """Its id on the Hub, `other` for one that the Hub has no name for."""
        return self.id.lower() if self.id in _ON_THE_HUB else "other"


_ON_THE_HUB = ("MIT", "Apache-2.0", "CC-BY-4.0", "CC-BY-NC-4.0")
_KNOWN = {
    one.id: one
    for one in (
        Licence(
            "MIT",
            "MIT",
            "https://opensource.org/license/mit",
            redistribute=True,
            commercial=True,
            rule="keep the copyright notice and the text of the licence",
        ),
        Licence(
            "Apache-2.0",
            "Apache License 2.0",
            "https://www.apache.org/licenses/LICENSE-2.0",
            redistribute=True,
            commercial=True,
            rule="keep the notices and the text of the licence, and say what was changed",
        ),
        Licence(
            "CC-BY-4.0",
            "Creative Commons Attribution 4.0",
            "https://creativecommons.org/licenses/by/4.0/",
            redistribute=True,
            commercial=True,
            rule="name the authors, link the licence, and say what was changed",
        ),
        Licence(
            "LicenseRef-Tongyi-Qianwen",
            "Tongyi Qianwen licence agreement",
            "https://huggingface.co/Qwen/Qwen2-72B-Instruct/blob/main/LICENSE",
            redistribute=True,
            commercial=True,
            rule="pass the agreement on, say what was changed, and ask first if a commercial "
            "product has more than 100 million users a month",
        ),
        Licence(
            "CC-BY-NC-4.0",
            "Creative Commons Attribution-NonCommercial 4.0",
            "https://creativecommons.org/licenses/by-nc/4.0/",
            redistribute=True,
            commercial=False,
            rule="not for commercial use; name the authors, link the licence, and say what was "
            "changed",
        ),
        Licence(
            "LicenseRef-Amazon-M2-research",
            "rules of the Amazon KDD Cup 2023",
            "https://www.aicrowd.com/challenges/"
            "amazon-kdd-cup-23-multilingual-recommendation-challenge",
            redistribute=False,
            commercial=False,
            rule="for research, under the rules of the competition; they give no right to pass "
            "rows on",
        ),
        Licence(
            "LicenseRef-Amazon-Reviews-2023-research",
            "Amazon Reviews 2023, no licence stated",
            "https://amazon-reviews-2023.github.io/",
            redistribute=False,
            commercial=False,
            rule="published for research without a licence, so without a right to pass rows on",
        ),
    )
}
_STRICTNESS = list(_KNOWN)


def licence(id: str) -> Licence:
    """The licence of this SPDX id; one that is not known here counts as not redistributable."""
    unknown = Licence(
        id,
        id,
        None,
        redistribute=False,
        commercial=False,
        rule="shopmix does not know this licence: pass nothing on before you have read it",
    )
    return _KNOWN.get(id, unknown)


def named(name: str) -> str:
    """The SPDX id of the licence that the front matter of a card calls so, or LicenseRef-<name>."""
    plain = name.lower().removeprefix("licenseref-")
    for id in _KNOWN:
        if id.lower().removeprefix("licenseref-") == plain:
            return id
    return f"LicenseRef-{plain}"


def strictest_first(ids: Iterable[str]) -> list[Licence]:
    """The licences of these ids, each once: those that allow least, then those that ask most."""

    def key(one: Licence) -> tuple[bool, bool, int, str]:
        place = _STRICTNESS.index(one.id) if one.id in _KNOWN else len(_STRICTNESS)
        return one.redistribute, one.commercial, -place, one.id

    return sorted(map(licence, set(ids)), key=key)


def strictest(ids: Iterable[str]) -> Licence:
    """Of the licences of these ids (one or more) the one that allows least."""
    return strictest_first(ids)[0]


def terms(ids: Iterable[str]) -> str:
    """What follows for a mixture, or a model, of rows under these licences, in one paragraph."""
    found = strictest_first(ids)
    kept = _named(one for one in found if not one.redistribute)
    unpaid = _named(one for one in found if not one.commercial)
    told = [
        f"The strictest rule holds for the whole, that of {_named(found[:1])}: {found[0].rule}."
    ]
    return " ".join(
        [
            *(told if len(found) > 1 else []),
            f"No right to pass it on comes with {kept}." if kept else "It may be passed on.",
            f"No commercial use is allowed by {unpaid}."
            if unpaid
            else "Commercial use is allowed.",
        ]
    )


def _named(licences: Iterable[Licence]) -> str:
    """Their names, which may have commas and stops, apart from the sentence around them."""
    return ", ".join(f'"{one.name}"' for one in licences)
