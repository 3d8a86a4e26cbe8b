#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The module as ld.so sees it: freestanding, small, and harmless on its own."""
import os

from harness import compile_c, expect, expect_equal, need, run, scratch
import kit

need("readelf", "nm")
symbols = run(["nm", "-D", kit.MODULE]).stdout.split("\n")
expect_equal(sorted(line.split()[-1] for line in symbols if line),
             ["la_activity", "la_objclose", "la_objopen", "la_version"], "what the module's symbol table names")
dynamic = run(["readelf", "-dW", kit.MODULE]).stdout
for word in ("NEEDED", "INIT", "RELA", "JMPREL", "TEXTREL"):
    expect(f"({word})" not in dynamic, f"the module has a {word} entry:\n{dynamic}")
expect("TLS" not in run(["readelf", "-lW", kit.MODULE]).stdout, "the module has thread-local storage")
text = sum(int(line.split()[0]) for line in run(["size", kit.MODULE]).stdout.split("\n")[1:] if line)
expect(text <= 5 * 4096, f"{text} bytes of code and constants: five pages were promised")

# A program without a plan runs as ever, with and without the module, in every mode.
directory = scratch()
program = compile_c('#include <stdio.h>\n#include <dlfcn.h>\nint main(void)\n{ puts(dlopen("libm.so.6", 2) ? '
                    '"yes" : "no"); return 7; }\n', os.path.join(directory, "program"), "-O1")
for mode in ("", "off", "verbose", "nonsense"):
    seen = run([program], status=7, env=dict(os.environ, LD_AUDIT=kit.MODULE, PRELINK_RTLD=mode))
    expect_equal(seen.stdout, "yes\n", f"output with PRELINK_RTLD={mode}")
    if mode == "verbose":
        expect(seen.stderr.count("none: not prelinked") >= 2, f"verbose says too little:\n{seen.stderr}")
    else:
        expect_equal(seen.stderr, "", f"messages with PRELINK_RTLD={mode}")
print(f"{text} bytes")
