#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""valgrind, mtrace() and MemorySanitizer on prelinked programs: what README tells to type makes each say what it says of the
untouched program, and what it says without that is what README says.

All of it is glibc's and these tools' own, with any audit module: at the end of a process that asks for it, glibc frees what
ld.so had allocated for such a module before there was a malloc."""
import os
import re

import rooted
import whole_root
from harness import compile_c, expect, expect_equal, need, prelink, run, skip, write

if os.geteuid() != 0:
    skip("scratch roots need the root user")
need("gcc", "chroot", "unshare")
root = whole_root.root_of("small", "valgrind", "libc6-dbg")
rooted.install_module(root)
HERE = "/opt/tools"
at = root + HERE
os.makedirs(at)
TABLE = "static int f(void) { return 1; } int (*table[40000])(void) = { [0 ... 39999] = f };\n"  # so that a plan pays
MAIN = r"""
#include <dlfcn.h>
#include <mcheck.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
int pays(void);
int main(int argc, char **argv)
{
	char *block = malloc(10), *volatile lost = malloc(20), *volatile volatile_block = block;
	const char *what = argc > 1 ? argv[1] : "";
	if (strcmp(what, "trace") == 0)
		mtrace();
	if (strcmp(what, "wrong") == 0)
		printf("%d\n", volatile_block[10] == 3 || !(lost = NULL)); /* one invalid read, one block lost */
	void *handle = dlopen("/opt/tools/plugin.so", RTLD_NOW);
	int (*call)(void) = handle ? (int (*)(void))dlsym(handle, "call") : NULL;
	printf("%d %d\n", pays(), call ? call() : -1);
	free(block);
	free(lost);
	return 3;
}
"""
compile_c(TABLE + "int pays(void) { return table[9](); }", at + "/libpays.so", "-shared", "-fPIC", "-Wl,-soname,libpays.so")
compile_c(TABLE + "int call(void) { return table[9]() + 4; }", at + "/plugin.so", "-shared", "-fPIC", "-Wl,-soname,plugin.so")
link = [f"-L{at}", "-lpays", f"-Wl,-rpath,{HERE}"]
compile_c(MAIN, at + "/program", "-O0", *link)
write(at + "/plugins.yaml", f"manifest: 1\napplication: tools\nhosts:\n  - path: {HERE}/program\n  - path: {HERE}/sanitized\n"
      f"plugins:\n  - feature: a\n    path: {HERE}/plugin.so\n")
directory = root + whole_root.manifests(own=True)
os.makedirs(directory)
os.rename(at + "/plugins.yaml", directory + "/tools.yaml")
done = run(["clang", "-x", "c", "-fsanitize=memory", "-O0", "-o", at + "/sanitized", "-", *link], status=None, input=MAIN) \
    if os.path.exists("/usr/bin/clang") else None
sanitized = done is not None and done.returncode == 0
if not sanitized:
    print("MemorySanitizer is left out: clang, or its run time, is not installed")


def inside(command, environment):
    """Runs COMMAND in the root, with a /proc, which valgrind asks."""
    return run(["unshare", "-m", "sh", "-c", 'mount -t proc proc "$0/proc" || exit 77; exec chroot "$0" /usr/bin/env - "$@"', root,
                *(f"{name}={value}" for name, value in {**rooted.SETTINGS, **environment}.items()), *command], status=None)


def start(*command, **environment):
    """Exit status, output, and what the tool says but for addresses, numbers of processes, and frees."""
    done = inside(command, environment)
    said = re.sub(r"==\d+==", "==", re.sub(r"0x[0-9A-F]+", "0x", done.stderr))
    return done.returncode, done.stdout, re.findall(r"(?:Invalid|ERROR SUMMARY|definitely lost:).*", said)


def valgrind(*options):
    return ["/usr/bin/valgrind", "--error-exitcode=9", "--leak-check=full", *options, HERE + "/program"]


OPTION = "--run-libc-freeres=no"
WHAT = ("", "wrong")
if inside(["/bin/true"], {}).returncode == 77:
    skip("a proc file system cannot be mounted here")
untouched = {what: start(*valgrind(), what) for what in WHAT}
expect_equal([untouched[what][0] for what in WHAT], [3, 9], f"valgrind's exit status untouched: {untouched}")
bare = {what: start(HERE + "/program", what, MALLOC_TRACE="/tmp/trace") for what in ("", "trace")}
sanitized_before = start(HERE + "/sanitized", "")[:2] if sanitized else None
said = prelink("--root", root, "-v", HERE).stdout
expect(f"{HERE}/program: plan:" in said, f"the program has no plan:\n{said}")
levels = {os.path.basename(path): level for path, level, _ in rooted.levels_of(inside([HERE + "/program"], {"PRELINK_RTLD": "verbose"}))}
expect_equal((levels["libpays.so"], levels["plugin.so"]), ("full", "full"), "levels")

# valgrind
for what in WHAT:
    status, out, words = start(*valgrind(), what)
    expect_equal((status, sum("Invalid free" in word for word in words)), (9, 2), f"valgrind {what}, without the option: {words}")
    expect_equal(start(*valgrind(OPTION), what), untouched[what], f"valgrind {what}, {OPTION} on the command line")
expect_equal(start(*valgrind(), "wrong", VALGRIND_OPTS=OPTION), untouched["wrong"], f"valgrind, {OPTION} in VALGRIND_OPTS")
for tool in ("callgrind", "massif", "helgrind", "none") if os.environ.get("LONG") else ("callgrind",):
    status, out, words = start("/usr/bin/valgrind", f"--tool={tool}", "--error-exitcode=9", *[f"--{tool}-out-file=/tmp/out"] * (tool in ("callgrind", "massif")),
                               HERE + "/program")
    expect_equal((status, out), (3, "1 5\n"), f"valgrind --tool={tool}: {words}")

# mtrace()
expect_equal(start(HERE + "/program", ""), bare[""], "the program alone")
expect_equal(start(HERE + "/program", "trace", MALLOC_TRACE="/tmp/trace")[0], bare["trace"][0], "mtrace() without libc_malloc_debug.so")
original = prelink("--root", root, "-y", HERE + "/program", text=False, errors=None).stdout
write(at + "/original", original)
os.chmod(at + "/original", 0o755)
DEBUG = {"LD_PRELOAD": "libc_malloc_debug.so.0", "MALLOC_TRACE": "/tmp/trace"}
prelinked = start(HERE + "/program", "trace", **DEBUG)
again = start(HERE + "/original", "trace", **DEBUG)
expect_equal(again[:2], bare["trace"][:2], "mtrace() of the original, as README says to run it")
expect(prelinked[0] < 0, f"mtrace() of the prelinked program ends well ({prelinked[0]}): README says that it dies")

# MemorySanitizer
if sanitized:
    dead = start(HERE + "/sanitized", "")
    prelink("--root", root, "-u", HERE + "/plugin.so")
    alive = start(HERE + "/sanitized", "")[:2]
    print(f"MemorySanitizer: untouched {sanitized_before}, with a plugin at its slot {dead[:2]}, without {alive}")
    expect(dead[:2] != sanitized_before, "MemorySanitizer can do with a library at its slot: README says that it cannot")
    expect_equal(alive, sanitized_before, "MemorySanitizer with the plugin given back")
