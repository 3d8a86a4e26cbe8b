#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What perl-, python-, ruby- and php-plugin-manifest print is a valid manifest, and names every file that the
interpreter itself says it can load; a virtual environment, a vendor directory, odd names.  Perl and Python are the
machine's own; Ruby and PHP are run in a root of their packages with LONG=1."""
import os
import re
import sys

import yaml

from harness import SOURCE, expect, expect_equal, need, notegen, run, scratch, write
from scratch_root import Unavailable, chroot, make

HELPERS = os.path.join(SOURCE, "ebuild-helpers/interpreters")


def manifest(name, *arguments, **keywords):
    """The manifest that interpreter NAME's command prints, checked by notegen."""
    text = run([os.path.join(HELPERS, f"{name}-plugin-manifest"), *arguments], **keywords).stdout
    return checked(text)


def checked(text, root="/"):
    path = os.path.join(scratch(), "m.yaml")
    write(path, text)
    notegen("check", "--root", root, path)
    return yaml.safe_load(text)


def matches(pattern, path):
    """PATH against DIR/**/*.so, DIR taken literally but for its backslashes."""
    directory, rest = re.fullmatch(r"(.*?)((?:/\*\*)?/\*\.so)", pattern).groups()
    directory = re.sub(r"\\(.)", r"\1", directory)
    inside = path[len(directory):]
    return path.startswith(directory + "/") and inside.endswith(".so") and ("**" in rest or inside.count("/") == 1)


def expect_all(described, files, what):
    patterns = [entry["path"] for entry in described["plugins"]]
    expect(files, f"{what}: no file to look for")
    for path in files:
        expect(any(matches(pattern, path) for pattern in patterns), f"{what}: {path} is not in {patterns}")
    print(f"{what}: {len(files)} files, {len(patterns)} patterns, hosts {len(described['hosts'])}")


def check_python(directory):
    loaded = "import sys, %s\nprint('\\n'.join(sorted({m.__file__ for m in sys.modules.values() " \
             "if str(getattr(m, '__file__', '')).endswith('.so')})))"
    files = run(["/usr/bin/python3", "-c", loaded % "json, _ctypes, mmap, resource"]).stdout.split()
    expect_all(manifest("python", "/usr/bin/python3"), files, "python3")
    # A virtual environment, in a directory whose name is a pattern.
    venv = os.path.join(directory, "v{a,b}[c]*")
    run([sys.executable, "-m", "venv", "--without-pip", venv])
    packages = run([venv + "/bin/python", "-c", "import site; print(site.getsitepackages()[0])"]).stdout.strip()
    extension = packages + "/package/_x.so"
    os.makedirs(os.path.dirname(extension))
    write(extension, "")
    described = manifest("python", venv + "/bin/python")
    expect_all(described, [extension], "venv")
    expect(described["hosts"][0]["path"] == os.path.realpath(sys.executable), f"the venv's host: {described['hosts']}")
    expect(venv in described["application"], "a venv's manifest does not say whose it is")
    done = run([os.path.join(HELPERS, "python-plugin-manifest"), "/nonexistent/python"], status=1)
    expect("/nonexistent/python" in done.stderr and len(done.stderr.splitlines()) == 1, done.stderr)


def check_perl(directory):
    script = "for (qw(POSIX Socket Storable List::Util)) { eval qq{require $_} or die } " \
             "print map { qq{$_\\n} } @DynaLoader::dl_shared_objects"
    files = [os.path.realpath(path) for path in run(["/usr/bin/perl", "-e", script]).stdout.split()]
    expect_all(manifest("perl", "/usr/bin/perl"), files, "perl")
    vendor = os.path.join(directory, "vendor'\"dir")
    os.makedirs(vendor + "/auto/X")
    write(vendor + "/auto/X/X.so", "")
    described = manifest("perl", env={**os.environ, "PERL5LIB": vendor})
    expect_all(described, [vendor + "/auto/X/X.so"], "PERL5LIB")
    run([os.path.join(HELPERS, "perl-plugin-manifest"), "a", "b"], status=2)


def check_in_root():
    """Ruby and PHP, from their packages."""
    try:
        root = make("ruby", "ruby-json", "ruby-nokogiri", "php8.2-cli", "php8.2-xml")
    except Unavailable as error:
        print(f"ruby and php are left out: {error}")
        return
    for name, script, command in (
            ("ruby", "%w(json socket psych digest nokogiri).each { |n| require n }; "
                     "puts $LOADED_FEATURES.select { |f| f.end_with?('.so') && f.start_with?('/') }", ["ruby", "-e"]),
            ("php", "foreach (glob(ini_get('extension_dir') . '/*.so') as $f) echo \"$f\\n\";", ["php8.2", "-r"])):
        run(["cp", os.path.join(HELPERS, f"{name}-plugin-manifest"), root + "/tmp/"])
        done = chroot(root, "/usr/bin/" + ("php8.2" if name == "php" else name), f"/tmp/{name}-plugin-manifest")
        expect_equal(done.returncode, 0, f"{name}-plugin-manifest: {done.stderr}")
        files = chroot(root, *command, script).stdout.split()
        expect_all(checked(done.stdout, root), files, name)


need("perl")
scratch_directory = scratch()
check_python(scratch_directory)
check_perl(scratch_directory)
if os.environ.get("LONG"):
    check_in_root()
else:
    print("ruby and php: with LONG=1")
