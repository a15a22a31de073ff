"""Benchmarks: figures go to docs/benchmarks.md with the command that made them. Never run as tests."""
