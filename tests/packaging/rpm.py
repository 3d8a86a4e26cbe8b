#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""RPM, with Debian's rpm and rpmbuild: a package built with the build root policy, which rpm reads where the spec installs
it, in its turn, has its notes, after stripping, and a failure stops the build; then this project's own spec is built, installed in a root with a database of its own, its
file trigger prelinks what a transaction installs, contents verify by the recipe of prelink-maintain(8), and erasing
the package brings every file back."""
import fnmatch
import os
import re
import shutil

from harness import BUILD, compile_c, expect, expect_equal, need, notegen, prelink, run, scratch, skip, tool, write
from machine import HELPERS, tarball
from scratch_root import Unavailable, chroot, make

MANIFEST = """manifest: 1
application: demo
hosts:
  - path: /usr/bin/demo
plugins:
  - feature: one
    path: /usr/lib/demo/*.so
"""
SPEC = """Name: demo
Version: {version}
Release: 1
Summary: A program with a plugin
License: none
%global debug_package %{{nil}}
%description
%{{summary}}.
%install
install -D -m 755 {top}/demo %{{buildroot}}/usr/bin/demo
install -D -m 755 {top}/libdemo.so.1 %{{buildroot}}/usr/lib/libdemo.so.1
install -D -m 755 {top}/one.so %{{buildroot}}/usr/lib/demo/one.so
install -D -m 644 {top}/demo.yaml %{{buildroot}}{share}/manifests/demo.yaml
%files
/usr
{elsewhere}
"""


def macros_with(path):
    """rpm's list of macro files, with PATH in the turn that the file has where the spec installs it."""
    spec = open(HELPERS + "/rpm/prelink-plugins.spec").read()
    place = run(["rpm", "--eval", re.search(r"rpm/macros\.plugin-note %\{buildroot\}(\S+)", spec)[1]]).stdout.strip()
    patterns = re.search(r"Macro path: (.*)", run(["rpm", "--showrc"]).stdout)[1].split(":")
    turn = next((i for i, pattern in enumerate(patterns) if fnmatch.fnmatch(place, pattern)), None)
    expect(turn is not None, f"rpm does not read {place}, but {patterns}")
    return ":".join(patterns[:turn + 1] + [path] + patterns[turn + 1:])


class Builder:
    """rpmbuild with the macros and the policy as they are installed, and a program with a plugin."""

    def __init__(self):
        self.top = scratch()
        self.bin, self.policy = self.top + "/bin", self.top + "/rpm"
        os.mkdir(self.bin)
        os.mkdir(self.policy)
        os.symlink(os.path.join(BUILD, "ebuild-helpers/add-plugin-note"), self.bin + "/add-plugin-note")
        os.symlink(tool("notegen"), self.bin + "/notegen")
        with open(os.path.join(BUILD, "ebuild-helpers/rpm/macros.plugin-note")) as file:
            write(self.top + "/macros.plugin-note",
                  file.read().replace("%{_rpmconfigdir}/brp-plugin-note", HELPERS + "/rpm/brp-plugin-note"))
        compile_c("int demo(void) { return 1; } int (*pointer)(void) = demo;", self.top + "/libdemo.so.1", "-shared",
                  "-fPIC", "-Wl,-soname,libdemo.so.1")
        compile_c("#include <dlfcn.h>\n#include <stdio.h>\nint demo(void);\nint main(void) {"
                  'void *p = dlopen("/usr/lib/demo/one.so", RTLD_NOW); printf("%d %d\\n", demo(), '
                  'p ? ((int (*)(void))dlsym(p, "one"))() : -1); return 0; }', self.top + "/demo", "-g",
                  "-L" + self.top, "-l:libdemo.so.1")
        compile_c("int one(void) { return 1; } int (*pointer)(void) = one;", self.top + "/one.so", "-shared", "-fPIC", "-g")

    def build(self, spec, *options, status=0):
        """Builds SPEC; the packages made."""
        output = scratch("rpms-")
        done = run(["rpmbuild", "-bb", "--quiet", "--macros", macros_with(self.top + "/macros.plugin-note"), *options,
                    "--define", f"_topdir {self.top}/topdir", "--define", f"_rpmdir {output}",
                    "--define", f"_sourcedir {self.top}", "--define", "_build_id_links none", spec], status=status,
                   env={**os.environ, "PATH": self.bin + ":" + os.environ["PATH"], "HOME": self.top})
        self.said = done.stdout + done.stderr
        return [os.path.join(base, name) for base, _, names in os.walk(output) for name in names]

    def demo(self, manifest, version="1", **keywords):
        write(self.top + "/demo.yaml", manifest)
        elsewhere = "" if PKGDATA.startswith("/usr/") else PKGDATA + "/manifests/demo.yaml"
        write(self.top + "/demo.spec", SPEC.format(top=self.top, version=version, share=PKGDATA, elsewhere=elsewhere))
        return self.build(self.top + "/demo.spec", **keywords)


def check_policy(builder):
    package, = builder.demo(MANIFEST)
    image = scratch("image-")
    run(["sh", "-c", f"rpm2cpio {package} | (cd {image} && cpio -id --quiet)"])
    expect("/usr/lib/demo/*.so" in notegen("show", image + "/usr/bin/demo").stdout, f"no note: {builder.said}")
    expect(".debug_info" not in run(["readelf", "-SW", image + "/usr/bin/demo"]).stdout, "rpm did not strip")
    builder.demo(MANIFEST.replace("feature", "feture"), status=1)
    expect("unknown key" in builder.said, f"a wrong manifest: {builder.said}")
    write(builder.top + "/macros.plugin-note", open(builder.top + "/macros.plugin-note").read().replace("--strict", "%{nil}"))
    package, = builder.demo(MANIFEST.replace("feature", "feture"))
    expect("works without" in builder.said, f"without --strict: {builder.said}")
    return builder.demo(MANIFEST)[0]


def rpm(root, *arguments, status=0):
    return run(["rpm", "--root", root, "--dbpath", "/var/lib/rpm", "--nosignature", *arguments], status=status)


def files_of(root, *packages):
    """What rpm says of each file: name and SHA-256."""
    found = {}
    for line in rpm(root, "-q", "--dump", *packages).stdout.splitlines():
        words = line.split()
        if len(words) > 4 and words[3].strip("0") and len(words[3]) == 64:
            found[words[0]] = words[3]
    return found


def check_lifecycle(builder, demo):
    # This project's package, from its own spec.
    source = tarball()
    shutil.copy(source, builder.top)
    packages = builder.build(HELPERS + "/rpm/prelink-plugins.spec", "--nodeps", "--define", "_unitdir /usr/lib/systemd/system")
    main = next(path for path in packages if re.search(r"prelink-plugins-[0-9]", path))
    policy = next(path for path in packages if "prelink-plugins-build-" in path)
    listed = run(["rpm", "-qlp", policy]).stdout
    expect("brp-plugin-note" in listed and "macros.plugin-note" in listed, listed)
    root = make("small", "libelf1", "libyaml-0-2", "libjansson4", "libnettle8", "zlib1g")
    rpm(root, "--initdb")
    rpm(root, "-i", "--nodeps", main)
    os.makedirs(root + "/var/log", exist_ok=True)
    config = root + "/etc/sysconfig/prelink"
    text = open(config).read()
    write(config, text.replace("PRELINKING=no", "PRELINKING=yes"))
    before = {path: run(["sha256sum", root + path]).stdout[:64] for path in ("/usr/bin/bc", "/usr/bin/sed", "/usr/bin/bash")
              if os.path.exists(root + path)}
    done = chroot(root, "/usr/libexec/prelink-plugins/prelink-maintain", env={"JOURNAL_STREAM": "1"})
    expect_equal(done.returncode, 0, f"the first layout: {done.stdout}{done.stderr}")

    # A transaction that installs: the file trigger prelinks.
    rpm(root, "-i", "--nodeps", demo)
    for path in ("/usr/lib/libdemo.so.1", "/usr/lib/demo/one.so"):
        wanted = files_of(root, "demo")[path]
        seen = run(["sha256sum", root + path]).stdout[:64]
        expect(seen != wanted, f"{path} was not prelinked by the file trigger")
        recovered = prelink("--root", root, "-y", "--sha256", path).stdout[:64]
        expect_equal(recovered, wanted, f"prelink -y --sha256 {path}, against rpm --dump")
    done = chroot(root, "demo")
    expect_equal(done.stdout, "1 1\n", f"the prelinked program: {done.stderr}")

    # Verification: what rpm itself says, and the recipe of prelink-maintain(8), run as it is written there.
    said = rpm(root, "-V", "--nodeps", "--nomtime", "--nosize", "--nofiledigest", "demo").stdout
    expect_equal(said, "", "rpm -V without digests")
    recipe = recipe_of_manual().replace("rpm -qa --dump", f"rpm --root {root} --dbpath /var/lib/rpm -qa --dump") \
                               .replace('"$file"', f'"{root}$file"').replace("prelink -y", f"{tool('prelink')} --root {root} -y")
    expect_equal(run(["sh", "-c", recipe]).stdout, "", "the recipe, on an untouched system")
    with open(root + "/usr/lib/demo/one.so", "r+b") as file:
        file.seek(700)
        file.write(b"\x5a")
    said = run(["sh", "-c", recipe]).stdout
    expect("/usr/lib/demo/one.so differs" in said, f"the recipe, on a damaged file: {said!r}")
    rpm(root, "-U", "--nodeps", "--force", demo)

    # Erased: nothing stays prelinked.
    rpm(root, "-e", "--nodeps", "prelink-plugins")
    for path, wanted in files_of(root, "demo").items():
        expect_equal(run(["sha256sum", root + path]).stdout[:64], wanted, f"{path} after erasing prelink-plugins")
    for path, wanted in before.items():
        expect_equal(run(["sha256sum", root + path]).stdout[:64], wanted, f"{path} after erasing prelink-plugins")
    print(f"rpm: built, installed, triggered, verified, erased; {len(before)} programs of the root are what they were")


def recipe_of_manual():
    """The rpm recipe of prelink-maintain(8) as a shell script."""
    text = open(HELPERS + "/keep-fresh/prelink-maintain.8").read()
    script = re.search(r"\.nf\n(\s*rpm .*?)\.fi", text, re.S)[1]
    return script.replace("\\-", "-").replace("\\e", "\\")


def package_data():
    text = open(os.path.join(BUILD, "ebuild-helpers/add-plugin-note")).read()
    return re.search(r"--manifest-dir (/\S+)/manifests", text)[1]


PKGDATA = package_data()
need("rpmbuild", "rpm", "rpm2cpio", "cpio")
every = Builder()
built = check_policy(every)
if os.environ.get("LONG"):
    try:
        check_lifecycle(every, built)
    except Unavailable as error:
        skip(str(error))
else:
    print("installation, file trigger, verification and removal: with LONG=1")
