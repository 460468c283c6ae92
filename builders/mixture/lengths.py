"""How long the training samples are, in tokens of the base model under its chat template.

Where no tokenizer of the base model is at hand lengths are estimates, and say so.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from builders.mixture.chat import Chat, cached
from builders.mixture.manifest import Lengths
from builders.mixture.packing import pack

#: Tokens of a pack.
PACKS = (2_048, 4_096)
#: Width of a bin of the histogram, in tokens.
BIN = 64
#: What a token is estimated at, in bytes of UTF-8, and the mark-up of a message, in tokens. Qwen2
#: takes 4.0 bytes for a token of English in the demo samples, 3.5 of Spanish, 3.4 of Japanese,
#: where counts of characters would be further apart (4.0, 3.5, 2.5); ChatML's mark-up is 5 tokens.
BYTES, MARKUP = 4, 5
#: Samples that are rendered and counted at once: bounds memory.
_BATCH = 2_048


def measure(
    samples: pl.DataFrame,
    base_model: str,
    tokenizer: Path | None,
    progress: Callable[[int], None] = lambda done: None,
) -> Lengths:
    """Lengths of the conversations in `messages` (at least one), and the packs that they fill.

    tokenizer: a folder with the base model's tokenizer; without it the Hub's cache is looked in.
    progress: called with the samples counted so far.
    """
    folder = tokenizer or cached(base_model)
    chat = Chat(folder, base_model) if folder else None
    messages = samples["messages"]
    lengths = _counted(messages, chat, progress) if chat else estimated(messages)
    ends, rows = np.unique(-(-lengths // BIN) * BIN, return_counts=True)
    median, p95 = np.quantile(lengths, [0.5, 0.95], method="inverted_cdf").tolist()
    return Lengths(
        unit="tokens" if chat else f"tokens, estimated as {BYTES} bytes of UTF-8 each",
        tokenizer=chat.name if chat else None,
        total=int(lengths.sum()),
        mean=int(lengths.sum()) / len(lengths),
        median=median,
        p95=p95,
        longest=int(lengths.max()),
        histogram=dict(zip(ends.tolist(), rows.tolist(), strict=True)),
        packs=tuple(pack(lengths, tokens) for tokens in PACKS),
    )


def _counted(messages: pl.Series, chat: Chat, progress: Callable[[int], None]) -> NDArray[np.int64]:
    """Tokens of each conversation. While one thread counts, which is no Python, another renders."""
    counts, done = [], 0
    batches = [messages.slice(at, _BATCH) for at in range(0, len(messages), _BATCH)]
    with ThreadPoolExecutor(2) as pool:
        for some in pool.map(lambda batch: chat.count(batch.to_list()), batches):
            counts.append(some)
            done += len(some)
            progress(done)
    return np.concatenate(counts)


def estimated(messages: pl.Series) -> NDArray[np.int64]:
    """About how many tokens each conversation is, by its bytes; int64 of shape (n,)."""
    size = pl.element().struct.field("content").str.len_bytes()
    tokens = messages.list.eval((size + BYTES - 1) // BYTES + MARKUP).list.sum()
    return tokens.cast(pl.Int64).to_numpy()
