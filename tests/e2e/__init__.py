"""Tests of the deployed functions, through HTTP, against what a recording truly holds."""
