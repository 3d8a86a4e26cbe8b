# SPDX-License-Identifier: LGPL-2.1-or-later
"""A second, small writer of plans, for tests of the run-time module alone.

It shares nothing with plan.c but the format: libraries are linked at an address of their own
(-Ttext-segment) and stamped here, the program carries an empty .prelink.plan section that is filled here.
What has no slot (libc) is planned as unplaced.  Names only, no versions: fixtures do not need them.
"""
import os
import struct

import elf
from harness import BUILD, compile_c, expect, read

MODULE = os.path.join(BUILD, "prelink-plugins/rtld/prelink-rtld.so")
LOADER = "/lib64/ld-linux-x86-64.so.2"
LIBC = "/lib/x86_64-linux-gnu/libc.so.6"

PLTRELSZ, PLTGOT, STRTAB, SYMTAB, RELA, RELASZ, SONAME, SYMBOLIC, JMPREL = 2, 3, 5, 6, 7, 8, 14, 16, 23
FLAGS, RELACOUNT, FLAGS_1 = 30, 0x6ffffff9, 0x6ffffffb
PRELINKED, CHECKSUM, PLAN = 0x6ffffdf5, 0x6ffffdf8, 0x6ffffefa
R_64, R_COPY, R_GLOB_DAT, R_JUMP_SLOT, R_RELATIVE, R_IRELATIVE = 1, 5, 6, 7, 8, 37
PROGRAM, LOADER_INDEX, FIRST = 0, 1, 2
HEADER, RECORD = 56, 80  # bytes: struct plan_header, struct plan_object
LEAVE, WAY_RELA, WAY_JMPREL = 0, 1, 2
F_SYMBOLIC, F_LAZY, F_UNPLACED, F_KEEP_PLT, F_NOT_DEEPBIND = 1, 2, 4, 8, 16

PLACEHOLDER = r'''
__attribute__((section(".prelink.plan"), aligned(8), used)) const char prelink_plan_room[65536] = { 1 };
'''


def plan_hash(name):
    value = 5381
    for byte in name.encode():
        value = (value * 33 + byte) & 0xffffffff
    return value


def mix(digest, word):
    """identity_add() of identity.h."""
    digest = (digest ^ word) * 0xff51afd7ed558ccd & (1 << 64) - 1
    return digest ^ digest >> 32


def digest_of(record, *tables):
    """digest.h: of a record but for its last number, which is the digest, and of tables."""
    lanes = [0x9e3779b97f4a7c15] * 4

    def add(words):
        for i, word in enumerate(words):
            lanes[i % 4] = mix(lanes[i % 4], word)

    add(struct.unpack(f"<{len(record) // 8 - 1}Q", record[:-8]))
    add(struct.unpack("<I", record[-8:-4]))
    for table in tables:
        add(struct.unpack(f"<{(len(table) + 7) // 8}Q", bytes(table) + bytes(-len(table) % 8)))
    all_of_them = 0x9e3779b97f4a7c15
    for lane in lanes:
        all_of_them = mix(all_of_them, lane)
    return all_of_them & 0xffffffff


def seal(blob):
    """Puts the digests into a plan."""
    def table(at, size):
        offset, count = struct.unpack_from("<II", blob, at)
        return blob[offset:offset + count * size]

    struct.pack_into("<I", blob, HEADER - 4, digest_of(blob[:HEADER], table(28, 4), table(36, 24), table(44, 8)))
    objects, count = struct.unpack_from("<II", blob, 8)
    for at in range(objects, objects + RECORD * count, RECORD):
        identity, = struct.unpack_from("<I", blob, at + 20)
        tables = [table(at + 24 + 8 * k, size) for k, size in enumerate((4, 16, 24, 24, 16))]
        tables += [blob[identity:identity + 32]] if identity else []
        struct.pack_into("<I", blob, at + RECORD - 4, digest_of(blob[at:at + RECORD], *tables))


def is_dynamic(path):
    """True for a program that names an ld.so."""
    return elf.Elf(path).interpreter() is not None


def header_words(segments):
    """What of the program headers an identity's digest is made of."""
    for segment in segments:
        yield segment.type << 32 | segment.flags
        yield from (segment.offset, segment.vaddr, segment.filesz, segment.memsz, segment.align)


class Elf(elf.Elf):
    """What the planner needs to know of an x86-64 file."""

    def __init__(self, path):
        super().__init__(path, bytearray(read(path)))
        dynamic = self.segment(elf.PT_DYNAMIC)
        self.dynamic, self.dynamic_offset, self.dynamic_size = dynamic.vaddr, dynamic.offset, dynamic.filesz
        self.end = max(segment.vaddr + segment.memsz for segment in self.loads())
        self.writable = next((segment.vaddr for segment in self.loads() if segment.flags & 2), None)  # the first such
        self.note = self.build_id()
        self.entry = {tag: value for _, tag, value in self.entries}
        self.spare = self.entries[-1][0] + 16
        self.relocations = self.table(RELA, RELASZ) + self.table(JMPREL, PLTRELSZ)
        self.lazy = JMPREL in self.entry and not (
            self.entry.get(FLAGS, 0) & 8 or self.entry.get(FLAGS_1, 0) & 1 or 24 in self.entry)
        self.defined = {}
        last = (min(self.entry[t] for t in (STRTAB,) if t in self.entry) - self.entry[SYMTAB]) // 24
        for index in range(1, last):
            name, info, other, section, value, _ = self.symbol_at(index)
            if section and info >> 4 and info & 15 not in (6,) and other & 3 == 0:
                self.defined.setdefault(name, (value, info & 15))

    def build_id(self):
        """The address of its bytes; 0 without."""
        for segment in self.segments:
            at = segment.offset if segment.type == elf.PT_NOTE else self.end_of(segment)
            while at < self.end_of(segment):
                namesz, descsz, note = self.get("III", at)
                if note == 3 and self.data[at + 12:at + 16] == b"GNU\0":
                    return segment.vaddr + at - segment.offset + 16
                at += 12 + (namesz + 3 & ~3) + (descsz + 3 & ~3)
        return 0

    @staticmethod
    def end_of(segment):
        return segment.offset + segment.filesz

    def put(self, address, value):
        struct.pack_into("<Q", self.data, self.offset(address), value & (1 << 64) - 1)

    def string(self, index):
        return self.text(self.offset(self.entry[STRTAB]) + index).decode()

    def symbol_at(self, index):
        name, info, other, section, value, size = self.get("IBBHQQ", self.offset(self.entry[SYMTAB]) + 24 * index)
        return self.string(name), info, other, section, value, size

    def table(self, start, size):
        if start not in self.entry or not self.entry.get(size):
            return []
        at = self.offset(self.entry[start])
        return [struct.unpack_from("<QQq", self.data, at + i) for i in range(0, self.entry[size], 24)]

    def add_entry(self, tag, value):
        struct.pack_into("<QQ", self.data, self.spare, tag, value)
        self.spare += 16
        self.entry[tag] = value

    def stamp(self):
        """What struct plan_object says: of a stamped library the stamp, else the digest of the dynamic section."""
        if PRELINKED in self.entry:
            return self.entry[CHECKSUM], self.entry[PRELINKED]
        digest = 0x9e3779b97f4a7c15
        for i in range(self.dynamic_offset, self.spare, 16):
            tag, value = self.get("QQ", i)
            if tag != 21:  # DT_DEBUG
                digest = mix(mix(digest, tag), value)
        return digest & 0xffffffff, digest >> 32

    def identity(self):
        """struct identity, by the build-id; empty for a stamped library."""
        if PRELINKED in self.entry:
            return b""
        low, high = self.stamp()
        digest = 0x9e3779b97f4a7c15
        for word in header_words(self.segments):
            digest = mix(digest, word)
        for byte in self.data[self.offset(self.note):self.offset(self.note) + 20]:
            digest = mix(digest, byte)
        return struct.pack("<QQQII", low | high << 32, digest, self.note, 20, 0)

    def names(self):
        found = {os.path.basename(self.path)}
        if SONAME in self.entry:
            found.add(self.string(self.entry[SONAME]))
        return found


def library(path, source, address=None, flags=(), stamp=True, compiler="gcc"):
    """Links SOURCE as a shared object at ADDRESS, applies its RELATIVE relocations, and stamps it."""
    place = [f"-Wl,-Ttext-segment={address:#x}"] if address else []
    compile_c(source, path, "-x", "none", "-shared", "-fPIC", "-O1", f"-Wl,-soname,{os.path.basename(path)}", *place, *flags,
              compiler=compiler)
    if address and stamp:
        elf = Elf(path)
        for where, info, addend in elf.relocations:
            if info & 0xffffffff == R_RELATIVE:
                elf.put(where, addend)
        elf.add_entry(PRELINKED, 1600000000)
        elf.add_entry(CHECKSUM, plan_hash(path) | 1)
        elf.save()
    return path


def program(path, source, *flags, compiler="gcc"):
    compile_c(source + PLACEHOLDER, path, "-x", "none", "-O1", *flags, compiler=compiler)
    return path


class Writer:
    def __init__(self):
        self.blob = bytearray()

    def add(self, base, *records):
        while len(self.blob) % 8:
            self.blob.append(0)
        at = base + len(self.blob)
        for record in records:
            self.blob += record
        return at, len(records)


def plan(program_path, startup, plugins=(), closures=None, forge=None, tamper=None):
    """Writes the plan into the program.  STARTUP: libraries in ld.so's order, libc and so on included, without
    the program and ld.so.  PLUGINS: everything else, CLOSURES: by path, which of PLUGINS a closure has, in
    the order of lookup.  FORGE(bytearray) may change the plan before it gets its digests, TAMPER(bytearray) after."""
    closures = closures or {}
    main, loader = Elf(program_path), Elf(LOADER)
    placed = sorted((Elf(p) for p in plugins), key=lambda e: (PRELINKED not in e.entry, e.dynamic if PRELINKED in e.entry else e.stamp()[::-1]))
    unplaced = sum(PRELINKED in e.entry for e in placed)
    objects = [main, loader, *(Elf(p) for p in startup), *placed]
    first = FIRST + len(startup)
    index = {e.path: i for i, e in enumerate(objects)}
    scope = [main, *objects[FIRST:first], loader]
    writer, records = Writer(), []
    tables_at = HEADER + RECORD * len(objects)

    def define(name, own, relocation, others):
        """(object, value, type) of NAME, None where nobody defines it, or "residual"."""
        own_symbolic = SYMBOLIC in own.entry or own.entry.get(FLAGS, 0) & 2
        for where in ([own] if own_symbolic else []) + scope:
            if where is main and relocation == R_COPY:
                continue
            if name in where.defined:
                return (where, *where.defined[name])
        found = [o for o in objects if name in o.defined]
        inside = [o for o in others if name in o.defined]
        if not found:
            return None
        return (inside[0], *inside[0].defined[name]) if len(found) == 1 and inside else "residual"

    for number, own in enumerate(objects):
        values, fixups, residual = [], [], []
        others = [objects[index[p]] for p in closures.get(own.path, [own.path])] if number >= first else []
        way = WAY_RELA
        if number == LOADER_INDEX or (number >= FIRST and PRELINKED not in own.entry):
            way = LEAVE
        elif number == PROGRAM:
            way = LEAVE if own.lazy else WAY_JMPREL
        for where, info, addend in own.relocations if way else []:
            kind, symbol = info & 0xffffffff, info >> 32
            if kind == R_RELATIVE or (kind == R_JUMP_SLOT and own.lazy and number < first):
                continue
            if kind not in (R_64, R_GLOB_DAT, R_JUMP_SLOT):
                residual.append((where, info, addend))
                continue
            name, binding, _, section, value, _ = own.symbol_at(symbol)
            found = (own, value, binding & 15) if not binding >> 4 else define(name, own, kind, others)
            if found == "residual" or (found is None and binding >> 4 != 2):
                residual.append((where, info, addend))
                continue
            if found is None:
                target, value, kind_of = None, 0, 0
            else:
                target, value, kind_of = found
            addend = addend if kind == R_64 else 0
            slotted = target is None or (target.path in index and PRELINKED in target.entry)
            if kind_of == 10:
                residual.append((where, R_IRELATIVE, value) if slotted and way == WAY_RELA
                                else (where, info, addend))
            elif slotted:
                if own.word(where) != value + addend:
                    values.append((where, value + addend))
            else:
                fixups.append((where, value + addend, index[target.path]))
        closure = sorted(index[p] for p in closures.get(own.path, [own.path])) if number >= first else []
        flags = (F_SYMBOLIC if SYMBOLIC in own.entry or own.entry.get(FLAGS, 0) & 2 else 0) | \
            (F_LAZY if own.lazy else 0) | F_NOT_DEEPBIND
        stamp = (0, 0) if number == PROGRAM else own.stamp()
        identity = 0
        if number != PROGRAM and PRELINKED not in own.entry:
            flags |= F_UNPLACED
            identity = writer.add(tables_at, own.identity())[0]
        records.append(struct.pack(
            "<QIIHHI8I12xI8x", 0 if number == PROGRAM else own.dynamic, *stamp, way, flags, identity,
            *writer.add(tables_at, *(struct.pack("<I", i) for i in closure)),
            *writer.add(tables_at, *(struct.pack("<QQ", *v) for v in values)),
            *writer.add(tables_at, *(struct.pack("<QQII", *f, 0) for f in fixups)),
            *writer.add(tables_at, *(struct.pack("<QQq", *r) for r in residual)), len(residual)))
    names = sorted({plan_hash(n) for o in objects[FIRST:] for n in o.names()})
    name_table = writer.add(tables_at, *(struct.pack("<I", n) for n in names))
    writer.blob += bytes(-len(writer.blob) % 8)
    header = struct.pack("<13I4x", 0x354e4c50, tables_at + len(writer.blob), HEADER, len(objects), first,
                         first + unplaced, 2 + len(startup), *name_table, 0, 0, 0, 0)
    blob = bytearray(header + b"".join(records) + writer.blob)
    if forge:
        forge(blob)
    seal(blob)
    if tamper:
        tamper(blob)
    room = main.data.index(b"\1" + bytes(4095))
    expect(len(blob) < 65536, "the plan does not fit its room")
    main.data[room:room + len(blob)] = blob
    address = next(room - segment.offset + segment.vaddr for segment in main.loads()
                   if segment.offset <= room < main.end_of(segment))
    main.add_entry(PLAN, address)
    main.save()
