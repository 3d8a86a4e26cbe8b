# Tests of this area; one line each.
TESTS += tests/source/floors.py
TESTS += tests/source/format.py
TESTS += tests/source/machine.py
TESTS += tests/source/python.py
TESTS += tests/source/release.py
TESTS += tests/source/writers.py
EXTRA_DIST += tests/source/floors
