"""Benchmarks, and the pages that they write."""
