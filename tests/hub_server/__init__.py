"""A local server that speaks the Hugging Face Hub's HTTP API, for the real clients.

They talk to it once HF_ENDPOINT (read when huggingface_hub is imported) is `url`, or through
`HfApi(endpoint=url)`; see `client` for runs in a process of their own. Data sets and models are
kept with all their commits, in memory; parquet files are LFS files, as on the Hub.
"""

from tests.hub_server.handler import HubError
from tests.hub_server.repo import Commit, Entry, Repo
from tests.hub_server.server import NOTHING, READ, WRITE, HubServer, Token, serving

__all__ = [
    "NOTHING",
    "READ",
    "WRITE",
    "Commit",
    "Entry",
    "HubError",
    "HubServer",
    "Repo",
    "Token",
    "serving",
]
