# Tests of this area; one line each.
TESTS += \
	tests/command/devices.py \
	tests/command/paths.py
