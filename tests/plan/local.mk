# Tests of this area; one line each.
TESTS += tests/plan/machines.py
