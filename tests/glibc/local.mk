# glibc's own tests: LONG=1 only.
TESTS += \
	tests/glibc/glibc.py \
	tests/glibc/ordering.py
