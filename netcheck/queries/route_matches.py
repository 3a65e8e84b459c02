"""Matches of routes as people write them: `GET /api* with header version=2`."""

from __future__ import annotations

from collections.abc import Iterator

from netcheck.model.gateway import FieldMatch, GRPCMatch, HTTPMatch, MatchType, RouteRule


def match_texts(rule: RouteRule) -> tuple[str, ...]:
    """Return a text for each match of a rule."""
    return tuple(_http(item) if isinstance(item, HTTPMatch) else _grpc(item) for item in rule.matches)


def _http(match: HTTPMatch) -> str:
    head = f"{match.method} " if match.method else ""
    return " ".join([head + path_text(match.path_type, match.path), *_fields(match.headers, match.query)])


def path_text(kind: MatchType, path: str) -> str:
    """Return a path: a prefix ends in `*`, an exact path is preceded by `=`, a regular expression by `~`."""
    match kind:
        case MatchType.EXACT:
            return f"={path}"
        case MatchType.REGULAR_EXPRESSION:
            return f"~{path}"
        case MatchType.PATH_PREFIX:
            return f"{path.rstrip('/')}/*"


def _grpc(match: GRPCMatch) -> str:
    mark = "~" if match.type is MatchType.REGULAR_EXPRESSION else ""
    return " ".join([f"{mark}{match.service or '*'}/{match.method or '*'}", *_fields(match.headers, ())])


def _fields(headers: tuple[FieldMatch, ...], query: tuple[FieldMatch, ...]) -> Iterator[str]:
    for what, items in (("header", headers), ("query", query)):
        for item in items:
            mark = "~" if item.type is MatchType.REGULAR_EXPRESSION else "="
            yield f"[{what} {item.name}{mark}{item.value}]"
