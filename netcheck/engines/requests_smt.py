"""Requests as SMT-LIB text, and the solver for what can be asked about the entries of one frontend.

Every field is a number of an atom (`requests_atoms`). Of an entry i there are two terms: `p_i`, all that is exact, and
`q_i`, that and the facts on which it rests, which are free. So `p_i` holds iff the entry matches for some meaning of what
the input does not tell, and a request that some `q_i` takes under one choice of facts is taken for that meaning.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import z3

from netcheck.engines.requests_atoms import GRPC_FORM, SCHEMES, Atoms, Domain
from netcheck.engines.terms import bits, conj, disj, in_ranges, neg
from netcheck.errors import SolverLimit
from netcheck.logic.atoms import indexes
from netcheck.logic.requests import Entry, Fact, FieldTest, RequestPredicate
from netcheck.model.request import Request, Scheme

TIMEOUT_MS = 20_000
WITHOUT_SNI = (Scheme.HTTP, Scheme.TCP, Scheme.UDP)


class RequestTerms:
    """The terms of some predicates over one request."""

    def __init__(self, predicates: Sequence[RequestPredicate]) -> None:
        self.predicates = tuple(predicates)
        self.atoms = Atoms(predicates)
        self.fields: dict[str, Domain] = {
            "host": self.atoms.hosts,
            "sni": self.atoms.names,
            "path": self.atoms.paths,
            "method": self.atoms.methods,
        }
        self.fields |= {f"h_{number}": item for number, item in enumerate(self.atoms.headers.values())}
        self.fields |= {f"y_{number}": item for number, item in enumerate(self.atoms.query.values())}
        self._headers = {name: f"h_{number}" for number, name in enumerate(self.atoms.headers)}
        self._query = {name: f"y_{number}" for number, name in enumerate(self.atoms.query)}
        self._facts: dict[str, tuple[int, tuple[str, ...]]] = {}
        for predicate in predicates:
            for fact in predicate.all_facts:
                self._facts.setdefault(fact.key, (len(self._facts), fact.options))

    # ---- text --------------------------------------------------------------------------------------------------

    def declarations(self) -> list[str]:
        """Return the declarations of every variable."""
        lines = ["(declare-const scheme (_ BitVec 3))"]
        lines += [f"(declare-const {name} (_ BitVec {domain.width}))" for name, domain in self.fields.items()]
        for number, options in self._facts.values():
            lines += [f"(declare-const f_{number}_{place} Bool)" for place in range(len(options))]
        return lines

    def well_formed(self) -> list[str]:
        """Return what holds of every request, and that each fact has one of its values."""
        terms = [in_ranges("scheme", ((0, len(SCHEMES) - 1),), 3)]
        for name, domain in self.fields.items():
            terms.append(in_ranges(name, ((0, len(domain.values) - 1),), domain.width))
        silent = disj(self._scheme(scheme) for scheme in WITHOUT_SNI)
        terms.append(f"(=> {silent} {self._value('sni', '')})")
        terms.append(f"(or {silent} {neg(self._value('sni', ''))} {self._value('host', '')})")
        form = self.atoms.paths.masks.get(GRPC_FORM, 0)
        call = conj((self._among("path", form), self._value("method", "POST")))
        terms.append(f"(=> {self._scheme(Scheme.GRPC)} {call})")
        for number, options in self._facts.values():
            names = [f"f_{number}_{place}" for place in range(len(options))]
            terms.append(disj(names))
            terms += [neg(conj((one, two))) for at, one in enumerate(names) for two in names[at + 1 :]]
        return terms

    def exact(self, predicate: RequestPredicate) -> str:
        """Return the term of what is exact in a predicate."""
        parts = [disj(self._scheme(scheme) for scheme in SCHEMES if scheme in predicate.schemes)]
        if predicate.schemes >= set(SCHEMES):
            parts = []
        parts += [self._among("host", self.fields["host"].masks.get(predicate.host, 0))]
        parts += [self._among("host", self.fields["host"].masks.get(test, 0)) for test in predicate.also_host]
        parts += [self._among("sni", self.fields["sni"].masks.get(predicate.sni, 0))]
        parts += [self._among("path", self.fields["path"].masks.get(predicate.path, 0))]
        parts += [self._value("method", predicate.method)] if predicate.method else []
        parts += [self._field(self._headers[test.name], test) for test in predicate.headers]
        parts += [self._field(self._query[test.name], test) for test in predicate.query]
        return conj(parts)

    def full(self, predicate: RequestPredicate) -> str:
        """Return the term of a predicate with its facts."""
        return conj((self.exact(predicate), *(self._fact(fact) for fact in predicate.all_facts)))

    def _fact(self, fact: Fact) -> str:
        number, options = self._facts[fact.key]
        return f"f_{number}_{options.index(fact.value)}"

    def _field(self, name: str, test: FieldTest) -> str:
        return neg(self._value(name, None)) if test.fact is not None else self._value(name, test.value)

    def _scheme(self, scheme: Scheme) -> str:
        return f"(= scheme {bits(SCHEMES.index(scheme), 3)})"

    def _value(self, name: str, value: str | None) -> str:
        domain = self.fields[name]
        return f"(= {name} {bits(domain.values.index(value), domain.width)})"

    def _among(self, name: str, mask: int) -> str:
        domain = self.fields[name]
        return "true" if mask == domain.everything else in_ranges(name, _runs(mask), domain.width)

    # ---- models ------------------------------------------------------------------------------------------------

    def request(self, model: z3.ModelRef, port: int) -> Request:
        """Return the request that a model denotes."""
        values = {name: domain.values[_number(model, name, domain.width)] for name, domain in self.fields.items()}
        headers = ((name, values[field]) for name, field in self._headers.items())
        query = ((name, values[field]) for name, field in self._query.items())
        scheme = SCHEMES[_number(model, "scheme", 3)]
        return Request(
            scheme=scheme,
            host=values["host"] or "",
            sni=values["sni"] or "",
            port=port or (443 if scheme in (Scheme.HTTPS, Scheme.TLS) else 80),
            path=values["path"] or "/",
            method=values["method"] or "GET",
            headers=tuple((name, value) for name, value in headers if value is not None),
            query=tuple((name, value) for name, value in query if value is not None),
        )


class EntrySolver:
    """Which requests reach the entries of one frontend."""

    def __init__(self, entries: Sequence[Entry], port: int) -> None:
        self.terms = RequestTerms([entry.predicate for entry in entries])
        self.port = port
        lines = self.terms.declarations()
        lines += [f"(assert {term})" for term in self.terms.well_formed()]
        always = len(self.terms.well_formed())
        for entry in entries:
            lines += [f"(assert {self.terms.exact(entry.predicate)})", f"(assert {self.terms.full(entry.predicate)})"]
        parsed = z3.parse_smt2_string("\n".join(lines))
        self._always = [parsed[number] for number in range(always)]
        self.exact = [parsed[always + 2 * number] for number in range(len(entries))]
        self.full = [parsed[always + 2 * number + 1] for number in range(len(entries))]

    def asked(self) -> Asked:
        """Return a fresh place to ask in."""
        return Asked(self)

    def solver(self) -> z3.Solver:
        """Return a solver that knows what holds of every request."""
        solver = z3.SolverFor("QF_FD")
        solver.set("timeout", TIMEOUT_MS)
        solver.add(*self._always)
        return solver

    def request(self, model: z3.ModelRef) -> Request:
        """Return the request that a model denotes."""
        return self.terms.request(model, self.port)

    def may_meet(self, one: int, other: int) -> bool:
        """Return false only if no request matches both entries: their hosts or their paths have no atom in common."""
        first, second = self.terms.predicates[one], self.terms.predicates[other]
        hosts, paths = self.terms.atoms.hosts.masks, self.terms.atoms.paths.masks
        return bool(
            hosts.get(first.host, 0) & hosts.get(second.host, 0)
            and paths.get(first.path, 0) & paths.get(second.path, 0)
        )

    def core(self, entry: int, rivals: Sequence[int]) -> tuple[int, ...]:
        """Return a minimal part of `rivals` that takes whatever the entry matches, for every meaning of the facts."""
        solver = self.solver()
        solver.add(self.full[entry])
        literals = {number: z3.Bool(f"without_{number}") for number in rivals}
        for number, literal in literals.items():
            solver.add(z3.Implies(literal, z3.Not(self.full[number])))
        needed = list(rivals)
        if checked(solver, *literals.values()):
            return ()
        found = {str(item) for item in solver.unsat_core()}
        needed = [number for number in needed if f"without_{number}" in found]
        for number in tuple(needed):
            rest = [item for item in needed if item != number]
            if not checked(solver, *(literals[item] for item in rest)):
                needed = rest
        return tuple(needed)


class Asked:
    """Questions about entries, with some entries ruled out for good. Entries are positions; `exact` leaves facts aside."""

    def __init__(self, entries: EntrySolver) -> None:
        self._entries = entries
        self._solver = entries.solver()

    def rule_out(self, entries: Iterable[int], *, exact: bool) -> None:
        """Let no request match these entries from now on."""
        self._solver.add(*(z3.Not(self._term(entry, exact=exact)) for entry in entries))

    def find(self, matched: Iterable[int], unmatched: Iterable[int] = (), *, exact: bool) -> Request | None:
        """Return a request that matches all of `matched` and none of `unmatched`; None iff there is none.

        Raises:
            SolverLimit: the solver gave up.

        """
        self._solver.push()
        try:
            self._solver.add(*(self._term(entry, exact=exact) for entry in matched))
            self._solver.add(*(z3.Not(self._term(entry, exact=exact)) for entry in unmatched))
            return self._entries.request(self._solver.model()) if checked(self._solver) else None
        finally:
            self._solver.pop()

    def _term(self, entry: int, *, exact: bool) -> z3.BoolRef:
        return self._entries.exact[entry] if exact else self._entries.full[entry]


def checked(solver: z3.Solver, *assumptions: z3.BoolRef) -> bool:
    """Return whether it is satisfiable. A time-out is neither.

    Raises:
        SolverLimit: the solver gave up.

    """
    result = solver.check(*assumptions)
    if result == z3.unknown:
        raise SolverLimit(f"the solver gave up on a question about requests: {solver.reason_unknown()}")
    return bool(result == z3.sat)


def _runs(mask: int) -> tuple[tuple[int, int], ...]:
    runs: list[tuple[int, int]] = []
    for number in indexes(mask):
        if runs and runs[-1][1] == number - 1:
            runs[-1] = (runs[-1][0], number)
        else:
            runs.append((number, number))
    return tuple(runs)


def _number(model: z3.ModelRef, name: str, width: int) -> int:
    found: int = model.eval(z3.BitVec(name, width), model_completion=True).as_long()
    return found
