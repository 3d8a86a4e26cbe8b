#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""LONG=1: a prelinked program that initramfs-tools, or dracut, copies into an initramfs says nothing there, with the hook of
each: the module comes with it, and takes the fast path.  Without the hook ld.so complains."""
import os
import shutil

import rooted
import whole_root
from harness import BUILD, compile_c, expect, expect_equal, prelink, skip, write

if not os.environ.get("LONG"):
    skip("LONG=1 installs initramfs-tools and dracut in a scratch root")
if os.geteuid() != 0:
    skip("scratch roots need the root user")
HELPERS = BUILD + "/ebuild-helpers/keep-fresh"
root = whole_root.root_of("initramfs-tools-core", "dracut-core", "coreutils")
os.makedirs(root + "/opt/early")
LINKS = "for d in bin lib lib64 sbin; do mkdir -p $1/usr/$d; ln -s usr/$d $1/$d; done\n"  # as both do when they begin
TABLE = "static int f(void) { return 1; } int (*table[40000])(void) = { [0 ... 39999] = f };\n"  # so that a plan pays
compile_c(TABLE + "int pays(void) { return table[9](); }", root + "/opt/early/libpays.so", "-shared", "-fPIC", "-Wl,-soname,libpays.so")
compile_c("int pays(void); int puts(const char *); int main(void) { return puts(pays() ? \"early\" : \"\") < 0; }", root + "/opt/early/program",
          f"-L{root}/opt/early", "-lpays", "-Wl,-rpath,/opt/early")
expect("/opt/early/program: plan:" in prelink("--root", root, "-v", "/opt/early").stdout, "the program has no plan")
for source, place in ("initramfs-hook", "usr/share/initramfs-tools/hooks/prelink-plugins"), \
        ("dracut-module", "usr/lib/dracut/modules.d/50prelink-plugins/module-setup.sh"):
    os.makedirs(os.path.dirname(f"{root}/{place}"), exist_ok=True)
    shutil.copy(f"{HELPERS}/{source}", f"{root}/{place}")
    os.chmod(f"{root}/{place}", 0o755)
write(root + "/initramfs", LINKS + """
. /usr/share/initramfs-tools/hook-functions
export DESTDIR=$1 verbose=n
copy_exec /opt/early/program
[ -z "$2" ] || /usr/share/initramfs-tools/hooks/prelink-plugins
""")
write(root + "/dracut", LINKS + """
export initdir=$1 dracutbasedir=/usr/lib/dracut DRACUT_LDCONFIG=true loginstall= dracutsysrootdir= DRACUT_INSTALL=/usr/lib/dracut/dracut-install
. $dracutbasedir/dracut-functions.sh >/dev/null 2>&1; . $dracutbasedir/dracut-init.sh 2>/dev/null
inst_binary /opt/early/program 2>/dev/null || $DRACUT_INSTALL -D $initdir -l /opt/early/program
[ -z "$2" ] || (. /usr/lib/dracut/modules.d/50prelink-plugins/module-setup.sh; check && install)
""")
for maker, shell in ("initramfs", "/bin/sh"), ("dracut", "/bin/bash"):
    for hook in "", "with the hook":
        copy = f"/copy-{maker}{'-hook' * bool(hook)}"
        made = rooted.start(root, [shell, "/" + maker, copy, hook])
        expect(os.path.exists(f"{root}{copy}/opt/early/program"), f"{maker} {hook} copied nothing: {made.stdout}{made.stderr}")
        done = rooted.start(root + copy, ["/opt/early/program"])
        expect_equal((done.returncode, done.stdout), (0, "early\n"), f"{maker} {hook}")
        expect_equal("cannot be loaded as audit interface" in done.stderr, not hook, f"ld.so complains, {maker} {hook}: {done.stderr}")
    levels = rooted.levels_of(rooted.start(root + copy, ["/opt/early/program"], PRELINK_RTLD="verbose"))
    expect(("/opt/early/libpays.so", "full", "") in levels, f"{maker}: not on the fast path: {levels}")
print("a prelinked program runs as ever in the initramfs of initramfs-tools and of dracut")
