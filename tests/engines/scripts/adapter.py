"""Write each tensor's largest absolute value: adapter.py ADAPTER.safetensors OUT.json."""

import json
import sys
from pathlib import Path

from safetensors.numpy import load_file


def main() -> None:
    tensors = load_file(sys.argv[1])
    largest = {name: float(abs(tensor).max()) for name, tensor in tensors.items()}
    Path(sys.argv[2]).write_text(json.dumps(largest))


if __name__ == "__main__":
    main()
