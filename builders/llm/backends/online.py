"""Any OpenAI-compatible server: OpenAI's own, vLLM's, llama.cpp's."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from email.utils import mktime_tz, parsedate_tz
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import openai
from openai import AsyncOpenAI, DefaultAioHttpClient

from builders.errors import ShopmixError
from builders.llm.request import UNREACHED, Call, Fault, Rejected, Reply

#: How servers are told of the answer's JSON schema: in full; without the keywords that some do not
#: know; or in words, where they know of no schema.
FULL, PLAIN, WORDS = range(3)
_BOUNDS = ("minLength", "maxLength", "minItems", "maxItems", "pattern", "title", "default")
_IN_WORDS = "Answer with one JSON object and nothing else. Its JSON schema: "
_DETAIL_CHARS = 300
#: Seconds to wait for a connection.
_CONNECT = 5.0


def endpoint() -> tuple[str | None, str]:
    """URL (None: OpenAI's own) and key of the server, from OPENAI_BASE_URL and OPENAI_API_KEY.

    Servers of one's own need no key. Raises `ShopmixError` where OpenAI's lacks one.
    """
    url, key = os.environ.get("OPENAI_BASE_URL"), os.environ.get("OPENAI_API_KEY", "").strip()
    if url and (urlsplit(url).username or urlsplit(url).password):
        raise ShopmixError("OPENAI_BASE_URL holds a password: put the key into OPENAI_API_KEY")
    if url and not (urlsplit(url).scheme in ("http", "https") and urlsplit(url).hostname):
        raise ShopmixError(f"OPENAI_BASE_URL={url} is no address like http://localhost:8000/v1")
    if not (url or key):
        raise ShopmixError(
            "OPENAI_API_KEY is not set: put your key there, or the address of another server into "
            "OPENAI_BASE_URL"
        )
    if not (key.isascii() and key.isprintable()):  # the client would show it in a traceback
        raise ShopmixError("OPENAI_API_KEY has characters that no key has: copy it there anew")
    return url, key or "none"


@dataclass(frozen=True)
class Dialect:
    """How a server wants to be spoken to. limit_as: the name of the answer's limit. temperature:
    whether it takes one; models that reason have their own."""

    schema_as: int = FULL
    limit_as: str = "max_tokens"
    temperature: bool = True

    def after(self, said: str) -> Dialect | None:
        """The one to speak after a server has said what it does not know; None: no other helps."""
        said = said.lower()
        if self.limit_as == "max_tokens" and "max_completion_tokens" in said:
            return replace(self, limit_as="max_completion_tokens")
        if "temperature" in said and self.temperature:
            return replace(self, temperature=False)
        if re.search(r"response_format|schema|grammar", said) and self.schema_as < WORDS:
            return replace(self, schema_as=self.schema_as + 1)
        return None


def body_of(call: Call, dialect: Dialect) -> dict[str, Any]:
    """What is posted to /chat/completions."""
    prompt, messages = call.request.prompt, list(call.messages())
    sampling = prompt.sampling
    body: dict[str, Any] = {
        "model": prompt.model,
        "messages": messages,
        dialect.limit_as: sampling.max_tokens,
        "seed": sampling.seed + call.request.index,
    }
    if dialect.temperature:
        body["temperature"] = sampling.temperature
    if sampling.top_p != 1:
        body["top_p"] = sampling.top_p
    if prompt.schema and dialect.schema_as == WORDS:
        messages.insert(0, {"role": "system", "content": _IN_WORDS + prompt.schema})
        if messages[1]["role"] == "system":  # many chat templates take one alone
            own = messages.pop(1)["content"]
            messages[0]["content"] = f"{own}\n\n{messages[0]['content']}"
    elif prompt.schema:
        schema = json.loads(prompt.schema)
        if dialect.schema_as == PLAIN:
            schema = _without(schema, _BOUNDS)
        body["response_format"] = {
            "type": "json_schema",
            "json_schema": {"name": "answer", "strict": True, "schema": schema},
        }
    return body


def _without(schema: Any, names: tuple[str, ...]) -> Any:
    if isinstance(schema, list):
        return [_without(one, names) for one in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: {name: _without(one, names) for name, one in value.items()}
        if key in ("properties", "$defs")
        else _without(value, names)
        for key, value in schema.items()
        if key not in names
    }


def read_reply(body: Mapping[str, Any], seconds: float, raw: str) -> Reply:
    """A chat completion as the API gives it. Raises `Fault` where it is none."""
    try:
        choice = body["choices"][0]
        message = choice["message"]
        usage = body["usage"]
        refusal = message.get("refusal")
        return Reply(
            text=refusal or message.get("content") or "",
            finish=choice.get("finish_reason") or "",
            tokens_in=int(usage["prompt_tokens"]),
            tokens_out=int(usage["completion_tokens"]),
            seconds=seconds,
            raw=raw,
            refusal=bool(refusal),
        )
    except (KeyError, IndexError, TypeError, ValueError, AttributeError):
        raise Fault(
            "garbled reply", f"not a chat completion: {raw[:_DETAIL_CHARS]}", billed=True
        ) from None


class Online:
    """A server, spoken to by OpenAI's client over aiohttp, the faster of its transports."""

    resumes = False
    queues = False

    def __init__(
        self, provider: str, model: str, url: str | None, key: str, *, most: int, timeout: float
    ) -> None:
        """url: up to /v1; None for OpenAI's. most: requests at once. timeout: seconds for one."""
        self.provider, self.model, self.most = provider, model, most
        self._key = key
        self.dialect = Dialect()
        patience = openai.Timeout(timeout, connect=min(timeout, _CONNECT))
        http = DefaultAioHttpClient(timeout=patience)
        self.client = AsyncOpenAI(
            base_url=url, api_key=key, timeout=patience, max_retries=0, http_client=http
        )
        self.url = str(self.client.base_url).rstrip("/")

    async def ask(self, call: Call, entry: int) -> Reply:
        """See `Backend.ask`."""
        while True:
            spoken = self.dialect
            try:
                return await self._post(call, body_of(call, spoken))
            except openai.BadRequestError as error:
                said = self._told(error)
                if not self.adapt(spoken, said):
                    raise Rejected("rejected", said[:_DETAIL_CHARS]) from None
                continue
            except (openai.APIError, aiohttp.ClientError) as error:
                failed = error
            # out here, as what comes of an error shows it in a traceback, with all that was said
            raise self._fault(failed)

    async def _post(self, call: Call, body: Mapping[str, Any]) -> Reply:
        start = time.perf_counter()
        raw = await self.client.post("/chat/completions", cast_to=str, body=body)
        raw, seconds = self.redacted(raw), time.perf_counter() - start
        try:
            parsed = json.loads(raw)
        except ValueError:
            parsed = None
        return read_reply(parsed, seconds, raw)

    def adapt(self, spoken: Dialect, said: str) -> bool:
        """Speak otherwise from now on, where the server says that it does not know what was said;
        whether there is another way."""
        if spoken == self.dialect:  # else another call has found out before
            other = spoken.after(said)
            if other is None:
                return False
            self.dialect = other
        return True

    def _fault(self, error: openai.APIError | aiohttp.ClientError) -> Fault:
        """What an error means. Raises `ShopmixError` where no request can be answered."""
        if isinstance(error, openai.APIConnectionError | aiohttp.ClientError):
            return self._lost(error)
        said = self._told(error)[:_DETAIL_CHARS]
        match error:
            case openai.APIStatusError(status_code=code):
                return self._refusal(code, said, _wait(error))
        return Fault("garbled reply", said, billed=True)

    def _refusal(self, status: int, said: str, wait: float | None = None) -> Fault:
        """What a status other than 200 means. Raises `ShopmixError` as `_fault` does."""
        match status:
            case 401 | 403:
                raise ShopmixError(f"{self.url} refuses the key ({said}): set OPENAI_API_KEY")
            case 404:
                raise ShopmixError(
                    f"{self.url} has no model {self.model} ({said}): name one of its own"
                )
            case 402 | 429 if status == 402 or "insufficient_quota" in said:
                raise ShopmixError(f"{self.url}: no money is left ({said}): pay in, and go on")
            case 429:
                return Fault("rate limited", said, busy=True, retry_after=wait)
            case 408 | 409:
                return Fault("server error", said, busy=True, retry_after=wait)
        if status >= 500:
            return Fault("server error", said, busy=True, retry_after=wait)
        return Rejected("rejected", said)

    def _lost(self, error: BaseException) -> Fault:
        """What a connection was lost of. The client calls most of it a time-out."""
        while error.__cause__ and not isinstance(error, aiohttp.ClientError):
            error = error.__cause__
        said = self.redacted(str(error) or type(error).__name__)[:_DETAIL_CHARS]
        if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
            return Fault(UNREACHED, f"{self.url}: {said}", busy=True)
        if isinstance(error, TimeoutError):
            return Fault("timed out", said, busy=True, billed=True)
        return Fault(UNREACHED, f"{self.url}: {said}", billed=True)

    def _told(self, error: openai.APIError) -> str:
        said = error.message
        if isinstance(error, openai.APIStatusError) and " - " not in said:
            said += f" - {error.body}"  # it has a form of its own
        return self.redacted(f"{said} ({error.code})" if error.code else said)

    def redacted(self, text: str) -> str:
        """A text without the key, whoever has put it there."""
        return text.replace(self._key, "***") if len(self._key) > 4 else text

    async def close(self) -> None:
        """See `Backend.close`."""
        await self.client.close()


def _wait(error: openai.APIStatusError) -> float | None:
    """Seconds that the server asks to wait."""
    headers = error.response.headers
    milliseconds, said = headers.get("retry-after-ms"), headers.get("retry-after")
    try:
        if milliseconds:
            return float(milliseconds) / 1000
        return float(said) if said else None
    except ValueError:
        at = parsedate_tz(said)
        return mktime_tz(at) - time.time() if at else None
