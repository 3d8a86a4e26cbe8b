#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""prelink -y, its digests, -u and -o on a small root; a file that somebody changed since is refused and
left untouched; mode, owner, times, links and attributes survive."""
import hashlib
import os
import resource
import shutil

from harness import compile_c, expect, expect_equal, prelink, read, run, scratch, write
from rewriting import build_library

root = scratch()
library = root + "/usr/lib/x86_64-linux-gnu"
os.makedirs(library)
os.makedirs(root + "/usr/bin")
os.makedirs(root + "/etc")
for name in ("lib", "bin"):
    os.symlink("usr/" + name, f"{root}/{name}")
os.mkdir(root + "/lib64")
for name in ("libc.so.6", "libm.so.6", "libz.so.1"):
    shutil.copy2(f"/lib/x86_64-linux-gnu/{name}", f"{library}/{name}")
shutil.copy2("/lib64/ld-linux-x86-64.so.2", root + "/lib64")
answer = build_library(library + "/libanswer.so", "-Wl,-soname,libanswer.so", "-lz", "-Wl,--no-as-needed", "-lm")
program = compile_c("int answer(void); int main(void) { return answer() == 42 ? 0 : 1; }", root + "/usr/bin/program",
                    "-L" + library, "-lanswer", "-Wl,--allow-shlib-undefined")
write(root + "/etc/prelink.conf", "-l /usr/bin\n-l /usr/lib\n")
os.link(answer, library + "/linked.so")
os.chmod(answer, 0o751)
os.utime(answer, (1_000_000_000, 1_111_111_111))
if os.getuid() == 0:
    os.chown(answer, 7, 8)
os.setxattr(answer, "user.kept", b"yes")

targets = [answer, library + "/libc.so.6", library + "/libm.so.6", library + "/libz.so.1"]
originals = {path: read(path) for path in [*targets, program]}


def inside(path):
    return path[len(root):]


def attributes(path):
    status = os.stat(path)
    return (status.st_mode, status.st_uid, status.st_gid, status.st_mtime_ns, status.st_nlink,
            os.listxattr(path), os.path.samefile(answer, library + "/linked.so"))


before = {path: attributes(path) for path in targets}
prelink("--root", root, "-a")
for path in targets:
    expect(read(path) != originals[path], f"{path} was not prelinked")
    expect_equal(attributes(path), before[path], f"{path}: attributes")

# Verified, and the original's digest; a file that is not prelinked is its own original.
for option, algorithm in (("--md5", "md5"), ("--sha", "sha1"), ("--sha256", "sha256")):
    for path in [*targets, program]:
        wanted = hashlib.new(algorithm, originals[path]).hexdigest()
        seen = prelink("--root", root, "-y", option, inside(path)).stdout
        expect(seen.split()[0] == wanted and seen.split()[1].endswith(inside(path)), f"{path} {option}: {seen}")
for path in targets:
    expect_equal(prelink("--root", root, "-y", inside(path), text=False, errors=None).stdout, originals[path],
                 f"-y {path}")

# The same from two runs, with any number of threads.
prelinked = {path: read(path) for path in targets}
prelink("--root", root, "-ua")
for path in targets:
    expect_equal(read(path), originals[path], f"-ua: {path}")
    expect_equal(attributes(path), before[path], f"-ua: {path}: attributes")
prelink("--root", root, "-a", "-j", "3")
expect_equal({path: read(path) for path in targets}, prelinked, "prelinked again")

# Undone elsewhere.
out = os.path.join(scratch(), "original")
prelink("--root", root, "-u", "-o", out, inside(answer))
expect_equal(read(out), originals[answer], "-u -o")
expect_equal(read(answer), prelinked[answer], "-u -o changed the file itself")

# Nor is what is there lost where the whole does not fit.
os.mkdir(out + ".d")
write(out + ".d/full", b"precious")
done = prelink("--root", root, "-u", "-o", out + ".d/full", inside(answer), status=1, restore_signals=False,  # SIGXFSZ
               preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096)))
expect_equal(done.stderr.count(f"prelink: {out}.d/full: "), 1, f"times that what -o names is named: {done.stderr}")
expect_equal((os.listdir(out + ".d"), read(out + ".d/full")), (["full"], b"precious"), "what -o could not replace")

# Changed since: in the code, by a tool, cut short.  Refused, said why, untouched.
def refused(what):
    changed = read(answer)
    for options in (["-u"], ["-y"], ["-y", "--md5"], ["-u", "-o", out + "2"]):
        done = prelink("--root", root, *options, inside(answer), status=1, text=False, errors=None)
        expect(answer.encode() in done.stderr and (options[0] == "-u" or not done.stdout),
               f"{what}, {options}: {done.stderr}")
        expect_equal(read(answer), changed, f"{what}, {options}: the file")
        expect(not os.path.exists(out + "2"), f"{what}: -o wrote something")


data = bytearray(prelinked[answer])
data[0x1010] ^= 1
write(answer, bytes(data))
refused("a bit of the code turned over")
data = bytearray(prelinked[answer])
data[-3] ^= 1
write(answer, bytes(data))
prelink("--root", root, "-y", inside(answer), status=1, text=False, errors=None)
os.unlink(out)
prelink("--root", root, "-u", "-o", out, inside(answer))
expect_equal(read(out), originals[answer], "-u -o, a bit of what undoing takes away turned over")
write(answer, prelinked[answer] + b"more")
refused("data appended")
write(answer, prelinked[answer])
run(["strip", answer])
refused("stripped")
write(answer, prelinked[answer])
run(["patchelf", "--set-soname", "libother.so", answer])
refused("patchelf --set-soname")
write(answer, prelinked[answer])
expect_equal(prelink("--root", root, "-y", inside(answer), text=False, errors=None).stdout, originals[answer], "in the end")
print(f"{len(targets)} libraries verified, 3 digests, 4 ways of changing them refused")
