"""A small API server for tests: it serves documents over HTTP with paging, and misbehaves where it is told to.

`Cluster` holds objects by resource; `Server` serves them. A fault is a function of a request that may answer in place
of the server, so that every call can be met by every kind of trouble.
"""

from __future__ import annotations

import base64
import gzip
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit


@dataclass
class Request:
    method: str
    path: str
    query: dict[str, str]
    user: str
    headers: dict[str, str]
    body: Any = None


@dataclass
class Reply:
    """An answer. `cut`: bytes after which the connection is closed; `drip`: seconds between single bytes.

    `chunked`: sent in pieces of so many bytes, without its length; `zipped`: None is as an API server does it.
    """

    status: int
    body: Any
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None
    drip: float = 0.0
    wait: float = 0.0
    chunked: int = 0
    zipped: bool | None = None


Fault = Callable[[Request, int], Reply | None]
"""Gets a request and how often the same was sent before; None: the server answers as it would."""


def status(code: int, reason: str, message: str, **metadata: Any) -> Reply:
    body = {"kind": "Status", "apiVersion": "v1", "metadata": metadata, "status": "Failure"}
    return Reply(code, {**body, "message": message, "reason": reason, "code": code})


class Documents:
    """A cluster as (group, version, plural) -> (kind, namespaced, objects), each in the API server's order."""

    def __init__(self) -> None:
        self.resources: dict[tuple[str, str, str], tuple[str, bool, list[dict[str, Any]]]] = {}

    def add(self, api_version: str, plural: str, kind: str, objects: list[dict[str, Any]], *, namespaced: bool = True):
        group, _, version = api_version.rpartition("/")
        kept = sorted(objects, key=lambda item: (item["metadata"].get("namespace", ""), item["metadata"]["name"]))
        self.resources[group, version, plural] = (kind, namespaced, kept)
        return self

    def answer(self, request: Request) -> Reply:
        parts = request.path.strip("/").split("/")
        if parts == ["version"]:
            return Reply(200, {"gitVersion": "v1.36.2"})
        if parts == ["api"]:
            return Reply(200, {"kind": "APIVersions", "versions": ["v1"]})
        if parts == ["apis"]:
            return Reply(200, self._groups())
        if parts[0] not in ("api", "apis"):
            return Reply(404, "404 page not found\n")
        group, rest = ("", parts[1:]) if parts[0] == "api" else (parts[1], parts[2:])
        if len(rest) == 1:
            return self._discovery(group, rest[0])
        namespace = ""
        if rest[1] == "namespaces" and len(rest) == 4:
            namespace, rest = rest[2], [rest[0], rest[3]]
        found = self.resources.get((group, *rest)) if len(rest) == 2 else None
        if found is None:
            return status(404, "NotFound", "the server could not find the requested resource")
        api_version = f"{group}/{rest[0]}" if group else rest[0]
        return page(api_version, found[0], [i for i in found[2] if not namespace or i["metadata"]["namespace"] == namespace],
                    request.query)  # fmt: skip

    def _groups(self) -> dict[str, Any]:
        groups: dict[str, list[str]] = {}
        for group, version, _ in self.resources:
            if group and version not in groups.setdefault(group, []):
                groups[group].append(version)
        listed = [
            {
                "name": group,
                "versions": [{"groupVersion": f"{group}/{name}", "version": name} for name in names],
                "preferredVersion": {"groupVersion": f"{group}/{names[0]}", "version": names[0]},
            }
            for group, names in groups.items()
        ]
        return {"kind": "APIGroupList", "apiVersion": "v1", "groups": listed}

    def _discovery(self, group: str, version: str) -> Reply:
        found = [
            {
                "name": plural,
                "singularName": "",
                "kind": kind,
                "namespaced": namespaced,
                "verbs": ["get", "list", "watch"],
            }
            for (its_group, its_version, plural), (kind, namespaced, _) in self.resources.items()
            if (its_group, its_version) == (group, version)
        ]
        if not found:
            return Reply(404, "404 page not found\n")
        return Reply(
            200,
            {
                "kind": "APIResourceList",
                "apiVersion": "v1",
                "groupVersion": f"{group}/{version}" if group else version,
                "resources": found,
            },
        )


def page(api_version: str, kind: str, objects: list[dict[str, Any]], query: dict[str, str]) -> Reply:
    """Return one page of a list, as `limit` and `continue` ask for it."""
    start = int(base64.b64decode(query["continue"])) if query.get("continue") else 0
    limit = int(query.get("limit", "0")) or len(objects)
    metadata: dict[str, Any] = {"resourceVersion": "519"}
    if start + limit < len(objects):
        metadata["continue"] = base64.b64encode(str(start + limit).encode()).decode()
        metadata["remainingItemCount"] = len(objects) - start - limit
    items = objects[start : start + limit]
    return Reply(200, {"kind": f"{kind}List", "apiVersion": api_version, "metadata": metadata, "items": items})


class Server:
    """Serves answers on a free port of the loopback address, until it is closed."""

    def __init__(
        self, answer: Callable[[Request], Reply], fault: Fault | None = None, tls: ssl.SSLContext | None = None
    ) -> None:
        self.requests: list[Request] = []
        self._answer = answer
        self._fault = fault
        self._seen: dict[str, int] = {}
        self._lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                outer.handle(self)

            do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815

            def log_message(self, *_: Any) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self._http.handle_error = lambda *_: None  # type: ignore[method-assign]  # who hangs up is no news
        self._scheme = "https" if tls else "http"
        if tls:
            self._http.socket = tls.wrap_socket(self._http.socket, server_side=True, do_handshake_on_connect=False)
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self._http.server_address[1]}"

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def handle(self, http: BaseHTTPRequestHandler) -> None:
        parts = urlsplit(http.path)
        token = http.headers.get("authorization", "").removeprefix("Bearer ") or _by_certificate(http.connection)
        length = int(http.headers.get("content-length") or 0)
        body = json.loads(http.rfile.read(length)) if length else None
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        headers = {key.lower(): value for key, value in http.headers.items()}
        request = Request(http.command, parts.path, query, token, headers, body)
        with self._lock:
            self.requests.append(request)
            times = self._seen.get(http.path, 0)
            self._seen[http.path] = times + 1
        reply = self._fault(request, times) if self._fault else None
        try:
            _send(http, reply or self._answer(request))
        except (BrokenPipeError, ConnectionResetError):
            http.close_connection = True


def _by_certificate(connection: Any) -> str:
    """Return whom the client's certificate names, as an API server takes it."""
    certificate = connection.getpeercert() if isinstance(connection, ssl.SSLSocket) else None
    names = dict(part[0] for part in (certificate or {}).get("subject", ()))
    return names.get("commonName", "")


def _send(http: BaseHTTPRequestHandler, reply: Reply) -> None:
    data = reply.body if isinstance(reply.body, bytes) else None
    if data is None:
        data = (reply.body if isinstance(reply.body, str) else json.dumps(reply.body)).encode()
    zipped = "gzip" in http.headers.get("accept-encoding", "") and len(data) > 1000
    zipped = reply.zipped if reply.zipped is not None else zipped
    data = gzip.compress(data, 1) if zipped else data
    time.sleep(reply.wait)
    http.send_response(reply.status)
    for key, value in {"Content-Type": "application/json", **reply.headers}.items():
        http.send_header(key, value)
    if zipped:
        http.send_header("Content-Encoding", "gzip")
    http.send_header(*(("Transfer-Encoding", "chunked") if reply.chunked else ("Content-Length", str(len(data)))))
    http.end_headers()
    if reply.chunked:
        data = _in_chunks(data, reply.chunked)
    if reply.cut is not None:
        http.wfile.write(data[: reply.cut])
        http.close_connection = True
        http.connection.shutdown(socket.SHUT_RDWR)
        return
    if reply.drip:
        for start in range(len(data)):
            http.wfile.write(data[start : start + 1])
            http.wfile.flush()
            time.sleep(reply.drip)
        return
    http.wfile.write(data)


def _in_chunks(data: bytes, size: int) -> bytes:
    pieces = [data[start : start + size] for start in range(0, len(data), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in (*pieces, b""))


def kubeconfig(folder: Any, servers: dict[str, str], token: str = "admin") -> str:
    """Write a kubeconfig with one context per server, the first being the current one; return its path."""
    names = list(servers)
    config = {
        "apiVersion": "v1", "kind": "Config", "current-context": names[0],
        "clusters": [{"name": name, "cluster": {"server": url}} for name, url in servers.items()],
        "users": [{"name": "user", "user": {"token": token}}],
        "contexts": [
            {"name": name, "context": {"cluster": name, "user": "user", "namespace": "shop"}} for name in names
        ],
    }  # fmt: skip
    path = folder / "kubeconfig"
    path.write_text(json.dumps(config), encoding="utf-8")
    return str(path)
