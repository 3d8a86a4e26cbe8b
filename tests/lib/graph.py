# SPDX-License-Identifier: LGPL-2.1-or-later
"""Roots full of small libraries, programs and plugins, made by the assembler and ld within seconds."""
import os
import random
from concurrent.futures import ThreadPoolExecutor

from harness import notegen, run, write

INTERPRETER = {"elf_x86_64": "/lib64/ld-linux-x86-64.so.2", "elf_i386": "/lib/ld-linux.so.2"}
BITS = {"elf_x86_64": "--64", "elf_i386": "--32"}
LIBDIR = "/usr/lib/t"

# A pointer to itself for a relocation, and as much .bss as asked for.
SOURCE = """
	.globl f{name}
	.type f{name}, @function
	.text
f{name}:
	ret
	.globl _start
_start:
	ret
	.data
	.globl d{name}
d{name}:
	.{word} f{name}
	.bss
	.skip {size}
	.section .note.GNU-stack,"",@progbits
"""


class Root:
    """A root directory of its own with its prelink.conf; objects are added to it by name."""

    def __init__(self, directory, emulation="elf_x86_64"):
        self.path = directory
        self.emulation = emulation
        self.manifests = []
        for name in ("etc", "usr/bin", LIBDIR[1:], "usr/lib/plugins"):
            os.makedirs(os.path.join(directory, name), exist_ok=True)
        write(directory + "/etc/prelink.conf", "/usr/bin\n/usr/lib\n")

    def assemble(self, name, size, source=SOURCE):
        target = f"{self.path}/{name}.o"
        word = "quad" if self.emulation == "elf_x86_64" else "long"
        run(["as", BITS[self.emulation], "-o", target, "-"], input=source.format(name=name, word=word, size=size))
        return target

    def link(self, path, name, size, needed, *flags, source=SOURCE):
        thing = self.assemble(name, size, source)
        run(["ld", "-m", self.emulation, "--hash-style=gnu", "--no-as-needed", "-z", "noseparate-code",
             "-o", self.path + path, thing, "-rpath", LIBDIR, "-rpath-link", self.path + LIBDIR,
             "--unresolved-symbols=ignore-all", *flags, *[self.path + n for n in needed]])
        os.unlink(thing)
        return path

    def library(self, name, size=100, needed=(), directory=LIBDIR, align=4096, source=SOURCE):
        soname = f"lib{name}.so"
        return self.link(f"{directory}/{soname}", name, size, needed, "-shared", "-soname", soname,
                         "-z", f"max-page-size={align}", "-z", "notext", source=source)

    def program(self, name, needed=(), pie=True, flags=()):
        return self.link(f"/usr/bin/{name}", name, 100, needed, *(["-pie"] if pie else ["-no-pie"]),
                         "-dynamic-linker", INTERPRETER[self.emulation], *flags)

    def note(self, host, *entries):
        """HOST loads plugins: each of ENTRIES is a dict of the manifest's keys."""
        lines = ["manifest: 1", "application: test", "hosts:", f"  - path: {host}", "plugins:"]
        for entry in entries:
            lead = "  - "
            for key, value in entry.items():
                lines.append(f"{lead}{key}: {value}")
                lead = "    "
        path = f"{self.path}/etc/manifest-{len(self.manifests)}.yaml"
        write(path, "\n".join(lines) + "\n")
        self.manifests.append(path)

    def add_notes(self):
        if self.manifests:
            arguments = [word for path in self.manifests for word in ("--manifest", path)]
            notegen("add", "--root", self.path, *arguments)

    def random(self, seed, libraries, programs, plugins, max_size=200000):
        """A random graph: library N needs some of those before it; plugins and programs need libraries."""
        rng = random.Random(seed)
        names = []
        jobs = []
        with ThreadPoolExecutor(2) as pool:
            # Needed libraries have to be there when one is linked: layers, each in parallel.
            for layer in range(5):
                done = list(names)
                for i in range(layer * libraries // 5, (layer + 1) * libraries // 5):
                    needed = rng.sample(done, min(len(done), rng.choice([0, 1, 2, 3, 8])))
                    size = int(max_size ** rng.random())
                    align = rng.choice([4096] * 20 + [65536, 2 << 20])
                    jobs.append(pool.submit(self.library, f"l{i}", size, needed, LIBDIR, align))
                    names.append(f"{LIBDIR}/libl{i}.so")
                for job in jobs:
                    job.result()
                jobs.clear()
            for i in range(plugins):
                needed = rng.sample(names, rng.choice([0, 1, 2]))
                jobs.append(pool.submit(self.library, f"p{i}", int(max_size ** rng.random()), needed,
                                        "/usr/lib/plugins"))
            for i in range(programs):
                needed = rng.sample(names, rng.choice([1, 3, 10]))
                jobs.append(pool.submit(self.program, f"prog{i}", needed, rng.random() < 0.7))
            for job in jobs:
                job.result()
        # Hosts: some programs, some libraries, and some of the plugins themselves.
        hosts = ([f"/usr/bin/prog{i}" for i in range(0, programs, 3)] +
                 [f"{LIBDIR}/libl{i}.so" for i in range(0, libraries, 17)] +
                 [f"/usr/lib/plugins/libp{i}.so" for i in range(0, plugins, 29)])
        for host in hosts:
            digit = rng.randrange(10)
            entries = [{"feature": "some", "path": f"/usr/lib/plugins/libp{digit}*.so"}]
            if rng.random() < 0.5:
                entries.append({"feature": "one", "exclusive": "one",
                                "path": f"/usr/lib/plugins/libp*{(digit + 1) % 10}.so"})
            self.note(host, *entries)
        self.add_notes()
        return self
