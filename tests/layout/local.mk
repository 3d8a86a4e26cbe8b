# Tests of this area; one line each.
TESTS += \
	tests/layout/conf.py \
	tests/layout/options.py
EXTRA_DIST += tests/layout/check.py tests/layout/graph.py
