# Tests of this area; one line each.
TESTS += \
	tests/bind/programs.py

# Binds in scopes that a test spells out.
check_PROGRAMS += tests/bind/bindings
tests_bind_bindings_SOURCES = tests/bind/bindings.c
tests_bind_bindings_LDADD = prelink-plugins/libprelink.a notegen/lib/libnote.a $(LIBELF_LIBS)
EXTRA_DIST += tests/bind/oracle.py
