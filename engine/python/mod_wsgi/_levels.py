"""Levels of Apache's log, as `_native.log` takes them."""

DEBUG, INFO, WARNING, ERROR, CRITICAL = 7, 6, 4, 3, 2
