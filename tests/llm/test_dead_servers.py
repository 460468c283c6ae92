"""Servers that cannot answer anything: one clear message, soon, and few calls."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import openai
import pytest

from builders.errors import ShopmixError
from builders.llm import desk
from builders.llm.backends import online
from builders.llm.exchange import flaws
from builders.llm.ledger import Ledger
from builders.llm.request import Prompt, Sampling
from tests.llm.asking import Asking, World, fine, requests
from tests.llm.server import MODEL

#: What is answered before a server fails, and what is asked of it then.
BEFORE, TEXTS = fine(5), fine(300)
UNKNOWN = Prompt("no-such-model", (), Sampling(max_tokens=20))
#: Calls that a server may get that answers none.
FEW = 5


def _told(asking: Asking, texts: list[str] = TEXTS) -> str:
    """The one error of asking, which comes within seconds."""
    start = time.monotonic()
    with pytest.raises(ShopmixError) as error:
        asking.ask(texts)
    assert time.monotonic() - start < 20
    said = str(error.value)
    assert "\n" not in said
    return said


@pytest.fixture
def ledger(serve: Callable[..., World], tmp_path: Path) -> Iterator[Path]:
    """A ledger with answers, which it still has afterwards. Few calls are counted as sent."""
    path = tmp_path / "ledger"
    Asking(serve().url, path).ask(BEFORE)
    keys = [request.key for request in requests(BEFORE)]
    before = Ledger(path)
    answers, (_, spent) = before.answers(keys), before.spent()
    before.close()
    yield path
    after = Ledger(path)
    ((lost, most),) = after.rows("SELECT count(*), total(tokens) FROM attempts WHERE status='sent'")
    assert len(answers) == len(BEFORE)
    assert after.answers(keys) == answers
    assert lost <= FEW
    assert after.spent()[1] == spent + most
    assert list(flaws(after)) == []
    after.close()


def test_wrong_key(serve: Callable[..., World], ledger: Path) -> None:
    world = serve()
    said = _told(Asking(world.url, ledger, key="sk-wrong"))
    assert f"{world.url} refuses the key" in said
    assert "set OPENAI_API_KEY" in said
    assert len(world.log()) <= FEW


def test_key_that_is_withdrawn_while_asking(serve: Callable[..., World], tmp_path: Path) -> None:
    world = serve(delay=0.02)
    Asking(world.url, tmp_path / "ledger").ask(BEFORE)
    said = _told(Asking(world.url, tmp_path / "ledger", key="sk-wrong", workers=64))
    assert "refuses the key" in said
    assert len(world.log()) <= len(BEFORE) + FEW


def test_unknown_model(serve: Callable[..., World], ledger: Path) -> None:
    world = serve()
    said = _told(Asking(world.url, ledger, prompt=UNKNOWN))
    assert f"{world.url} has no model no-such-model" in said
    assert "name one of its own" in said
    assert len(world.log()) <= FEW


@contextmanager
def _silent(backlog: int) -> Iterator[socket.socket]:
    """A socket that takes no connection."""
    with socket.create_server(("127.0.0.1", 0), backlog=backlog) as found:
        yield found


def test_no_server(ledger: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk, "GIVE_UP_AT_FIRST", 1.0)
    with _silent(1) as taken:
        host, port = taken.getsockname()
    said = _told(Asking(f"http://{host}:{port}/v1", ledger))
    assert f"openai:{MODEL} does not answer" in said
    assert f"http://{host}:{port}/v1" in said
    assert "what is answered is kept, run again to go on" in said


def test_server_that_takes_no_connection(ledger: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk, "GIVE_UP_AT_FIRST", 0.5)
    monkeypatch.setattr(online, "_CONNECT", 0.5)
    with _silent(0) as full, socket.socket() as first, socket.socket() as second:
        for waiting in (first, second):
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        host, port = full.getsockname()
        said = _told(Asking(f"http://{host}:{port}/v1", ledger, timeout=60.0))
    assert "does not answer (connection lost" in said


def test_no_such_host(ledger: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk, "GIVE_UP_AT_FIRST", 1.0)
    said = _told(Asking("http://shopmix.invalid:1/v1", ledger))
    assert "shopmix.invalid" in said


def test_server_of_something_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk, "GIVE_UP_AT_FIRST", 1.0)

    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail at your service\r\n")
        await writer.drain()
        writer.close()

    async def told() -> str:
        server = await asyncio.start_server(greet, "127.0.0.1", 0)
        async with server:
            host, port = server.sockets[0].getsockname()
            asking = Asking(f"http://{host}:{port}/v1", tmp_path / "ledger")
            return await asyncio.to_thread(_told, asking)

    assert "does not answer" in asyncio.run(told())


@pytest.mark.parametrize("status", [500, 429])
def test_server_that_always_fails(
    serve: Callable[..., World], ledger: Path, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    monkeypatch.setattr(desk, "GIVE_UP", 1.2)
    world = serve(always=status)
    said = _told(Asking(world.url, ledger))
    assert "does not answer" in said
    assert f"Error code: {status} - The server is out of order" in said
    assert len(world.log()) <= 2 * FEW


@pytest.mark.parametrize(("status", "code"), [(402, None), (429, "insufficient_quota")])
def test_no_money_left(
    serve: Callable[..., World], ledger: Path, status: int, code: str | None
) -> None:
    world = serve(always=status, code=code)
    said = _told(Asking(world.url, ledger))
    assert f"{world.url}: no money is left" in said
    assert len(world.log()) <= FEW


def test_timeout_is_the_one_that_was_given(tmp_path: Path, serve: Callable[..., World]) -> None:
    # 5 seconds are what the client takes for "not given"
    for timeout in (0.5, 5.0):
        backend = online.Online("openai", MODEL, None, "none", most=1, timeout=timeout)
        assert backend.client.timeout == openai.Timeout(timeout)
        asyncio.run(backend.close())
    world = serve()
    _, counts = Asking(world.url, tmp_path / "ledger", timeout=0.5).ask(["1 late", "2 fine"])
    assert counts.faults == {"timed out": 1}
    assert counts.answered == 2
