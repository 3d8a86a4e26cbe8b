# Tests of this area; one line each.
TESTS += \
	tests/plan/figures.py \
	tests/plan/format.py \
	tests/plan/machines.py

# Encodes a draft of its own for any class and byte order, and reads it back.
check_PROGRAMS += tests/plan/format
tests_plan_format_SOURCES = tests/plan/format.c
tests_plan_format_LDADD = prelink-plugins/libprelink.a notegen/lib/libcommon.a \
	$(LIBELF_LIBS) $(YAML_LIBS) $(JANSSON_LIBS) $(ZLIB_LIBS) $(NETTLE_LIBS)
