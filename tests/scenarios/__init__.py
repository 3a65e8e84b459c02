"""Whole stories: small clusters with the verdicts that a reader of the API would give."""
