# The plugin note: its library (shared with prelink) and its command line.
noinst_LIBRARIES += notegen/lib/libnote.a
notegen_lib_libnote_a_SOURCES = \
	notegen/lib/diag.c notegen/lib/diag.h \
	notegen/lib/elf_append.c notegen/lib/elf_append.h \
	notegen/lib/elf_image.c notegen/lib/elf_image.h \
	notegen/lib/hardlinks.c notegen/lib/hardlinks.h \
	notegen/lib/json.c notegen/lib/json.h \
	notegen/lib/outfile.c notegen/lib/outfile.h \
	notegen/lib/pattern.c notegen/lib/pattern.h \
	notegen/lib/root.c notegen/lib/root.h
