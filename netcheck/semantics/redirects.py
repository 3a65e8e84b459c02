"""Where a redirect sends the client: HTTPRequestRedirectFilter of the Gateway API, everything filled in (GW-21)."""

from __future__ import annotations

from netcheck.model.gateway import HTTPMatch, MatchType, PathChange, Redirect
from netcheck.model.request import RedirectTo, Request

WELL_KNOWN = {"http": 80, "https": 443}


def redirect_to(redirect: Redirect, request: Request, scheme: str, port: int, match: object) -> RedirectTo:
    """Return the target; what the filter leaves open is the request's, the port that of the scheme or the listener."""
    path = request.path
    if redirect.path is not None:
        path = changed_path(redirect.path, path, match)
    return RedirectTo(
        scheme=redirect.scheme or scheme,
        host=redirect.hostname or request.host,
        port=redirect.port or WELL_KNOWN.get(redirect.scheme, port),
        path=path,
        status=redirect.status,
    )


def changed_path(change: PathChange, path: str, match: object) -> str:
    """The whole path is replaced, or the matched prefix, element by element (table at `replacePrefixMatch`)."""
    if change.type == "ReplaceFullPath":
        return change.value or "/"
    if not isinstance(match, HTTPMatch) or match.path_type is not MatchType.PATH_PREFIX:
        return path  # the API refuses such a rule
    rest = path[len(match.path.removesuffix("/")) :]
    return change.value.removesuffix("/") + rest or "/"
