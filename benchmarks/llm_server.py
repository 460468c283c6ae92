"""An OpenAI-compatible server that answers at once, for benchmarks: a process of its own.

It does the least that HTTP allows: it reads no JSON, and gives every POST the same answer, whatever
its path. GET gives how many POSTs there were. It ends with the process that started it.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

#: What it answers: a product type (see builders/llm/product_type.py).
ANSWER = '{"product_type": "lamp", "category": "Home & Kitchen"}'
_COMPLETION = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "bench",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": ANSWER},
            "finish_reason": "stop",
        }
    ],
    "usage": {"prompt_tokens": 300, "completion_tokens": 20, "total_tokens": 320},
}


def _response(body: bytes) -> bytes:
    head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
    return head.encode() + b"\r\n" + body


class _Instant(asyncio.Protocol):
    """One connection."""

    asked = 0
    _said = _response(json.dumps(_COMPLETION).encode())

    def __init__(self) -> None:
        self._held = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by asyncio."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Called by asyncio: answer every request that is complete."""
        self._held += data
        while (end := self._held.find(b"\r\n\r\n")) >= 0:
            head = bytes(self._held[:end]).lower()
            _, _, length = head.partition(b"content-length:")
            whole = end + 4 + int(length.split(b"\r\n")[0] or 0)
            if len(self._held) < whole:
                return
            del self._held[:whole]
            if head.startswith(b"post"):
                _Instant.asked += 1
                self._transport.write(self._said)
            else:
                self._transport.write(_response(str(_Instant.asked).encode()))


async def _serve() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(_Instant, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)  # until whoever started it closes the pipe, or dies


@contextmanager
def instant() -> Iterator[str]:
    """A server; gives its URL up to /v1."""
    with subprocess.Popen(
        [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        yield f"http://127.0.0.1:{int(process.stdout.readline())}/v1"
        process.communicate()


def asked(url: str) -> int:
    """How many requests a server has had."""
    with urllib.request.urlopen(url) as response:
        return int(response.read())


if __name__ == "__main__":
    asyncio.run(_serve())
