# Tests of this area; one line each.
TESTS += tests/store/identity.py
TESTS += tests/store/prelink_run.py
TESTS += tests/store/programs.py
