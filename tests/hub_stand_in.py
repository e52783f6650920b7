"""A stand-in for the hub's HTTP API on the loopback interface: repositories out of a dictionary, and their failures.

It answers what `huggingface_hub` and `datasets` ask when they resolve a revision, list files, fetch and upload them.
What a test wants to go wrong is set on the `Repository`; what was asked, with which token, stands in `requests`.
"""

import base64
import hashlib
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

COMMIT = "c0ffee" + 34 * "0"
OLDER = "decade" + 34 * "0"
LARGE = (".safetensors", ".gguf")  # what is uploaded to the large file storage


@dataclass
class Repository:
    """Files by commit; `main` is COMMIT.

    `large` files have a SHA-256, as those in the hub's large file storage do; others have git's id of their content.
    """

    files: dict[str, dict[str, bytes]]
    large: tuple[str, ...] = ()
    gated: int = 0  # the status with which files are refused: 401 without, 403 with a token that lacks access
    wrong_checksum: tuple[str, ...] = ()  # files whose recorded checksum is another than their content's
    break_after: dict[str, int] = field(default_factory=dict)  # bytes after which the first transfer breaks off


@dataclass
class Hub:
    """Repositories by `models/OWNER/NAME` or `datasets/OWNER/NAME`.

    Attributes:
        read_only: the status with which uploads are refused; 0 takes them.
        pushed: files of each repository that was uploaded to.
        created: what was asked of each repository when it was made.
    """

    repositories: dict[str, Repository]
    address: str = ""
    read_only: int = 0
    pushed: dict[str, dict[str, bytes]] = field(default_factory=dict)
    created: dict[str, dict[str, Any]] = field(default_factory=dict)
    large: dict[str, bytes] = field(default_factory=dict)  # by SHA-256, as the large file storage has them
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)


@contextmanager
def hub_stand_in(repositories: dict[str, Repository]) -> Iterator[Hub]:
    hub = Hub(repositories)

    class Handler(_Handler):
        served = hub

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    served: Hub
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path = unquote(urlsplit(self.path).path).strip("/")
        if path.split("/")[-1] in ("create", "validate-yaml", "batch") or "/preupload/" in path or "/commit/" in path:
            self.served.requests.append((path, {name.lower(): value for name, value in self.headers.items()}))
            self._take(path, [json.loads(line) for line in body.splitlines()])
        else:
            self._answer(json.loads(body) if body[:1] == b"{" else {})

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.served.large[self.path.rpartition("/")[2]] = body
        self._json({})

    def _take(self, path: str, lines: list[dict[str, Any]]) -> None:
        """Take part in an upload, the steps of which are told apart by their address."""
        hub, name = self.served, "/".join(path.split("/")[2:4])
        if path == "api/validate-yaml":
            self._json({"errors": [], "warnings": []})
        elif hub.read_only:
            self._refuse(hub.read_only, "")
        elif path == "api/repos/create":
            hub.created[f"{lines[0]['organization']}/{lines[0]['name']}"] = lines[0]
            self._json({"url": f"{hub.address}/{lines[0]['organization']}/{lines[0]['name']}"})
        elif "/preupload/" in path:
            modes = {True: "lfs", False: "regular"}
            files = [
                {"path": file["path"], "uploadMode": modes[file["path"].endswith(LARGE)], "shouldIgnore": False}
                for file in lines[0]["files"]
            ]
            self._json({"files": files})
        elif path.endswith("/batch"):
            objects = [
                {**each, "actions": {"upload": {"href": f"{hub.address}/put/{each['oid']}"}}}
                for each in lines[0]["objects"]
            ]
            self._json({"transfer": "basic", "objects": objects})
        else:
            files = hub.pushed.setdefault(name, {})
            for line in (line for line in lines if line["key"] != "header"):
                value = line["value"]
                is_small = line["key"] == "file"
                files[value["path"]] = base64.b64decode(value["content"]) if is_small else hub.large[value["oid"]]
            self._json({"commitUrl": f"{hub.address}/{name}/commit/{COMMIT}", "commitOid": COMMIT})

    def log_message(self, *_: Any) -> None:
        pass

    def _answer(self, body: dict[str, Any] | None = None) -> None:
        path = unquote(urlsplit(self.path).path).strip("/")
        self.served.requests.append((path, {name.lower(): value for name, value in self.headers.items()}))
        parts = path.split("/")
        if parts[0] == "api":
            self._api(parts[1], "/".join(parts[2:4]), parts[4:], body)
            return
        kind = "datasets" if parts[0] == "datasets" else "models"
        parts = parts[1:] if kind == "datasets" else parts
        if len(parts) > 3 and parts[2] == "resolve":
            self._file(f"{kind}/{parts[0]}/{parts[1]}", parts[3], "/".join(parts[4:]))
        else:
            self._refuse(404, "EntryNotFound")

    def _api(self, kind: str, name: str, rest: list[str], body: dict[str, Any] | None) -> None:
        repository = self.served.repositories.get(f"{kind}/{name}")
        if repository is None:
            self._refuse(404, "RepoNotFound")
            return
        verb, revision = (rest[0], rest[1]) if len(rest) > 1 else ("revision", "main")
        commit = self._commit(repository, revision)
        if commit is None:
            self._refuse(404, "RevisionNotFound")
            return
        described = [_described(repository, path, content) for path, content in repository.files[commit].items()]
        if verb == "tree":
            folder = "/".join(rest[2:])
            self._json([entry for entry in described if entry["path"].startswith(folder)])
        elif verb == "paths-info":
            wanted = (body or {}).get("paths", [])
            self._json([entry for entry in described if entry["path"] in wanted])
        else:
            siblings = [{**entry, "rfilename": entry["path"]} for entry in described]
            facts = {"id": name, "sha": commit, "siblings": siblings, "private": False, "gated": bool(repository.gated)}
            self._json({**facts, "tags": [], "downloads": 0, "likes": 0})

    def _file(self, key: str, revision: str, path: str) -> None:
        repository = self.served.repositories.get(key)
        if repository is None:
            self._refuse(404, "RepoNotFound")
            return
        commit = self._commit(repository, revision)
        if commit is None:
            self._refuse(404, "RevisionNotFound")
        elif repository.gated:
            self._refuse(repository.gated, "GatedRepo")
        elif path not in repository.files[commit]:
            self._refuse(404, "EntryNotFound")
        else:
            self._content(repository, commit, path)

    def _content(self, repository: Repository, commit: str, path: str) -> None:
        content = repository.files[commit][path]
        start = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").partition("-")[0])
        self.send_response(206 if start else 200)
        self.send_header("X-Repo-Commit", commit)
        self.send_header("ETag", f'"{_digest(repository, path, content)}"')
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(len(content) - start))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.end_headers()
        if self.command == "HEAD":
            return
        until = start + repository.break_after.pop(path) if path in repository.break_after else len(content)
        self.wfile.write(content[start:until])
        if until < len(content):
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True

    @staticmethod
    def _commit(repository: Repository, revision: str) -> str | None:
        commit = COMMIT if revision == "main" else revision
        return commit if commit in repository.files else None

    def _json(self, value: Any) -> None:
        content = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def _refuse(self, status: int, code: str) -> None:
        self.send_response(status)
        self.send_header("X-Error-Code", code)
        self.send_header("X-Error-Message", f"refused: {code}")
        self.send_header("Content-Length", "0")
        self.end_headers()


def _described(repository: Repository, path: str, content: bytes) -> dict[str, Any]:
    digest = _digest(repository, path, content)
    entry: dict[str, Any] = {"type": "file", "path": path, "size": len(content), "oid": digest, "blobId": digest}
    if path in repository.large:
        pointer = _git_id(f"version https://git-lfs.github.com/spec/v1\noid sha256:{digest}\n".encode())
        entry |= {"oid": pointer, "blobId": pointer}
        entry["lfs"] = {"oid": digest, "sha256": digest, "size": len(content), "pointerSize": 134}
    return entry


def _digest(repository: Repository, path: str, content: bytes) -> str:
    content = b"another content" if path in repository.wrong_checksum else content
    return hashlib.sha256(content).hexdigest() if path in repository.large else _git_id(content)


def _git_id(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0%b" % (len(content), content)).hexdigest()
