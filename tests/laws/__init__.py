"""Algebraic laws of the value sets, each stated once and checked on generated values."""
