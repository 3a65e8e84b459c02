"""Whole lists from an API server: pages, expired pages, retries with back-off, and a limit on everything.

A list that cannot be read whole is `Unreadable`; nothing is ever half a list (LIVE-4, LIVE-5, LIVE-8).
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import msgspec

from netcheck.load.cluster_api import Access, Answer, Connection, Unreachable


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How long is waited, in seconds, and how often one request is sent.

    Attributes:
        request: for one answer, from the first byte to the last.
        total: for everything.
        pause: before the second try; each further one waits twice as long.
        longest_pause: whatever the server asks for.
        threads: how many requests are under way at once.
    """

    request: float = 60.0
    total: float = 600.0
    tries: int = 5
    pause: float = 0.5
    longest_pause: float = 30.0
    threads: int = 8
    page: int | None = None


def limits_of(access: Access) -> Limits:
    """Return the limits that the user wants."""
    return Limits() if access.seconds is None else Limits(request=access.seconds)


@contextmanager
def workers(limits: Limits, fetcher: Fetcher | None = None) -> Iterator[ThreadPoolExecutor]:
    """Give threads that send requests; after a failure or an interrupt nobody waits for them, and nothing more is sent."""
    pool = ThreadPoolExecutor(max_workers=limits.threads)
    try:
        yield pool
    except BaseException:
        if fetcher is not None:
            fetcher.stop()
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()


class Unreadable(Exception):
    """Something was not read: the status that the server answered (0: none), and why in words."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status
        self.why = why


class _Metadata(msgspec.Struct):
    next: str = msgspec.field(default="", name="continue")


class _Page(msgspec.Struct):
    apiVersion: str  # noqa: N815
    kind: str
    metadata: _Metadata | None = None
    items: list[msgspec.Raw] | None = None


@dataclass(frozen=True, slots=True)
class Fetched:
    """The items of a whole list, each as JSON text."""

    api_version: str
    kind: str
    items: tuple[Any, ...]


_GONE, _TOO_MANY, _REFUSED_TOKEN = 410, 429, 400
_OLDEST_SERVER_ERROR = 500


class Fetcher:
    """Reads through one connection; threads may share it."""

    def __init__(self, connection: Connection, limits: Limits, sleep: Callable[[float], None] = time.sleep) -> None:
        self._connection = connection
        self._limits = limits
        self._sleep = sleep
        self._until = time.monotonic() + limits.total

    def stop(self) -> None:
        """Send no further request; what is under way ends by itself."""
        self._until = 0.0

    def json(self, path: str, tries: int | None = None) -> Any:
        """Return the JSON value at a path, asked for so many times, or as often as everything is.

        Raises:
            Unreadable: there is none.
        """
        return self._get(path, {}, msgspec.json.decode, tries)

    def all(self, path: str, page: int) -> Fetched:
        """Return a whole list, asked for in pages; if these expire, once more, and then in one piece (LIVE-5).

        Raises:
            Unreadable: some of it could not be read.
        """
        limit = self._limits.page or page
        for attempt in (limit, limit, 0):
            try:
                return self._pages(path, attempt)
            except Unreadable as error:
                if error.status not in (_GONE, _REFUSED_TOKEN) or not attempt:
                    raise
        raise AssertionError("the last attempt returns or raises")

    def _pages(self, path: str, limit: int) -> Fetched:
        parameters: dict[str, str | int] = {"limit": limit} if limit else {}
        items: list[Any] = []
        seen: set[str] = set()
        while True:
            found: _Page = self._get(path, parameters, _list)
            items += found.items or ()
            token = found.metadata.next if found.metadata else ""
            if not token:
                return Fetched(found.apiVersion, found.kind.removesuffix("List"), tuple(items))
            if token in seen:
                raise Unreadable(0, "the server sends the same page again and again")
            seen.add(token)
            parameters = {**parameters, "continue": token}

    def _get(
        self, path: str, parameters: Mapping[str, str | int], decode: Callable[[bytes], Any], tries: int | None = None
    ) -> Any:
        """Return a decoded answer; what may be better next time is tried again."""
        pause = self._limits.pause
        for left in range((tries or self._limits.tries) - 1, -1, -1):
            wait = 0.0
            try:
                answer = self._answer(path, parameters)
                if answer.status == 200:
                    return decode(answer.body)
                failure = Unreadable(answer.status, _message(answer))
                if answer.status != _TOO_MANY and answer.status < _OLDEST_SERVER_ERROR:
                    raise failure
                wait = _retry_after(answer)
            except Unreachable as error:
                failure = Unreadable(0, str(error))
            except (msgspec.MsgspecError, RecursionError, ValueError):
                failure = Unreadable(0, "the answer is not the JSON that was asked for")
            if left:
                self._pause(max(wait, pause * random.uniform(0.75, 1.25)))  # noqa: S311 - spreads load, hides nothing
                pause *= 2
        raise failure

    def _answer(self, path: str, parameters: Mapping[str, str | int]) -> Answer:
        left = self._until - time.monotonic()
        if left <= 0:
            raise Unreadable(0, f"the time limit of {self._limits.total:g} s for the whole cluster is over")
        return self._connection.get(path, parameters, min(self._limits.request, left))

    def _pause(self, seconds: float) -> None:
        left = self._until - time.monotonic()
        self._sleep(max(0.0, min(seconds, self._limits.longest_pause, left)))


def _list(body: bytes) -> _Page:
    """Decode a page of a list.

    Raises:
        ValueError: it is something else.
    """
    found = msgspec.json.decode(body, type=_Page)
    if not found.kind.endswith("List") or not found.apiVersion:
        raise ValueError("not a list")
    return found


def _retry_after(answer: Answer) -> float:
    """Return the seconds that the server asks to wait for; dates, which no API server sends, count as none."""
    try:
        return max(0.0, float(answer.headers.get("retry-after", "")))
    except ValueError:
        return 0.0


def _message(answer: Answer) -> str:
    """Return the server's reason: the message of its Status, else the status alone."""
    try:
        told = msgspec.json.decode(answer.body)
    except (msgspec.MsgspecError, RecursionError):
        told = None
    message = told.get("message") if isinstance(told, dict) else None
    return str(message)[:300] if message else f"the server answers {answer.status}"
