# prelink: the passes in the order in which main() runs them, what they share, and the machines.
sbin_PROGRAMS += prelink-plugins/prelink
prelink_plugins_prelink_SOURCES = prelink-plugins/main.c
prelink_plugins_prelink_LDADD = prelink-plugins/libprelink.a notegen/lib/libnote.a \
	$(LIBELF_LIBS) $(YAML_LIBS) $(JANSSON_LIBS) $(NETTLE_LIBS) $(ZLIB_LIBS)

dist_man_MANS += prelink-plugins/prelink.8 prelink-plugins/prelink.conf.5
bashcompletiondir = $(datadir)/bash-completion/completions
zshcompletiondir = $(datadir)/zsh/site-functions
dist_zshcompletion_DATA = prelink-plugins/completion/zsh/_prelink prelink-plugins/completion/zsh/_notegen
dist_bashcompletion_DATA = prelink-plugins/completion/bash/prelink prelink-plugins/completion/bash/notegen

noinst_LIBRARIES += prelink-plugins/libprelink.a
prelink_plugins_libprelink_a_SOURCES = \
	prelink-plugins/options.c prelink-plugins/options.h \
	prelink-plugins/conf.c prelink-plugins/conf.h \
	prelink-plugins/layout.c prelink-plugins/layout.h \
	prelink-plugins/cache.c prelink-plugins/cache.h \
	prelink-plugins/print.c prelink-plugins/print.h \
	prelink-plugins/report.c prelink-plugins/report.h \
	prelink-plugins/dynamic.c prelink-plugins/dynamic.h \
	prelink-plugins/object.c prelink-plugins/object.h \
	prelink-plugins/gather.c prelink-plugins/gather.h \
	prelink-plugins/ldcache.c prelink-plugins/ldcache.h \
	prelink-plugins/ldconf.c prelink-plugins/ldconf.h \
	prelink-plugins/ldso.c prelink-plugins/ldso.h \
	prelink-plugins/libsearch.c prelink-plugins/libsearch.h \
	prelink-plugins/scope.c prelink-plugins/scope.h \
	prelink-plugins/symbols.c prelink-plugins/symbols.h \
	prelink-plugins/wanted.c prelink-plugins/wanted.h \
	prelink-plugins/definers.c prelink-plugins/definers.h \
	prelink-plugins/searchlist.c prelink-plugins/searchlist.h \
	prelink-plugins/lookup.c prelink-plugins/bind_tables.h \
	prelink-plugins/target.c prelink-plugins/target.h \
	prelink-plugins/bind.c prelink-plugins/bind.h \
	prelink-plugins/bindings.c prelink-plugins/bindings.h \
	prelink-plugins/shadowed.c prelink-plugins/shadowed.h \
	prelink-plugins/resident.c prelink-plugins/resident.h \
	prelink-plugins/threads.c prelink-plugins/threads.h \
	prelink-plugins/universe.c prelink-plugins/universe.h \
	prelink-plugins/rebase.c prelink-plugins/rebase.h \
	prelink-plugins/page_end.c prelink-plugins/page_end.h \
	prelink-plugins/ifunc.c prelink-plugins/ifunc.h \
	prelink-plugins/placed.c prelink-plugins/placed.h \
	prelink-plugins/plan.c prelink-plugins/plan.h prelink-plugins/plan_draft.h \
	prelink-plugins/plan_file.c \
	prelink-plugins/liblist.c prelink-plugins/liblist.h \
	prelink-plugins/status.c prelink-plugins/status.h \
	prelink-plugins/undo.c prelink-plugins/undo.h \
	prelink-plugins/rewrite.c prelink-plugins/rewrite.h \
	prelink-plugins/verify.c prelink-plugins/verify.h \
	prelink-plugins/apply.c prelink-plugins/apply.h \
	prelink-plugins/exec_room.c prelink-plugins/exec_room.h \
	prelink-plugins/arch/arch.c prelink-plugins/arch/arch.h prelink-plugins/arch/host.c \
	prelink-plugins/arch/x86_64.c prelink-plugins/arch/i386.c prelink-plugins/arch/aarch64.c
nodist_prelink_plugins_libprelink_a_SOURCES = prelink-plugins/report_page.c

# The report's page as a C string.
prelink-plugins/report_page.c: $(srcdir)/prelink-plugins/report.html
	$(AM_V_GEN)$(MKDIR_P) prelink-plugins && { \
	echo 'extern const char report_page[];'; echo 'const char report_page[] ='; \
	sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/^/"/' -e 's/$$/\\n"/' $(srcdir)/prelink-plugins/report.html; \
	echo ';'; } >$@.new && mv $@.new $@
CLEANFILES += prelink-plugins/report_page.c
EXTRA_DIST += prelink-plugins/report.html
