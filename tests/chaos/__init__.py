"""Faults on purpose: a load, a schedule of faults, the history of both, and a checker that reads it."""
