"""Measure doorcode beside azure-identity: ``nox -s benchmarks``."""
