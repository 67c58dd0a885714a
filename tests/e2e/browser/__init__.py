"""Clips as a browser shows them."""
