#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Where nothing may be replaced, nothing is begun: immutable and append-only files and directories, signed files.  Files
that -o, --report and -C name are new ones, with no set-user-id bit of what was there.  What a killed run left is swept
where the cache is, too.  A name that a mount hides does not keep the others prelinked; one that a mount shows twice
counts once.  Who may not make the lock goes without."""
import os
import shutil
import subprocess
import sys

import graph
from harness import compile_c, expect, expect_equal, need, prelink, read, run, scratch, skip, tool, write
from named_files import NAMED_FILES
from whole_root import expect_no_temporaries, temporaries

if os.geteuid() != 0:
    skip("owners, signatures and chattr take the root user")
need("chattr", "setpriv")
if "GUARDED_NAMESPACE" not in os.environ:
    if subprocess.run(["unshare", "-m", "true"], check=False, capture_output=True).returncode:
        skip("mounting needs a mount namespace")
    os.environ["GUARDED_NAMESPACE"] = "1"
    os.execvp("unshare", ["unshare", "-m", sys.executable, *sys.argv])

# A file system where each file has a name, and a SIGKILL before the first rename.
SHIM = NAMED_FILES + """
#include <signal.h>
#include <unistd.h>
int renameat(int a, const char *b, int c, const char *d)
{
	return kill(getpid(), SIGKILL);
}
"""
where = os.path.realpath(scratch())
root = graph.Root(where + "/root")
DIRECTORIES = {"append": "+a", "immutable": "+i"}
guarded = [root.library(f"l{name}", directory=f"/usr/lib/{name}") for name in DIRECTORIES
           if not os.makedirs(f"{root.path}/usr/lib/{name}", exist_ok=True)]
fixed, signed, evm, plain = (root.library(name) for name in ("fixed", "signed", "evm", "plain"))
root.program("prog", [plain])


def chattr(flags, *paths):
    done = run(["chattr", flags, *(root.path + path for path in paths)], status=None)
    if done.returncode:
        skip("chattr does not work on the file system of TEST_TMPDIR")


def set_flags(sign):
    for name, flag in DIRECTORIES.items():
        chattr(sign + flag[1:], f"/usr/lib/{name}")
    chattr(sign + "i", fixed)


def changed(old):
    return {path for path, data in old.items() if read(root.path + path) != data}


every = [*guarded, fixed, signed, evm, plain]
old = {path: read(root.path + path) for path in every}
for path, attribute in ((signed, "security.ima"), (evm, "security.evm")):
    try:
        os.setxattr(root.path + path, attribute, b"\1" * 21)
    except OSError as error:
        skip(f"{attribute}: {error}")
set_flags("+")
try:
    said = prelink("--root", root.path, "-a", "-v").stdout
    expect_equal(changed(old), {plain}, "files that changed")
    expect_no_temporaries(root.path)
    for path in set(every) - {plain}:
        why = "signed" if path in (signed, evm) else "(chattr)"
        expect(any(path in line and why in line for line in said.split("\n")), f"{path} is not listed:\n{said}")
finally:
    set_flags("-")
prelink("--root", root.path, "-a", "--with-unsafe")
expect_equal(changed(old), set(every), "files that changed with all allowed")
expect_equal(os.getxattr(root.path + signed, "security.ima"), b"\1" * 21, "the signature, which undoing makes true again")
set_flags("+")
try:
    done = prelink("--root", root.path, "-ua", status=1)
    expect_equal(changed(old), {*guarded, fixed}, "files that could not be undone")
    expect_equal(done.stderr.count("(chattr)"), 3, f"files named, in {done.stderr}")
    expect_no_temporaries(root.path)
finally:
    set_flags("-")
prelink("--root", root.path, "-a")

# What is named on the command line.
victim, page = where + "/victim", where + "/page"
for path in victim, page, root.path + "/etc/prelink.cache":
    write(path, "x")
    os.chown(path, 1234, 0)
    os.chmod(path, 0o6755)
prelink("--root", root.path, "-f", "-a")
prelink("--root", root.path, "-u", "-o", victim, plain)
prelink("--root", root.path, "--report", page)
expect(read(victim) == old[plain], "-o did not write the original")
for path in victim, page, root.path + "/etc/prelink.cache":
    status = os.stat(path)
    expect(status.st_mode & 0o6000 == 0 and status.st_uid == 0, f"{path} has its old mode or owner: {oct(status.st_mode)}")

# The cache is where nobody walks.
os.makedirs(root.path + "/var/lib/elsewhere")
shim = compile_c(SHIM, where + "/shim.so", "-shared", "-fPIC", "-ldl")
cache = ["-C", "/var/lib/elsewhere/prelink.cache"]
for _ in range(3):
    done = prelink("--root", root.path, "-a", *cache, env={**os.environ, "LD_PRELOAD": shim}, status=None)
    expect_equal((done.returncode, len(temporaries(root.path))), (-9, 1), "exit status and what was left")
prelink("--root", root.path, "-a", *cache)
expect_no_temporaries(root.path)

# One file with a name that a mount hides, then one whose directory a mount shows twice.
prelink("--root", root.path, "-ua")
for name in "a", "b", "cover":
    os.makedirs(f"{root.path}/usr/lib/{name}")
one, two = root.path + "/usr/lib/a/libplain.so", root.path + "/usr/lib/b/libplain.so"
shutil.move(root.path + plain, one)
os.link(one, two)
prelink("--root", root.path, "-a")
expect(read(one) != old[plain], "the file with two names was not prelinked")
run(["mount", "--bind", root.path + "/usr/lib/cover", root.path + "/usr/lib/b"])
done = prelink("--root", root.path, "-ua", status=1)
expect("2 hard links" in done.stderr and "1 of them" in done.stderr, f"the hidden name is not said: {done.stderr}")
expect(read(one) == old[plain], "the name that is not hidden was not undone")
prelink("--root", root.path, "-ua")
run(["umount", root.path + "/usr/lib/b"])
expect(read(two) != old[plain], "the hidden name was undone")
prelink("--root", root.path, "-ua")
expect(read(two) == old[plain], "the name that was hidden was not undone")
os.unlink(two)
os.link(one, two)
run(["mount", "--bind", root.path + "/usr/lib/a", root.path + "/usr/lib/cover"])
prelink("--root", root.path, "-a")
expect(read(one) != old[plain] and os.path.samefile(one, two), "a directory that is shown twice")
prelink("--root", root.path, "-ua")
expect(read(one) == read(two) == old[plain], "it was not undone with a directory that is shown twice")
run(["umount", root.path + "/usr/lib/cover"])

# A layered file system makes copies of what it is to change, of each name one.
layers = where + "/layers"
os.mkdir(layers)
run(["mount", "-t", "tmpfs", "none", layers])
for name in "lower", "upper", "work", "all":
    os.mkdir(f"{layers}/{name}")
shutil.copytree(root.path, layers + "/lower/root", symlinks=True)
layered = [layers + "/all/root" + path.removeprefix(root.path) for path in (one, two)]
os.unlink(layers + "/lower/root" + two.removeprefix(root.path))
os.link(layers + "/lower/root" + one.removeprefix(root.path), layers + "/lower/root" + two.removeprefix(root.path))
if run(["mount", "-t", "overlay", "-o", f"lowerdir={layers}/lower,upperdir={layers}/upper,workdir={layers}/work", "none",
        layers + "/all"], status=None).returncode:
    print("overlayfs was not tried: it cannot be mounted here")
else:
    prelink("--root", layers + "/all/root", "-a")
    expect(os.path.samefile(*layered) and read(layered[0]) != old[plain], "hard links of a lower layer")
    prelink("--root", layers + "/all/root", "-ua")
    expect(os.path.samefile(*layered) and read(layered[0]) == old[plain], "hard links of a lower layer, undone")
run(["umount", "-R", layers])

# Somebody without rights, in a directory of his own in the root.
shutil.rmtree(root.path + "/run", ignore_errors=True)  # of those that were killed
os.chmod(where, 0o755)
os.chmod(root.path, 0o755)
os.mkdir(root.path + "/own")
mine = shutil.copy(one, root.path + "/own/libown.so")
for path in (root.path + "/own", mine):
    os.chown(path, 65534, 65534)
    os.chmod(path, 0o755)
program = shutil.copy(tool("prelink"), where + "/prelink")
run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", program, "--root", root.path, "-N", mine])
expect(read(mine) != old[plain] and not os.path.exists(root.path + "/run"), "who may not make the lock")
print(f"{len(every)} files in all states, 3 new files, 3 leftovers, 2 mounts")
