"""Who somebody is, and what repositories there are to be."""

from __future__ import annotations

from tests.hub_server.handler import Handler, HubError, route


@route("GET", "/api/whoami-v2")
def _whoami(handler: Handler, _parts: dict[str, str]) -> None:
    token = handler.token
    if token is None:
        raise HubError(401, "", "Invalid username or password.")
    role = "fineGrained" if token.rights == "none" else token.rights
    auth = {"type": "access_token", "accessToken": {"displayName": "test", "role": role}}
    handler.tell({"type": "user", "name": token.user, "orgs": [], "auth": auth})


@route("POST", "/api/repos/create")
def _create(handler: Handler, _parts: dict[str, str]) -> None:
    if handler.token is None:
        raise HubError(401, "", "Invalid username or password.")
    asked = handler.json()
    type, owner = asked.get("type", "model"), asked.get("organization") or handler.token.user
    if type not in ("dataset", "model"):
        raise HubError(400, "", f"a {type} cannot be created here")
    repo_id, page = f"{owner}/{asked['name']}", "datasets/" if type == "dataset" else ""
    told = {"url": f"{handler.server.url}/{page}{repo_id}", "name": repo_id}
    if not handler.may("write", repo_id):
        said = f'You don\'t have the rights to create a {type} under the namespace "{owner}"'
        raise HubError(403, "", said)
    with handler.server.lock:
        if repo_id in handler.server.of_type(f"{type}s"):
            said = f"You already created this {type} repo"
            return handler.tell({"error": said} | told, 409, {"X-Error-Message": said})
        handler.server.create(repo_id, f"{type}s", private=asked.get("visibility") == "private")
    handler.tell(told)


@route("PUT", "API/settings")
def _settings(handler: Handler, parts: dict[str, str]) -> None:
    repo, asked = handler.repo(parts, write=True), handler.json()
    if set(asked) != {"visibility"} or asked["visibility"] not in ("private", "public"):
        raise HubError(400, "", f"only the visibility, private or public, is set here: {asked}")
    repo.private = asked["visibility"] == "private"
    handler.tell({"private": repo.private})


@route("GET", "API/auth-check(?P<write>/write)?")
def _auth_check(handler: Handler, parts: dict[str, str]) -> None:
    handler.repo(parts, write=bool(parts["write"]))
    handler.tell({})
