# prelink: the passes in the order in which main() runs them, what they share, and the machines.
sbin_PROGRAMS += prelink-plugins/prelink
prelink_plugins_prelink_SOURCES = prelink-plugins/main.c prelink-plugins/modes.c prelink-plugins/modes.h
prelink_plugins_prelink_LDADD = prelink-plugins/libprelink.a notegen/lib/libcommon.a \
	$(LIBELF_LIBS) $(YAML_LIBS) $(JANSSON_LIBS) $(NETTLE_LIBS) $(ZLIB_LIBS)

dist_man_MANS += prelink-plugins/prelink.8 prelink-plugins/prelink.conf.5 \
	prelink-plugins/run/prelink-run.1 prelink-plugins/store/prelink-store.5
zshcompletiondir = $(datadir)/zsh/site-functions
dist_zshcompletion_DATA = prelink-plugins/completion/zsh/_prelink prelink-plugins/completion/zsh/_notegen
bashcompletiondir = $(datadir)/bash-completion/completions
dist_bashcompletion_DATA = prelink-plugins/completion/bash/notegen
if BASH_COMPLETION_TAKEN
ownbashcompletiondir = $(pkgdatadir)/bash-completion
bashloaderdir = $(sysconfdir)/bash_completion.d
nodist_bashloader_DATA = prelink-plugins/completion/bash/prelink-plugins
else
ownbashcompletiondir = $(bashcompletiondir)
endif
dist_ownbashcompletion_DATA = prelink-plugins/completion/bash/prelink

# Where bash-completion has one for the classic prelink: loaded when it is wanted, as those are.
prelink-plugins/completion/bash/prelink-plugins: $(srcdir)/prelink-plugins/completion/bash/prelink-plugins.in Makefile
	$(AM_V_GEN)$(MKDIR_P) $(@D) && \
	sed 's|@pkgdatadir[@]|$(pkgdatadir)|g' $(srcdir)/prelink-plugins/completion/bash/prelink-plugins.in >$@.new && mv $@.new $@
CLEANFILES += prelink-plugins/completion/bash/prelink-plugins
EXTRA_DIST += prelink-plugins/completion/bash/prelink-plugins.in

# prelink-run: in front of every start, so static where that can be.
bin_PROGRAMS += prelink-plugins/run/prelink-run
prelink_plugins_run_prelink_run_SOURCES = prelink-plugins/run/prelink-run.c \
	prelink-plugins/run/known.c prelink-plugins/run/known.h
prelink_plugins_run_prelink_run_CPPFLAGS = $(AM_CPPFLAGS) -DPRELINK='"$(sbindir)/prelink"' \
	-DRUNTIME_MODULE='"$(pkglibdir)$(RTLD_DIRECTORY)/prelink-rtld.so"' \
	-DMODULES='"$(pkglibdir)"' -DOWN_LIB='"$(RTLD_LIB)"'
prelink_plugins_run_prelink_run_LDFLAGS = $(STATIC_LDFLAGS)

noinst_LIBRARIES += prelink-plugins/libprelink.a
prelink_plugins_libprelink_a_SOURCES = \
	prelink-plugins/object.c prelink-plugins/object.h \
	prelink-plugins/options.c prelink-plugins/options.h \
	prelink-plugins/progress.c prelink-plugins/progress.h \
	prelink-plugins/resident.c prelink-plugins/resident.h \
	prelink-plugins/threads.c prelink-plugins/threads.h \
	prelink-plugins/advise/advise.c prelink-plugins/advise/advise.h \
	prelink-plugins/advise/copies.c prelink-plugins/advise/kinds.h \
	prelink-plugins/advise/evidence.c prelink-plugins/advise/evidence.h \
	prelink-plugins/advise/exports.c \
	prelink-plugins/advise/finding.c prelink-plugins/advise/finding.h \
	prelink-plugins/advise/interposed.c \
	prelink-plugins/advise/linked.c \
	prelink-plugins/advise/names.c prelink-plugins/advise/names.h \
	prelink-plugins/advise/places.c \
	prelink-plugins/advise/print.c prelink-plugins/advise/print.h \
	prelink-plugins/advise/startup.c \
	prelink-plugins/advise/tables.c \
	prelink-plugins/advise/direct.c \
	prelink-plugins/advise/late.c \
	prelink-plugins/advise/textrel.c \
	prelink-plugins/advise/undefined.c \
	prelink-plugins/advise/unused.c \
	prelink-plugins/advise/versions.c \
	prelink-plugins/arch/aarch64.c \
	prelink-plugins/arch/arm.c \
	prelink-plugins/arch/arch.c prelink-plugins/arch/arch.h \
	prelink-plugins/arch/x86.h \
	prelink-plugins/arch/host.c \
	prelink-plugins/arch/i386.c \
	prelink-plugins/arch/ppc64.c \
	prelink-plugins/arch/riscv64.c \
	prelink-plugins/arch/s390x.c \
	prelink-plugins/arch/x86_64.c \
	prelink-plugins/elf/dynamic.c prelink-plugins/elf/dynamic.h \
	prelink-plugins/elf/facts.c prelink-plugins/elf/facts.h \
	prelink-plugins/elf/relocs.c prelink-plugins/elf/relocs.h \
	prelink-plugins/elf/stamp.c prelink-plugins/elf/stamp.h \
	prelink-plugins/elf/remains.c prelink-plugins/elf/remains.h \
	prelink-plugins/elf/static_tls.c prelink-plugins/elf/static_tls.h \
	prelink-plugins/elf/symbols.c prelink-plugins/elf/symbols.h \
	prelink-plugins/elf/undo_record.c prelink-plugins/elf/undo_record.h \
	prelink-plugins/elf/versions.c prelink-plugins/elf/versions.h \
	prelink-plugins/gather/conf.c prelink-plugins/gather/conf.h \
	prelink-plugins/gather/everywhere.c prelink-plugins/gather/everywhere.h \
	prelink-plugins/gather/gather.c prelink-plugins/gather/gather.h \
	prelink-plugins/gather/installed.c prelink-plugins/gather/installed.h \
	prelink-plugins/gather/known.c prelink-plugins/gather/known.h \
	prelink-plugins/gather/read.c prelink-plugins/gather/read.h \
	prelink-plugins/search/ldcache.c prelink-plugins/search/ldcache.h \
	prelink-plugins/search/ldconf.c prelink-plugins/search/ldconf.h \
	prelink-plugins/search/ldso.c prelink-plugins/search/ldso.h \
	prelink-plugins/search/libsearch.c prelink-plugins/search/libsearch.h \
	prelink-plugins/scope/process.c prelink-plugins/scope/process.h \
	prelink-plugins/scope/scope.c prelink-plugins/scope/scope.h \
	prelink-plugins/layout/layout.c prelink-plugins/layout/layout.h \
	prelink-plugins/layout/meet.c prelink-plugins/layout/meet.h \
	prelink-plugins/bind/asked.c prelink-plugins/bind/asked.h \
	prelink-plugins/bind/bind.c prelink-plugins/bind/bind.h \
	prelink-plugins/bind/definers.c prelink-plugins/bind/definers.h \
	prelink-plugins/bind/fill.c prelink-plugins/bind/fill.h \
	prelink-plugins/bind/ifunc.c prelink-plugins/bind/ifunc.h \
	prelink-plugins/bind/libraries.c prelink-plugins/bind/libraries.h \
	prelink-plugins/bind/loader.c prelink-plugins/bind/loader.h \
	prelink-plugins/bind/lookup.c prelink-plugins/bind/lookup.h \
	prelink-plugins/bind/opened.c prelink-plugins/bind/opened.h \
	prelink-plugins/bind/own_libc.c prelink-plugins/bind/own_libc.h \
	prelink-plugins/bind/relocs.c prelink-plugins/bind/relocs.h \
	prelink-plugins/bind/searchlist.c prelink-plugins/bind/searchlist.h \
	prelink-plugins/bind/target.c prelink-plugins/bind/target.h \
	prelink-plugins/rebase/page_end.c prelink-plugins/rebase/page_end.h \
	prelink-plugins/rebase/rebase.c prelink-plugins/rebase/rebase.h \
	prelink-plugins/plan/cost.c prelink-plugins/plan/cost.h \
	prelink-plugins/plan/decide.c prelink-plugins/plan/decide.h \
	prelink-plugins/plan/draft.c prelink-plugins/plan/draft.h \
	prelink-plugins/plan/encode.c prelink-plugins/plan/encode.h \
	prelink-plugins/plan/liblist.c prelink-plugins/plan/liblist.h \
	prelink-plugins/plan/identity.c prelink-plugins/plan/identity.h \
	prelink-plugins/plan/pages.c prelink-plugins/plan/pages.h \
	prelink-plugins/plan/placed.c prelink-plugins/plan/placed.h \
	prelink-plugins/plan/plan.c prelink-plugins/plan/plan.h \
	prelink-plugins/plan/planner.c prelink-plugins/plan/planner.h \
	prelink-plugins/plan/record.c prelink-plugins/plan/record.h \
	prelink-plugins/plan/seal.c prelink-plugins/plan/seal.h \
	prelink-plugins/plan/shadowed.c prelink-plugins/plan/shadowed.h \
	prelink-plugins/plan/spared.c prelink-plugins/plan/spared.h \
	prelink-plugins/plan/stored.c prelink-plugins/plan/stored.h \
	prelink-plugins/plan/store_file.c prelink-plugins/plan/store_file.h \
	prelink-plugins/rewrite/attach_list.c prelink-plugins/rewrite/attach_list.h \
	prelink-plugins/rewrite/attach_plan.c prelink-plugins/rewrite/attach_plan.h \
	prelink-plugins/store/learned.c prelink-plugins/store/learned.h \
	prelink-plugins/store/carry.c prelink-plugins/store/carry.h \
	prelink-plugins/store/contents.c prelink-plugins/store/contents.h \
	prelink-plugins/store/made.c prelink-plugins/store/made.h \
	prelink-plugins/store/pieces.c prelink-plugins/store/pieces.h \
	prelink-plugins/store/store.c prelink-plugins/store/store.h \
	prelink-plugins/rewrite/back.c prelink-plugins/rewrite/back.h \
	prelink-plugins/rewrite/exec_room.c prelink-plugins/rewrite/exec_room.h \
	prelink-plugins/rewrite/image.c prelink-plugins/rewrite/image.h \
	prelink-plugins/rewrite/name_module.c prelink-plugins/rewrite/name_module.h \
	prelink-plugins/rewrite/original.c prelink-plugins/rewrite/original.h \
	prelink-plugins/rewrite/output.c prelink-plugins/rewrite/output.h \
	prelink-plugins/rewrite/packaged.c prelink-plugins/rewrite/packaged.h \
	prelink-plugins/rewrite/program.c prelink-plugins/rewrite/program.h \
	prelink-plugins/rewrite/replace.c prelink-plugins/rewrite/replace.h \
	prelink-plugins/rewrite/rewrite.c prelink-plugins/rewrite/rewrite.h \
	prelink-plugins/rewrite/undo.c prelink-plugins/rewrite/undo.h \
	prelink-plugins/rewrite/verify.c prelink-plugins/rewrite/verify.h \
	prelink-plugins/rewrite/rewriting.h \
	prelink-plugins/cache/build.c prelink-plugins/cache/build.h \
	prelink-plugins/cache/cache.c prelink-plugins/cache/cache.h \
	prelink-plugins/cache/compare.c prelink-plugins/cache/compare.h \
	prelink-plugins/cache/format.h \
	prelink-plugins/cache/inputs.c prelink-plugins/cache/inputs.h \
	prelink-plugins/cache/seen.c prelink-plugins/cache/seen.h \
	prelink-plugins/say/bindings.c prelink-plugins/say/bindings.h \
	prelink-plugins/say/plan.c prelink-plugins/say/plan.h \
	prelink-plugins/say/members.c prelink-plugins/say/members.h \
	prelink-plugins/say/print.c prelink-plugins/say/print.h \
	prelink-plugins/say/report.c prelink-plugins/say/report.h \
	prelink-plugins/say/status.c prelink-plugins/say/status.h \
	prelink-plugins/say/venv.c prelink-plugins/say/venv.h
nodist_prelink_plugins_libprelink_a_SOURCES = prelink-plugins/say/report_page.c

# The report's page as a C string.
prelink-plugins/say/report_page.c: $(srcdir)/prelink-plugins/say/report.html
	$(AM_V_GEN)$(MKDIR_P) prelink-plugins/say && { \
	echo 'extern const char report_page[];'; echo 'const char report_page[] ='; \
	sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/^/"/' -e 's/$$/\\n"/' $(srcdir)/prelink-plugins/say/report.html; \
	echo ';'; } >$@.new && mv $@.new $@
CLEANFILES += prelink-plugins/say/report_page.c
EXTRA_DIST += prelink-plugins/say/report.html
