"""Who may read and write what."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from huggingface_hub import CommitOperationAdd, HfApi
from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError

from tests.hub_server import NOTHING, READ, WRITE, HubServer, Token
from tests.hub_server.writing import REPO

#: By token: what comes of reading a public data set, a private one, and of writing to each.
RIGHTS = {
    WRITE: (200, 200, 200, 200),
    READ: (200, 200, 403, 403),
    NOTHING: (200, 404, 403, 404),
    "hf_of_another_user": (200, 404, 403, 404),
    "hf_unknown": (401, 401, 401, 401),
    None: (200, 401, 401, 401),
}


@pytest.mark.parametrize("token", RIGHTS, ids=str)
def test_a_token_has_its_rights_and_no_more(token: str | None, hub: HubServer, api: HfApi) -> None:
    hub.tokens["hf_of_another_user"] = Token("another", "write")
    api.create_repo(f"{REPO}-2", repo_type="dataset", visibility="private")
    client = HfApi(endpoint=hub.url, token=token or False)

    def read(repo: str) -> object:
        return client.dataset_info(repo)

    def write(repo: str) -> object:
        addition = CommitOperationAdd("a.txt", b"text")
        return client.create_commit(repo, [addition], commit_message="a", repo_type="dataset")

    def check(repo: str) -> None:
        client.auth_check(repo, repo_type="dataset", write=True)

    def create(repo: str) -> object:
        return client.create_repo(repo, repo_type="dataset")

    def status(do: Callable[[str], object], repo: str) -> int:
        try:
            do(repo)
        except HfHubHTTPError as error:
            code = error.response.status_code
            # what cannot be seen is missing, for the client, whatever the status
            unseen = do is not create and (code == 404 or (code == 401 and token is None))
            assert isinstance(error, RepositoryNotFoundError) == unseen
            return code
        return 200

    found = [status(do, repo) for do in (read, write) for repo in (REPO, f"{REPO}-2")]
    assert tuple(found) == RIGHTS[token]
    assert [status(check, repo) for repo in (REPO, f"{REPO}-2")] == found[2:]
    written = ["a.txt" in hub.repos[repo].files for repo in (REPO, f"{REPO}-2")]
    assert written == [code == 200 for code in found[2:]]
    absent = status(read, "you/absent")
    assert absent == (401 if token in (None, "hf_unknown") else 404)
    mine = status(create, "you/more")
    assert mine == {None: 401, "hf_unknown": 401, WRITE: 200}.get(token, 403)


def test_a_token_says_whose_it_is(hub: HubServer, api: HfApi) -> None:
    for token, role in {WRITE: "write", READ: "read", NOTHING: "fineGrained"}.items():
        told = api.whoami(token=token)
        assert told["name"] == "you"
        assert told["auth"]["accessToken"]["role"] == role
    with pytest.raises(HfHubHTTPError, match="Invalid user token"):
        api.whoami(token="hf_unknown")


def test_a_data_set_is_made_private_and_public(hub: HubServer, api: HfApi) -> None:
    nobody = HfApi(endpoint=hub.url, token=False)
    for private in (True, False):
        api.update_repo_settings(REPO, private=private, repo_type="dataset")
        assert api.dataset_info(REPO).private is private
        assert nobody.repo_exists(REPO, repo_type="dataset") is not private
