"""What reviews say of products, aspect by aspect: asked of an LLM, and borne out by rules.

The aspects are a fixed list, each with the words that speak of it. So a label can be checked: its
snippet stands in the review and has such a word. And a text that has none of an aspect's words,
nor any of an aspect that is akin to it, is taken not to speak of it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import polars as pl
from pydantic import Field, StringConstraints

from builders.llm.request import Sampling
from builders.llm.task import Answered, Task, occurs

#: By aspect, the words that speak of it, as regular expressions of whole words.
WORDS = {
    "accuracy": r"(?:in)?accura\w+|(?:im)?precis\w+|exact\w*|calibrat\w+",
    "adjustability": r"adjust\w*",
    "appearance": r"look(?:s|ed|ing)?|appearance|beaut\w+|pretty|cute|ugly|gorgeous|attractive|"
    r"styl(?:e|ish)|colou?r\w*|designs?|patterns?|elegant|handsome|lovely|fad(?:e|es|ed|ing)|"
    r"shades?",
    "assembly": r"(?:re)?assembl\w+|install\w*|set(?:ting)? up|set-?up|screw\w*|"
    r"put(?:ting)? (?:it )?together|mount(?:s|ed|ing)?|instructions?|manual",
    "battery life": r"batter(?:y|ies)|(?:re)?charg(?:e|es|ed|ing|er)",
    "brightness": r"bright\w*|dim(?:s|mer|med)?|lumens?|beam|glow\w*",
    "cleaning": r"clean\w*|wash\w*|wip(?:e|es|ed|ing)|dishwasher|rins\w+|stain\w*",
    "comfort": r"(?:un)?comfort\w*|comfy|co[sz]y|cushion\w*|padd(?:ed|ing)|sore|ach(?:e|es|ed|ing)|"
    r"hurts?|pain\w*|chaf\w+",
    "customer service": r"(?:customer )?service|sellers?|refund\w*|warranty|response|company|"
    r"returns?|returned|complain\w*",
    "delivery": r"deliver\w*|arriv\w*|shipp\w*|shipment|mail\w*|"
    r"came (?:in|on|late|early|quickly|fast)",
    "durability": r"durab\w*|last(?:s|ed|ing)|brok(?:e|en)|break\w*|tor[en]|tears?|tearing|"
    r"rip(?:s|ped)?|crack\w*|fray\w*|wor[en] (?:out|through)|wears? (?:out|well)|rust\w*|"
    r"h(?:eld|olds?|olding) up|f(?:ell|alls?|alling) apart|snap(?:s|ped)?|burst|split\w*|peel\w*|"
    r"flak(?:e|es|ed|ing)|after \w+ (?:days?|weeks?|months?|years?|uses|washes)",
    "ease of use": r"eas(?:y|ier|iest|ily|e)|simpl[ey]\w*|difficult\w*|hard to|complicated|"
    r"intuitive\w*|effortless\w*|tricky|fiddly|confus\w+|awkward\w*",
    "fit": r"fit(?:s|ted|ting)?|snug\w*|tight\w*|loos\w+|baggy",
    "grip": r"grip\w*|(?:non-?)?slip\w*|slid(?:e|es|ing)|traction|stays? (?:put|in place)",
    "material": r"materials?|fabric|cotton|leather|plastic|steel|wood(?:en)?|metal|rubber|silicone|"
    r"wool|polyester|linen|cloth|glass|aluminum|titanium|bamboo|microfiber",
    "noise": r"nois\w+|quiet\w*|loud\w*|silent\w*|sounds?|rattl\w+|squeak\w*|beep\w*|"
    r"hum(?:s|ming)?",
    "packaging": r"packag\w*|box(?:ed|es)?|wrapp(?:ed|ing|er)|tube|envelope",
    "portability": r"portab\w*|travel\w*|fold(?:s|ed|ing)?|carr(?:y|ies|ied|ying)|backpack\w*|"
    r"pack(?:s|ed)",
    "quality": r"quality|(?:well|poorly|badly|nicely|beautifully)[ -](?:made|built|sewn)|cheap\w*|"
    r"flims\w+|junk|garbage|solid\w*|sturd\w+|craftsmanship|workmanship|defect\w*",
    "safety": r"(?:un)?safe\w*|danger\w*|hazard\w*|injur\w*|burn\w*|stitches|hurt",
    "sharpness": r"sharp\w*|dull\w*|blunt|razor\w*|edge",
    "size": r"siz(?:e|es|ed|ing)|small\w*|larg\w+|big\w*|tiny|huge|room(?:y|ier)|compact|short\w*|"
    r"long|longer|wid(?:e|er|th)|narrow\w*|inch(?:es)?|bulky",
    "smell": r"smell\w*|odou?rs?|scent\w*|st[aiu]nks?|stinky|fragran\w+|aromas?|fumes|reek\w*",
    "softness": r"soft\w*|plush|fluffy|silky|scratch(?:y|iness)|stiff\w*|rough\w*|itch\w*",
    "speed": r"fast\w*|quick\w*|slow\w*|speeds?|minutes?|seconds?",
    "stability": r"(?:un)?stab(?:le|ility)|wobbl\w+|tip(?:s|ped|ping)? over|(?:un)?stead(?:y|ily)|"
    r"sturd\w+|sway\w*|shak(?:es?|y|ing)|tilt\w*",
    "storage space": r"capacity|room for|storage|compartments?|pockets?|dividers?|space|volume|"
    r"holds? (?:a lot|my|all|two|three|\d+)",
    "support": r"support\w*|firm\w*|sag(?:s|gy|ged|ging)?",
    "taste": r"tast\w+|flavou?r\w*|delicious|bland|bitter|sweet\w*",
    "temperature": r"warm\w*|hot|heat\w*|cold\w*|cool\w*|temperatures?|insulat\w+|boil\w*|freez\w+",
    "thickness": r"thick\w*|thin(?:ner|nest|ness)?",
    "value": r"pric\w+|overpriced|costs?|costly|value|worth\w*|money|(?:in)?expensive|cheap\w*|"
    r"afford\w*|bargain|deal|dollars?|bucks",
    "water resistance": r"water-?proof\w*|water[ -]resist\w+|leak\w*|seep\w*|drip\w*|rain\w*|"
    r"stay(?:s|ed)? dry|soak\w*|damp",
    "weight": r"weigh(?:s|t|ed|ing)|heav(?:y|ier|iness)|light(?:er|ness|-?weight)?|ounces?|oz|"
    r"pounds?|lbs?|grams?",
}
#: Who speaks of one of these may well mean another.
_KIN = (
    *({aspect} for aspect in WORDS),
    {"comfort", "softness", "fit", "support"},
    {"comfort", "temperature"},
    {"size", "fit", "thickness"},
    {"size", "storage space", "portability"},
    {"weight", "portability"},
    {"quality", "durability", "stability"},
    {"quality", "material", "thickness"},
    {"quality", "value"},
    {"battery life", "durability"},
    {"ease of use", "assembly", "adjustability"},
    {"ease of use", "cleaning"},
    {"delivery", "packaging"},
    {"delivery", "customer service"},
    {"delivery", "speed"},
    {"grip", "stability", "safety"},
    {"sharpness", "safety"},
    {"smell", "taste"},
    {"brightness", "appearance"},
)

#: Words that praise, and words that blame, deny or belittle.
_PRAISE = (
    r"great\w*|good|nice\w*|lov(?:e|es|ed|ely|ing)|perfect\w*|excellent\w*|amazing\w*|beautiful\w*|"
    r"better|best|comfortabl[ey]|comfy|easy|easily|easier|well|happy|wonderful\w*|awesome|soft|"
    r"fantastic|sturdy|gorgeous|pleased|pleasant\w*|super|fine|clean|smooth\w*|like|likes|worth"
)
_BLAME = (
    r"not|\w+n[’']t|no|nor|never|nothing|nobody|none|cannot|too|hardly|barely|only|less|bad\w*|but|"
    r"poor\w*|brok(?:e|en)|terribl[ey]|awful\w*|horribl[ey]|useless|wast(?:e|ed)|disappoint\w*|"
    r"cheap(?:ly|ened)?|flims\w+|st[aiu]nks?|ugly|uncomfort\w*|hat(?:e|ed)|fail\w*|wors(?:e|t)|"
    r"fell|tor[en]|wrong|hard to|difficult|junk|lack\w*|annoying|overpriced|wobbl\w+|leak\w*|"
    r"off|loose|weak|nowhere|fad(?:e|ed|es)|crack\w*|rust\w*|unusable|unsafe|dangerous|miserable"
)


class Said(Answered):
    """One aspect, and where the review speaks of it."""

    snippet: Annotated[
        str, StringConstraints(min_length=4, max_length=60, pattern=r"^[^\n{}\[\]]+$")
    ]
    aspect: Literal[tuple(WORDS)]  # type: ignore[valid-type]
    sentiment: Literal["positive", "negative"]


class ReviewAspects(Answered):
    """What a review says, aspect by aspect."""

    aspects: Annotated[list[Said], Field(min_length=1, max_length=5)]


#: So many words a snippet has.
_SHORTEST, _LONGEST = 2, 10
_END = re.compile(r"[.!?;:]\s")


def quoted(snippet: str, text: str) -> bool:
    """Whether a snippet stands in a text, has as many words as one has, and is of one sentence."""
    many = len(snippet.split())
    return _SHORTEST <= many <= _LONGEST and not _END.search(snippet) and occurs(snippet, text)


def _check(answer: ReviewAspects, seed: Mapping[str, Any]) -> str | None:
    if any(quoted(said.snippet, seed["text"]) for said in answer.aspects):
        return None
    return "no snippet of 2 to 10 words of a sentence stands in the review"


#: Asked about the columns `product_type` and `text`. Some items of an answer may fail; see `items`.
REVIEW_ASPECTS = Task("review_aspects", ReviewAspects, Sampling(256), _check)


def _whole(words: str) -> str:
    """A pattern for lower-case texts. With letters of ASCII alone it is many times as fast."""
    return rf"(?-u:\b)(?:{words})(?-u:\b)".replace(r"\w", "[a-z]")


_OWN = {aspect: _whole(words) for aspect, words in WORDS.items()}
_AKIN = {
    aspect: _whole("|".join(WORDS[one] for group in _KIN if aspect in group for one in group))
    for aspect in WORDS
}


def named(text: pl.Expr) -> pl.Expr:
    """A list of the aspects that a text has words of."""
    return _aspects({aspect: _has(text, words) for aspect, words in _OWN.items()})


def silent(text: pl.Expr) -> pl.Expr:
    """A list of the aspects of which a text has no word, nor of any that is akin to them."""
    return _aspects({aspect: ~_has(text, words) for aspect, words in _AKIN.items()})


def _has(text: pl.Expr, pattern: str) -> pl.Expr:
    return text.str.to_lowercase().str.contains(pattern)


def _aspects(which: Mapping[str, pl.Expr]) -> pl.Expr:
    found = [pl.when(true).then(pl.lit(aspect)) for aspect, true in which.items()]
    return pl.concat_list(found).list.drop_nulls()


def leaning(text: pl.Expr) -> pl.Expr:
    """The sentiment that the words of a text tell, or null. A blame outweighs any praise: as in
    "not comfortable", "nice but thin"."""
    return (
        pl.when(_has(text, _whole(_BLAME)))
        .then(pl.lit("negative"))
        .when(_has(text, _whole(_PRAISE)))
        .then(pl.lit("positive"))
    )


def items(told: pl.DataFrame) -> pl.DataFrame:
    """What `REVIEW_ASPECTS` told of reviews, a row for each snippet that stands in its review.

    Added to the reviews' columns: `snippet`, `aspect`, `sentiment`, `borne` (whether the snippet
    has a word of the aspect) and `leaning`. They come instead of `aspects`.
    """
    found = told.explode("aspects").unnest("aspects").drop_nulls("snippet")
    stands = [quoted(*both) for both in found.select("snippet", "text").iter_rows()]
    found = found.filter(pl.Series(stands, dtype=pl.Boolean))
    snippet = pl.col("snippet").str.strip_chars(' .,;:-"“”')
    return found.with_columns(snippet).with_columns(
        named(snippet).list.contains(pl.col("aspect")).alias("borne"),
        leaning(snippet).alias("leaning"),
    )
