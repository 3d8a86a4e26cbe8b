# SPDX-License-Identifier: LGPL-2.1-or-later
"""Driving tests/rebase/rewriter, and the fixtures that several tests here start from."""
import os
import subprocess
import tempfile

from elf import Elf
from harness import BUILD, compile_c, expect, fail, read

REWRITER = os.path.join(BUILD, "tests/rebase/rewriter")
SLOT = {"x86-64": 0x3000000000, "aarch64": 0x3000000000, "i386": 0x41000000, "arm": 0x41000000, "riscv64": 0x2000000000}


class Rewriter:
    """One rewriter process; commands go in, answers come out, in step."""

    def __init__(self):
        self.errors = tempfile.TemporaryFile("w+", errors="backslashreplace")
        self.process = subprocess.Popen([REWRITER], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=self.errors, text=True, errors="backslashreplace")

    def said(self):
        self.errors.seek(0)
        return self.errors.read()

    def ask(self, *fields):
        try:
            self.process.stdin.write("\t".join(str(field) for field in fields) + "\n")
            self.process.stdin.flush()
            answer = self.process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if not answer:
            fail(f"rewriter died at {fields}:\n{self.said()}")
        return answer.strip()

    def move(self, source, target, address):
        return self.ask("move", source, target, f"{address:x}")

    def undo(self, source, target):
        return self.ask("undo", source, target)

    def close(self):
        """Ends it, and returns what it said on standard error."""
        self.process.stdin.close()
        self.process.wait()
        said = self.said()
        expect(self.process.returncode == 0, f"rewriter: exit status {self.process.returncode}\n{said}")
        return said


def machine(path):
    """The name of the ELF file's machine as arch/ has it, None for others."""
    with open(path, "rb") as file:
        ident = file.read(20)
    return {(2, 62): "x86-64", (1, 3): "i386", (2, 183): "aarch64", (1, 40): "arm", (2, 243): "riscv64"}.get(
        (ident[4], int.from_bytes(ident[18:20], "little")))


def round_trip(rewriter, source, directory, address):
    """Moves SOURCE, moves the result again (nothing may change), moves it elsewhere and back (the same
    bytes), undoes it, compares.  Returns the answer to the first move."""
    moved, again, back = (os.path.join(directory, name) for name in ("moved", "again", "back"))
    answer = rewriter.move(source, moved, address)
    if not answer.startswith("ok"):
        return answer
    seen = rewriter.move(moved, again, address)
    expect(seen == "ok unchanged", f"{source}: prelinked again at the same address: {seen}")
    seen = rewriter.move(moved, again, address + 0x1000000)
    expect(seen == "ok", f"{source}: moved elsewhere: {seen}")
    seen = rewriter.move(again, again + "2", address)
    expect(seen == "ok", f"{source}: moved back: {seen}")
    expect(read(again + "2") == read(moved), f"{source}: moving elsewhere and back gives other bytes")
    seen = rewriter.undo(moved, back)
    expect(seen == "ok", f"{source}: undo: {seen}")
    expect(read(back) == read(source), f"{source}: undo gives other bytes")
    expect(read(moved) != read(source), f"{source}: moving changed nothing")
    return answer


def sections(data):
    """{name: (header's offset, file offset, size)} of a good file."""
    return {section.name: (section.header, section.offset, section.size) for section in Elf("", data).sections}


# A library with some of everything that moves.  `answer()` is 42 if all of it is where it should be.
LIBRARY = r"""
#include <stdlib.h>
#include <string.h>
static int hidden = 1;
int shown = 2;
static int *pointer_to_hidden = &hidden;
int *pointer_to_shown = &shown;
static const char *const names[] = { "null", "eins", "zwei" };
static __thread int thread_hidden = 3;
__thread int thread_shown = 4;
static int constructed;
static void __attribute__((constructor)) construct(void) { constructed = 5; }
__attribute__((noipa)) int twice(int x) { return 2 * x; }
__attribute__((noipa)) static int thrice(int x) { return 3 * x; }
int (*const functions[])(int) = { twice, thrice, abs };
#ifdef IFUNC
static int seven(void) { return 7; }
static int (*resolve_seven(void))(void) { return seven; }
int chosen(void) __attribute__((ifunc("resolve_seven")));
#else
int chosen(void) { return 7; }
#endif
extern int undefined_weak(void) __attribute__((weak));
int answer(void)
{
	int sum = *pointer_to_hidden + *pointer_to_shown + thread_hidden + thread_shown + constructed; /* 15 */
	sum += functions[0](1) + functions[1](1) + functions[2](-1);                                   /* +6 */
	sum += chosen();                                                                                /* +7 */
	sum += strcmp(names[1], "eins") == 0 ? (int)strlen(names[2]) : 100;                             /* +4 */
	char *copy = strdup("0123456789");
	sum += undefined_weak ? 100 : (int)strlen(copy);                                                /* +10 */
	free(copy);
	return sum;
}
"""

# Loads each file named and prints its answer and where it is mapped.
LOADER = r"""
#include <dlfcn.h>
#include <link.h>
#include <stdio.h>
int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		void *handle = dlopen(argv[i], i % 2 ? RTLD_NOW : RTLD_LAZY);
		if (!handle) {
			puts(dlerror());
			return 1;
		}
		int (*answer)(void) = (int (*)(void))dlsym(handle, "answer");
		struct link_map *map = handle;
		printf("%d %lx\n", answer(), (unsigned long)map->l_addr);
	}
	return 0;
}
"""


def build_library(path, *flags, compiler="gcc"):
    return compile_c(LIBRARY, path, "-shared", "-fPIC", "-O1", *flags, compiler=compiler)
