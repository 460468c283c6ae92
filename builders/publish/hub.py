"""A data set on the Hub: what is in it, and the few things that a publish changes.

All goes through the official client, which finds the user's token in its usual places and honours
HF_ENDPOINT. The token itself is never touched here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from huggingface_hub import (
    CommitOperationAdd,
    CommitOperationDelete,
    HfApi,
    get_token,
    set_client_factory,
)
from huggingface_hub.errors import (  # type: ignore[attr-defined] # one is its client's own
    HfHubHTTPError,
    HTTPError,
    RepositoryNotFoundError,
)
from huggingface_hub.hf_api import RepoFile
from huggingface_hub.utils._http import default_client_factory

from builders.errors import ShopmixError
from builders.publish.talk import AGAIN, talking, unsure

_KIND = "dataset"
#: Seconds without a byte after which a connection is dead; the client itself would wait for ever.
PATIENCE = 120.0


@dataclass(frozen=True)
class Stored:
    """A file at a commit. sha256: of an LFS file, else None. blob: git's hash of any other."""

    size: int
    sha256: str | None
    blob: str


@dataclass(frozen=True)
class Head:
    """What `main` points to."""

    commit: str
    private: bool
    files: Mapping[str, Stored]


class Again(Exception):
    """A commit was not done, or may not have been: look at the head again. It says why."""


class Hub:
    """A data set's repo. What fails raises `ShopmixError`."""

    def __init__(self, repo: str) -> None:
        self.repo = repo
        set_client_factory(_client)
        self._api = HfApi(library_name="shopmix")

    def check_token(self) -> str:
        """The user's name. Raises `ShopmixError` without a token that may write."""
        if get_token() is None:
            raise ShopmixError(
                "no token of the Hub: log in with `hf auth login`, or set HF_TOKEN; it needs the "
                "right to write"
            )
        with talking("the token"):
            told = self._api.whoami()
        if told.get("auth", {}).get("accessToken", {}).get("role") == "read":
            raise ShopmixError(
                f"the token of {told['name']} may only read: make one that may write, in the Hub's "
                f"settings, and log in with `hf auth login`"
            )
        return str(told["name"])

    def head(self) -> Head | None:
        """The data set as it is now; None where there is none.

        Raises `ShopmixError` where a repo of another type has the name.
        """
        with talking(f"{self.repo} cannot be read"):
            try:
                info = self._api.dataset_info(self.repo)
            except RepositoryNotFoundError:
                self._check_other_types()
                return None
            commit = str(info.sha)
            return Head(commit, bool(info.private), self.files(commit))

    def _check_other_types(self) -> None:
        for kind in ("model", "space"):
            if self._api.repo_exists(self.repo, repo_type=kind):
                raise ShopmixError(
                    f"{self.repo} is a {kind}, not a data set: choose another name with --repo"
                )

    def create(self) -> None:
        """Make the data set, private; nothing where it is there."""
        with talking(f"{self.repo} cannot be created"):
            self._api.create_repo(self.repo, repo_type=_KIND, private=True, exist_ok=True)

    def files(self, commit: str) -> dict[str, Stored]:
        """Every file at a commit."""
        with talking(f"{self.repo} cannot be listed"):
            tree = self._api.list_repo_tree(
                self.repo, recursive=True, revision=commit, repo_type=_KIND
            )
            return {
                one.path: Stored(one.size, one.lfs.sha256 if one.lfs else None, one.blob_id)
                for one in tree
                if isinstance(one, RepoFile)
            }

    def text(self, path: str, commit: str) -> str:
        """A text file at a commit."""
        with talking(f"{self.repo}/{path} cannot be read"):
            file = self._api.hf_hub_download(self.repo, path, repo_type=_KIND, revision=commit)
            return Path(file).read_text("utf-8")

    def history(self) -> list[str]:
        """All commits, the newest first."""
        with talking(f"{self.repo}, its commits cannot be listed"):
            return [
                one.commit_id for one in self._api.list_repo_commits(self.repo, repo_type=_KIND)
            ]

    def upload(self, files: Mapping[str, Path]) -> dict[str, CommitOperationAdd]:
        """Send content ahead of the commit; what the Hub has already is not sent again.

        files: by path in the repo. Returns what the commit needs to know of each.
        """
        with talking(f"{self.repo}, sending shards"):
            additions = {path: CommitOperationAdd(path, file) for path, file in files.items()}
            self._api.preupload_lfs_files(
                self.repo, additions.values(), repo_type=_KIND, free_memory=False
            )
            return additions

    def commit(
        self,
        operations: Sequence[CommitOperationAdd | CommitOperationDelete],
        message: str,
        parent: str,
    ) -> str:
        """Commit upon a parent; returns the new commit.

        Raises `Again` where the head is not the parent, or where it is open whether it was done.
        """
        with talking(f"{self.repo}, the commit"):
            try:
                done = self._api.create_commit(
                    self.repo,
                    operations,
                    commit_message=message,
                    repo_type=_KIND,
                    parent_commit=parent,
                )
            except (HTTPError, OSError) as error:
                if isinstance(error, HfHubHTTPError) and error.response.status_code == 412:
                    raise Again("somebody else has committed meanwhile") from None
                if unsure(error):
                    raise Again(f"the commit has no answer ({error})") from None
                raise
            return str(done.oid)

    def tagged(self, tag: str) -> str | None:
        """The commit of a tag, or None."""
        with talking(f"{self.repo}, its tags cannot be read"):
            for one in self._api.list_repo_refs(self.repo, repo_type=_KIND).tags:
                if one.name == tag:
                    # a tag may be an object of its own: the revision is the commit behind it
                    info = self._api.dataset_info(self.repo, revision=tag)
                    return str(info.sha)
        return None

    def tag(self, tag: str, commit: str) -> None:
        """Set a tag, and see that it is set. Raises `ShopmixError` where it is there already."""
        with talking(f"{self.repo} holds the mixtures at {commit}, but {tag} cannot be set"):
            try:
                self._api.create_tag(self.repo, tag=tag, revision=commit, repo_type=_KIND)
            except (HTTPError, OSError) as error:
                if not unsure(error):
                    raise
        if (found := self.tagged(tag)) != commit:
            raise ShopmixError(f"{self.repo}: {tag} is {found or 'not set'}, not {commit}: {AGAIN}")

    def make_public(self) -> None:
        """Let all see it."""
        with talking(f"{self.repo} is published, but cannot be made public"):
            self._api.update_repo_settings(self.repo, private=False, repo_type=_KIND)


def _client() -> Any:  # an HTTP client, of one library or another with the version
    client = default_client_factory()
    client.timeout = PATIENCE
    return client
