"""Levels of Apache's log, as `_native.log` takes them."""

INFO, WARNING, ERROR = 6, 4, 3
