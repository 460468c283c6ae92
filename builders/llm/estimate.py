"""What requests will take, before the first is sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from builders.llm.ledger import Ledger
from builders.llm.money import Price, dollars
from builders.llm.request import Call, Request

#: Bytes of text that a token stands for, where nothing was measured.
_BYTES_PER_TOKEN = 3.5


@dataclass(frozen=True)
class Estimate:
    """requests: to be sent. tokens_in, tokens_out: as the ledger has seen of such requests, else
    by their length and the most that is allowed. money: picodollars, None where no price is known.
    seconds: at the rate of the last run, None where there was none."""

    requests: int
    tokens_in: int
    tokens_out: int
    money: int | None
    seconds: float | None

    def __str__(self) -> str:
        money = "price unknown (--prices)" if self.money is None else f"about {dollars(self.money)}"
        time = "time unknown" if self.seconds is None else f"about {_time(self.seconds)}"
        return (
            f"{self.requests:,} requests, about {self.tokens_in:,} tokens in and "
            f"{self.tokens_out:,} out, {money}, {time}"
        )


def estimate(
    ledger: Ledger, requests: Sequence[Request], provider: str, model: str, price: Price | None
) -> Estimate:
    """What requests without an answer will take."""
    read = written = 0.0
    by_prompt: dict[str, list[Request]] = {}
    for request in requests:
        by_prompt.setdefault(request.prompt.id, []).append(request)
    for prompt, asked in by_prompt.items():
        seen = ledger.usual_tokens(prompt)
        if seen is None:
            read += sum(Call(one).most_tokens_in() for one in asked) / _BYTES_PER_TOKEN
            written += sum(one.prompt.sampling.max_tokens for one in asked)
        else:
            read += seen[0] * len(asked)
            written += seen[1] * len(asked)
    money = None if price is None else price.of(round(read), round(written))
    pace = ledger.pace(f"{provider}:{model}")
    seconds = len(requests) / pace if pace else None
    return Estimate(len(requests), round(read), round(written), money, seconds)


def _time(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{seconds:.0f} s" if minutes < 2 else f"{minutes // 60} h {minutes % 60:02} min"
