#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is named and left alone is refused, with its reason and exit status 1, whatever machine it is for.  Who is not root
prelinks their own files, and is told once of the others'; nothing is done twice."""
import os
import shutil
import subprocess

from harness import compile_c, expect, expect_equal, prelink, read, run, scratch, skip, tool, write

USER = 65534


def tree():
    root = scratch()
    for name in ("etc", "usr/lib", "usr/bin", "home"):
        os.makedirs(f"{root}/{name}")
    compile_c("int one(void) { return 1; }", root + "/usr/lib/libone.so", "-shared", "-fPIC", "-Wl,-soname,libone.so")
    compile_c("int one(void); int two(void) { return one(); }", root + "/home/libtwo.so", "-shared", "-fPIC",
              f"-L{root}/usr/lib", "-lone")
    return root


def check_refused():
    root = tree()
    os.chmod(root + "/usr/lib/libone.so", 0o4755)
    said = prelink("--root", root, "/usr/lib/libone.so", status=1)
    expect("libone.so: it is left alone: set-user-id" in said.stderr, f"a set-id library: {said.stderr}")
    said = prelink("--root", root, "-n", "/usr/lib/libone.so", status=1)
    prelink("--root", root, "-b", "/usr/lib/libone.so", "/usr/lib/libone.so")
    prelink("--root", root, "/usr/lib")  # met, not named
    os.chmod(root + "/usr/lib/libone.so", 0o755)
    for compiler in "powerpc64le-linux-gnu-gcc", "s390x-linux-gnu-gcc":  # machines without slots
        if not shutil.which(compiler):
            print(f"{compiler} is not installed; tests/run installs it")
            continue
        compile_c("int main(void) { return 0; }", root + "/usr/bin/other", compiler=compiler)
        said = prelink("--root", root, "/usr/bin/other", status=1)
        expect("other: it is left alone: " in said.stderr and "--store" in said.stderr, f"{compiler}: {said.stderr}")


def check_user():
    if os.getuid() != 0:
        print("another user's files: only root has some")
        return
    root = tree()
    os.chmod(root, 0o755)
    os.chown(root + "/home", USER, USER)
    os.chown(root + "/home/libtwo.so", USER, USER)

    # The program is opened before the rights go: where it was built, others may not come.
    def as_user(*arguments, status=0):
        program = os.open(tool("prelink"), os.O_RDONLY)
        try:
            return run([f"/proc/self/fd/{program}", "--root", root, *arguments], status=status, pass_fds=[program],
                       preexec_fn=lambda: (os.setgroups([]), os.setgid(USER), os.setuid(USER)))
        except (PermissionError, subprocess.SubprocessError):
            skip("another user may not run what was built")
        finally:
            os.close(program)

    before = {name: read(root + name) for name in ("/usr/lib/libone.so", "/home/libtwo.so")}
    said = as_user("--ld-library-path", "/usr/lib", "/home/libtwo.so")
    expect("1  belongs to another user" in said.stdout and "prelink-run" in said.stdout and not said.stderr,
           f"a library of the user's: {said.stdout}{said.stderr}")
    expect(read(root + "/home/libtwo.so") != before["/home/libtwo.so"], "the user's library was not prelinked")
    expect_equal(read(root + "/usr/lib/libone.so"), before["/usr/lib/libone.so"], "the system's library")
    done = os.stat(root + "/home/libtwo.so")
    as_user("--ld-library-path", "/usr/lib", "/home/libtwo.so")
    expect_equal(os.stat(root + "/home/libtwo.so").st_ino, done.st_ino, "the inode of a library that was done already")
    said = as_user("/usr/lib/libone.so", status=1)
    expect("libone.so: it is left alone: belongs to another user" in said.stderr, f"a library of root's: {said.stderr}")
    # A tree of one's own, as the manual has it.
    write(root + "/home/conf", "/home\n-b /usr\n")
    own = ("-c", "/home/conf", "-C", "/home/cache", "--ld-library-path", "/usr/lib")
    as_user(*own, "-aq")
    expect("prelinked 0, unchanged 1" in as_user(*own, "-aq").stdout, "the user's tree is done twice")
    as_user(*own, "-ua")
    expect_equal(read(root + "/home/libtwo.so"), before["/home/libtwo.so"], "the user's library, given back")


check_refused()
check_user()
