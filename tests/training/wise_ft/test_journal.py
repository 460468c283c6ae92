"""What a journal says after it was read again, and what it makes of a spoilt end."""

from __future__ import annotations

from pathlib import Path

import pytest

from builders.errors import ShopmixError
from training.wise_ft.journal import NAME, Journal

THIS = {"base": "b", "adapters": [{"weight": 0.1}]}


def test_what_was_recorded_is_known_to_the_next(tmp_path: Path) -> None:
    with Journal(tmp_path, THIS) as journal:
        journal.record("a", 512, "1", whole=False)
        journal.record("a", 700, "2", whole=True)
    with Journal(tmp_path, THIS) as journal:
        assert journal.at("a") == (700, "2", True)
        assert journal.at("b") == (0, "", False)


@pytest.mark.parametrize("end", [b'{"file": "b", "by', b"\0" * 40, b"\0\0\n", b"\xff\xfe\n"])
def test_after_a_spoilt_end_it_goes_on(tmp_path: Path, end: bytes) -> None:
    """What comes next is not lost with it."""
    with Journal(tmp_path, THIS) as journal:
        journal.record("a", 512, "1", whole=False)
    with (tmp_path / NAME).open("ab") as file:
        file.write(end)
    with Journal(tmp_path, THIS) as journal:
        assert journal.at("a") == (512, "1", False)
        journal.record("b", 300, "3", whole=True)
    with Journal(tmp_path, THIS) as journal:
        assert journal.at("b") == (300, "3", True)


def test_a_journal_without_a_whole_line_begins_anew(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(b'{"base": ')
    with Journal(tmp_path, THIS) as journal:
        journal.record("a", 1, "1", whole=True)
    with Journal(tmp_path, THIS) as journal:
        assert journal.at("a")[2]


def test_another_merge_and_a_second_process_are_refused(tmp_path: Path) -> None:
    with Journal(tmp_path, THIS), pytest.raises(ShopmixError, match="another process"):
        Journal(tmp_path, THIS)
    with pytest.raises(ShopmixError, match="another merge"):
        Journal(tmp_path, {**THIS, "base": "c"})
