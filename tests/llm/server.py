"""A local server that speaks OpenAI's chat completions, answers by rule, fails as told, and counts.

    python -m tests.llm.server

It is a process of its own, so that it outlives clients that are killed, and serves many worlds at
once: each has its own options and its own log. It prints its address, and ends with its input.

The last word of a question says what the server does to it: `17 error` meets a 500, and then its
answer; `18 refusal` is refused as often as it is asked; `19 fine` is answered. The same question
gets the same answer at all times, in all worlds.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from dataclasses import asdict, dataclass, field
from hashlib import blake2b
from typing import Any

from aiohttp import web

#: What the first call meets, by the question's last word, and how the desk counts it.
PASSING = {
    "busy": "rate limited",
    "wait": "rate limited",
    "error": "server error",
    "cut": "connection lost",
    "dropped": "connection lost",
    "garbled": "garbled reply",
    "late": "timed out",
}
#: An answer that is not valid, and is when it is repaired.
REPAIRED = {"empty": "empty", "broken": "not valid"}
#: What comes to nothing, however often it is asked: of these, the first two after a repair.
FAILED = {
    "blank": "empty",
    "nonsense": "not valid",
    "refusal": "refused",
    "long": "cut off",
    "unfit": "rejected",
}
MODEL, KEY = "test-model", "sk-test"
#: Tokens of an answer, and bytes of a question that are one token.
TOKENS_OUT, BYTES_PER_TOKEN = 10, 4
_FOREVER = 3600.0


@dataclass(frozen=True)
class Options:
    """How a world behaves.

    delay: seconds that an answer takes. key: the one that it takes. echoes: whether it says the
    caller's key in all that it says. always, code: the status that it answers all calls with, and
    the error's code. at_once: calls beyond so many meet a 429. greedy: whether it bills a token for
    every byte, and all that an answer may have. limit_as: what it wants `max_tokens` to be called.
    lacks: words of a `response_format` that it does not know. no_temperature: whether it has one of
    its own.
    """

    delay: float = 0.0
    key: str = KEY
    echoes: bool = False
    always: int | None = None
    code: str | None = None
    at_once: int | None = None
    greedy: bool = False
    limit_as: str = "max_tokens"
    lacks: tuple[str, ...] = ()
    no_temperature: bool = False


@dataclass(frozen=True)
class Asked:
    """A call that came. at_once: how many there were then. tokens_in, tokens_out: as billed."""

    text: str
    repair: bool
    at_once: int
    status: int
    tokens_in: int = 0
    tokens_out: int = 0


@dataclass
class World:
    """One server among many. log: all calls, in the order in which they came."""

    options: Options
    log: list[Asked] = field(default_factory=list)
    now: int = 0
    first: Counter[str] = field(default_factory=Counter)
    came: asyncio.Condition = field(default_factory=asyncio.Condition)


def text_of(content: str) -> str:
    """The valid answer to a conversation's content."""
    return json.dumps({"label": blake2b(content.encode(), digest_size=8).hexdigest()})


WORLDS: list[World] = []


async def create(http: web.Request) -> web.Response:
    """Make a world of the posted options, and tell its number."""
    options = await http.json()
    WORLDS.append(World(Options(**options | {"lacks": tuple(options.get("lacks", ()))})))
    return web.json_response(len(WORLDS) - 1)


async def log(http: web.Request) -> web.Response:
    """All calls so far, once there are at least so many."""
    world, count = WORLDS[int(http.match_info["world"])], int(http.query.get("count", 0))
    async with world.came:
        await world.came.wait_for(lambda: len(world.log) >= count)
    return web.json_response([asdict(asked) for asked in world.log])


async def chat(http: web.Request) -> web.StreamResponse:
    """/chat/completions"""
    world = WORLDS[int(http.match_info["world"])]
    body = await http.json()
    world.now += 1
    try:
        return await _answered(world, http, body)
    finally:
        world.now -= 1


async def _answered(world: World, http: web.Request, body: dict[str, Any]) -> web.StreamResponse:
    options, messages = world.options, body["messages"]
    caller = http.headers.get("Authorization", "").removeprefix("Bearer ")
    repair = messages[-1]["content"].startswith("That is not valid")
    asked = messages[:-2] if repair else messages
    text = asked[-1]["content"]
    kind = text.rpartition(" ")[2]
    world.first[text] += not repair
    first = world.first[text] == 1 and not repair
    said = f" (key {caller})" if options.echoes else ""
    status, told = _refusal(options, body, caller, world.now, kind, first)

    tokens_in = sum(len(one["content"].encode()) for one in messages) + 16 * len(messages)
    tokens_out = body.get("max_tokens", 0)
    if not options.greedy:
        tokens_in, tokens_out = tokens_in // BYTES_PER_TOKEN, TOKENS_OUT
    billed = (tokens_in, tokens_out) if status == 200 else (0, 0)
    world.log.append(Asked(text, repair, world.now, status, *billed))
    async with world.came:
        world.came.notify_all()
    await asyncio.sleep(options.delay)
    if status != 200:
        headers = {"retry-after-ms": "100"} if kind == "wait" else {}
        error = {"error": {"message": told + said, "code": options.code}}
        return web.json_response(error, status=status, headers=headers)

    message: dict[str, str | None] = {"content": text_of(json.dumps(asked))}
    if options.echoes:
        message["content"] = json.dumps({"label": said})
    if kind in ("empty", "blank"):
        message["content"] = message["content"] if repair and kind == "empty" else ""
    elif kind in ("broken", "nonsense") and not (repair and kind == "broken"):
        message["content"] = f'{{"label": {said}'
    elif kind == "refusal":
        message = {"content": None, "refusal": f"I cannot help with that{said}."}
    reply = {
        "object": "chat.completion",
        "model": body["model"],
        "choices": [
            {
                "index": 0,
                "message": message,
                "finish_reason": "length" if kind == "long" else "stop",
            }
        ],
        "usage": {"prompt_tokens": tokens_in, "completion_tokens": tokens_out},
    }
    if first and kind in ("cut", "dropped", "garbled", "late"):
        return await _spoilt(http, kind, json.dumps(reply))
    return web.json_response(reply)


def _refusal(
    options: Options, body: dict[str, Any], caller: str, now: int, kind: str, first: bool
) -> tuple[int, str]:
    """The status of a call, and what is said where it is not 200."""
    form = json.dumps(body.get("response_format", {}))
    other = {"max_tokens", "max_completion_tokens"} - {options.limit_as}
    for is_so, status, told in (
        (caller != options.key, 401, "Incorrect API key provided"),
        (body["model"] != MODEL, 404, f"The model {body['model']} does not exist"),
        (options.always, options.always or 0, "The server is out of order"),
        (options.at_once and now > options.at_once, 429, "Rate limit reached"),
        (first and kind in ("busy", "wait"), 429, "Rate limit reached"),
        (first and kind == "error", 500, "The server had an error"),
        (kind == "unfit", 400, "This prompt is longer than the model's context"),
        (
            options.no_temperature and "temperature" in body,
            400,
            "Unsupported value: 'temperature' does not support 0 with this model.",
        ),
        (other & body.keys(), 400, f"Unsupported parameter: {other}. Use '{options.limit_as}'."),
    ):
        if is_so:
            return status, told
    for word in options.lacks:
        if word in form:
            return 400, f"Invalid schema for response_format: '{word}' is not permitted."
    return 200, ""


async def _spoilt(http: web.Request, kind: str, reply: str) -> web.StreamResponse:
    """A reply that the client cannot take."""
    if kind == "garbled":
        return web.Response(text=reply[: len(reply) // 2], content_type="application/json")
    if kind == "late":
        await asyncio.sleep(_FOREVER)
    response = web.StreamResponse()
    if kind == "cut":
        response.content_length = len(reply)
        await response.prepare(http)
        await response.write(reply[: len(reply) // 2].encode())
    assert http.transport
    http.transport.abort()
    return response


async def serve() -> None:
    """Serve until the input ends."""
    app = web.Application()
    app.router.add_post("/worlds", create)
    app.router.add_get("/worlds/{world}", log)
    app.router.add_post("/worlds/{world}/v1/chat/completions", chat)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0]
    print(f"http://{host}:{port}", flush=True)
    await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(serve())
