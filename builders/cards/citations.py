"""Who made the sources: what their licences ask to be named."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Citation:
    """A publication that describes a source. link: where it is."""

    authors: str
    year: int
    title: str
    link: str

    def __str__(self) -> str:
        return f"{self.authors} ({self.year}): {self.title}. {self.link}"


#: By the name of the source.
CITATIONS = {
    "esci": Citation(
        "Chandan K. Reddy et al.",
        2022,
        "Shopping Queries Dataset: A Large-Scale ESCI Benchmark for Improving Product Search",
        "https://arxiv.org/abs/2206.06588",
    ),
    "amazon_m2": Citation(
        "Wei Jin et al.",
        2023,
        "Amazon-M2: A Multilingual Multi-locale Shopping Session Dataset for Recommendation and "
        "Text Generation",
        "https://arxiv.org/abs/2307.09688",
    ),
    "amazon_reviews": Citation(
        "Yupeng Hou et al.",
        2024,
        "Bridging Language and Items for Retrieval and Recommendation",
        "https://arxiv.org/abs/2403.03952",
    ),
    "ecinstruct": Citation(
        "Bo Peng et al.",
        2024,
        "eCeLLM: Generalizing Large Language Models for E-commerce from Large-scale, High-quality "
        "Instruction Data",
        "https://arxiv.org/abs/2402.08831",
    ),
    "mmlu": Citation(
        "Dan Hendrycks et al.",
        2021,
        "Measuring Massive Multitask Language Understanding",
        "https://arxiv.org/abs/2009.03300",
    ),
    "alpaca": Citation(
        "Rohan Taori et al.",
        2023,
        "Stanford Alpaca: An Instruction-following LLaMA model, as cleaned by yahma",
        "https://github.com/tatsu-lab/stanford_alpaca",
    ),
}
