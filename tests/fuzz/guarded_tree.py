# SPDX-License-Identifier: LGPL-2.1-or-later
"""A tree with a sound library, a sound program that gets a plan and a sound plugin of it, into which files are put that
nobody should have to wait for: within 10 seconds of processor time and 512 MB the sound ones are done as without them."""
import os
import resource
import shutil
import subprocess

from harness import BUILD, compile_c, expect, notegen, read, scratch, tool, write
from whole_root import expect_no_temporaries, module

SECONDS, MEGABYTES = 10, 512
LOADER = "/lib64/ld-linux-x86-64.so.2"
SOUND = ["/usr/lib/libsound.so", "/usr/bin/sound", "/usr/lib/plugins/libplugin.so"]
FUNCTIONS = 3000


def limits():
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS + 1))


def build(root):
    """The tree before prelinking."""
    for path in ("/etc", "/usr/lib/plugins", "/usr/bin", "/lib64", "/bad", os.path.dirname(module())):
        os.makedirs(root + path, exist_ok=True)
    write(root + "/etc/prelink.conf", "/usr\n/bad\n")
    shutil.copy(LOADER, root + LOADER)
    shutil.copy(os.path.join(BUILD, "prelink-plugins/rtld/prelink-rtld.so"), root + module())
    flags = ["-nostdlib", "-O0", "-fcf-protection=none"]
    compile_c("".join(f"void f{i}(void) {{}}\n" for i in range(FUNCTIONS)), root + SOUND[0], "-shared", "-fPIC",
              "-Wl,-soname,libsound.so", *flags)
    compile_c("".join(f"extern void f{i}(void);\n" for i in range(FUNCTIONS)) + "void *all[] = {"
              + ",".join(f"f{i}" for i in range(FUNCTIONS)) + "}; int _start(void) { return all[1] != 0; }",
              root + SOUND[1], "-fPIE", "-pie", "-x", "none", root + SOUND[0], "-Wl,-z,now", f"-Wl,--dynamic-linker={LOADER}", *flags)
    compile_c("int data; int *plugin(void) { return &data; } int **p = (int **)plugin;", root + SOUND[2], "-shared",
              "-fPIC", "-Wl,-soname,libplugin.so", *flags)
    write(root + "/etc/sound.yaml", "manifest: 1\napplication: sound\nhosts:\n  - path: /usr/bin/sound\n"
          "plugins:\n  - feature: some\n    path: /usr/lib/plugins/*.so\n")
    notegen("add", "--root", root, "--manifest", root + "/etc/sound.yaml")


class Trees:
    """Copies of one such tree."""

    def __init__(self):
        self.here = scratch()
        self.master, self.root = self.here + "/master", self.here + "/root"
        build(self.master)
        self.worst = {"seconds": (0, ""), "megabytes": (0, "")}
        self.fresh()
        self.run("nothing bad", status=(0,))
        self.prelinked = {path: read(self.root + path) for path in SOUND}

    def fresh(self):
        shutil.rmtree(self.root, ignore_errors=True)
        shutil.copytree(self.master, self.root, symlinks=True)
        return self.root

    def command(self, what, command, status=(0, 1), **environment):
        """Runs COMMAND within the limits; the finished process, output in one."""
        out = os.path.join(self.here, "out")
        with open(out, "wb") as file:
            child = subprocess.Popen(command, stdout=file, stderr=file, preexec_fn=limits, env={**os.environ, **environment})
            _, code, usage = os.wait4(child.pid, 0)
            child.returncode = os.waitstatus_to_exitcode(code)
        text = read(out).decode(errors="backslashreplace")
        seconds, megabytes = usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024
        for name, value in ("seconds", seconds), ("megabytes", megabytes):
            self.worst[name] = max(self.worst[name], (value, what))
        expect(child.returncode in status, f"{what}: {command[1:]}: exit status {child.returncode} after {seconds:.1f} s and "
               f"{megabytes:.0f} MB\n{text[-3000:]}")
        expect(megabytes <= MEGABYTES, f"{what}: {megabytes:.0f} MB")
        return text

    def run(self, what, *arguments, status=(0, 1), **environment):
        """prelink -a over the tree."""
        self.originals = {path: read(self.root + path) for path in SOUND}
        return self.command(what, [tool("prelink"), "--root", self.root, "-a", "--with-plugins", *arguments], status,
                            **environment)

    def check(self, what, text, same=True):
        """The sound files were prelinked, and (SAME) as without the others, which took no slot of theirs."""
        for path in SOUND:
            data = read(self.root + path)
            expect(b"PRELUNDO" in data, f"{what}: {path} was not prelinked\n{text[-3000:]}")
            expect(not same or data == self.prelinked[path], f"{what}: {path} is not what it is without it\n{text[-3000:]}")
        expect_no_temporaries(self.root)

    def undo(self, what, **environment):
        """-ua leaves the sound files as they were."""
        self.command(what, [tool("prelink"), "--root", self.root, "-ua"], **environment)
        for path in SOUND:
            expect(read(self.root + path) == self.originals[path], f"{what}: {path} is not what it was after -ua")
