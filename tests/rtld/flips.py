#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A damaged plan: one bit of it is flipped, in the program's file or in the store, and the program runs as without a plan:
the same output, and every writable word of every object the same when it ends.

Prints how many flips made no difference, were noticed, crashed, and bound or wrote something wrong; the last two are
failures.  LONG=1: 4,000 flips instead of 160.
"""
import ctypes
import os
import random
import re
import struct
import subprocess

import rooted
import whole_root
from harness import compile_c, expect, expect_equal, fail, need, notegen, prelink, read, run, skip, write

if os.geteuid() != 0:
    skip("scratch roots need the root user")
need("gcc", "chroot")
ROUNDS = 4000 if os.environ.get("LONG") else 160
HERE = "/opt/flips"
PT_DYNAMIC = 2
root = whole_root.root_of("small")
rooted.install_module(root)
os.makedirs(root + HERE)

# --- a program with something of each kind in its plan ---

NAMES = 300
TABLE = " static int f(void) { return 1; } int (*%s_table[9000])(void) = { [0 ... 8999] = f };"


def functions(which, value, start=0):
    """Functions that several libraries define, each with pointers to all of them."""
    names = [f"shared{i}" for i in range(start, NAMES)]
    return "".join(f"int {name}(void) {{ return {value} + {i}; }}\n" for i, name in enumerate(names)) + \
        f"int (*{which}_all[])(void) = {{ {', '.join(names)} }};\n" \
        f"int {which}(void) {{ int sum = 0; for (unsigned i = 0; i < sizeof {which}_all / sizeof *{which}_all; i++) " \
        f"sum = sum * 3 + {which}_all[i](); return sum; }}\n" + TABLE % which


LIBRARIES = {
    "libfirst.so": functions("first", 1000),
    "libsecond.so": functions("second", 2000) + "\n#include <string.h>\n__thread int own = 5; extern __thread int other;\n"
    "extern int of_program; int *where = &of_program; void *(*copy)(void *, const void *, size_t) = memcpy;\n"
    "size_t (*length)(const char *) = strlen; int second_tls(void) { return own++ + other++ + *where + length(\"abc\"); }\n",
    "libthird.so": "__thread int other = 7; int third(void) { return other; }\n",
    "libdep.so": functions("dep", 3000, NAMES // 2) + "extern int of_program; int *dep_where = &of_program;\n",
    "plugin.so": "int dep(void); int second(void); int shared0(void); int (*plugin_pointer)(void) = shared0;\n"
    "\n#include <string.h>\nsize_t (*plugin_length)(const char *) = strlen; static __thread int own;\n"
    "int plugin(void) { return dep() + second() + plugin_pointer() + plugin_length(\"ab\") + ++own; }\n",
}
PROGRAM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
int of_program = 11, out;
int first(void), second(void), second_tls(void), third(void);
static struct { unsigned long start, size; } object[64];
static unsigned long objects;
static int note(struct dl_phdr_info *info, size_t size, void *unused)
{
	object[objects].start = info->dlpi_addr;
	for (int i = 0; i < info->dlpi_phnum; i++)
		if (info->dlpi_phdr[i].p_type == PT_LOAD) {
			if (!object[objects].size)
				object[objects].start += info->dlpi_phdr[i].p_vaddr;
			object[objects].size = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr + info->dlpi_phdr[i].p_memsz -
					       object[objects].start;
		}
	return ++objects == 64;
}
/* Every word of the writable segments of every object but the run-time module; an address in an object as the object's
 * number and the offset in it. */
static int dump(struct dl_phdr_info *info, size_t size, void *unused)
{
	unsigned long word[1 << 17];
	if (strstr(info->dlpi_name, "prelink-rtld") || strstr(info->dlpi_name, "vdso"))
		return 0;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];
		const unsigned long *from = (const unsigned long *)(info->dlpi_addr + (p->p_vaddr & -8));
		/* Behind what ld.so has in its file lies its own malloc. */
		unsigned long count = (strstr(info->dlpi_name, "/ld-") ? p->p_filesz : p->p_memsz) / 8;
		unsigned long head[4] = { count, p->p_vaddr & -8, strlen(info->dlpi_name), p->p_type };
		if (p->p_type != PT_DYNAMIC && (p->p_type != PT_LOAD || !(p->p_flags & PF_W)))
			continue;
		if (count > 1 << 17 || write(out, head, sizeof head) < 0 || write(out, info->dlpi_name, head[2]) < 0)
			return 1;
		for (unsigned long k = 0; p->p_type == PT_LOAD && k < count; k++) {
			word[k] = from[k];
			for (unsigned long o = 0; o < objects; o++)
				if (from[k] - object[o].start < object[o].size)
					word[k] = (o + 1) << 48 | (from[k] - object[o].start);
		}
		if (p->p_type == PT_LOAD && write(out, word, count * 8) < 0)
			return 1;
	}
	return 0;
}
int main(void)
{
	void *handle = dlopen("/opt/flips/plugin.so", RTLD_NOW);
	int (*plugin)(void) = handle ? (int (*)(void))dlsym(handle, "plugin") : NULL;
	char text[200];
	int length = snprintf(text, sizeof text, "%d %d %d %d %d\n", first(), second(), second_tls(), third(),
			      plugin ? plugin() : -1);
	out = open("/opt/flips/memory", O_WRONLY | O_CREAT | O_TRUNC, 0600);
	if (dl_iterate_phdr(note, NULL) || dl_iterate_phdr(dump, NULL))
		return 1;
	return write(1, text, length) != length;
}
"""
flags = ["-x", "none", "-O1", f"-L{root}{HERE}", f"-Wl,-rpath,{HERE},-z,now", f"-Wl,-rpath-link,{root}{HERE}"]
for name, links in (("libfirst.so", []), ("libthird.so", []), ("libsecond.so", ["libthird.so"]), ("libdep.so", []),
                    ("plugin.so", ["libdep.so", "libsecond.so"])):
    compile_c(LIBRARIES[name], f"{root}{HERE}/{name}", *flags, "-shared", "-fPIC", f"-Wl,-soname,{name}",
              *[f"{root}{HERE}/{link}" for link in links])
program = root + HERE + "/program"
compile_c(PROGRAM, program, *flags, "-rdynamic",
          *[f"{root}{HERE}/lib{name}.so" for name in ("first", "second", "third")])
write(f"{root}{HERE}/program.yaml", "manifest: 1\napplication: flips\nhosts:\n  - path: /opt/flips/program\n"
      "plugins:\n  - feature: plugins\n    path: /opt/flips/plugin*.so\n")
notegen("add", "--root", root, "--manifest", f"{root}{HERE}/program.yaml")

# --- running it ---

LIBC = ctypes.CDLL(None)
MODULE = rooted.module_path()


def in_root():
    LIBC.personality(0x0040000)  # ADDR_NO_RANDOMIZE
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # ld.so keeps what cpuid says, the processor's number in it
    os.chroot(root)
    os.chdir("/")


class Run:
    """What one run of the program said, and left in memory."""

    def __init__(self, **environment):
        memory = root + HERE + "/memory"
        if os.path.exists(memory):
            os.unlink(memory)
        done = subprocess.run([HERE + "/program"], env={"PRELINK_RTLD": "verbose", **environment}, preexec_fn=in_root,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
        self.status, self.out, self.stderr = done.returncode, done.stdout, done.stderr
        self.levels = [(path, level) for path, level, _ in rooted.levels_of(done)]
        self.memory = read(memory) if os.path.exists(memory) else b""

    def words(self):
        """(object, address, word, where it is in self.memory) of each word but those of dynamic sections, which the module
        has ld.so read otherwise."""
        hidden, at = set(), 0
        while at < len(self.memory):
            count, address, length, kind = struct.unpack_from("<4Q", self.memory, at)
            name = self.memory[at + 32:at + 32 + length].decode()
            at += 32 + length
            if kind == PT_DYNAMIC:
                hidden.update((name, address + 8 * i) for i in range(count))
                continue
            for i, word in enumerate(struct.unpack_from(f"<{count}Q", self.memory, at)):
                if (name, address + 8 * i) not in hidden:
                    yield name, address + 8 * i, word, at + 8 * i
            at += 8 * count


def noted(where, address, range=[]):
    """True of a word in which ld.so keeps what it found out about the processor, and on which of them it was."""
    if "/ld-" in where and not range:
        row = re.search(r"^ *\d+: (\S+) +(\d+) .* _rtld_global_ro@@", run(["readelf", "-sDW", root + where]).stdout, re.M)
        range += [int(row[1], 16), int(row[2])]
    return "/ld-" in where and 0 <= address - range[0] < range[1]


class Form:
    """A program with its plan at OFFSET, SIZE bytes, of the file PATH."""

    def __init__(self, name, path, offset, size, **environment):
        self.name, self.path, self.offset, self.size, self.environment = name, path, offset, size, environment
        self.whole = Run(**environment)
        expect([level for path, level in self.whole.levels if HERE in path].count("full") >= 5,
               f"{name}: the plan is not used:\n{self.whole.stderr}")
        # Without its magic number it is no plan, and ld.so does everything.  What differs then, or from run to run, in
        # ld.so's and libc's own memory, is none of the plan's words.
        runs = [self.whole, Run(**environment), self.flipped(0, 1), self.flipped(0, 1)]
        for aside in (runs[2], Run(**{**environment, "PRELINK_RTLD": "off"})):
            expect_equal((aside.status, aside.out), (0, self.whole.out), f"{name}: what the program says without a plan")
            expect("full" not in aside.stderr, f"{name}: without a plan:\n{aside.stderr}")
        expect_equal({len(seen.memory) for seen in runs}, {len(self.whole.memory)}, f"{name}: bytes of memory")
        mask, differ, count = bytearray(len(self.whole.memory)), [], 0
        for where, address, word, at in self.whole.words():
            if not noted(where, address) and all(seen.memory[at:at + 8] == self.whole.memory[at:at + 8] for seen in runs):
                mask[at:at + 8] = b"\377" * 8
                count += 1
            else:
                differ.append((where, hex(address), hex(word)))
        expect(not [row for row in differ if HERE in row[0] or not row[0]], f"{name}: words of the fixture's own: {differ}")
        self.mask = int.from_bytes(mask, "little")
        print(f"{name}: {size} bytes; {count} words of memory are compared, {len(differ)} differ anyhow")

    def changed(self, seen):
        """The words of SEEN that are not as they were with an undamaged plan."""
        if not self.mask & (int.from_bytes(seen.memory, "little") ^ int.from_bytes(self.whole.memory, "little")):
            return []
        mask = self.mask.to_bytes(len(self.whole.memory), "little")
        return [(where, hex(address), hex(word)) for where, address, word, at in seen.words()
                if mask[at] and seen.memory[at:at + 8] != self.whole.memory[at:at + 8]]

    def flipped(self, byte, mask):
        kept = read(self.path)[self.offset + byte]
        self.put(byte, kept ^ mask)
        try:
            return Run(**self.environment)
        finally:
            self.put(byte, kept)

    def put(self, byte, value):
        with open(self.path, "r+b") as file:
            file.seek(self.offset + byte)
            file.write(bytes([value]))

    def verdict(self, byte, mask):
        seen = self.flipped(byte, mask)
        if seen.status < 0 or not seen.memory:
            return "crashed", f"status {seen.status}: {rooted.messages_of(seen)[-300:]}"
        if (seen.status, seen.out) != (0, self.whole.out):
            return "wrong", f"status {seen.status}, output {seen.out!r}"
        differ = self.changed(seen) if len(seen.memory) == len(self.whole.memory) else [("other objects",)]
        if differ:
            return "wrong", f"{len(differ)} words differ: {differ[:4]}"
        return ("same" if seen.levels == self.whole.levels else "noticed"), ""

    def try_all(self, rounds, random):
        counts = dict.fromkeys(("same", "noticed", "crashed", "wrong"), 0)
        bad = []
        for _ in range(rounds):
            byte, mask = random.randrange(self.size), 1 << random.randrange(8)
            verdict, why = self.verdict(byte, mask)
            counts[verdict] += 1
            if why:
                bad.append(f"byte {byte:#x} bit {mask:#x}: {verdict}: {why}")
        print(f"{self.name}: {rounds} flips: " + ", ".join(f"{count} {what}" for what, count in counts.items()), flush=True)
        return bad


def section(path, name):
    done = run(["readelf", "-SW", path]).stdout
    found = re.search(re.escape(name) + r"\s+PROGBITS\s+\S+ (\S+) (\S+)", done)
    expect(found, f"{path}: no {name}:\n{done}")
    return int(found[1], 16), int(found[2], 16)


seed = int(os.environ.get("SEED", "1"))
store = root + HERE + "/store"
prelink("--root", root, f"--store={HERE}/store", HERE + "/program")
stored = Form("store", store, 0, os.path.getsize(store), LD_AUDIT=MODULE, PRELINK_STORE=HERE + "/store")
bad = stored.try_all(ROUNDS // 2, random.Random(seed))
original = read(program)
whole_root.prelink_all(root)
planned = Form("plan", program, *section(program, ".prelink.plan"))
bad += planned.try_all(ROUNDS // 2, random.Random(seed))

# --- prelink looks at all of it ---

program_in_root = HERE + "/program"


def asked(**keywords):
    """What --status says of the program, and -y's exit status and messages."""
    verified = prelink("--root", root, "-y", "--md5", program_in_root, status=None)
    return prelink("--root", root, "--status", program_in_root, **keywords).stdout, verified.returncode, verified.stderr


said, code, _ = asked(status=0)
expect(": fast: " in said and code == 0, f"an undamaged plan: {said}, -y {code}")
states = {}
for byte in [0, 4, planned.size - 1] + sorted(random.Random(seed).sample(range(planned.size), ROUNDS // 20)):
    mask = 1 << byte % 8
    kept = read(program)[planned.offset + byte]
    planned.put(byte, kept ^ mask)
    said, code, message = asked(status=1)
    prelink("--root", root, "-u", "-o", f"{root}/undone", program_in_root)
    expect(read(root + "/undone") == original, f"byte {byte:#x} bit {mask:#x}: what -u gives is not the original")
    planned.put(byte, kept)
    state = re.search(": (slow|partly): ", said)
    expect(state and "its plan is damaged" in said, f"byte {byte:#x} bit {mask:#x}: --status says {said}")
    expect(code == 1 and "was changed after it was prelinked" in message, f"byte {byte:#x} bit {mask:#x}: -y: {code} {message}")
    full = [level for path, level in planned.flipped(byte, mask).levels if HERE + "/lib" in path].count("full")
    expect_equal(state[1], "partly" if full >= 3 else "slow", f"byte {byte:#x} bit {mask:#x}: {said}, and {full} libraries full")
    states[state[1]] = states.get(state[1], 0) + 1
print(f"--status and -y of flipped plans: {states}")
expect_equal(planned.whole.out, stored.whole.out, "what the program says")
if bad:
    fail(f"{len(bad)} flips did harm:\n" + "\n".join(bad[:20]))
