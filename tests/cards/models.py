"""Models to write cards of."""

from __future__ import annotations

from builders.cards.model import AdapterCard, Base, Data, MergedCard, Score, Weighted

BASE = Base("Qwen/Qwen2-72B-Instruct", "c867f763ef53f2ea9d9b31ee8501273dedd391eb", "Apache-2.0")
HOW = "96 development questions, greedy | vLLM"
V8 = AdapterCard(
    repo="you/v8-lora",
    base=BASE,
    data=Data(
        "you/shopmix", "v8", "v1.0.0", "8" * 32, ("Apache-2.0", "CC-BY-NC-4.0"), ("en", "de")
    ),
    hyperparameters={"lr": 2e-4, "r": 64, "alpha": 32, "scheduler": "cosine"},
    scores=(Score(1, 0.8312, HOW), Score(5, 0.7866, HOW)),
    limits=("Not tried on other shops | yet.",),
)
V9B = AdapterCard(
    repo="you/v9b-lora",
    base=BASE,
    data=Data("you/shopmix", "v9b", "v1.0.0", "9" * 32, ("Apache-2.0",), ("en", "ja")),
    hyperparameters={"lr": 2e-4, "r": 64},
)
#: Of a mixture and a base that are in folders.
LOCAL = AdapterCard(
    repo="v8",
    base=Base("track5", None, "Apache-2.0"),
    data=Data(None, "v8", None, "8" * 32, ("Apache-2.0",), ("en",)),
    hyperparameters={"lr": 2e-4},
)
MERGED = MergedCard(
    repo="you/track1",
    base=BASE,
    adapters=(Weighted(V8, 0.5625), Weighted(V9B, 0.75)),
    scores=(Score(1, 0.8334, HOW),),
)
