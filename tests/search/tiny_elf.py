# SPDX-License-Identifier: LGPL-2.1-or-later
"""The smallest shared objects and programs that ld.so maps: a dynamic section, no code, no symbols.

Made in microseconds, so that a test can have thousands of them; whoever would run one gets SIGSEGV."""
import os
import platform
import struct

NEEDED, SONAME, RPATH, RUNPATH, FILTER, AUXILIARY, FLAGS_1 = 1, 14, 15, 29, 0x7fffffff, 0x7ffffffd, 0x6ffffffb
NODEFLIB, PIE = 0x800, 0x08000000
MACHINES = {"x86_64": 62, "aarch64": 183, "i386": 3}
HERE = platform.machine()


def build(needed=(), soname=None, rpath=None, runpath=None, flags_1=0, interp=None, machine=HERE, e_type=3,
          sections=False):
    """The bytes of one.  NEEDED holds names, or (tag, name) for others than DT_NEEDED."""
    strings = bytearray(b"\0")

    def string(text):
        at = len(strings)
        strings.extend(text.encode() + b"\0")
        return at

    wide = machine != "i386"
    word = "<Q" if wide else "<I"
    tags = [(NEEDED, string(name)) if isinstance(name, str) else (name[0], string(name[1])) for name in needed]
    for tag, text in ((SONAME, soname), (RPATH, rpath), (RUNPATH, runpath)):
        if text is not None:
            tags.append((tag, string(text)))
    if interp:
        flags_1 |= PIE
        tags.append((21, 0))  # DT_DEBUG
    if flags_1:
        tags.append((FLAGS_1, flags_1))
    ehdr_size, phdr_size = (64, 56) if wide else (52, 32)
    count = 4 if interp else 3
    at = ehdr_size + 4 * phdr_size
    interp_at, interp_bytes = at, (interp.encode() + b"\0") if interp else b""
    symtab = (interp_at + len(interp_bytes) + 7) & ~7
    strtab = symtab + (24 if wide else 16)
    dynamic = (strtab + len(strings) + 15) & ~15
    tags += [(5, strtab), (10, len(strings)), (6, symtab), (11, 24 if wide else 16), (0, 0)]
    content = b"".join(struct.pack(word, tag) + struct.pack(word, value) for tag, value in tags)
    end = dynamic + len(content)

    def phdr(p_type, flags, offset, size, align):
        if wide:
            return struct.pack("<IIQQQQQQ", p_type, flags, offset, offset, offset, size, size, align)
        return struct.pack("<IIIIIIII", p_type, offset, offset, offset, size, size, flags, align)

    # PT_GNU_STACK: from glibc 2.41 on dlopen refuses what may want an executable stack.
    headers = [phdr(1, 6, 0, end, 0x1000), phdr(2, 6, dynamic, len(content), 8), phdr(0x6474e551, 6, 0, 0, 16)]
    if interp:
        headers.insert(0, phdr(3, 4, interp_at, len(interp_bytes), 1))
    ident = b"\177ELF" + bytes([2 if wide else 1, 1, 1]) + bytes(9)
    ehdr = ident + struct.pack("<HHIQQQIHHHHHH" if wide else "<HHIIIIIHHHHHH", e_type, MACHINES[machine], 1, 0,
                               ehdr_size, 0, 0, ehdr_size, phdr_size, count, 64 if wide else 40, 0, 0)
    data = bytearray(end)
    for offset, part in ((0, ehdr), (ehdr_size, b"".join(headers)), (interp_at, interp_bytes),
                         (strtab, strings), (dynamic, content)):
        data[offset:offset + len(part)] = part
    return bytes(data)


def write(root, path, **keywords):
    """Makes one at PATH inside ROOT, directories included.  Returns PATH."""
    full = root + path
    os.makedirs(os.path.dirname(full), exist_ok=True)
    with open(full, "wb") as file:
        file.write(build(**keywords))
    return path
