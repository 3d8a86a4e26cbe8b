#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""add-plugin-note on install images: where it finds the image, quiet where there is nothing to do, manifests of the
system and of the package itself, --strict, the running system refused; and Gentoo's eclass and bashrc hook under a
stub of the phase environment."""
import os
import shutil

from harness import BUILD, SOURCE, compile_c, expect, expect_equal, fail, notegen, read, run, scratch, tool, write

HELPER = os.path.join(BUILD, "ebuild-helpers/add-plugin-note")
GENTOO = os.path.join(SOURCE, "ebuild-helpers/gentoo")
MANIFEST = """manifest: 1
application: demo
hosts:
  - path: /usr/bin/{name}
plugins:
  - feature: one
    path: /usr/lib/{name}/*.so
"""


class Images:
    """Install images with a program, made in one directory."""

    def __init__(self):
        self.top = scratch()
        self.program = compile_c("int main(void) { return 0; }", os.path.join(self.top, "program"))
        self.manifests = os.path.join(self.top, "manifests")
        os.mkdir(self.manifests)
        write(self.manifests + "/demo.yaml", MANIFEST.format(name="demo"))
        self.environment = {"PATH": os.environ["PATH"], "NOTEGEN": tool("notegen")}
        self.count = 0

    def new(self, program="demo"):
        self.count += 1
        image = os.path.join(self.top, f"image {self.count}'s")
        os.makedirs(image + "/usr/bin")
        shutil.copy(self.program, f"{image}/usr/bin/{program}")
        return image

    def add(self, *arguments, status=0, **environment):
        return run([HELPER, *arguments], status=status, env={**self.environment, **environment})


def has_note(image, program="demo"):
    return "/usr/lib/" + program in notegen("show", f"{image}/usr/bin/{program}", status=None).stdout


def check_images(images):
    for variable in ("ED", "D", "RPM_BUILD_ROOT", "DESTDIR", None):
        image = images.new()
        arguments = ["--strict", "--manifest-dir", images.manifests] + ([] if variable else [image])
        done = images.add(*arguments, **({variable: image + "/"} if variable else {}))
        expect_equal(done.stdout + done.stderr, "", f"what it says with {variable}")
        expect(has_note(image), f"no note in the image named by {variable}")
        before = read(image + "/usr/bin/demo")
        images.add(*arguments, **({variable: image} if variable else {}))
        expect_equal(read(image + "/usr/bin/demo"), before, "the program after a second time")
    other, first = images.new(), images.new()
    images.add("--manifest-dir", images.manifests, ED=first, D=other)
    expect(has_note(first) and not has_note(other), "ED does not come before D")


def check_nothing_to_do(images):
    image = images.new("unrelated")
    done = images.add("--strict", "--manifest-dir", images.manifests, image)
    expect_equal((done.stdout, done.stderr), ("", ""), "what it says where there is nothing to do")
    expect_equal(read(image + "/usr/bin/unrelated"), read(images.program), "a program of no manifest")


def check_own_manifest(images):
    image = images.new("own")
    directory = image + PKGDATA + "/manifests"
    os.makedirs(directory)
    write(directory + "/own.yaml", MANIFEST.format(name="own"))
    images.add("--strict", image)
    expect(has_note(image, "own"), "the package's own manifest was not used")
    image = images.new()
    done = images.add("-v", "-n", "--manifest", images.manifests + "/demo.yaml", image)
    expect("/usr/bin/demo" in done.stdout and not has_note(image), f"-n -v: {done.stdout!r}")


def check_failure(images):
    """A host that cannot take a note: its section header table points outside."""
    image = images.new()
    path = image + "/usr/bin/demo"
    data = bytearray(read(path))
    data[40:48] = (len(data) + 4096).to_bytes(8, "little")
    write(path, bytes(data))
    done = images.add("--strict", "--manifest-dir", images.manifests, image, status=1)
    expect("add-plugin-note: " in done.stderr and path in done.stderr, f"--strict: {done.stderr}")
    done = images.add("--manifest-dir", images.manifests, image)
    expect("works without" in done.stderr, f"without --strict: {done.stderr}")
    expect_equal(read(path), bytes(data), "a file that cannot take a note")


def check_usage(images):
    for arguments, status, says in (([], 2, "no install image"), (["/"], 1, "running system"),
                                    (["//."], 1, "running system"), (["/nonexistent"], 1, "not a directory"),
                                    (["--nonsense"], 2, "usage"), (["a", "b"], 2, "usage"), (["--manifest"], 2, "usage")):
        expect(says in images.add(*arguments, status=status).stderr, f"{arguments} does not say {says!r}")
    image = images.new()
    done = images.add(image, status=1, NOTEGEN="/nonexistent/notegen")
    expect("command not found" in done.stderr, done.stderr)


# What Portage gives an ebuild, as far as the eclass and the hook use it.
PHASES = r"""
die() { echo "die: $*" >&2; exit 1; }
ewarn() { echo "ewarn: $*" >&2; }
default() { mkdir -p "$D/usr/bin" && cp "$PROGRAM" "$D/usr/bin/$PN"; }
insinto() { INSINTO=$1; }
newins() { mkdir -p "$D$INSINTO" && cp "$1" "$D$INSINTO/$2"; }
EXPORT_FUNCTIONS() { local f; for f; do eval "$f() { ${ECLASS}_$f \"\$@\"; }"; done; }
inherit() { ECLASS=$1; source "$GENTOO/$1.eclass"; }
"""


def check_gentoo(images):
    helpers = os.path.join(images.top, "bin")
    os.mkdir(helpers)
    # As installed: found by name, the system's manifests in their place.
    write(helpers + "/add-plugin-note", f'#!/bin/sh\nexec "{HELPER}" --manifest-dir "{images.manifests}" "$@"\n')
    os.chmod(helpers + "/add-plugin-note", 0o755)
    environment = {**images.environment, "PATH": helpers + ":" + os.environ["PATH"], "PROGRAM": images.program,
                   "GENTOO": GENTOO, "EAPI": "8"}

    def phase(script, name, status=0, **more):
        image = os.path.join(images.top, f"gentoo-{images.count}")
        images.count += 1
        os.mkdir(image)
        done = run(["bash", "-c", PHASES + script], status=status,
                   env={**environment, "D": image, "ED": image, "PN": name, **more})
        return image, done

    # The eclass: an ebuild that inherits it, one that says what it does itself, one with a manifest of its own.
    image, _ = phase("inherit plugin-note; src_install", "demo")
    expect(has_note(image), "the eclass's src_install added no note")
    image, _ = phase("inherit plugin-note; src_install() { default; plugin-note_add; }; src_install", "demo")
    expect(has_note(image), "plugin-note_add added no note")
    own = os.path.join(images.top, "own.yaml")
    write(own, MANIFEST.format(name="mine"))
    image, _ = phase('inherit plugin-note; src_install() { default; doplugin-manifest "$OWN"; plugin-note_add; }; '
                     "src_install", "mine", OWN=own)
    expect(os.path.exists(f"{image}/usr/share/prelink-plugins/manifests/mine.yaml"), "doplugin-manifest: no manifest")
    if PKGDATA == "/usr/share/prelink-plugins":
        expect(has_note(image, "mine"), "doplugin-manifest: no note")
    _, done = phase("inherit plugin-note", "demo", status=1, EAPI="5")
    expect("EAPI 5 not supported" in done.stderr, done.stderr)

    # The hook: alone, beside one that was there already, switched off, and where adding fails.
    source = 'source "$GENTOO/plugin-note.bashrc"; default; post_src_install'
    image, _ = phase(source, "demo")
    expect(has_note(image), "the bashrc hook added no note")
    image, done = phase("post_src_install() { echo earlier; }; " + source, "demo")
    expect(has_note(image) and done.stdout == "earlier\n", f"beside another hook: {done.stdout!r}")
    image, _ = phase(source, "demo", PLUGIN_NOTE="no")
    expect(not has_note(image), "PLUGIN_NOTE=no")
    image, done = phase(source, "other")
    expect_equal(done.stdout + done.stderr, "", "the hook where there is nothing to do")
    broken = os.path.join(images.top, "broken")
    data = bytearray(read(images.program))
    data[40:48] = (len(data) + 4096).to_bytes(8, "little")
    write(broken, bytes(data))
    phase(source, "demo", PROGRAM=broken)
    _, done = phase(source, "demo", PROGRAM=broken, PLUGIN_NOTE_STRICT="yes", status=1)
    expect("die: adding plugin notes failed" in done.stderr, done.stderr)
    _, done = phase("inherit plugin-note; src_install", "demo", PROGRAM=broken, status=1)
    expect("die: adding plugin notes failed" in done.stderr, done.stderr)


def package_data():
    """$(pkgdatadir), as the script was built with."""
    for line in read(HELPER).decode().splitlines():
        if "--manifest-dir /" in line:
            return line.split("--manifest-dir ")[1].split("/manifests")[0]
    fail("add-plugin-note names no directory of manifests")
    return None


PKGDATA = package_data()
every = Images()
check_images(every)
check_nothing_to_do(every)
check_own_manifest(every)
check_failure(every)
check_usage(every)
check_gentoo(every)
