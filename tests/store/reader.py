# SPDX-License-Identifier: LGPL-2.1-or-later
"""A second reader of stores (rtld/store_format.h), which shares nothing with the tools but the format; and of what of
an x86-64 file a test compares with them: relocations, and symbols with their versions."""
import functools
import mmap
import os
import struct

import kit
from elf import SHT_DYNSYM, SHT_RELA, SHT_VERDEF, SHT_VERNEED, SHT_VERSYM, Elf

NOBODY = 0xffffffff
PLT = 0x80000000


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
    digest = 0x9e3779b97f4a7c15
    for _, tag, value in Elf(path).entries:
        if tag != 21:
            digest = kit.mix(kit.mix(digest, tag), value)
    return digest


def content_digest(path, address, size, symbol_table):
    """identity.headers of identity.h: the program headers, then the build-id or symbols at ADDRESS."""
    elf, digest = Elf(path), 0x9e3779b97f4a7c15
    for word in kit.header_words(elf.segments):
        digest = kit.mix(digest, word)
    content = elf.data[elf.offset(address):][:size]
    if not symbol_table:
        for byte in content:
            digest = kit.mix(digest, byte)
        return digest
    for name, info, other, section, value, length in struct.iter_unpack("<IBBHQQ", content):
        for word in (name << 32 | section << 16 | info << 8 | other, value, length):
            digest = kit.mix(digest, word)
    return digest


class Symbols(Elf):
    """Relocations of the file at PATH, and its dynamic symbols, by its section headers."""

    def __init__(self, path):
        super().__init__(path, kit.read(path))
        self.table, self.defined, self.relocations, self.versions = [], {}, [], {}
        kinds = {section.type: section for section in self.sections}
        table, versym = kinds.get(SHT_DYNSYM), kinds.get(SHT_VERSYM)
        for section in self.sections:
            if section.type == SHT_VERDEF:
                self._definitions(section.offset, self._strings(section), section.info)
            elif section.type == SHT_VERNEED:
                self._needs(section.offset, self._strings(section), section.info)
            elif section.type == SHT_RELA and section.flags & 2:
                self.relocations += struct.iter_unpack("<QQq", self.data[section.offset:][:section.size // 24 * 24])
        for i in range(table.size // 24 if table else 0):
            name, info, other, index, value, _ = self.get("IBBHQQ", table.offset + 24 * i)
            version = self.get("H", versym.offset + 2 * i)[0] & 0x7fff if versym else 1
            row = (self._text(self._strings(table) + name), info, other, index, value,
                   self.versions.get(version, "") if version > 1 else "")
            self.table.append(row)
            if (index or value) and info >> 4:
                self.defined.setdefault(row[0], []).append((row[5], value, info & 15, index))

    def word_or_none(self, address):
        try:
            return self.word(address)
        except ValueError:
            return None

    def _strings(self, section):
        return self.sections[section.link].offset

    def _text(self, at):
        return self.text(at).decode(errors="surrogateescape")

    def _definitions(self, at, strings, count):
        for _ in range(count):
            _, flags, index, _, _, aux, following = self.get("HHHHIII", at)
            if not flags & 1:
                self.versions[index] = self._text(strings + self.get("I", at + aux)[0])
            at += following

    def _needs(self, at, strings, count):
        for _ in range(count):
            _, entries, _, aux, following = self.get("HHIII", at)
            entry = at + aux
            for _ in range(entries):
                _, _, index, name, step = self.get("IHHII", entry)
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
