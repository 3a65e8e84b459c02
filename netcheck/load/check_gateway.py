"""Structural checks of Gateway and HTTPRoute, after the Gateway API's CRDs."""

from __future__ import annotations

from typing import Any

from netcheck.load.report import Report


def check_http_route(report: Report, value: dict[str, Any]) -> None:
    """Check an HTTPRoute."""


def check_gateway(report: Report, value: dict[str, Any]) -> None:
    """Check a Gateway."""
