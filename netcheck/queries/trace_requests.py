"""Requests as users write them: options of `trace`, and the entries of a `--requests` file (docs/cli.md)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from netcheck.errors import UsageError
from netcheck.model.request import Scheme
from netcheck.queries.trace_results import TraceRequest

MOST_REQUESTS = 100_000
_TEXTS = ("from", "protocol", "host", "path", "method", "sni", "service", "gateway", "to")
_KEYS = (*_TEXTS, "port", "headers")
_DEFAULT_PORTS = {Scheme.HTTPS: 443, Scheme.TLS: 443}
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def default_port(scheme: Scheme) -> int:
    """Return the port of a request that names none: 443 for https and tls, else 80."""
    return _DEFAULT_PORTS.get(scheme, 80)


def parse_requests(text: str, file: str) -> tuple[TraceRequest, ...]:
    """Return the requests of a `--requests` file.

    Raises:
        UsageError: it is not a JSON list of requests; the message names the entry and the key.
    """
    try:
        items = json.loads(text)
    except (ValueError, RecursionError) as error:
        where = f" (line {error.lineno}, column {error.colno})" if isinstance(error, json.JSONDecodeError) else ""
        raise UsageError(f"`{file}` is not JSON{where}\n  hint: it must be a list of requests") from None
    if not isinstance(items, list):
        raise UsageError(f"`{file}` must be a JSON list of requests, not {_kind(items)}")
    if len(items) > MOST_REQUESTS:
        raise UsageError(f"`{file}` has {len(items):,} requests; at most {MOST_REQUESTS:,} are traced at once")
    return tuple(_request(item, f"{file}[{position}]") for position, item in enumerate(items))


def _request(item: object, name: str) -> TraceRequest:
    if not isinstance(item, dict):
        raise UsageError(f"`{name}` must be an object, not {_kind(item)}")
    for key in item:
        if key not in _KEYS:
            raise UsageError(f"`{name}` has a key `{key}` that no request has\n  hint: keys are {', '.join(_KEYS)}")
    texts = {key: _text(item, key, name) for key in _TEXTS}
    return request_of(
        name=name,
        source=texts["from"] or "internet",
        protocol=texts["protocol"],
        to=texts["to"],
        host=texts["host"],
        port=_port(item.get("port"), name),
        path=texts["path"],
        method=texts["method"],
        headers=_headers(item.get("headers"), name),
        sni=texts["sni"],
        service=texts["service"],
        gateway=texts["gateway"],
    )


def _text(item: Mapping[str, Any], key: str, name: str) -> str:
    value = item.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise UsageError(f"`{name}`: `{key}` must be text, not {_kind(value)}")
    if _CONTROL.search(value):
        raise UsageError(f"`{name}`: `{key}` has a control character in it")
    return value.strip()


def _port(value: object, name: str) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 65535:
        raise UsageError(f"`{name}`: `port` must be a number from 1 to 65535")
    return value


def _headers(value: object, name: str) -> tuple[tuple[str, str], ...]:
    if value is None:
        return ()
    if not isinstance(value, dict):
        raise UsageError(f"`{name}`: `headers` must be an object of names and values, not {_kind(value)}")
    found: list[tuple[str, str]] = []
    for key, content in value.items():
        for text in content if isinstance(content, list) else [content]:
            if not isinstance(text, str) or _CONTROL.search(text):
                raise UsageError(f"`{name}`: `headers.{key}` must be text or a list of texts")
            found.append((_header_name(key, f"`{name}`: "), text))
    return tuple(found)


def _header_name(text: str, where: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", text):
        raise UsageError(f"{where}`{text}` is no name of a header")
    return text.lower()


def parse_header(text: str) -> tuple[str, str]:
    """Return a header written as `Name: value`.

    Raises:
        UsageError: it is not written so.
    """
    name, colon, value = text.partition(":")
    if not colon or _CONTROL.search(value):
        raise UsageError(f"`--header {text}` must be written `Name: value`")
    return _header_name(name.strip(), "`--header`: "), value.strip()


def _kind(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "text", bool: "true or false", int: "a number", float: "a number"}
    return names.get(type(value), "null")


def request_of(
    *,
    source: str,
    protocol: str = "",
    to: str = "",
    host: str = "",
    port: int | None = None,
    path: str = "",
    method: str = "",
    headers: Sequence[tuple[str, str]] = (),
    sni: str = "",
    service: str = "",
    gateway: str = "",
    name: str = "",
) -> TraceRequest:
    """Return the request that these words mean. What a URL in `to` says counts unless the other words say otherwise.

    Raises:
        UsageError: a word cannot be read; the message names it.
    """
    where = f"`{name}`: " if name else ""
    scheme = _scheme(protocol, where)
    if "://" in to:
        url = _url(to, where)
        scheme = scheme or url.protocol
        host, port, path, to = host or url.host, port or url.port, path or url.path, url.to
    if path and not path.startswith("/"):
        raise UsageError(f"{where}path `{path}` must start with `/`")
    return TraceRequest(
        source=source,
        protocol=scheme,
        to=to,
        host=_host(host, where),
        port=port,
        path=path,
        method=method,
        headers=tuple(headers),
        sni=sni.lower(),
        service=service,
        gateway=_gateway(gateway, where),
        name=name,
    )


def _scheme(text: str, where: str) -> Scheme | None:
    if not text:
        return None
    known = {item.value: item for item in Scheme}
    if text.lower() not in known:
        raise UsageError(f"{where}unknown protocol `{text}`\n  hint: it is one of {', '.join(known)}")
    return known[text.lower()]


def _url(text: str, where: str) -> TraceRequest:
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        why = f": {str(error).lower()}" if "port" in str(error).lower() else ""
        raise UsageError(
            f"{where}`{text}` is no URL{why}\n  hint: write it like https://shop.example.com/cart"
        ) from None
    scheme = _scheme(parts.scheme, where)
    if not parts.hostname or parts.username is not None:
        raise UsageError(f"{where}`{text}` is no URL\n  hint: write it like https://shop.example.com/cart")
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    path = path if path.startswith("/") or not path else f"/{path}"
    return TraceRequest(protocol=scheme, to=parts.hostname, host=parts.hostname, port=port or None, path=path)


def _host(text: str, where: str) -> str:
    if re.search(r"[\s/?#@]", text):
        raise UsageError(f"{where}host `{text}` is no host name")
    return text.lower().rstrip(".")


def _gateway(text: str, where: str) -> tuple[str, str] | None:
    if not text:
        return None
    namespace, slash, name = text.removeprefix("gateway:").partition("/")
    if not slash or not namespace or not name or "/" in name:
        raise UsageError(f"{where}gateway `{text}` must be written `namespace/name`")
    return namespace, name
