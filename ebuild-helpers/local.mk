# Build hooks, packaging glue and what keeps a system prelinked.  What belongs to one distribution is installed
# below $(pkgdatadir), from where its packaging (debian/, rpm/, gentoo/) puts it in place.
sbin_SCRIPTS = ebuild-helpers/image/prelink-image
bin_SCRIPTS = ebuild-helpers/add-plugin-note ebuild-helpers/interpreters/prefix-plugin-manifest
dist_bin_SCRIPTS = \
	ebuild-helpers/interpreters/perl-plugin-manifest \
	ebuild-helpers/interpreters/php-plugin-manifest \
	ebuild-helpers/interpreters/python-plugin-manifest \
	ebuild-helpers/interpreters/ruby-plugin-manifest

# prelink-maintain: the run itself, what is configured, what is remembered, who else is at work.
pkglibexec_PROGRAMS = ebuild-helpers/keep-fresh/prelink-maintain
ebuild_helpers_keep_fresh_prelink_maintain_SOURCES = \
	ebuild-helpers/keep-fresh/prelink-maintain.c \
	ebuild-helpers/keep-fresh/packagers.c ebuild-helpers/keep-fresh/packagers.h \
	ebuild-helpers/keep-fresh/runs.c ebuild-helpers/keep-fresh/runs.h \
	ebuild-helpers/keep-fresh/settings.c ebuild-helpers/keep-fresh/settings.h \
	ebuild-helpers/keep-fresh/state.c ebuild-helpers/keep-fresh/state.h
ebuild_helpers_keep_fresh_prelink_maintain_LDADD = notegen/lib/libcommon.a

# What `prelink -a' works on; one that is there already is its owner's.  What is remembered of a system.
install-data-local:
	$(MKDIR_P) '$(DESTDIR)$(localstatedir)/lib/prelink'
	test -e '$(DESTDIR)$(sysconfdir)/prelink.conf' || { $(MKDIR_P) '$(DESTDIR)$(sysconfdir)' && \
	$(INSTALL_DATA) $(srcdir)/ebuild-helpers/keep-fresh/prelink.conf '$(DESTDIR)$(sysconfdir)/prelink.conf'; }
uninstall-local:
	! cmp -s $(srcdir)/ebuild-helpers/keep-fresh/prelink.conf '$(DESTDIR)$(sysconfdir)/prelink.conf' || \
	rm -f '$(DESTDIR)$(sysconfdir)/prelink.conf'
	rm -f '$(DESTDIR)$(localstatedir)'/lib/prelink/locks/*
	rmdir '$(DESTDIR)$(localstatedir)'/lib/prelink/locks '$(DESTDIR)$(localstatedir)/lib/prelink' 2>/dev/null || :

keepfreshdir = $(pkgdatadir)/keep-fresh
dist_keepfresh_DATA = \
	ebuild-helpers/keep-fresh/prelink.conf \
	ebuild-helpers/keep-fresh/prelink.default \
	ebuild-helpers/keep-fresh/prelink.timer
nodist_keepfresh_DATA = \
	ebuild-helpers/keep-fresh/90prelink \
	ebuild-helpers/keep-fresh/dracut-module \
	ebuild-helpers/keep-fresh/initramfs-hook \
	ebuild-helpers/keep-fresh/prelink.cron \
	ebuild-helpers/keep-fresh/prelink.service

gentoodir = $(pkgdatadir)/gentoo
dist_gentoo_DATA = \
	ebuild-helpers/gentoo/plugin-note.bashrc \
	ebuild-helpers/gentoo/plugin-note.eclass
rpmdir = $(pkgdatadir)/rpm
dist_rpm_SCRIPTS = ebuild-helpers/rpm/brp-plugin-note
nodist_rpm_DATA = ebuild-helpers/rpm/macros.plugin-note
debhelperdir = $(pkgdatadir)/debhelper
dist_debhelper_SCRIPTS = ebuild-helpers/debhelper/dh_plugin_note
dist_debhelper_DATA = ebuild-helpers/debhelper/plugin_note.pm

dist_man_MANS += \
	ebuild-helpers/add-plugin-note.1 \
	ebuild-helpers/debhelper/dh_plugin_note.1 \
	ebuild-helpers/image/prelink-image.8 \
	ebuild-helpers/interpreters/perl-plugin-manifest.1 \
	ebuild-helpers/interpreters/php-plugin-manifest.1 \
	ebuild-helpers/interpreters/prefix-plugin-manifest.1 \
	ebuild-helpers/interpreters/python-plugin-manifest.1 \
	ebuild-helpers/interpreters/ruby-plugin-manifest.1 \
	ebuild-helpers/keep-fresh/prelink-maintain.8

# Scripts and units that name installed files.
substituted = \
	ebuild-helpers/add-plugin-note \
	ebuild-helpers/image/prelink-image \
	ebuild-helpers/interpreters/prefix-plugin-manifest \
	ebuild-helpers/keep-fresh/90prelink \
	ebuild-helpers/keep-fresh/dracut-module \
	ebuild-helpers/keep-fresh/initramfs-hook \
	ebuild-helpers/keep-fresh/prelink.cron \
	ebuild-helpers/keep-fresh/prelink.service \
	ebuild-helpers/rpm/macros.plugin-note
$(substituted): Makefile
	$(AM_V_GEN)$(MKDIR_P) $(@D) && sed \
		-e 's|@bindir[@]|$(bindir)|g' -e 's|@sbindir[@]|$(sbindir)|g' \
		-e 's|@pkgdatadir[@]|$(pkgdatadir)|g' -e 's|@pkglibdir[@]|$(pkglibdir)|g' -e 's|@pkglibexecdir[@]|$(pkglibexecdir)|g' \
		$(srcdir)/$@.in >$@.new && \
	case $@ in */*-plugin-* | */prelink-image | *.cron) chmod 755 $@.new ;; esac && mv $@.new $@
ebuild-helpers/add-plugin-note: $(srcdir)/ebuild-helpers/add-plugin-note.in
ebuild-helpers/image/prelink-image: $(srcdir)/ebuild-helpers/image/prelink-image.in
ebuild-helpers/interpreters/prefix-plugin-manifest: $(srcdir)/ebuild-helpers/interpreters/prefix-plugin-manifest.in
ebuild-helpers/keep-fresh/90prelink: $(srcdir)/ebuild-helpers/keep-fresh/90prelink.in
ebuild-helpers/keep-fresh/dracut-module: $(srcdir)/ebuild-helpers/keep-fresh/dracut-module.in
ebuild-helpers/keep-fresh/initramfs-hook: $(srcdir)/ebuild-helpers/keep-fresh/initramfs-hook.in
ebuild-helpers/keep-fresh/prelink.cron: $(srcdir)/ebuild-helpers/keep-fresh/prelink.cron.in
ebuild-helpers/keep-fresh/prelink.service: $(srcdir)/ebuild-helpers/keep-fresh/prelink.service.in
ebuild-helpers/rpm/macros.plugin-note: $(srcdir)/ebuild-helpers/rpm/macros.plugin-note.in
CLEANFILES += $(substituted)

# What a layer and an external tree have is copied, not installed.
EXTRA_DIST += $(substituted:=.in) \
	ebuild-helpers/buildroot/Config.in \
	ebuild-helpers/buildroot/external.desc \
	ebuild-helpers/buildroot/external.mk \
	ebuild-helpers/buildroot/package/prelink-plugins-jansson/prelink-plugins-jansson.mk \
	ebuild-helpers/buildroot/package/prelink-plugins/Config.in \
	ebuild-helpers/buildroot/package/prelink-plugins/prelink-plugins.mk \
	ebuild-helpers/buildroot/post-fakeroot.sh \
	ebuild-helpers/yocto/classes/prelink.bbclass \
	ebuild-helpers/yocto/conf/layer.conf \
	ebuild-helpers/yocto/recipes-devtools/prelink-plugins/prelink-plugins_0.1.bb \
	ebuild-helpers/debian/README.Debian \
	ebuild-helpers/debian/build \
	ebuild-helpers/debian/changelog \
	ebuild-helpers/debian/control \
	ebuild-helpers/debian/copyright \
	ebuild-helpers/debian/dh-plugin-note.install \
	ebuild-helpers/debian/not-installed \
	ebuild-helpers/debian/prelink-plugins.dirs \
	ebuild-helpers/debian/prelink-plugins.docs \
	ebuild-helpers/debian/prelink-plugins.install \
	ebuild-helpers/debian/prelink-plugins.lintian-overrides \
	ebuild-helpers/debian/prelink-plugins.postinst \
	ebuild-helpers/debian/prelink-plugins.postrm \
	ebuild-helpers/debian/prelink-plugins.prerm \
	ebuild-helpers/debian/prelink-plugins.triggers \
	ebuild-helpers/debian/rules \
	ebuild-helpers/debian/source/format \
	ebuild-helpers/rpm/prelink-plugins.spec \
	ebuild-helpers/example/Makefile \
	ebuild-helpers/example/debian/changelog \
	ebuild-helpers/example/debian/control \
	ebuild-helpers/example/debian/greet.plugin-manifest \
	ebuild-helpers/example/debian/rules \
	ebuild-helpers/example/debian/source/format \
	ebuild-helpers/example/greet.c \
	ebuild-helpers/example/plugin.c
