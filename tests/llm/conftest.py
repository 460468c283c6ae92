"""A server to ask."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.llm.asking import World, serving


@pytest.fixture(scope="session")
def serve() -> Iterator[Callable[..., World]]:
    """Makes a server of `Options`, whose log is its own."""
    with serving() as world:
        yield world
