"""Languages: told from each other, and not mistaken where titles are full of names."""

from __future__ import annotations

import polars as pl
import pytest

from builders.amazon_m2.texts import LOCALES
from builders.language import speaks
from tests.conftest import real_rows


def test_most_real_titles_are_in_the_language_of_their_locale() -> None:
    rows = pl.read_csv(real_rows("amazon_m2") / "products_train.csv", infer_schema=False)
    german = rows.filter(pl.col("locale") == "DE")["title"].to_list()
    assert sum(speaks(title, "de") for title in german) > 0.97 * len(german)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Wasserkocher aus Edelstahl mit abnehmbarem Deckel", "de"),
        ("Hallbrück Gartenschlauch dehnbar Messinganschlüsse knickfrei", "de"),
        ("Bouilloire électrique en verre avec filtre amovible", "fr"),
        ("Bollitore elettrico in vetro con filtro estraibile", "it"),
        ("Hervidor eléctrico de cristal con filtro extraíble", "es"),
        ("Glass kettle with removable filter for tea", "en"),
        ("電気ケトル 1.7L ステンレス", "ja"),
    ],
)
def test_a_language_is_told_from_the_others(text: str, language: str) -> None:
    assert [one for one in LOCALES.values() if speaks(text, one)] == [language]
