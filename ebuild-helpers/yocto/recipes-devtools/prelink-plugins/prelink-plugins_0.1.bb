SUMMARY = "Prelinker that knows plugins"
DESCRIPTION = "Gives every shared library, and every plugin that a program may load with dlopen, an address of its own, \
or writes what each symbol resolves to into a store beside the files: programs start faster, and share more memory."
SECTION = "devel"
LICENSE = "LGPL-2.1-or-later"
LIC_FILES_CHKSUM = "file://COPYING;md5=4fbd65380cdd255951079008b364516c"

DEPENDS = "elfutils jansson libyaml nettle zlib"

# What `make dist' makes, in the directory files beside this recipe.
SRC_URI = "file://${BPN}-${PV}.tar.xz"

inherit autotools bash-completion pkgconfig

# Modules of all machines have directories of their own below /usr/lib, multilib or not.
EXTRA_OECONF = "--libdir=${nonarch_libdir}"
# What prelink is told of paths is where they are in an image, also when it runs on the build machine.
EXTRA_OECONF:class-native = "--prefix=/usr --exec-prefix=/usr --bindir=/usr/bin --sbindir=/usr/sbin --libdir=/usr/lib \
	--libexecdir=/usr/libexec --datadir=/usr/share --mandir=/usr/share/man --sysconfdir=/etc --localstatedir=/var"

do_install:class-native () {
	oe_runmake install DESTDIR=${D}${STAGING_DIR_NATIVE}
}

# Other distributions' packaging glue.
do_install:append:class-target () {
	rm -rf ${D}${datadir}/${BPN}/debhelper ${D}${datadir}/${BPN}/gentoo ${D}${datadir}/${BPN}/rpm
}

PACKAGES =+ "${PN}-module ${PN}-manifests ${PN}-build"
FILES:${PN}-module = "${nonarch_libdir}/${BPN}"
FILES:${PN}-manifests = "${datadir}/${BPN}/manifests"
FILES:${PN}-build = "${bindir}/add-plugin-note ${bindir}/*-plugin-manifest"
FILES:${PN} += "${datadir}/zsh ${sysconfdir}/bash_completion.d"
CONFFILES:${PN} = "${sysconfdir}/prelink.conf"
SUMMARY:${PN}-module = "Run-time module of prelink-plugins, for images that are prelinked"
SUMMARY:${PN}-manifests = "Which program loads which plugins"
SUMMARY:${PN}-build = "Plugin notes for packages that are built, and manifests of interpreters"
RDEPENDS:${PN} = "${PN}-module"
RRECOMMENDS:${PN}-module = "${PN}-manifests"
# Each describes the interpreter that it is written for, and is of no use without it.
INSANE_SKIP:${PN}-build = "file-rdeps"
INSANE_SKIP:${PN}-module = "libdir"

# The module is glibc's.
COMPATIBLE_HOST:libc-musl:class-target = "null"

BBCLASSEXTEND = "native"
