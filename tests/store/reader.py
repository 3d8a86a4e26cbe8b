# SPDX-License-Identifier: LGPL-2.1-or-later
"""A second reader of stores (rtld/store_format.h), which shares nothing with the tools but the format; and of what of
an x86-64 file a test compares with them: relocations, and symbols with their versions."""
import functools
import mmap
import os
import struct

import kit

NOBODY = 0xffffffff
PLT = 0x80000000
SHT_DYNSYM, SHT_VERSYM, SHT_VERDEF, SHT_VERNEED, SHT_RELA = 11, 0x6fffffff, 0x6ffffffd, 0x6ffffffe, 4


class Store:
    """The store at PATH: programs as (digest of the dynamic section, offset of the plan)."""

    def __init__(self, path):
        with open(path, "rb") as file:
            self.data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self.magic, self.machine, self.elf_class, self.size, at, count = struct.unpack_from("<IHHQII", self.data, 0)
        self.programs = list(struct.iter_unpack("<QII", self.data[at:at + 16 * count]))

    def table(self, pair, form):
        size = struct.calcsize(form)
        return list(struct.iter_unpack(form, self.data[pair[0]:pair[0] + pair[1] * size]))

    def plan_of(self, path):
        """The plan of the program at PATH; several may have the same dynamic section."""
        digest = dynamic_digest(path)
        return next((Plan(self, plan) for found, identity, plan in self.programs if found == digest and plan and
                     content_digest(path, *struct.unpack_from("<QII", self.data, identity + 16)) ==
                     struct.unpack_from("<Q", self.data, identity + 8)[0]), None)

    @functools.lru_cache(None)
    def block(self, at):
        """[(address, number, offset, plt)] of the block at AT."""
        groups, words = struct.unpack_from("<II", self.data, at)
        at += 8
        first, found = at + 8 * groups, []
        for i in range(groups):
            number, count = struct.unpack_from("<II", self.data, at + 8 * i)
            plt, count = bool(count & PLT), count & ~PLT
            found += [(address, number, offset, plt) for address, offset in
                      struct.iter_unpack("<Ii", self.data[first:first + 8 * count])]
            first += 8 * count
        return found


class Object:
    """What a plan says of one object."""

    def __init__(self, plan, at):
        (self.dynamic, low, high, self.way, self.flags, self.identity, *tables, self.guessed, self.certain, self.block,
         _) = struct.unpack_from("<QIIHHI10IIIII", plan.store.data, at)
        self.digest = low | high << 32
        _, self.value, self.fixup, self.residual, self.ifunc = zip(tables[::2], tables[1::2])


class Plan:
    """The plan at byte AT of STORE."""

    def __init__(self, store, at):
        self.store = store
        (_, _, objects, count, self.startup, self.unplaced, self.scope, *rest) = struct.unpack_from("<13I", store.data, at)
        self.member = dict(store.table(tuple(rest[4:6]), "<II"))
        self.objects = [Object(self, objects + 80 * i) for i in range(count)]

    def words(self, index):
        """{address: (index of the object or None, offset)} of what the module writes into object INDEX, {address} of
        what ld.so is left, {address} of what a resolver chooses."""
        planned = self.objects[index]
        words = {}
        for address, number, offset, _ in self.store.block(planned.block) if planned.block else ():
            base = None if number == NOBODY else self.member.get(number)
            if number == NOBODY or base is not None:
                words[address] = (base, offset)
        for address, offset, base, _ in self.store.table(planned.fixup, "<QQII"):
            words[address] = (None if base == NOBODY else base, offset - (1 << 64) if offset >> 63 else offset)
        return (words, {row[0] for row in self.store.table(planned.residual, "<QQq")},
                {row[0] for row in self.store.table(planned.ifunc, "<QII")})


@functools.lru_cache(4000)
def dynamic_digest(path):
    """identity_of_dynamic() of identity.h, of the file."""
    with open(path, "rb") as file:
        head = file.read(64)
        phoff, = struct.unpack_from("<Q", head, 32)
        phnum, = struct.unpack_from("<H", head, 56)
        file.seek(phoff)
        headers = file.read(56 * phnum)
        digest = 0x9e3779b97f4a7c15
        for i in range(phnum):
            kind, _, offset, _, _, size = struct.unpack_from("<IIQQQQ", headers, 56 * i)
            if kind != 2:
                continue
            file.seek(offset)
            for tag, value in struct.iter_unpack("<QQ", file.read(size)):
                if tag == 0:
                    break
                if tag != 21:
                    digest = kit.mix(kit.mix(digest, tag), value)
    return digest


def content_digest(path, address, size, symbol_table):
    """identity.headers of identity.h: the program headers, then the build-id or symbols at ADDRESS."""
    data, digest = kit.read(path), 0x9e3779b97f4a7c15
    phoff, = struct.unpack_from("<Q", data, 32)
    phnum, = struct.unpack_from("<H", data, 56)
    for kind, flags, offset, start, _, filesz, memsz, align in struct.iter_unpack(
            "<IIQQQQQQ", data[phoff:phoff + 56 * phnum]):
        for word in (kind << 32 | flags, offset, start, filesz, memsz, align):
            digest = kit.mix(digest, word)
        if kind == 1 and start <= address < start + filesz:
            content = data[address - start + offset:][:size]
    if not symbol_table:
        for byte in content:
            digest = kit.mix(digest, byte)
        return digest
    for name, info, other, section, value, length in struct.iter_unpack("<IBBHQQ", content):
        for word in (name << 32 | section << 16 | info << 8 | other, value, length):
            digest = kit.mix(digest, word)
    return digest


class Symbols:
    """Relocations of the file at PATH, and its dynamic symbols, by its section headers."""

    def __init__(self, path):
        with open(path, "rb") as file:
            self.data = data = file.read()
        phoff, shoff = struct.unpack_from("<QQ", data, 32)
        self.headers = data[phoff:phoff + 56 * struct.unpack_from("<H", data, 56)[0]]
        shnum, = struct.unpack_from("<H", data, 60)
        sections = [struct.unpack_from("<IIQQQQIIQQ", data, shoff + 64 * i) for i in range(shnum)]
        self.symbol, self.defined, self.relocations = [], {}, []
        self.versions, self.sections = {}, sections
        strings = lambda section: sections[section[6]][4]
        table = next((s for s in sections if s[1] == SHT_DYNSYM), None)
        versym = next((s for s in sections if s[1] == SHT_VERSYM), None)
        for section in sections:
            if section[1] == SHT_VERDEF:
                self._definitions(section[4], strings(section), section[7])
            elif section[1] == SHT_VERNEED:
                self._needs(section[4], strings(section), section[7])
            elif section[1] == SHT_RELA and section[2] & 2:
                self.relocations += struct.iter_unpack("<QQq", data[section[4]:section[4] + section[5] // 24 * 24])
        for i in range(table[5] // 24 if table else 0):
            name, info, other, index, value, _ = struct.unpack_from("<IBBHQQ", data, table[4] + 24 * i)
            version = struct.unpack_from("<H", data, versym[4] + 2 * i)[0] & 0x7fff if versym else 1
            row = (self._text(strings(table) + name), info, other, index, value,
                   self.versions.get(version, "") if version > 1 else "")
            self.symbol.append(row)
            if (index or value) and info >> 4:
                self.defined.setdefault(row[0], []).append((row[5], value, info & 15, index))

    def word(self, address):
        for kind, _, offset, start, _, size, *_ in struct.iter_unpack("<IIQQQQQQ", self.headers):
            if kind == 1 and start <= address and address + 8 <= start + size:
                return struct.unpack_from("<Q", self.data, address - start + offset)[0]
        return None

    def _text(self, at):
        return self.data[at:self.data.index(b"\0", at)].decode(errors="surrogateescape")

    def _definitions(self, at, strings, count):
        for _ in range(count):
            _, flags, index, _, _, aux, following = struct.unpack_from("<HHHHIII", self.data, at)
            if not flags & 1:
                self.versions[index] = self._text(strings + struct.unpack_from("<I", self.data, at + aux)[0])
            at += following

    def _needs(self, at, strings, count):
        for _ in range(count):
            _, entries, _, aux, following = struct.unpack_from("<HHIII", self.data, at)
            entry = at + aux
            for _ in range(entries):
                _, _, index, name, step = struct.unpack_from("<IHHII", self.data, entry)
                self.versions[index & 0x7fff] = self._text(strings + name)
                entry += step
            at += following

    def values(self, name, version):
        """{value} of what NAME with VERSION may mean here, and whether it is what a resolver chooses."""
        rows = self.defined.get(name, [])
        rows = [row for row in rows if row[0] == version] or rows
        return {row[1] for row in rows}, any(row[2] == 10 for row in rows)


@functools.lru_cache(1500)
def symbols(path):
    return Symbols(os.path.realpath(path))
