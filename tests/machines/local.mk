# Tests of this area; one line each.
TESTS += tests/machines/store.py
EXTRA_DIST += tests/machines/guest.py
