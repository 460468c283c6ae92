"""A request to an LLM, apart from who answers it: what decides the answer, and the key of that.

Time-outs, retries, concurrency, prices and providers do not change an answer, so they are no part
of a request. Two requests of equal content have equal keys, whichever builder makes them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cached_property
from hashlib import blake2b

from builders.errors import ShopmixError


@dataclass(frozen=True)
class Sampling:
    """How tokens are drawn. max_tokens: of the answer, at most."""

    max_tokens: int
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0


@dataclass(frozen=True)
class Prompt:
    """What many requests share, so that servers can keep it in their prefix caches.

    messages: (role, content), all but the last of the user. schema: JSON schema of the answer, its
    fields in the order in which they are to be written.
    """

    model: str
    messages: tuple[tuple[str, str], ...]
    sampling: Sampling
    schema: str | None = None

    @cached_property
    def content(self) -> str:
        """All of it as canonical JSON."""
        whole = {
            "model": self.model,
            "messages": [list(message) for message in self.messages],
            "sampling": asdict(self.sampling),
            "schema": self.schema,
        }
        return json.dumps(whole, ensure_ascii=False, sort_keys=True, separators=(",", ":"))

    @cached_property
    def id(self) -> str:
        """32 hex: BLAKE2b of the content."""
        return _hash(self.content)

    @staticmethod
    def of(content: str) -> Prompt:
        """A prompt of its canonical JSON. Raises `ShopmixError` where that is none."""
        try:
            whole = json.loads(content)
            return Prompt(
                whole["model"],
                tuple((role, text) for role, text in whole["messages"]),
                Sampling(**whole["sampling"]),
                whole["schema"],
            )
        except (ValueError, KeyError, TypeError) as error:
            raise ShopmixError(f"not a prompt ({type(error).__name__}): {content[:80]}") from None


@dataclass(frozen=True)
class Request:
    """One question: a prompt, and what the user says last.

    index: tells samples of one question apart, where several are wanted.
    """

    prompt: Prompt
    text: str
    index: int = 0

    @cached_property
    def key(self) -> str:
        """32 hex: BLAKE2b of all that decides the answer."""
        return key_of(self.prompt.id, self.text, self.index)


def key_of(prompt: str, text: str, index: int) -> str:
    """The key of a request, by its prompt's id."""
    return _hash(f"{prompt}\x1f{index}\x1f{text}")


def _hash(text: str) -> str:
    return blake2b(text.encode(), digest_size=16).hexdigest()


@dataclass(frozen=True)
class Call:
    """A request as it is sent: after an answer that was not valid, with it and what is wrong."""

    request: Request
    repairs: tuple[str, str] | None = None

    def messages(self) -> Iterator[dict[str, str]]:
        """The whole conversation."""
        for role, content in self.request.prompt.messages:
            yield {"role": role, "content": content}
        yield {"role": "user", "content": self.request.text}
        if self.repairs:
            answer, flaw = self.repairs
            yield {"role": "assistant", "content": answer}
            yield {"role": "user", "content": f"That is not valid: {flaw}. Answer again."}

    def most_tokens_in(self) -> int:
        """What the question can take at most.

        A token stands for one byte of text at least. Servers add some for each message, and may
        show the model the schema.
        """
        prompt = self.request.prompt
        texts = [message["content"] for message in self.messages()]
        size = sum(len(text.encode()) for text in (*texts, prompt.schema or ""))
        return size + _PER_MESSAGE * (len(texts) + 1) + (_PER_SCHEMA if prompt.schema else 0)


#: Tokens that mark the beginning, the role and the end of a message, and that say what a schema
#: is, at most.
_PER_MESSAGE, _PER_SCHEMA = 16, 96


@dataclass(frozen=True)
class Reply:
    """What came back. seconds: from sending to the last byte. raw: as the server sent it."""

    text: str
    finish: str
    tokens_in: int
    tokens_out: int
    seconds: float
    raw: str
    refusal: bool = False


#: A fault's kind: no connection, or one that broke.
UNREACHED = "connection lost"


class Fault(Exception):
    """No reply, for a reason that passes: the request may be sent again.

    kind: how it is counted. retry_after: seconds that the server asks to wait. busy: whether there
    is too much load. billed: whether tokens may have been paid for nevertheless.
    """

    def __init__(
        self,
        kind: str,
        detail: str,
        *,
        retry_after: float | None = None,
        busy: bool = False,
        billed: bool = False,
    ) -> None:
        super().__init__(f"{kind}: {detail}")
        self.kind, self.detail = kind, detail
        self.retry_after, self.busy, self.billed = retry_after, busy, billed


class Rejected(Fault):
    """The server will not answer this request, now or later."""
