# Tests of this area; one line each.
TESTS += \
	tests/search/machine.py \
	tests/search/releases.py \
	tests/search/rules.py \
	tests/search/random_trees.py \
	tests/search/plugins.py \
	tests/search/random_plugins.py \
	tests/search/hostile.py

# Prints the scopes that gather, search and scope find.
check_PROGRAMS += tests/search/scopes
tests_search_scopes_SOURCES = tests/search/scopes.c
tests_search_scopes_LDADD = prelink-plugins/libprelink.a notegen/lib/libcommon.a \
	$(LIBELF_LIBS) $(YAML_LIBS) $(JANSSON_LIBS) $(ZLIB_LIBS) $(NETTLE_LIBS)
EXTRA_DIST += tests/search/oracle.py tests/search/tiny_elf.py
