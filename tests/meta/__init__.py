"""Tests about the project itself: its generators, its import contract, its budgets."""
