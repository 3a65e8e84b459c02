"""Where a request is meant to go: what `to` and `host` say, before anything is looked up."""

from __future__ import annotations

import re
from dataclasses import dataclass

from netcheck.errors import UsageError
from netcheck.model.request import Request, Scheme
from netcheck.queries.trace_requests import default_port
from netcheck.queries.trace_results import TraceRequest
from netcheck.values.addresses import address_number

_END_SCHEMES = ("svc", "service", "pod", "gateway", "ingress", "node")


@dataclass(frozen=True, slots=True, kw_only=True)
class Meant:
    """The destination in words: `kind` is `none`, `gateway`, `ingress`, `service`, `end`, `address` or `name`.

    `port` is what was said of it, a number or a Service port's name, or None.
    """

    kind: str
    text: str = ""
    port: int | str | None = None


def meant_by(asked: TraceRequest) -> Meant:
    """Return the destination of a request. `to` comes before `host`; an explicit port before one in the text.

    Raises:
        UsageError: it cannot be read.
    """
    if asked.gateway is not None:
        return Meant(kind="gateway", text="/".join(asked.gateway), port=asked.port or _split(asked.host)[1])
    found = _destination(asked.to or asked.host, asked)
    return Meant(kind=found.kind, text=found.text, port=asked.port or found.port or _split(asked.host)[1])


def _destination(text: str, asked: TraceRequest) -> Meant:
    if not text:
        return Meant(kind="none")
    scheme, colon, rest = text.partition(":")
    if colon and scheme in _END_SCHEMES:
        return _with_scheme(text, scheme, rest, asked)
    if "=" in text or "/" in text:
        name, port = _split(text) if "=" not in text else (text, None)
        return Meant(kind="end", text=name, port=port)
    name, port = _split(text)
    if is_address(name):
        return Meant(kind="address", text=name, port=port)
    if not re.fullmatch(r"[A-Za-z0-9_]([-A-Za-z0-9_.]*[A-Za-z0-9_])?\.?", name):
        raise UsageError(f"{where(asked)}`{text}` is no URL, name, address or end")
    return Meant(kind="name", text=name, port=port)


def _with_scheme(text: str, scheme: str, rest: str, asked: TraceRequest) -> Meant:
    name, _, port = rest.partition(":")
    if not name or (port and not re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", port)):
        raise UsageError(f"{where(asked)}`{text}` is no destination\n  hint: write it like svc:shop/web:80")
    number: int | str | None = _number(port, asked) if port.isdigit() else port or None
    if scheme in ("gateway", "ingress"):
        return Meant(kind=scheme, text=name, port=number)
    if scheme in ("svc", "service"):
        return Meant(kind="service", text=name, port=number)
    return Meant(kind="end", text=f"{scheme}:{name}", port=number)


def _number(text: str, asked: TraceRequest) -> int:
    if not 1 <= int(text) <= 65535:
        raise UsageError(f"{where(asked)}`{text}` is no port\n  hint: ports are 1 to 65535")
    return int(text)


def where(asked: TraceRequest) -> str:
    """Return how messages begin that are about one request of several."""
    return f"`{asked.name}`: " if asked.name else ""


def _split(text: str) -> tuple[str, int | None]:
    """Return a name or address and the port behind its last colon, if it has one."""
    if is_address(text):
        return text, None
    match = re.fullmatch(r"\[?(.*?)\]?:(\d{1,5})", text)
    if match and 1 <= int(match[2]) <= 65535:
        return match[1], int(match[2])
    return text.removeprefix("[").removesuffix("]"), None


def is_address(text: str) -> bool:
    """Return whether a text is an IP address."""
    try:
        address_number(text)
    except ValueError:
        return False
    return True


def request_to(asked: TraceRequest, meant: Meant) -> Request:
    """Return the request as it arrives, on the port that was said or else on the scheme's."""
    scheme = scheme_of(asked, meant)
    path, _, query = (asked.path or "/").partition("?")
    host = _split(asked.host)[0] or (meant.text.lower().rstrip(".") if meant.kind == "name" else "")
    method = asked.method.upper() or "GET"
    if scheme is Scheme.GRPC:
        method = "POST"
        path = path if asked.path else f"/{asked.service}/{asked.method}"
    return Request(
        scheme=scheme,
        host=host,
        port=meant.port if isinstance(meant.port, int) else default_port(scheme),
        path=path,
        method=method,
        query=tuple((name, value) for name, _, value in (part.partition("=") for part in query.split("&") if part)),
        headers=tuple((name, value) for name, value in asked.headers if name != "host"),
        sni=asked.sni or (host if scheme in (Scheme.HTTPS, Scheme.TLS) else ""),
    )


def scheme_of(asked: TraceRequest, meant: Meant) -> Scheme:
    """Return what is spoken: as said; else HTTP to a name or proxy, or with words of HTTP, and plain TCP to the rest."""
    if asked.protocol is not None:
        return asked.protocol
    if asked.service:
        return Scheme.GRPC
    http = bool(asked.path or asked.method or asked.headers)
    return Scheme.HTTP if http or meant.kind in ("none", "name", "gateway", "ingress") else Scheme.TCP
