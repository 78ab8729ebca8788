"""Ventriloquist: learn to write like the people you text with."""

from importlib.metadata import version

__version__ = version("ventriloquist-cli")
