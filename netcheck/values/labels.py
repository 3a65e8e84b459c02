"""Label requirements and selectors, in canonical form (SEMANTICS NP-12)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum


class Operator(Enum):
    """How a requirement tests one label key."""

    IN = "In"
    NOT_IN = "NotIn"
    EXISTS = "Exists"
    DOES_NOT_EXIST = "DoesNotExist"


@dataclass(frozen=True, slots=True, order=False)
class Requirement:
    """A test of one label key. `values` is sorted and without repetition; empty iff the operator takes none."""

    key: str
    operator: Operator
    values: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        takes_values = self.operator in (Operator.IN, Operator.NOT_IN)
        if bool(self.values) != takes_values or list(self.values) != sorted(set(self.values)):
            raise ValueError(f"not a canonical requirement: {self.key} {self.operator.value} {self.values}")

    def matches(self, value: str | None) -> bool:
        """Return whether a label of this value (None: the key is absent) satisfies the requirement."""
        match self.operator:
            case Operator.IN:
                return value is not None and value in self.values
            case Operator.NOT_IN:
                return value is None or value not in self.values
            case Operator.EXISTS:
                return value is not None
            case Operator.DOES_NOT_EXIST:
                return value is None

    def __str__(self) -> str:
        match self.operator:
            case Operator.IN if len(self.values) == 1:
                return f"{self.key}={self.values[0]}"
            case Operator.NOT_IN if len(self.values) == 1:
                return f"{self.key}!={self.values[0]}"
            case Operator.IN:
                return f"{self.key} in ({','.join(self.values)})"
            case Operator.NOT_IN:
                return f"{self.key} notin ({','.join(self.values)})"
            case Operator.EXISTS:
                return self.key
            case Operator.DOES_NOT_EXIST:
                return f"!{self.key}"


def _order(requirement: Requirement) -> tuple[str, str, tuple[str, ...]]:
    return (requirement.key, requirement.operator.value, requirement.values)


@dataclass(frozen=True, slots=True)
class LabelSelector:
    """A conjunction of requirements; `()` matches everything. Build one with `of`."""

    requirements: tuple[Requirement, ...] = ()

    def __post_init__(self) -> None:
        if list(self.requirements) != sorted(set(self.requirements), key=_order):
            raise ValueError(f"not a canonical selector: {self.requirements}")

    @classmethod
    def of(
        cls, match_labels: Mapping[str, str] | None = None, expressions: Iterable[Requirement] = ()
    ) -> LabelSelector:
        """Build from the two parts of the API's LabelSelector; `matchLabels` entries become `In` requirements."""
        equal = (Requirement(key, Operator.IN, (value,)) for key, value in (match_labels or {}).items())
        return cls(tuple(sorted({*equal, *expressions}, key=_order)))

    @classmethod
    def everything(cls) -> LabelSelector:
        """Return the selector that matches every set of labels."""
        return _EVERYTHING

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Return whether `labels` satisfies every requirement."""
        return all(requirement.matches(labels.get(requirement.key)) for requirement in self.requirements)

    def __str__(self) -> str:
        return ",".join(map(str, self.requirements)) or "{}"


_EVERYTHING = LabelSelector()
