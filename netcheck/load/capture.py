"""What was read of a cluster at one time, and what could not be: the form that live reading and snapshots share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from netcheck.load.documents import Outcome
from netcheck.load.fast_json import FastPod, read_items
from netcheck.model.cluster import Unread


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """The objects of one resource as the API server wrote them, each as JSON text."""

    api_version: str
    kind: str
    plural: str
    items: tuple[Any, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Capture:
    """A cluster as it was read.

    Attributes:
        origin: how messages call it: `cluster:prod`, or the file of a snapshot.
        cluster: which cluster a snapshot is of, as `origin` was when it was taken.
        version: what the server says of its version, or empty.
        groups: the API groups that it serves.
        unread: what could not be read.
        home: the namespace of the context by which it was read; of a snapshot nothing is known of it.
        serial: tells it from every other reading of this run: what was not read is the same in one reading only.
    """

    origin: str
    cluster: str = ""
    version: str = ""
    groups: tuple[str, ...] = ()
    listings: tuple[Listing, ...] = ()
    unread: tuple[Unread, ...] = ()
    home: str = ""
    serial: int = field(default_factory=count().__next__, compare=False, repr=False)

    def outcomes(self, namespace: str) -> Iterator[Outcome | FastPod]:
        """Yield every object."""
        for listing in self.listings:
            held = (listing.api_version, f"{listing.kind}List")
            yield from read_items(listing.items, held, self.origin, namespace, keep=True)
