"""Amazon Reviews 2023: 571 million reviews of 48 million products, by category.

Published by the McAuley Lab without a licence, for research. Truth is what users gave and did:
stars, helpful votes, which product a review was written for, what was bought and liked together.
"""

from __future__ import annotations

from collections.abc import Mapping

from builders.amazon_reviews import liked, reviews
from builders.amazon_reviews.stream import read
from builders.amazon_reviews.tables import LIKED, NAMED, RATED, SOURCE, VOTED, WRITTEN, Tables
from builders.builder import Builder, Set
from builders.shopbench import BEHAVIOR, CHOICE, CONCEPTS, FIND, RANK, REASONING
from builders.source import Rows

#: Reason codes of wrong options, in words.
REASONS = {
    "not_together": "no user who reviewed this product reviewed it, it is not published as bought "
    "together with it, and it is less like it than any right one",
    "other_product": "written for another product of the category, whose title is unlike this one",
    "fewer_votes": "fewer readers found it helpful",
}
_USERS = "what users published and did"

SETS = (
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
    """Builds the sets of Amazon Reviews 2023 that need no LLM."""

    source = SOURCE
    sets = SETS
    reasons = REASONS
    unit = "products"
    named = NAMED

    def read(self, rows: Rows, seed: int, limit: int | None, wanted: Mapping[str, int]) -> Tables:
        """Samples of the reviews, out of one pass over all of them."""
        return read(rows, seed, limit, wanted)


BUILDER = AmazonReviews()
