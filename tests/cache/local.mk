# Tests of this area; one line each.
TESTS += \
	tests/cache/damage.py \
	tests/cache/known.py \
	tests/cache/quick.py \
	tests/cache/twice.py

check_PROGRAMS += tests/cache/twice
tests_cache_twice_SOURCES = tests/cache/twice.c
tests_cache_twice_LDADD = $(prelink_plugins_prelink_LDADD)
