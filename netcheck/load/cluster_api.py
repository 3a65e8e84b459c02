"""The way to an API server: the only module that knows the `kubernetes` client, and it sends GET and nothing else.

Of the client only configuration, authentication and connections are used: kubeconfig with contexts, exec plugins,
certificates and proxies, or the service account of a pod. Answers are bytes; the client's model objects are never
built. The one exception to GET is `Connection.review`, which asks what the user may do and writes nothing.
"""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from netcheck.errors import InputError, UsageError
from netcheck.load import kubeconfig

_CHUNK = 1 << 16
_CONNECTIONS = 32
MOST_BYTES = 4 << 30
"""Longer answers are left before memory runs out."""
_SOURCE = re.compile(r" \(_ssl\.c:\d+\)|\[Errno -?\d+\] |\[SSL: \w+\] ")
"""Where in its own source a library noticed a failure."""
_OWN_NAMESPACE = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"
_REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """How the user wants to get to clusters: `--kubeconfig`, `--context`, `--as`, `--as-group`, `--request-timeout`."""

    kubeconfig: str | None = None
    context: str | None = None
    user: str = ""
    groups: tuple[str, ...] = ()
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server answered; the names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Unreachable(Exception):
    """There was no answer, or not the whole of it."""


class Connection:
    """A connection to one API server; threads may share it."""

    def __init__(self, client: Any, access: Access, context: str = "", namespace: str = "default") -> None:
        self.host: str = client.configuration.host.rstrip("/")
        self.context = context
        self.namespace = namespace
        self._configuration = client.configuration
        self._pool = client.rest_client.pool_manager
        self._access = access
        self._lock = threading.Lock()

    def get(self, path: str, parameters: Mapping[str, str | int], seconds: float) -> Answer:
        """Return the answer to one GET, read whole within so many seconds.

        Raises:
            Unreachable: there was none.
        """
        query = f"?{urlencode(parameters)}" if parameters else ""
        return self._send("GET", path + query, None, seconds)

    def review(self, body: bytes, seconds: float) -> Answer:
        """Return the answer to a SelfSubjectAccessReview, which asks what the user may do and writes nothing.

        Raises:
            Unreachable: there was none.
        """
        return self._send("POST", _REVIEWS, body, seconds)

    def _send(self, method: str, path: str, body: bytes | None, seconds: float) -> Answer:
        import urllib3  # noqa: PLC0415 - comes with the client

        until = time.monotonic() + seconds
        timeout = urllib3.Timeout(connect=min(seconds, 10), read=seconds)
        try:
            response = self._pool.request(
                method, self.host + path, body=body, headers=self._headers(body is not None), timeout=timeout,
                retries=False, redirect=False, preload_content=False,
            )  # fmt: skip
            try:
                found = _read(response, until)
            except BaseException:
                response.close()
                raise
            response.release_conn()
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            raise Unreachable(_why(error)) from None
        return Answer(response.status, {key.lower(): value for key, value in response.headers.items()}, found)

    def _headers(self, has_body: bool) -> dict[str, str]:
        headers = {"accept": "application/json", "accept-encoding": "gzip", "user-agent": "netcheck"}
        if has_body:
            headers["content-type"] = "application/json"
        if self._access.user:
            headers["impersonate-user"] = self._access.user
        with self._lock:  # a token that is about to expire is fetched anew here, by one thread
            settings = self._configuration.auth_settings()
        for setting in settings.values():
            if setting.get("in") == "header" and setting.get("value"):
                headers[setting["key"]] = str(setting["value"]).strip()  # files of tokens end in a line break
        if not self._access.groups:
            return headers
        import urllib3  # noqa: PLC0415

        repeated = urllib3.HTTPHeaderDict(headers)
        for group in self._access.groups:
            repeated.add("impersonate-group", group)
        return repeated  # type: ignore[return-value]


def _read(response: Any, until: float) -> bytes:
    """Return the body of a response; a server that goes on and on by single bytes is left."""
    read = getattr(response, "read1", response.read)  # versions of urllib3 before 2.1 wait for whole chunks
    chunks = []
    size = 0
    while chunk := read(_CHUNK, decode_content=True):
        chunks.append(chunk)
        size += len(chunk)
        if size > MOST_BYTES:
            raise OSError(f"the answer is larger than {MOST_BYTES >> 20} MiB")
        if time.monotonic() > until:
            raise OSError("the answer takes too long")
    return b"".join(chunks)


def _why(error: Exception) -> str:
    """Return what a failure of the network says, without names of classes and addresses of objects."""
    reason = getattr(error, "reason", None)
    text = " ".join(str(reason if isinstance(reason, Exception) else error).split())
    if "timed out" in text.lower():
        return "no answer within the time limit"
    if "Connection aborted" in text or "Connection broken" in text or "IncompleteRead" in text:
        return "the connection was closed before the end of the answer"
    if "Failed to resolve" in text:
        return "the name cannot be resolved"
    tail = _SOURCE.sub("", text).rpartition(": ")[2].strip("'\"")
    told = (tail + ")" * (tail.count("(") - tail.count(")"))).rstrip() or type(error).__name__
    return told[:1].lower() + told[1:]


def connect(access: Access, context: str) -> Connection:
    """Return a connection to the cluster of a context; empty: the current one, or that of the pod this runs in.

    Raises:
        UsageError: there is no such context, or the kubeconfig cannot be used.
        InputError: there is no kubeconfig, or nobody says who the user is.
    """
    import kubernetes  # noqa: PLC0415 - costs half a second

    client: Any = kubernetes.client
    config: Any = kubernetes.config
    _be_quiet()
    wanted = context or access.context or ""
    try:
        found = kubeconfig.read(config, access.kubeconfig, wanted)
        configuration = _configuration(client)
        kubeconfig.apply(found, configuration)
        through = client.ApiClient(configuration=configuration)
    except config.ConfigException as error:
        if not access.kubeconfig and not wanted and os.environ.get("KUBERNETES_SERVICE_HOST"):
            return _in_cluster(client, config, access)
        raise _refusal(str(error), config, access, wanted) from None
    except (OSError, ValueError, TypeError, KeyError, AttributeError, config.kube_config.yaml.YAMLError) as error:
        raise _refusal(str(error), config, access, wanted) from None
    except ImportError:
        raise UsageError(f"the proxy `{configuration.proxy}` needs the Python package `pysocks`") from None
    return Connection(through, _as_somebody(access, found), found.context, found.namespace)


def _be_quiet() -> None:
    """Leave it to the user, who said so, whether certificates are looked at; kubectl warns of nothing either."""
    import urllib3  # noqa: PLC0415

    urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)


def _as_somebody(access: Access, found: kubeconfig.Found) -> Access:
    """Return the way with whom the kubeconfig impersonates, unless the user says so."""
    return access if access.user or not found.user else replace(access, user=found.user, groups=found.groups)


def _configuration(client: Any) -> Any:
    """Return settings with a connection for each thread that reads: the client's own number depends on the machine."""
    found = client.Configuration()
    found.connection_pool_maxsize = _CONNECTIONS
    return found


def _in_cluster(client: Any, config: Any, access: Access) -> Connection:
    configuration = _configuration(client)
    try:
        config.load_incluster_config(client_configuration=configuration)
    except config.ConfigException as error:
        raise InputError(f"the service account of this pod cannot be used: {_told(str(error))}") from None
    return Connection(client.ApiClient(configuration=configuration), access, namespace=_own_namespace())


def _own_namespace() -> str:
    """Return the namespace of the pod that this runs in."""
    try:
        return Path(_OWN_NAMESPACE).read_text(encoding="utf-8").strip() or "default"
    except (OSError, ValueError):
        return "default"


def _refusal(why: str, config: Any, access: Access, context: str) -> UsageError | InputError:
    """Return what to raise if the kubeconfig does not lead to a cluster."""
    file = access.kubeconfig or os.environ.get("KUBECONFIG") or "~/.kube/config"
    names = kubeconfig.contexts(config, access.kubeconfig)
    if context and names and context not in names:
        return UsageError(f"the kubeconfig has no context `{context}`\n  hint: it has {', '.join(map(_quoted, names))}")
    if "No configuration found" in why:
        return InputError(
            f"there is no kubeconfig at `{file}`\n  hint: name one with --kubeconfig or KUBECONFIG; a snapshot or files "
            "need none"
        )
    if not context and names and "current-context" in why:
        return UsageError(
            f"the kubeconfig `{file}` has no current context\n  hint: write `cluster:CONTEXT`; it has {', '.join(map(_quoted, names))}"
        )
    return UsageError(f"the kubeconfig `{file}` cannot be used: {_told(why)}")


def _quoted(name: str) -> str:
    return f"`{name}`"


def _told(why: str) -> str:
    text = " ".join(why.removeprefix("Invalid kube-config file. ").split()).removesuffix(".")
    return text[:1].lower() + text[1:]
