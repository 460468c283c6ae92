"""What each set of Amazon Reviews 2023 promises, checked on the rows as they are published."""

from __future__ import annotations

import json
from collections import Counter
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest

from builders.sample import ideal_answer
from builders.shopbench import parse, score
from tests.conftest import real_rows
from tests.reviews import (
    DEMO,
    TEXT,
    Published,
    Row,
    fields,
    likeness,
    made,
    product,
    publish,
    review,
    said,
    told,
)

RANKED, RATED = "rank_reviews_by_helpfulness", "rating_of_review"


@pytest.fixture(scope="module", params=["demo", "real"])
def rows(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Published:
    folder = DEMO if request.param == "demo" else real_rows("amazon_reviews")
    return Published(folder, tmp_path_factory.mktemp(request.param))


def test_each_option_names_its_row_in_its_place(rows: Published) -> None:
    assert rows.count > 500
    for name in ("also_liked", RANKED):
        for asked, _, own, shown in rows.samples(name):
            assert len(own) == 1
            assert len(set(shown)) == len(asked["options"])


# -- 7: the stars of a review


def test_the_truth_is_the_rating_and_all_five_take_turns(rows: Published) -> None:
    turns = []
    for _, truth, own, _ in rows.samples(RATED):
        assert truth in {one["rating"] for one in rows.reviews[own[0]]}
        turns.append(truth)
    # as long as there are any left of the rarest
    fewest = min(Counter(turns).values())
    first = Counter(turns[: 5 * fewest // 2])
    assert min(first.values()) >= fewest // 2 - 10


def test_no_review_is_used_twice(rows: Published) -> None:
    used = [own[0] for _, _, own, _ in rows.samples(RATED)]
    assert len(used) == len(set(used)) > 100


TELLING = (
    "Five Stars", "One star", "FIVE STARS!!!", "five stars.", "3 stars", "5 Star", "5-star product",
    "5stars", "Four and a half stars", "4.5 stars", "4 1/2 stars", "zero stars", "No stars", "★★★★",
    "⭐⭐", "☆", "✩✩✩✩✩", "🌟🌟🌟", "✮✮✮✮", "5/5", "Solid 4 / 5", "10/10", "4.5 out of 5",
    "Five out of five!", "8 out of 10", "one star off", "minus one star", "Took a star off",
    "I took off one for the lid, so lost a star there", "a few stars off", "5*", "4 happy stars",
    "5 starts", "Two starts!", "Cinco estrellas", "5 estrellas", "1 étoile", "star rating: 2",
    "Give it a 3", "giving this a solid four", "Rated 2", "Rating: 4", "I rate this a 5",
    "5&nbsp;stars", "5 <b>stars</b>", "five\u200b stars", "Half a star", "less stars if I could",
    "All stars", "two full stars",
)  # fmt: skip
SILENT = (
    "star-shaped", "A star-shaped lid", "one star-shaped button", "Starbucks", "two Starbucks cups",
    "2 starfish", "took 2 weeks", "open 24/7", "24/7 use", "Started to leak", "It starts well",
    "one starter kit", "A good start", "5 pans", "Gave it to my 5-year-old", "Give it a try",
    "Would give one as a gift", "first rate", "startling", "3 in 1", "Version 4", "100% cotton",
    "Movie star", "half price", "no stain",
)  # fmt: skip


def test_stars_are_not_told_by_title_or_text(tmp_path: Path) -> None:
    number, reviews = 0, []
    for phrase in TELLING:
        for change in (
            {"title": phrase},
            {"text": f"{phrase} {TEXT}"},
            {"text": f"{TEXT} {phrase}"},
        ):
            reviews.append(review(number, **change))
            number += 1
    rows = publish(tmp_path, reviews, [product(1)])
    shown = fields(made(tmp_path / "out", rows, sets=[RATED])[RATED])
    assert {one["title"] for one in shown} == {None}
    assert {one["text"].partition(" Number")[0] for one in shown} == {TEXT}
    assert len(shown) == len(TELLING)
    rejects = told(tmp_path / "out", RATED)["rejects"]
    assert rejects == {"text says its stars": 2 * len(TELLING)}


def test_other_stars_and_numbers_stay(tmp_path: Path) -> None:
    reviews = [review(2 * i, title=phrase) for i, phrase in enumerate(SILENT)]
    reviews += [review(2 * i + 1, text=f"{TEXT} {p}.") for i, p in enumerate(SILENT)]
    rows = publish(tmp_path, reviews, [product(1)])
    shown = fields(made(tmp_path / "out", rows, sets=[RATED])[RATED])
    assert set(SILENT) - {one["title"] for one in shown} == set()
    assert set(SILENT) - {one["text"].removeprefix(f"{TEXT} ")[:-1] for one in shown} == set()


def test_a_review_given_twice_is_used_once(tmp_path: Path) -> None:
    """Also with other stars or in another category."""
    again = [review(1), review(1), review(1, rating=1.0), review(1, rating=2.0)]
    publish(tmp_path, [*again, review(2)], [product(1)], "Kitchen")
    publish(tmp_path, [review(1), review(1, text=f"{TEXT} Edited.")], [product(1)], "Zoo")
    found = made(tmp_path / "out", tmp_path, sets=[RATED])[RATED]
    assert len(found) == len(set(found["id"])) == 2
    assert told(tmp_path / "out", RATED)["rejects"] == {"review given twice": 5}


# -- 36: helpful votes


def test_votes_are_ranked_with_gaps(rows: Published) -> None:
    for _, truth, _, shown in rows.samples(RANKED):
        assert sorted(truth) == [0, 1, 2, 3, 4]
        votes = [max(one["helpful_vote"] for one in rows.reviews[row]) for row in shown]
        ranked = [vote for _, vote in sorted(zip(truth, votes, strict=True))]
        assert ranked[0] > 0
        for less, more in pairwise(ranked):
            assert more >= less + max(2, less / 2), ranked
        assert len({row.split(":")[2] for row in shown}) == 1


def test_what_age_alone_would_reach_is_reported(rows: Published) -> None:
    scores = []
    for asked, truth, _, shown in rows.samples(RANKED):
        times = [rows.reviews[row][0]["timestamp"] for row in shown]
        ages = [(max(times) - time) // 86_400_000 for time in times]
        assert asked["age"] == ages
        assert not any(str(age) in asked["product"] for age in ages if age > 999)
        scores.append(score("ndcg", parse("ranking", ideal_answer("ranking", ages)), truth))
    found = told(rows.out, RANKED)["shortcuts"]
    if scores:
        assert found["age"] == pytest.approx(sum(scores) / len(scores), abs=1e-4)
        assert found["longest"] > 0


VOTES: dict[str, tuple[list[int], list[int] | None]] = {
    "just enough": ([1, 3, 5, 8, 12], [1, 3, 5, 8, 12]),
    "one short of half": ([1, 3, 5, 8, 11], None),
    "one short of two": ([1, 2, 5, 8, 12], None),
    "none is no vote": ([0, 3, 5, 8, 12], None),
    "ties": ([4, 4, 4, 9, 9, 20, 40, 80, 80], [4, 9, 20, 40, 80]),
    "close ones between": ([10, 11, 12, 20, 21, 40, 41, 80, 160], [10, 20, 40, 80, 160]),
    "spread": ([1, 3, 5, 8, 12, 18, 27, 41, 62], [1, 5, 12, 27, 62]),
}


@pytest.mark.parametrize("case", VOTES)
def test_five_votes_clearly_apart(case: str, tmp_path: Path) -> None:
    votes, chosen = VOTES[case]
    reviews = [
        review(1, user_id=f"U{i}", helpful_vote=vote, text=f"{TEXT} Lid {i}.")
        for i, vote in enumerate(votes)
    ]
    Random(0).shuffle(reviews)
    found = made(tmp_path / "out", publish(tmp_path, reviews, [product(1)]), sets=[RANKED])[RANKED]
    of = {one["text"]: one["helpful_vote"] for one in reviews}
    ranked = [
        [of[text] for _, text in sorted(zip(json.loads(truth), asked["options"], strict=True))]
        for asked, truth in zip(fields(found), found["truth"], strict=True)
    ]
    assert ranked == ([chosen] if chosen else [])


def test_a_vote_is_worth_nothing_if_the_review_cannot_be_shown(tmp_path: Path) -> None:
    unfit: tuple[Row, ...] = (
        {"text": "😊" * 50},
        {"text": None},
        {"text": "Long. " * 200},
        {"helpful_vote": None},
    )
    for i, change in enumerate(unfit):
        reviews = [
            review(1, user_id=f"U{j}", helpful_vote=4**j, text=f"{TEXT} {j}") for j in range(5)
        ]
        reviews[2] |= change
        rows = publish(tmp_path / str(i), reviews, [product(1)])
        assert made(tmp_path / f"{i}.out", rows, sets=[RANKED])[RANKED].is_empty(), change


# -- 6: what is bought and liked together


def test_wrong_products_have_nothing_to_do_with_the_question(rows: Published) -> None:
    for asked, truth, own, shown in rows.samples("also_liked"):
        users = rows.users[own[0].partition(":")[2]]
        right = [asked["options"][number - 1] for number in truth]
        for number, row in enumerate(shown, 1):
            if number in truth:
                continue
            name = row.partition(":")[2]
            assert not users & rows.users[name]
            assert name not in rows.together(own[0])
            assert own[0].partition(":")[2] not in rows.together(row)
            title = asked["options"][number - 1]
            assert max(likeness(title, other) for other in (asked["title"], *right)) < 0.5


def test_right_products_are_published_companions_or_liked_by_two(rows: Published) -> None:
    kinds: Counter[bool] = Counter()
    for asked, truth, own, shown in rows.samples("also_liked"):
        assert 1 <= len(truth) <= 3
        name, known = own[0].partition(":")[2], rows.together(own[0])
        for number in truth:
            other = shown[number - 1].partition(":")[2]
            if known:
                assert other in known
            else:
                assert len(rows.fans[name] & rows.fans[other]) >= 2
            assert other != name
            assert likeness(asked["title"], asked["options"][number - 1]) < 0.5
            kinds[bool(known)] += 1
    if len(rows.sets["also_liked"]) > 40:
        assert min(kinds[True], kinds[False]) > 10


def shop(*companions: str | None, **ratings: float) -> tuple[list[Row], list[Row]]:
    """Products 0 to 3 of one brand, and others; ratings: by users `u1`, `u2`, ... of product 0 and
    of product 1, as in `u1_0=5`."""
    things = ["kettle steel", "cup porcelain", "tray bamboo", "filter paper"]
    products = [product(i, title=f"Velmora {things[i]}") for i in range(4)]
    products += [product(i) for i in range(4, 24)]
    products[0]["bought_together"] = [*companions] or None
    reviews = [review(i) for i in range(4, 24)]
    for i, (name, stars) in enumerate(ratings.items()):
        user, _, number = name.partition("_")
        reviews.append(review(int(number), user_id=user, rating=stars, timestamp=i))
    return reviews, products


#: Who gave what, what product 0 publishes, and which products are right, if it is asked about.
LIKED: dict[str, tuple[dict[str, float], tuple[str | None, ...], set[int]]] = {
    "two liked both": ({"u1_0": 5, "u1_1": 4, "u2_0": 4, "u2_1": 5}, (), {1}),
    "one alone": ({"u1_0": 5, "u1_1": 5, "u2_0": 5, "u3_1": 5}, (), set()),
    "one of two disliked": ({"u1_0": 5, "u1_1": 5, "u2_0": 5, "u2_1": 3}, (), set()),
    "published": ({"u1_0": 1}, ("P2",), {2}),
    "published goes first": ({"u1_0": 5, "u1_1": 4, "u2_0": 4, "u2_1": 5}, ("P3",), {3}),
    "unknown ones beside": ({"u1_0": 1}, ("P2", "B0UNKNOWN1", None, "", "P2"), {2}),
    "itself": ({"u1_0": 1}, ("P0",), set()),
    "no word in common": ({"u1_0": 1}, ("P7",), set()),
}


@pytest.mark.parametrize("case", LIKED)
def test_what_is_liked_together(case: str, tmp_path: Path) -> None:
    ratings, companions, right = LIKED[case]
    rows = publish(tmp_path, *shop(*companions, **ratings))
    found = made(tmp_path / "out", rows, sets=["also_liked"])["also_liked"]
    asked = {
        own.removeprefix("products:P"): {shown[number - 1] for number in json.loads(truth)}
        for (own, *shown), truth in found.select("source_rows", "truth").iter_rows()
    }
    assert asked.get("0", set()) == {f"products:P{number}" for number in right}


#: What makes product 7 fit or not, and what product 0 publishes beside product 1.
WRONG: dict[str, tuple[Row, tuple[str, ...], bool]] = {
    "unlike": ({}, (), True),
    "published with it": ({}, ("P7",), False),
    "publishes it": ({"bought_together": ["P0"]}, (), False),
    "a variant of the right one": ({"title": "cup porcelain blue"}, (), False),
    "as like the question": ({"title": "Velmora set of towels for guests"}, (), False),
    "without title": ({"title": None}, (), False),
    "title of another": ({"title": "Brand8, ITEM8 model8!"}, (), False),
}


@pytest.mark.parametrize("case", WRONG)
def test_which_products_may_be_wrong(case: str, tmp_path: Path) -> None:
    """Eight are needed beside the right one, and there are eight; not every draw meets all."""
    change, beside, fits = WRONG[case]
    reviews, products = shop("P1", *beside, u1_0=5)
    products[7] |= change
    rows = publish(tmp_path, [*reviews[:8], reviews[-1]], products)
    drawn = (made(tmp_path / "out", rows, sets=["also_liked"], seed=seed) for seed in range(9))
    assert any(len(found["also_liked"]) for found in drawn) == fits


@pytest.mark.parametrize("stars", [1, 5])
def test_what_a_user_of_both_reviewed_is_not_wrong(stars: int, tmp_path: Path) -> None:
    reviews, products = shop("P1", u1_0=5, u1_7=stars)
    found = made(
        tmp_path / "out",
        publish(tmp_path, [*reviews[:8], *reviews[-2:]], products),
        sets=["also_liked"],
    )
    assert found["also_liked"].is_empty()


def test_a_rating_given_twice_counts_as_one_user(tmp_path: Path) -> None:
    reviews, products = shop(u1_0=5, u1_1=5)
    again = [
        one | {"timestamp": one["timestamp"] + 900} for one in reviews if "u" in one["user_id"]
    ]
    rows = publish(tmp_path, reviews + again, products)
    assert made(tmp_path / "out", rows, sets=["also_liked"])["also_liked"].is_empty()


# -- which review was written for a product


def test_its_own_review_alone_names_two_words_of_the_title(rows: Published) -> None:
    samples = list(rows.samples("review_of_product"))
    assert len(samples) > 30
    for asked, truth, own, rest in samples:
        row, about = (own + rest)[:2]
        title = set(said(asked["product"]))
        named = [len(title & set(said(text))) for text in asked["options"]]
        assert named[truth] >= 2
        assert max(named[:truth] + named[truth + 1 :]) <= named[truth] - 2
        assert asked["options"][truth][:20] in shown(rows.reviews[row])
        assert about == f"products:{row.split(':')[2]}"
        assert likeness(rows.products[about]["title"], asked["product"]) > 0.9


def shown(reviews: list[Row]) -> str:
    """The texts of reviews, as far as the tests need them clean."""
    plain = " ".join(str(one["text"]) for one in reviews)
    for mark, text in (("<br />", " "), ("&#34;", '"'), ("&#39;", "'"), ("&amp;", "&")):
        plain = plain.replace(mark, text)
    return " ".join(plain.split())


def test_other_reviews_are_of_unlike_products(rows: Published) -> None:
    for asked, _, own, rest in rows.samples("review_of_product"):
        row, _, *others = own + rest
        assert len(others) == 3
        for other in others:
            name = other.split(":")[2]
            assert name != row.split(":")[2]
            title = rows.products[f"products:{name}"]["title"]
            assert likeness(asked["product"], title) < 0.5


def test_a_variant_s_review_is_no_option(tmp_path: Path) -> None:
    """Three products with like titles; a review that names one, and those of others."""
    telling = "The Velmora kettle of steel broke after a month, I am sad to say."
    products = [product(i, title=f"Velmora kettle steel size {i}") for i in range(3)]
    products += [product(i) for i in range(3, 6)]
    reviews = [review(0, text=telling), *(review(i) for i in range(1, 6))]
    for count, questions in ((5, 0), (6, 1)):
        folder = publish(tmp_path / str(count), reviews[:count], products)
        found = made(tmp_path / f"{count}.out", folder, sets=["review_of_product"])
        assert len(found["review_of_product"]) == questions
