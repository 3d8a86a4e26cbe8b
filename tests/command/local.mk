# Tests of this area; one line each.
TESTS += \
	tests/command/devices.py \
	tests/command/paths.py \
	tests/command/stripped.py \
	tests/command/undo_all.py
