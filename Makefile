# `make demo` and `make test` do all the set-up on a fresh machine.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test test-engines env-train check demo-ledger docs bench lock clean

demo: .venv/complete
	$(BIN)/python -m builders all --source demo --out data/demo --show 1
	$(BIN)/python -m builders.mixture demo --samples data/demo
	$(BIN)/python -m builders.report data/mixtures/demo --samples data/demo

# Without a browser the tests that need one are skipped, and say how to get it.
test: .venv/complete check
	-sh tools/browser.sh
	$(BIN)/python -m pytest -n auto

# The real axolotl, vLLM and AutoAWQ, each in an environment of its own, made on the first call.
test-engines: .venv/complete
	$(BIN)/python -m pytest -m engines --durations=10

# axolotl in an environment of its own, where training looks for it (a link into the user's cache).
env-train: .venv/complete
	home=$$($(BIN)/python tools/engine_env.py axolotl) && ln -sfn "$$(dirname "$$(dirname "$$home")")" .venv-train

check: .venv/complete
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

# The answers that ship for the demo rows, by the real model that runs here.
demo-ledger: .venv/complete
	rm -f data/demo-ledger.sqlite*
	$(BIN)/python -m builders.llm ledger data/demo-ledger.sqlite --import templates/calls.jsonl
	$(BIN)/python -m builders all --source demo --llm local --ledger data/demo-ledger.sqlite --out data/demo
	$(BIN)/python -m builders.llm ledger data/demo-ledger.sqlite --export builders/demo/ledger.jsonl

docs: .venv/complete
	$(BIN)/python -m tools.sets_page

bench: .venv/complete
	$(BIN)/python benchmarks/esci.py
	$(BIN)/python benchmarks/amazon_m2.py
	$(BIN)/python benchmarks/amazon_reviews.py
	$(BIN)/python benchmarks/recipe.py
	$(BIN)/python benchmarks/mixture.py
	$(BIN)/python benchmarks/duplicates.py
	$(BIN)/python benchmarks/leaks.py
	$(BIN)/python benchmarks/llm.py
	$(BIN)/python benchmarks/packing.py
	$(BIN)/python benchmarks/merge.py

.venv/complete: requirements/dev.txt pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements/dev.txt
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
	touch $@

# The lock file anew, after a change of dependencies in pyproject.toml.
lock: .venv/complete
	$(BIN)/python -m uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-header --no-annotate --quiet -o requirements/dev.txt

clean:
	rm -rf .venv build dist data
