"""A server for each test, which the environment names."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.llm_batch.server import KEY, BatchServer, serving


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[BatchServer]:
    with serving() as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        yield server
