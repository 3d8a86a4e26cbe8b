# Tests of this area; one line each.
TESTS += tests/report/page.py
