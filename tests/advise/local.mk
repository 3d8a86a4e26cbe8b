# Tests of this area; one line each.
TESTS += \
	tests/advise/symbols.py
EXTRA_DIST += tests/advise/fixtures.py
