#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Debian: a small package built with dh --with plugin-note has its notes, and a wrong manifest stops its build.

With LONG=1: this project's own packages, built with dpkg-buildpackage, installed in a debootstrapped root; the system
prelinked, with debsums finding nothing wrong; prelinked again after an upgrade by dpkg's trigger and apt's hook; a
real package (gawk) rebuilt with the addon; this package upgraded, and removed: every file is then what it was."""
import os
import re
import shutil

from harness import BUILD, compile_c, expect, expect_equal, need, notegen, run, scratch, skip, tool, write
from machine import HELPERS, Machine, apt_sources, tarball
from scratch_root import Unavailable, debootstrapped

MANIFEST = """manifest: 1
application: demo
hosts:
  - path: /usr/bin/demo
plugins:
  - feature: one
    path: /usr/lib/demo/*.so
"""
CONTROL = """Source: demo
Section: misc
Priority: optional
Maintainer: nobody <root@localhost>
Build-Depends: debhelper-compat (= 13)

Package: demo
Architecture: any
Depends: ${shlibs:Depends}
Description: demo
 A program with two plugins.
"""
RULES = """#!/usr/bin/make -f
%:
	dh $@ --with plugin_note
override_dh_auto_install:
	install -D demo debian/demo/usr/bin/demo
	install -D one.so debian/demo/usr/lib/demo/one.so
"""


def build_small(manifest, status=0):
    """Builds a package demo with MANIFEST; the directory in which it is unpacked, and what the build said."""
    top = scratch()
    source, bin_, perl = (os.path.join(top, name) for name in ("demo-1", "bin", "perl/Debian/Debhelper/Sequence"))
    for name in (source + "/debian", bin_, perl):
        os.makedirs(name)
    # As installed: addon and commands found by name.
    shutil.copy(HELPERS + "/debhelper/plugin_note.pm", perl)
    os.symlink(HELPERS + "/debhelper/dh_plugin_note", bin_ + "/dh_plugin_note")
    os.symlink(os.path.join(BUILD, "ebuild-helpers/add-plugin-note"), bin_ + "/add-plugin-note")
    os.symlink(tool("notegen"), bin_ + "/notegen")
    compile_c("int main(void) { return 0; }", source + "/demo", "-g")
    compile_c("int one(void) { return 1; }", source + "/one.so", "-shared", "-fPIC", "-g")
    write(source + "/debian/control", CONTROL)
    write(source + "/debian/rules", RULES)
    os.chmod(source + "/debian/rules", 0o755)
    write(source + "/debian/changelog", "demo (1) unstable; urgency=low\n\n  * demo\n\n"
                                        " -- nobody <root@localhost>  Mon, 02 Nov 2026 12:00:00 +0000\n")
    write(source + "/debian/demo.plugin-manifest", manifest)
    # The addon looks where packages install; a build elsewhere is told where its own manifests are.
    if PKGDATA != "/usr/share/prelink-plugins":
        write(source + "/debian/rules", RULES + "override_dh_plugin_note:\n\tdh_plugin_note -- --manifest-dir "
              "debian/demo/usr/share/prelink-plugins/manifests\n")
    done = run(["dpkg-buildpackage", "-us", "-uc", "-b", "-d"], status=status, cwd=source,
               env={**os.environ, "PATH": bin_ + ":" + os.environ["PATH"], "PERL5LIB": top + "/perl", "LC_ALL": "C"})
    if status == 0:
        deb = next(name for name in os.listdir(top) if name.startswith("demo_"))
        run(["dpkg-deb", "-R", os.path.join(top, deb), top + "/unpacked"])
    return top + "/unpacked", done.stdout + done.stderr


def check_addon():
    unpacked, _ = build_small(MANIFEST)
    expect("/usr/lib/demo/*.so" in notegen("show", unpacked + "/usr/bin/demo").stdout, "the package has no note")
    expect(os.path.exists(unpacked + "/usr/share/prelink-plugins/manifests/demo.yaml"), "no manifest in the package")
    expect(".debug_info" not in run(["readelf", "-SW", unpacked + "/usr/bin/demo"]).stdout, "the program is not stripped")
    run(["md5sum", "-c", "--quiet", "DEBIAN/md5sums"], cwd=unpacked)
    _, said = build_small(MANIFEST.replace("feature", "feture"), status=2)
    expect("unknown key" in said and "dh_plugin_note" in said, f"a wrong manifest: {said[-600:]}")


def install(machine, version):
    """Installs this project's packages of VERSION from /files; what that says."""
    return machine.run("apt-get install -y -qq --no-install-recommends "
                f"/files/prelink-plugins_{version}_*.deb /files/dh-plugin-note_{version}_all.deb")


def check_lifecycle():
    machine = Machine(debootstrapped())
    packages = scratch("packages-")
    run([HELPERS + "/debian/build", tarball(), packages])
    for name in os.listdir(packages):
        if name.endswith(".deb") and "dbgsym" not in name:
            shutil.copy(os.path.join(packages, name), machine.files)
    apt_sources(machine, source=True)
    machine.run("apt-get install -y -qq --no-install-recommends debsums cron python3-minimal libxml2 bash-completion zsh")
    before = machine.sums("/usr")
    said = install(machine, "0.1")
    expect("Nothing is prelinked yet" in said, f"nobody says that it is off: {said[-800:]}")
    check_installed(machine)
    maintain = "/usr/libexec/prelink-plugins/prelink-maintain"
    machine.run(f"{maintain} --mark-pending; test ! -e /var/lib/prelink/pending")  # off until somebody says yes

    machine.run("sed -i s/^PRELINKING=.*/PRELINKING=yes/ /etc/default/prelink; touch /var/log/prelink")
    machine.run("JOURNAL_STREAM=1 /etc/cron.daily/prelink >/tmp/log 2>&1 || { cat /tmp/log; exit 1; }")
    first = machine.sums("/usr")
    changed = sorted(path for path in before if first.get(path) != before[path])
    print(f"debootstrapped root: {len(changed)} files prelinked")
    expect(len(changed) > 100, f"only {len(changed)} files were prelinked: {machine.run('cat /tmp/log')[-2000:]}")
    machine.run("debsums -s")
    print("debsums: nothing wrong with the prelinked system")
    said = machine.run("debsums -s --no-prelink", status=None)
    expect("changed file" in said or "FAILED" in said, "debsums does not look at contents")

    # An upgrade: dpkg's trigger remembers, apt's hook prelinks.
    machine.run("apt-get install -y -qq --no-install-recommends bc")
    expect(machine.run("test -e /var/lib/prelink/pending && echo pending || echo done").strip() == "done",
           "apt's hook did not run after packages changed")
    machine.run("prelink -y --md5 /usr/bin/bc")
    expect("/usr/bin/bc" in machine.run("prelink -p"), "bc, newly installed, is not in the cache of prelink")

    check_rebuild(machine)

    # Upgrade: repacked under another number, as prelinking must be the same throughout.
    for name in ("prelink-plugins", "dh-plugin-note"):
        machine.run(f"cd /tmp; dpkg-deb -R /files/{name}_0.1_*.deb {name}; "
                    f"sed -i 's/^Version: .*/Version: 0.2/' {name}/DEBIAN/control; dpkg-deb -b {name} /files/")
    kept = machine.sums("/usr/bin")
    install(machine, "0.2")
    after = machine.sums("/usr/bin")
    undone = [path for path in changed if path in after and after[path] == before[path] != kept[path]]
    expect(not undone, f"an upgrade took prelinking back: {undone[:5]}")

    said = machine.run("apt-get remove -y -qq prelink-plugins dh-plugin-note")
    last = machine.sums("/usr")
    differ = sorted(path for path in before if path in last and last[path] != before[path]
                    and not re.search(r"__pycache__|/gawk|/usr/share/info/dir", path))
    expect_equal(differ, [], f"files that are not as before after removal ({said[-500:]})")
    print(f"removed: all of {len([path for path in before if path in last])} files are what they were")
    machine.run("debsums -s; bc --version >/dev/null")
    machine.run("apt-get purge -y -qq prelink-plugins; test ! -e /var/lib/prelink -a ! -e /etc/prelink.cache -a ! -e /etc/prelink.cache.seen")


def check_installed(machine):
    """Beside what else has files of our names: nothing is in conflict, and shells find our completions."""
    said = machine.run("dpkg --audit; "
                       "for f in $(dpkg -L prelink-plugins dh-plugin-note | sort | uniq); do "
                       '[ -d "$f" ] || [ "$(dpkg -S "$f" | grep -c :)" = 1 ] || echo "$f"; done')
    expect_equal(said.strip(), "", "files that two packages have")
    said = machine.run("bash -c '. /usr/share/bash-completion/bash_completion; complete -p prelink; _prelink_plugins; echo $?; "
                       "complete -p prelink; _completion_loader notegen; complete -p notegen'").split("\n")
    expect_equal(said[1:4], ["124", "complete -F _prelink prelink", "complete -F _notegen notegen"], "bash's completions")
    said = machine.run("zsh -c 'autoload -U compinit; compinit -u; whence -v $_comps[prelink]; "
                       "autoload +X _prelink && functions _prelink | grep -c without-plugins'")
    expect(int(said.split()[-1]) > 0, f"zsh's completion of prelink: {said}")
    said = machine.run("cat /usr/share/doc/prelink-plugins/README.Debian; zcat -f /usr/share/doc/prelink-plugins/README*")
    expect("randomisation" in said and "PRELINKING=yes" in said, "the package explains nothing")
    machine.run("apt-get install -y -qq --no-install-recommends lintian")
    said = machine.run("lintian --allow-root /files/prelink-plugins_0.1_*.deb /files/dh-plugin-note_0.1_*.deb",
                       status=None)
    print(f"lintian: {said}")
    expect(not re.search(r"^[EW]:", said, re.M), f"lintian complains: {said}")


def check_rebuild(machine):
    """gawk, which loads extensions, from the archive's source with the addon."""
    write(machine.files + "/gawk.plugin-manifest", """manifest: 1
application: gawk
hosts:
  - path: /usr/bin/gawk
plugins:
  - feature: extensions
    path: /usr/lib/*/gawk/*.so
""")
    machine.run("""
cd /root; apt-get install -y -qq --no-install-recommends dpkg-dev build-essential fakeroot >/dev/null
apt-get build-dep -y -qq --no-install-recommends gawk >/dev/null
apt-get source -qq gawk >/dev/null
cd gawk-*/; cp /files/gawk.plugin-manifest debian/
sed -i '0,/^Build-Depends:/s//Build-Depends: dh-sequence-plugin-note,/' debian/control
DEB_BUILD_OPTIONS='nocheck parallel=2' dpkg-buildpackage -us -uc -b >/tmp/build.log 2>&1 || { tail -30 /tmp/build.log; exit 1; }
apt-get install -y -qq --allow-downgrades --reinstall /root/gawk_*.deb
""")
    shown = machine.run("notegen show /usr/bin/gawk")
    expect("/usr/lib/*/gawk/*.so" in shown, f"gawk, rebuilt with the addon, has the note {shown!r}")
    answer = machine.run("gawk -l ordchr 'BEGIN { print chr(65) }'").strip()
    expect_equal(answer, "A", "gawk with an extension")
    machine.run("prelink -y --md5 /usr/bin/gawk; debsums -s gawk")
    print("gawk rebuilt with the addon: note there, prelinked on installation, debsums content")


def package_data():
    text = open(os.path.join(BUILD, "ebuild-helpers/add-plugin-note")).read()
    return re.search(r"--manifest-dir (/\S+)/manifests", text)[1]


PKGDATA = package_data()
need("dh", "dpkg-buildpackage", "dpkg-deb")
check_addon()
if os.environ.get("LONG"):
    need("unshare", "mount")
    try:
        check_lifecycle()
    except Unavailable as error:
        skip(str(error))
else:
    print("installation, upgrade and removal of this project's own package: with LONG=1")
