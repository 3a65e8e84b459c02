"""Hypothesis profiles: `ci` is reproducible and quick, `nightly` searches further with a fresh seed.

`HYPOTHESIS_PROFILE=nightly pytest tests/laws` selects the second.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

settings.register_profile("ci", derandomize=True, deadline=None, max_examples=200)
settings.register_profile(
    "nightly", deadline=None, max_examples=10_000, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))
