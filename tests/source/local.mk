# Tests of this area; one line each.
TESTS += tests/source/format.py
TESTS += tests/source/machine.py
TESTS += tests/source/release.py
