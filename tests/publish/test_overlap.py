"""What one mixture holds out and another trains on is told."""

from __future__ import annotations

import re
from pathlib import Path

from builders.mixture.manifest import TRAIN, VALIDATION
from builders.publish.checks import local
from builders.publish.overlap import overlaps
from tests.mixture.mixing import mixed, recipe, rows


def test_rows_that_touch_what_another_mixture_holds_out_are_counted(
    demo: Path, tmp_path: Path
) -> None:
    sets = {
        "a": {"esci.relation_of_query_and_product": 150},
        "b": {"esci.rank_query_product_pairs": 150},
        "c": {"alpaca.instructions": 30},
    }
    for name, sizes in sets.items():
        mixed(recipe(tmp_path / f"{name}.yaml", sizes), demo, tmp_path)
    found = {}
    for line in overlaps(local(tmp_path, sets)):
        said = re.match(r"([\d,]+) training rows? of (\w) touch .* that (\w) holds out", line)
        assert said
        found[said[3], said[2]] = int(said[1])
    expected = {}
    for held in sets:
        out = set(rows(tmp_path / held, VALIDATION)["keys"].explode())
        for trained in sets.keys() - {held}:
            keys = rows(tmp_path / trained, TRAIN)["keys"]
            expected[held, trained] = sum(bool(out & set(own)) for own in keys)
    assert found == {pair: count for pair, count in expected.items() if count}
    assert {frozenset(pair) for pair in found} == {frozenset("ab")}
