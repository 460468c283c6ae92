"""Large files: the LFS batch, their content in one request or in parts, and the check after it."""

from __future__ import annotations

import hashlib
from typing import Any

from tests.hub_server.handler import Handler, HubError, route
from tests.hub_server.repo import Repo

_OBJECT = "/lfs/(?P<type>datasets|models)/(?P<repo>[^/]+/[^/]+)/(?P<oid>[0-9a-f]{64})"


@route("POST", "PAGE.git/info/lfs/objects/batch")
def _batch(handler: Handler, parts: dict[str, str]) -> None:
    """Where to send each file; without an action those whose content is here already."""
    repo = handler.repo(parts, write=True)
    told = []
    for asked in handler.json()["objects"]:
        one = {"oid": asked["oid"], "size": asked["size"]}
        if asked["oid"] not in repo.objects:
            one["actions"] = _actions(handler, parts["type"] or "models", repo, one)
        told.append(one)
    handler.tell({"transfer": "basic", "objects": told})


def _actions(handler: Handler, type: str, repo: Repo, one: dict[str, Any]) -> dict[str, Any]:
    root, size = handler.server.url, handler.server.part_bytes
    href = f"{root}/lfs/{type}/{repo.id}/{one['oid']}"
    upload: dict[str, Any] = {"href": href}
    if one["size"] > size:
        numbers = range(1, -(-one["size"] // size) + 1)
        header = {"chunk_size": str(size)} | {str(n): f"{href}?part={n}" for n in numbers}
        upload["header"] = header
    page = f"{root}/datasets" if type == "datasets" else root
    return {"upload": upload, "verify": {"href": f"{page}/{repo.id}.git/info/lfs/objects/verify"}}


@route("PUT", _OBJECT)
def _put(handler: Handler, parts: dict[str, str]) -> None:
    """Content, or a part of it. The address itself is the permission, as of a signed one."""
    repo = handler.server.of_type(parts["type"])[parts["repo"]]
    number = handler.query("part")
    if number:
        repo.parts[parts["oid"], int(number)] = handler.body
    else:
        _keep(repo, parts["oid"], handler.body)
    handler.start(200, 0, {"ETag": f'"{hashlib.md5(handler.body).hexdigest()}"'})


@route("POST", _OBJECT)
def _complete(handler: Handler, parts: dict[str, str]) -> None:
    """All parts are here, by the client's word."""
    repo, oid = handler.server.of_type(parts["type"])[parts["repo"]], parts["oid"]
    told = handler.json()["parts"]
    try:
        got = [repo.parts[oid, part["partNumber"]] for part in told]
    except KeyError as missing:
        raise HubError(400, "", f"part {missing} has not been uploaded") from None
    if [f'"{hashlib.md5(part).hexdigest()}"' for part in got] != [part["etag"] for part in told]:
        raise HubError(400, "", "a part is not what was uploaded")
    _keep(repo, oid, b"".join(got))
    for part in told:
        repo.parts.pop((oid, part["partNumber"]), None)
    handler.tell({"success": True})


def _keep(repo: Repo, oid: str, content: bytes) -> None:
    if hashlib.sha256(content).hexdigest() != oid:
        raise HubError(400, "", f"the content's sha256 is not {oid}")
    repo.objects[oid] = content


@route("POST", "PAGE.git/info/lfs/objects/verify")
def _verify(handler: Handler, parts: dict[str, str]) -> None:
    content = handler.repo(parts, write=True).objects.get(handler.json()["oid"])
    if content is None or len(content) != handler.json()["size"]:
        raise HubError(404, "", "the object is not here, or of another size")
    handler.tell({})
