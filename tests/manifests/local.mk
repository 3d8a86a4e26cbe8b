# Tests of this area; one line each.
TESTS += \
	tests/manifests/debian.py \
	tests/manifests/record.py
