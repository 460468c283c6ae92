"""bespokelabs-curator's part of benchmarks/llm.py, in an environment of its own.

    PYTHON llm_curator.py URL ROWS.json CACHE ANSWERS.json

ROWS.json: one list of messages a row. Written are the seconds that asking took, imports apart, and
the number of answers.
"""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import litellm  # type: ignore[import-not-found]
from bespokelabs import curator  # type: ignore[import-not-found]
from pydantic import BaseModel


class ProductType(BaseModel):
    """What is sold."""

    product_type: str
    category: str


class Extract(curator.LLM):  # type: ignore[misc]
    """Asks for product types. No `response_format`: it would first try whether the server knows of
    schemas, by a question that a server with one answer cannot answer."""

    def prompt(self, row: dict[str, Any]) -> list[dict[str, str]]:
        """The messages of a row, as they are."""
        messages: list[dict[str, str]] = json.loads(row["messages"])
        return messages

    def parse(self, row: dict[str, Any], response: str) -> dict[str, str]:
        """The answer's fields, checked."""
        return ProductType.model_validate_json(response).model_dump()


def main() -> None:
    """Ask about all rows."""
    url, rows_file, cache, out = sys.argv[1:]
    rows = [{"messages": json.dumps(row)} for row in json.loads(Path(rows_file).read_text())]
    # it counts tokens by a table that it would download; litellm, which it needs, has that on disk
    tables = Path(litellm.__file__).parent / "litellm_core_utils" / "tokenizers"
    os.environ["TIKTOKEN_CACHE_DIR"] = str(tables)
    limits = {"max_requests_per_minute": 10**9, "max_tokens_per_minute": 10**12}
    start = time.perf_counter()
    extract = Extract(
        model_name="bench",
        backend="openai",
        generation_params={"max_tokens": 64, "temperature": 0.0},
        backend_params={
            "base_url": url, "api_key": "none", "max_concurrent_requests": 64, **limits,
        },
    )  # fmt: skip
    answers = extract(rows, working_dir=cache).dataset
    seconds = time.perf_counter() - start
    Path(out).write_text(json.dumps({"seconds": seconds, "answers": len(answers)}))


if __name__ == "__main__":
    main()
