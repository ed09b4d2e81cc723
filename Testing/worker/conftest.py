"""Fixtures of the tests with real workers."""

from bright_fixtures import bright_default, bright_place  # noqa: F401
