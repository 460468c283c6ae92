"""The page as a file: whole, alone, and without mark-up of a sample's making."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from builders.errors import ShopmixError
from builders.report.__main__ import main
from tests.report.conftest import INJECTED
from tests.report.made import mixture, question


class _Reader(HTMLParser):
    """Collects a page's tags with attributes, its text, and its scripts."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        while self.open and self.open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if self.open[-1:] == ["script"]:
            self.scripts.append(data)
        elif self.open[-1:] != ["style"]:
            self.text += data


@pytest.fixture(scope="module")
def read(page: Path) -> _Reader:
    return _Reader(page.read_text("utf-8"))


def _told(read: _Reader) -> Any:
    return json.loads(gzip.decompress(base64.b64decode(read.scripts[0])))


def test_every_link_stays_on_the_page(read: _Reader) -> None:
    ids = {attributes.get("id") for _, attributes in read.tags}
    links = [told["href"] for _, told in read.tags if "href" in told]
    assert len(links) > 10
    for link in links:
        assert link
        assert link[0] == "#"
        assert link[1:] in ids
    assert not [tag for tag, told in read.tags if "src" in told or tag in ("link", "img", "iframe")]


def test_styles_load_nothing(page: Path) -> None:
    html = page.read_text("utf-8")
    (style,) = re.findall(r"<style>(.*?)</style>", html, re.DOTALL)
    assert "url(" not in style
    assert "@import" not in style


def test_the_policy_allows_the_pages_own_script_alone(read: _Reader) -> None:
    (policy,) = (told["content"] for _, told in read.tags if "http-equiv" in told)
    assert len(read.scripts) == 2
    digest = base64.b64encode(hashlib.sha256(read.scripts[1].encode()).digest()).decode()
    assert policy
    assert policy.startswith(f"default-src 'none'; script-src 'sha256-{digest}';")


def test_a_text_is_no_markup(read: _Reader) -> None:
    assert f"no {INJECTED}" in read.text  # a reason, among the rejects
    assert not [tag for tag, _ in read.tags if tag == "img"]
    assert [one["answer"] for one in _told(read)["samples"] if one["type"] == "generation"] == [
        INJECTED
    ]


def test_how_many_samples_of_how_many(read: _Reader) -> None:
    # 100 of 130 and 5 held, 8 rankings, a text
    assert "114 of 144 samples: of every set the first 100 of the training" in read.text
    assert len(_told(read)["samples"]) == 114
    assert sum(one["split"] == "validation" for one in _told(read)["samples"]) == 5


def test_what_was_found_stands_in_words(read: _Reader) -> None:
    text = " ".join(read.text.split())
    assert "1 exact and 1 near duplicates of rows that were taken before" in text
    assert "Refused: 1 by overlap, 1 by question." in text
    assert "shopbench_development (feed)" in text
    assert "no reason is given" in text
    assert "the words tell" in text


def test_the_same_mixture_gives_the_same_bytes(made: Path, page: Path, tmp_path: Path) -> None:
    main([str(made), "--out", str(tmp_path / "again.html")])
    assert (tmp_path / "again.html").read_bytes() == page.read_bytes()


def test_it_lies_in_the_mixtures_folder(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = shutil.copytree(made, tmp_path / "small")
    main([str(folder)])
    assert (folder / "report.html").is_file()
    assert "report.html: 114 of 144 samples to look at" in capsys.readouterr().out


def test_a_damaged_shard_is_named(tmp_path: Path) -> None:
    folder = mixture(tmp_path / "m", [[question(1)]])
    (shard,) = folder.glob("train-*")
    shard.write_bytes(shard.read_bytes()[:-9])
    with pytest.raises(ShopmixError, match=re.escape(shard.name)):
        main([str(folder)])
    assert not (folder / "report.html").exists()


def test_a_folder_without_a_mixture(tmp_path: Path) -> None:
    with pytest.raises(ShopmixError, match=r"manifest\.json is missing"):
        main([str(tmp_path)])


def test_a_place_that_cannot_be_written(made: Path, tmp_path: Path) -> None:
    with pytest.raises(ShopmixError, match="cannot write"):
        main([str(made), "--out", str(tmp_path / "none" / "report.html")])


def test_a_mixture_without_choices_or_finds(tmp_path: Path) -> None:
    row = question(1, task_type="generation", truth='"x"', fields="{}")
    folder = mixture(tmp_path / "m", [[row]])
    main([str(folder)])
    told = _Reader((folder / "report.html").read_text("utf-8"))
    for words in ("No multiple choice in this", "No set of this mixture has options", "None was"):
        assert words in told.text
