"""LLM work that never pays twice: a ledger of answers, and what asks through it."""
