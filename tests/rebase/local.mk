# Tests of this area; one line each.
TESTS += \
	tests/rebase/round_trip.py \
	tests/rebase/linkers.py \
	tests/rebase/symtab.py \
	tests/rebase/executables.py \
	tests/rebase/readers.py \
	tests/rebase/one_table.py \
	tests/rebase/page_end.py \
	tests/rebase/hostile.py \
	tests/rebase/verify.py \
	tests/rebase/originals.py \
	tests/rebase/padded.py \
	tests/rebase/packaged_debug.py \
	tests/rebase/separate_debug.py

# Rewrites single files, without a layout and in place of nothing.
check_PROGRAMS += tests/rebase/rewriter
tests_rebase_rewriter_SOURCES = tests/rebase/rewriter.c
tests_rebase_rewriter_LDADD = prelink-plugins/libprelink.a notegen/lib/libcommon.a \
	$(LIBELF_LIBS) $(YAML_LIBS) $(JANSSON_LIBS) $(ZLIB_LIBS) $(NETTLE_LIBS)
EXTRA_DIST += tests/rebase/rewriting.py
