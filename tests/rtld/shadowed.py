#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""C++ type information and virtual tables of which another library's copy is the one that counts.

With ld.so alone, nothing in the whole process points at such a copy: the program looks through all its memory.  So what
it holds need not be put right, and with the plan it is not; where the library has a way to its own copy (-Bsymbolic,
another symbol, a local pointer, a copy in the program), it is.  So is any other weak object, for which somebody may ask
dlsym()."""
import os

import rooted
import whole_root
from harness import compile_c, expect_equal, need, prelink, skip

CLASSES = r"""
#include <typeinfo>
struct Root { virtual ~Root() {} virtual int number() { return 1; } };
struct Middle : Root { int number() override { return 2; } };
"""
PLAIN = r"""
extern "C" int shared() { return 1; }
extern "C" { __attribute__((weak)) int (*plain[])() = { shared }; }
extern "C" int %s() { return plain[0](); }
"""
FIRST = CLASSES + PLAIN % "call_first" + r"""
extern "C" Root *make_first() { return new Middle; }
extern "C" bool is_middle(Root *one) { return dynamic_cast<Middle *>(one); }
/* Enough to relocate for the module to pay. */
__asm__(".section .data.rel,\"aw\"\nfirst_data:\n.rept 40000\n.quad first_data\n.endr\n.text");
"""
SECOND = CLASSES + PLAIN % "call_second" + r"""
struct Leaf : Middle { int number() override { return 3; } };
extern "C" Root *make_middle() { return new Middle; }
extern "C" Root *make_leaf() { return new Leaf; }
extern "C" void throw_middle() { throw Middle(); }
"""
# What gives the library another way to its _ZTI6Middle.
WAYS = {
    "by name": ("", []),
    "-Bsymbolic": ("", ["-Wl,-Bsymbolic"]),
    "another symbol": ('__asm__(".globl other_name\\n.weak other_name\\n.set other_name, _ZTI6Middle\\n.size other_name, 24\\n'
                       '.type other_name, @object");', []),
    "a local pointer": ('__asm__(".hidden local_name\\n.set local_name, _ZTI6Middle");\n'
                        'extern const char local_name[] __attribute__((visibility("hidden"))); const void *keep = local_name;',
                        []),
}
PROGRAM = CLASSES + r"""
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <link.h>
extern "C" Root *make_first(), *make_middle(), *make_leaf();
extern "C" bool is_middle(Root *);
extern "C" void throw_middle();
static char *start, *end;
static int found;
static int look(struct dl_phdr_info *info, size_t, void *)
{
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];
		if (p->p_type != PT_LOAD || !(p->p_flags & PF_W)) continue;
		char **word = (char **)((info->dlpi_addr + p->p_vaddr + 7) & ~7ul);
		for (; (char *)(word + 1) <= (char *)info->dlpi_addr + p->p_vaddr + p->p_memsz; word++)
			found += word != &start && word != &end && *word >= start && *word < end;
	}
	return 0;
}
int main(int argc, char **argv)
{
	Root *all[] = { make_first(), make_middle(), make_leaf() };
	for (Root *one : all)
		std::printf("%d %s%s ", one->number(), typeid(*one).name(), is_middle(one) ? " is a Middle" : "");
	std::printf("%d ", typeid(*all[0]) == typeid(*all[1]));
	try { throw_middle(); } catch (Root &caught) { std::printf("caught %d\n", caught.number()); }
	void *second = dlopen(argv[1], RTLD_NOW | RTLD_NOLOAD);
	start = (char *)dlsym(second, "_ZTI6Middle");
	end = start + 24;
	char *base = ((char **)start)[2]; /* __si_class_type_info: the base class's type */
	std::printf("word: %s\n", base == (char *)dlsym(second, "_ZTI4Root") ? "own" : "right");
	std::printf("plain: %s\n", *(void **)dlsym(second, "plain") == dlsym(RTLD_DEFAULT, "shared") ? "right" : "own");
	dl_iterate_phdr(look, nullptr);
	std::printf("pointers: %d\n", found);
	return argc < 2;
}
"""

if os.geteuid() != 0:
    skip("scratch roots need the root user")
need("g++", "chroot")
root = whole_root.root_of("small", "libstdc++6")
rooted.install_module(root)
directory = "/opt/shadowed"
here = root + directory
os.makedirs(here)
COMMON = ["-x", "none", "-O1", "-std=c++17", f"-L{here}", f"-Wl,-rpath,{directory}", "-Wl,-z,now"]


def library(name, source, *flags):
    compile_c(source, os.path.join(here, name), *COMMON, "-shared", "-fPIC", f"-Wl,-soname,{name}", *flags, compiler="g++")


library("libfirst.so", FIRST)
programs = {}
for number, (way, (addition, flags)) in enumerate(WAYS.items()):
    library(f"libsecond{number}.so", SECOND + addition, *flags)
    programs[way] = [f"{directory}/{number}", f"{directory}/libsecond{number}.so"]
    compile_c(PROGRAM, here + f"/{number}", *COMMON, f"{here}/libfirst.so", f"{here}/libsecond{number}.so", compiler="g++")
# A program that has the table itself: others might have a copy of it made (R_X86_64_COPY).
compile_c(PROGRAM.replace("int main(", "static Middle mine; Root *volatile keep = &mine;\nint main("), here + "/fixed", *COMMON,
          "-no-pie", "-fno-pic", f"{here}/libfirst.so", f"{here}/libsecond0.so", compiler="g++")
programs["defined by the program"] = [f"{directory}/fixed", f"{directory}/libsecond0.so"]

before = {way: rooted.start(root, command).stdout for way, command in programs.items()}
prelink("--root", root, "--with-plugins", "-a")
for way, command in programs.items():
    aside = rooted.start(root, command, PRELINK_RTLD="off")
    active = rooted.start(root, command, PRELINK_RTLD="verbose")
    levels = {os.path.basename(path): level for path, level, _ in rooted.levels_of(active)}
    expect_equal(levels.get(os.path.basename(command[1])), "full", f"{way}: level")
    expect_equal(aside.stdout, before[way], f"{way}: the module standing aside")
    said, wanted = (dict(line.split(": ", 1) if ": " in line else ("says", line) for line in text.splitlines())
                    for text in (active.stdout, aside.stdout))
    expect_equal(said["says"], wanted["says"], f"{way}: what the program does")
    expect_equal(said["plain"], wanted["plain"], f"{way}: the word in a weak object that is no table")
    print(f"{way}: ld.so's word {wanted['word']}, {wanted['pointers']} pointers; with the plan {said['word']}")
    if way == "by name":
        expect_equal(wanted["pointers"], "0", f"{way}: pointers to the copy with ld.so alone")
        expect_equal((wanted["word"], said["word"], said["plain"]), ("right", "own", "right"), f"{way}: the word in the copy")
    else:
        expect_equal(said["word"], wanted["word"], f"{way}: the word in the copy")
