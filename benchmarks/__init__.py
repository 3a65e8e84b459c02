"""Synthetic clusters of realistic and of adversarial shape, and the stopwatch that runs commands on them."""
