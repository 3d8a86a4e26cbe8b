# Tests of this area; one line each.
TESTS += \
	tests/layout/conf.py \
	tests/layout/damage.py \
	tests/layout/drift.py \
	tests/layout/guarded.py \
	tests/layout/lock.py \
	tests/layout/options.py \
	tests/layout/overlap.py \
	tests/layout/placement.py \
	tests/layout/real.py \
	tests/layout/scarce.py \
	tests/layout/shortened.py \
	tests/layout/stability.py \
	tests/layout/unsafe.py \
	tests/layout/words.py
EXTRA_DIST += tests/layout/check.py
