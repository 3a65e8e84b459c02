"""The hops of one request as they are found, and what they amount to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from netcheck.errors import Place
from netcheck.model.cluster import Assumption
from netcheck.model.flow import Reason, Verdict
from netcheck.model.request import Chosen, RedirectTo
from netcheck.queries.trace_flows import Judged
from netcheck.queries.trace_results import BackendShare, Delivered, Hop, Trace, TraceRequest

AS_VERDICT = {Delivered.YES: Verdict.ALLOWED, Delivered.NO: Verdict.DENIED, Delivered.UNKNOWN: Verdict.UNKNOWN}
AS_DELIVERED = {verdict: delivered for delivered, verdict in AS_VERDICT.items()}


@dataclass(slots=True)
class Way:
    """Collects the hops of one request. `verdict` is the least certain of all that counts: a denial, else unknown."""

    hops: list[Hop] = field(default_factory=list)
    reasons: list[Reason] = field(default_factory=list)
    verdict: Verdict = Verdict.ALLOWED

    def add(
        self,
        what: str,
        verdict: Verdict,
        reason: str,
        *,
        rule: str = "",
        translation: str = "",
        place: Place | None = None,
        aside: bool = False,
        assumed: Assumption | None = None,
    ) -> None:
        """Add a hop; one that is not `aside` counts for the whole."""
        self.hops.append(
            Hop(
                what=what,
                verdict=verdict,
                reason=reason,
                rule=rule,
                translation=translation,
                aside=aside,
                assumed=assumed,
                place=place,
            )
        )
        if aside:
            return
        if verdict is Verdict.UNKNOWN:
            self.reasons.append(Reason(rule=rule, message=reason, place=place))
        self.count(verdict)

    def unknown(self, what: str, reasons: Iterable[Reason], *, place: Place | None = None, aside: bool = False) -> None:
        """Add a hop that is not known, with the facts that are missing."""
        listed = list(reasons)
        text = "; ".join(dict.fromkeys(item.message for item in listed)) or "a missing fact decides"
        self.hops.append(
            Hop(
                what=what,
                verdict=Verdict.UNKNOWN,
                reason=text,
                rule=listed[0].rule if listed else "",
                aside=aside,
                place=place or next((item.place for item in listed if item.place), None),
            )
        )
        if not aside:
            self.reasons += listed
            self.count(Verdict.UNKNOWN)

    def flow(self, what: str, judged: Judged, *, translation: str = "", aside: bool = False) -> None:
        """Add a hop that policies decide."""
        if judged.verdict is Verdict.UNKNOWN:
            self.unknown(what, judged.reasons, aside=aside)
            return
        self.add(
            what,
            judged.verdict,
            judged.text(),
            translation=translation,
            place=judged.place,
            aside=aside,
            assumed=judged.assumed,
        )

    def count(self, verdict: Verdict) -> None:
        """Let a verdict count for the whole, without a hop of its own."""
        if verdict is Verdict.DENIED or self.verdict is Verdict.DENIED:
            self.verdict = Verdict.DENIED
        elif verdict is Verdict.UNKNOWN:
            self.verdict = Verdict.UNKNOWN

    def settle(self, verdict: Verdict) -> None:
        """Let what the backends amount to count, with the facts that the hops to them lack."""
        if verdict is Verdict.UNKNOWN:
            self.reasons += [
                Reason(rule=hop.rule, message=hop.reason, place=hop.place)
                for hop in self.hops
                if hop.aside and hop.verdict is Verdict.UNKNOWN
            ]
        self.count(verdict)

    def copy(self) -> Way:
        """Return a way that begins like this one."""
        return Way(hops=list(self.hops), reasons=list(self.reasons), verdict=self.verdict)

    @property
    def is_blocked(self) -> bool:
        """Whether some hop denies."""
        return self.verdict is Verdict.DENIED

    def end(
        self,
        request: TraceRequest,
        *,
        status: int | None = None,
        route: Chosen | None = None,
        backends: tuple[BackendShare, ...] = (),
        redirect: RedirectTo | None = None,
        mirrors: tuple[BackendShare, ...] = (),
        answered: bool = False,
    ) -> Trace:
        """Return the trace. `answered`: on the way, by a proxy: no backend receives it, whatever else is known."""
        delivered = AS_DELIVERED[self.verdict]
        if answered and delivered is Delivered.YES:
            delivered = Delivered.NO
        if self.verdict is Verdict.UNKNOWN and answered:
            delivered, status = Delivered.NO, None
        reasons = tuple(dict.fromkeys(self.reasons)) if delivered is Delivered.UNKNOWN else ()
        return Trace(
            request=request,
            delivered=delivered,
            status=status if delivered is not Delivered.UNKNOWN else None,
            route=route,
            backends=backends,
            redirect=redirect,
            mirrors=mirrors,
            hops=tuple(self.hops),
            reasons=reasons,
        )
