# Tests of this area; one line each.
TESTS += tests/fuzz/caches.py tests/fuzz/limits.py tests/fuzz/live.py tests/fuzz/replay.py tests/fuzz/shortened.py tests/fuzz/structural.py
EXTRA_DIST += tests/fuzz/changes.py tests/fuzz/guarded_tree.py tests/fuzz/seeds.py

# The harnesses in the ordinary build, with a main() of their own.
fuzz_common = tests/fuzz/fuzz.h tests/fuzz/replay.c tests/fuzz/silent.c
check_PROGRAMS += tests/fuzz/manifest tests/fuzz/note tests/fuzz/elf
tests_fuzz_manifest_SOURCES = tests/fuzz/fuzz_manifest.c $(fuzz_common)
tests_fuzz_manifest_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/notegen
tests_fuzz_manifest_LDADD = $(notegen_notegen_LDADD)
tests_fuzz_manifest_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=write
tests_fuzz_note_SOURCES = tests/fuzz/fuzz_note.c $(fuzz_common)
tests_fuzz_note_LDADD = $(notegen_notegen_LDADD)
tests_fuzz_note_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=write
tests_fuzz_elf_SOURCES = tests/fuzz/fuzz_elf.c $(fuzz_common)
tests_fuzz_elf_CPPFLAGS = $(tests_fuzz_manifest_CPPFLAGS)
tests_fuzz_elf_LDADD = prelink-plugins/libprelink.a $(notegen_notegen_LDADD)
tests_fuzz_elf_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=write

# make fuzz [FUZZ_SECONDS=N]: each harness under libFuzzer, AddressSanitizer and UBSan for N seconds.
# Inputs that fail are left in fuzz/ in the build directory, and so is the corpus, for the next run.
FUZZ_SECONDS = 60
FUZZ_CC = clang
fuzz_flags = -g -O1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all -Wl,--wrap=write
fuzz_sources = $(notegen_lib_libcommon_a_SOURCES:%.h=) \
	prelink-plugins/elf/dynamic.c prelink-plugins/elf/symbols.c \
	tests/fuzz/silent.c
fuzz:
	$(MKDIR_P) fuzz
	$(PYTHON) $(srcdir)/tests/fuzz/seeds.py fuzz/seeds
	for harness in manifest note elf; do \
		$(MKDIR_P) fuzz/corpus/$$harness && \
		$(FUZZ_CC) $(fuzz_flags) $(DEFS) $(AM_CPPFLAGS) -I$(srcdir)/notegen -o fuzz/$$harness \
			$(srcdir)/tests/fuzz/fuzz_$$harness.c $(fuzz_sources:%=$(srcdir)/%) \
			$(LIBELF_LIBS) $(YAML_LIBS) $(JANSSON_LIBS) && \
		fuzz/$$harness -max_total_time=$(FUZZ_SECONDS) -timeout=10 -max_len=65536 -print_final_stats=1 \
			-artifact_prefix=fuzz/$$harness- fuzz/corpus/$$harness fuzz/seeds/$$harness || exit 1; \
	done
.PHONY: fuzz
