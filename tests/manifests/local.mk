# Tests of this area; one line each.
TESTS += \
	tests/manifests/debian.py \
	tests/manifests/record.py
EXTRA_DIST += tests/manifests/debian_runs.py tests/manifests/loads.py
