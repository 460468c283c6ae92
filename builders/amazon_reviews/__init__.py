"""Amazon Reviews 2023: 571 million reviews of 48 million products, by category.

Published by the McAuley Lab without a licence, for research. Truth is what users gave and did:
stars, helpful votes, which product a review was written for, what was bought and liked together.
"""

from __future__ import annotations

from collections.abc import Mapping

from builders.amazon_reviews import complements, liked, opinions, reviews
from builders.amazon_reviews.aspects import REVIEW_ASPECTS
from builders.amazon_reviews.stream import read
from builders.amazon_reviews.tables import (
    COMPLEMENT,
    COVERED,
    LIKED,
    NAMED,
    RATED,
    SNIPPETS,
    SOURCE,
    VOTED,
    WRITTEN,
    Tables,
)
from builders.builder import Builder, Set
from builders.llm.product_type import PRODUCT_TYPE
from builders.shopbench import BEHAVIOR, CHOICE, CONCEPTS, FIND, RANK, REASONING
from builders.source import Rows

#: Reason codes of wrong options, in words.
REASONS = {
    "not_together": "no user who reviewed this product reviewed it, it is not published as bought "
    "together with it, and it is less like it than any right one",
    "other_product": "written for another product of the category, whose title is unlike this one",
    "fewer_votes": "fewer readers found it helpful",
    "other_aspect": "said of another aspect, and without a word of this one or of one akin to it",
    "other_sentiment": "says the opposite of this aspect, by its words and by the review's stars",
    "not_covered": "the review has no word of this aspect, nor of one that is akin to it",
    "never_together": "of another category and department; no product of this type that was "
    "looked at goes with one of the type asked about",
}
_USERS = "what users published and did"

SETS = (
    Set(
        SNIPPETS, 2, 7_373, *FIND, CONCEPTS,
        "what customers write of an aspect of a type of product, in praise or blame",
        "snippets of reviews with the aspect that an LLM gives them, borne out by their words and "
        "the review's stars",
        frozenset({"product_type", "aspect", "sentiment"}), opinions.snippets_for_aspect,
        guessable="a right snippet has a word of the aspect, often its name, and others may not",
        labels=(PRODUCT_TYPE, REVIEW_ASPECTS),
    ),
    Set(
        COVERED, 3, 3_608, *FIND, CONCEPTS, "which aspects a review covers",
        "aspects that an LLM finds in a snippet of the review which has a word of them",
        frozenset({"product_type", "text"}), opinions.aspects_of_review,
        guessable="reviews often name an aspect, and in a category some come up more than others",
        labels=(PRODUCT_TYPE, REVIEW_ASPECTS),
    ),
    Set(
        COMPLEMENT, 4, 10_000, *CHOICE, REASONING, "which type of product goes with another",
        "products published as bought together, else that three users or more gave four stars; "
        "their types as an LLM quotes them from their titles",
        frozenset({"product_type"}), complements.complement_of_type,
        guessable="where categories are few, the same types are wrong again and again",
        labels=(PRODUCT_TYPE,),
    ),
    Set(
        LIKED, 6, 5_815, *FIND, BEHAVIOR, "what a buyer of this product will like as well",
        "published bought_together, else what two users or more gave four stars too",
        frozenset({"title"}), liked.also_liked,
        guessable="companions without a word of the title cannot be told from its text, so only "
        "those that share one are used",
    ),
    Set(
        RATED, 7, 10_000, *CHOICE, BEHAVIOR, "the stars of a review, 1 to 5",
        "the stars that its user gave", frozenset({"title", "text"}), reviews.rating_of_review,
        options=False,
    ),
    Set(
        VOTED, 36, 10_000, *RANK, BEHAVIOR, "rank reviews of a product by helpfulness",
        "helpful votes, as weights 4 to 0; neighbours differ by half and by two votes at least",
        frozenset({"product"}), reviews.rank_reviews_by_helpfulness, hints=("age",),
        guessable="readers find long reviews helpful, and old ones had time to be found so",
    ),
    Set(
        WRITTEN, None, 10_000, *CHOICE, BEHAVIOR, "the review that was written for a product",
        "the product that the review was published with", frozenset({"product"}),
        reviews.review_of_product,
        guessable="only reviews are used that name two words of the title, others name fewer",
    ),
)  # fmt: skip


class AmazonReviews(Builder):
    """Builds the sets of Amazon Reviews 2023."""

    source = SOURCE
    sets = SETS
    reasons = REASONS
    unit = "products"
    named = NAMED

    def read(self, rows: Rows, seed: int, limit: int | None, wanted: Mapping[str, int]) -> Tables:
        """Samples of the reviews, out of one pass over all of them."""
        return read(rows, seed, limit, wanted)


BUILDER = AmazonReviews()
