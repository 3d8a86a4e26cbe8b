#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Relocations that are in DT_RELA and in DT_JMPREL, some or all of them, as some linkers have it and ld.so takes it
(elf/dynamic-link.h): each is moved once, what they are for works at the slot, and undoing gives back every byte."""
import os
import subprocess

from elf import Elf, to_bend
from harness import compile_c, expect, expect_equal, read, scratch
from rewriting import Rewriter, SLOT

DT_PLTRELSZ, DT_RELA, DT_RELASZ, DT_PLTREL, DT_JMPREL = 2, 7, 8, 20, 23
LIBRARY = """
static int value = 40, *table[50] = { [0 ... 49] = &value };
int get(void) { return *table[7] + *table[49] - value + 2; }
"""
CALLS = "#include <unistd.h>\nint call(void) { return getppid(); }\n"
HOST = """
#include <dlfcn.h>
#include <stdio.h>
#include <link.h>
int main(int argc, char **argv)
{
	void *handle = dlopen(argv[1], RTLD_NOW);
	int (*get)(void) = handle ? (int (*)(void))dlsym(handle, "get") : NULL;
	printf("%#lx %d\\n", handle ? (long)((struct link_map *)handle)->l_addr : 0, get ? get() : -1);
	return 0;
}
"""
directory = scratch()
host = compile_c(HOST, directory + "/host")
rewriter = Rewriter()


def tags(bent):
    return {tag: (at, value) for at, tag, value in bent.entries}


def build(name, source):
    path = compile_c(source, f"{directory}/{name}.so", "-shared", "-fPIC", "-O1", "-Wl,-z,now,-z,nopack-relative-relocs")
    bent = to_bend(path)
    said = tags(bent)
    if name == "all":  # the same table by both names
        for tag, value in ((DT_JMPREL, said[DT_RELA][1]), (DT_PLTRELSZ, said[DT_RELASZ][1]), (DT_PLTREL, DT_RELA)):
            bent.tag(tag, value)
    elif name == "some":  # the one ends in the other
        expect_equal(said[DT_RELA][1] + said[DT_RELASZ][1], said[DT_JMPREL][1], "where ld put the second table")
        bent.set("AA", said[DT_RELASZ][0], DT_RELASZ, said[DT_RELASZ][1] + said[DT_PLTRELSZ][1])
    bent.save()
    return path


def answer(path):
    return subprocess.run([host, path], stdout=subprocess.PIPE, text=True).stdout.split()


for name, source in (("all", LIBRARY), ("some", LIBRARY + CALLS), ("none", LIBRARY + CALLS)):
    path = build(name, source)
    expect_equal(answer(path)[1:], ["42"], f"{name}: as it was")
    expect((DT_JMPREL in tags(Elf(path))), f"{name}: no DT_JMPREL")
    moved, back = path + ".moved", path + ".back"
    expect_equal(rewriter.move(path, moved, SLOT["x86-64"])[:2], "ok", f"{name}: moving it")
    os.chmod(moved, 0o755)
    expect_equal(answer(moved), ["0", "42"], f"{name}: at its slot")
    expect_equal(rewriter.undo(moved, back)[:2], "ok", f"{name}: undoing it")
    expect(read(back) == read(path), f"{name}: not given back bit for bit")
rewriter.close()
print("relocations in two tables, in part and all: moved once")
