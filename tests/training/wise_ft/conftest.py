"""A base, an adapter of it, and a merge of them that is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.training.wise_ft.merging import Refused, asked, refused
from tests.training.wise_ft.models import write_adapter, write_base
from tests.training.wise_ft.tensors import contents


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return write_base(tmp_path / "base")


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    return write_adapter(tmp_path / "v8")


@pytest.fixture
def said(base: Path, adapter: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Refused:
    """Merge, which is refused, and leaves nothing in the folder; returns what was said."""

    def refuse(*adapters: Path | str) -> str:
        out = tmp_path / "out"
        given = [one if isinstance(one, str) else (one, 0.5) for one in adapters or [adapter]]
        told = refused(asked(base, given, out), capsys)
        assert not out.exists() or not contents(out)
        return told

    return refuse
