# Tests of this area; one line each.
TESTS += \
	tests/command/paths.py
