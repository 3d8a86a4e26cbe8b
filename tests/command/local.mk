# Tests of this area; one line each.
TESTS += \
	tests/command/cache_twice.py \
	tests/command/devices.py \
	tests/command/manifests.py \
	tests/command/paths.py \
	tests/command/readme.py \
	tests/command/stripped.py \
	tests/command/undo_all.py

check_PROGRAMS += tests/command/cache_twice
tests_command_cache_twice_SOURCES = tests/command/cache_twice.c
tests_command_cache_twice_LDADD = $(prelink_plugins_prelink_LDADD)
