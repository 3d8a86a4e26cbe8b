# The plugin note: its library (shared with prelink) and its command line.
noinst_LIBRARIES += notegen/lib/libcommon.a
notegen_lib_libcommon_a_SOURCES = \
	notegen/lib/added.c notegen/lib/added.h \
	notegen/lib/align.h \
	notegen/lib/alloc.c notegen/lib/alloc.h \
	notegen/lib/bits.h \
	notegen/lib/diag.c notegen/lib/diag.h \
	notegen/lib/digests.c notegen/lib/digests.h \
	notegen/lib/elf_append.c notegen/lib/elf_append.h \
	notegen/lib/elf_copy.c notegen/lib/elf_copy.h \
	notegen/lib/elf_image.c notegen/lib/elf_image.h \
	notegen/lib/elf_notes.c notegen/lib/elf_notes.h \
	notegen/lib/elf_memory.c notegen/lib/elf_memory.h \
	notegen/lib/exchange.c notegen/lib/exchange.h \
	notegen/lib/hardlinks.c notegen/lib/hardlinks.h \
	notegen/lib/hosts.c notegen/lib/hosts.h \
	notegen/lib/json.c notegen/lib/json.h \
	notegen/lib/limit.h \
	notegen/lib/manifest.c notegen/lib/manifest.h \
	notegen/lib/mapfault.c notegen/lib/mapfault.h \
	notegen/lib/note.c notegen/lib/note.h \
	notegen/lib/note_change.c notegen/lib/note_change.h \
	notegen/lib/outfile.c notegen/lib/outfile.h \
	notegen/lib/path_list.c notegen/lib/path_list.h \
	notegen/lib/pattern.c notegen/lib/pattern.h \
	notegen/lib/plugin_yaml.h \
	notegen/lib/root.c notegen/lib/root.h \
	notegen/lib/same_file.h \
	notegen/lib/scratch.c notegen/lib/scratch.h \
	notegen/lib/temporary.c notegen/lib/temporary.h \
	notegen/lib/yaml_text.c notegen/lib/yaml_text.h

bin_PROGRAMS += notegen/notegen
notegen_notegen_SOURCES = \
	notegen/main.c notegen/command.h \
	notegen/add.c \
	notegen/check.c \
	notegen/edit.c notegen/edit.h \
	notegen/found.c notegen/found.h \
	notegen/manifest_print.c notegen/manifest_print.h \
	notegen/record.c \
	notegen/remove.c \
	notegen/show.c \
	notegen/suggest.c
notegen_notegen_LDADD = notegen/lib/libcommon.a $(LIBELF_LIBS) $(YAML_LIBS) $(JANSSON_LIBS) $(NETTLE_LIBS)

dist_man_MANS += notegen/notegen.1 notegen/plugin-manifest.5
