"""Recordings by real packagers, and a judge that shares nothing with the product: `make test-packagers`."""
