# Tests of this area; one line each.
TESTS += \
	tests/layout/order.py \
	tests/layout/overlap.py \
	tests/layout/placement.py \
	tests/layout/real.py \
	tests/layout/scarce.py \
	tests/layout/stability.py
