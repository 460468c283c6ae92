"""Where training leaves its runs, and what their folders have; all who read them look here."""

from __future__ import annotations

from pathlib import Path

#: A folder each, unless another is named.
RUNS = Path("runs")
#: What decides a run, from its beginning; and what it was, once it has ended.
RUN, TRAINING = "run.json", "training.json"
