"""A small HTTP proxy for tests: tunnels for https, whole URLs for http; it may ask for a password."""

from __future__ import annotations

import select
import socket
import threading
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import urlsplit


class Proxy:
    """Forwards to wherever it is asked to, and remembers where that was."""

    def __init__(self, authorization: str = "") -> None:
        self.targets: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_CONNECT(self) -> None:
                if outer.admits(self):
                    host, _, port = self.path.rpartition(":")
                    outer.targets.append(self.path)
                    with socket.create_connection((host, int(port)), 5) as there:
                        self.send_response(200)
                        self.end_headers()
                        _tunnel(self.connection, there)
                    self.close_connection = True

            def do_GET(self) -> None:
                if outer.admits(self):
                    parts = urlsplit(self.path)
                    outer.targets.append(parts.netloc)
                    there = HTTPConnection(parts.netloc, timeout=5)
                    kept = {key: value for key, value in self.headers.items() if key.lower() != "accept-encoding"}
                    there.request("GET", f"{parts.path}?{parts.query}", headers=kept)
                    answer = there.getresponse()
                    data = answer.read()
                    there.close()
                    self.send_response(answer.status)
                    self.send_header("Content-Length", str(len(data)))
                    self.end_headers()
                    self.wfile.write(data)

            def log_message(self, *_: Any) -> None:
                pass

        self._wanted = authorization
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True).start()

    def admits(self, http: BaseHTTPRequestHandler) -> bool:
        """Return whether the client may use it, having told it if not."""
        if self._wanted in ("", http.headers.get("proxy-authorization")):
            return True
        http.send_response(407)
        http.send_header("Content-Length", "0")
        http.end_headers()
        return False

    @property
    def place(self) -> str:
        return f"127.0.0.1:{self._http.server_address[1]}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()


def _tunnel(one: socket.socket, other: socket.socket) -> None:
    ways = {one: other, other: one}
    while True:
        ready, _, _ = select.select([one, other], [], [], 5)
        if not ready:
            return
        for end in ready:
            data = end.recv(65536)
            if not data:
                return
            ways[end].sendall(data)
