"""Whether a match of a rule holds of a request: GW-17, GW-19 and the table of ING-6.

True, False, or None: implementations differ (regular expressions, fields that a request repeats).
"""

from __future__ import annotations

from collections.abc import Iterable

from netcheck.model.gateway import FieldMatch, GRPCMatch, HTTPMatch, MatchType
from netcheck.model.request import Request, Scheme


def all_of(results: Iterable[bool | None]) -> bool | None:
    """False as soon as one is; else None as soon as one is."""
    found = list(results)
    if False in found:
        return False
    return None if None in found else True


def path_prefix(prefix: str, path: str) -> bool:
    """GW-17, ING-6: element by element, a trailing slash ignored."""
    stem = prefix.removesuffix("/")
    return path == stem or path.startswith(stem + "/")


def http_match(match: HTTPMatch, request: Request) -> bool | None:
    """GW-17: path AND method AND all headers AND all query parameters."""
    return all_of(
        (
            _path(match, request.path),
            match.method in ("", method_of(request)),
            fields_match(match.headers, headers(request)),
            fields_match(match.query, request.query),
        )
    )


def method_of(request: Request) -> str:
    """GW-17, GW-19: a gRPC call is a POST."""
    return "POST" if request.scheme is Scheme.GRPC else request.method


def headers(request: Request) -> tuple[tuple[str, str], ...]:
    """GW-17: the Host is a header too, which a match may name."""
    host = (("host", request.host),) if request.host else ()
    return (*request.headers, *host)


def _path(match: HTTPMatch, path: str) -> bool | None:
    match match.path_type:
        case MatchType.EXACT:
            return match.path == path
        case MatchType.PATH_PREFIX:
            return path_prefix(match.path, path)
        case MatchType.REGULAR_EXPRESSION:
            return None


def fields_match(wanted: tuple[FieldMatch, ...], sent: tuple[tuple[str, str], ...]) -> bool | None:
    """GW-17: every wanted field, of several with one name only the first."""
    first = {field.name: field for field in reversed(wanted)}
    return all_of(_field(field, sent) for field in first.values())


def _field(wanted: FieldMatch, sent: tuple[tuple[str, str], ...]) -> bool | None:
    """GW-17: a field that is not sent matches nothing; one that is sent twice is read as implementations like."""
    values = [value for name, value in sent if name == wanted.name]
    if not values:
        return False
    if wanted.type is MatchType.REGULAR_EXPRESSION:
        return None
    if len(values) == 1:
        return values[0] == wanted.value
    return None if wanted.value in (*values, ",".join(values), ", ".join(values)) else False


def grpc_match(match: GRPCMatch, request: Request) -> bool | None:
    """GW-19: service AND method AND all headers; what is empty is any."""
    service, method = called(request)
    return all_of(
        (
            _name(match, match.service, service),
            _name(match, match.method, method),
            fields_match(match.headers, headers(request)),
        )
    )


def _name(match: GRPCMatch, wanted: str, sent: str) -> bool | None:
    if not wanted:
        return True
    return wanted == sent if match.type is MatchType.EXACT else None


def called(request: Request) -> tuple[str, str]:
    """GW-19: service and method of a gRPC request's path `/service/method`."""
    service, _, method = request.path.removeprefix("/").partition("/")
    return service, method


def ingress_path(path_type: str, path: str, sent: str) -> bool | None:
    """ING-6: the table; ImplementationSpecific is None."""
    if path_type == "Exact":
        return path == sent
    if path_type == "Prefix":
        return path_prefix(path, sent)
    return None
