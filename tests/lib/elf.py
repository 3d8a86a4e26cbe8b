# SPDX-License-Identifier: LGPL-2.1-or-later
"""The tests' own reader of ELF files, of either class and byte order, which shares nothing with the tools; and bending
such files into what no linker writes.

    Elf(path).segments                      mapped, not read: for who walks a whole system
    bent = to_bend(path); bent.symbol("f", other=2); bent.save()"""
import collections
import functools
import mmap
import os
import struct

from harness import fail, read, write

PT_LOAD, PT_DYNAMIC, PT_INTERP, PT_NOTE, PT_TLS, PT_GNU_RELRO = 1, 2, 3, 4, 7, 0x6474e552
SHT_STRTAB, SHT_RELA, SHT_DYNAMIC, SHT_DYNSYM = 3, 4, 6, 11
SHT_VERDEF, SHT_VERNEED, SHT_VERSYM = 0x6ffffffd, 0x6ffffffe, 0x6fffffff
Segment = collections.namedtuple("Segment", "type flags offset vaddr paddr filesz memsz align")
Section = collections.namedtuple("Section", "header name type flags addr offset size link info addralign entsize")


class NotElf(ValueError):
    """What was asked for is no ELF file, or not whole."""


class Elf:
    """The ELF file at PATH; DATA: its bytes, where they are at hand already or shall be bent."""

    def __init__(self, path, data=None):
        self.path, self.data = path, mapped(path) if data is None else data
        if len(self.data) < 52 or self.data[:4] != b"\177ELF":
            raise NotElf(path)
        self.wide, self.order = self.data[4] == 2, "<" if self.data[5] == 1 else ">"
        self.kind, self.machine = self.get("HH", 16)  # e_type, e_machine

    def get(self, form, at):
        """The fields of FORM (struct's letters; A is an address, of the file's class) at file offset AT."""
        try:
            return struct.unpack_from(self.order + form.replace("A", "Q" if self.wide else "I"), self.data, at)
        except struct.error:
            raise NotElf(f"{self.path}: ends before {at:#x}") from None

    def set(self, form, at, *values):
        struct.pack_into(self.order + form.replace("A", "Q" if self.wide else "I"), self.data, at, *values)

    def text(self, at):
        """The string at file offset AT, as bytes."""
        return bytes(self.data[at:self.data.find(b"\0", at)])

    @functools.cached_property
    def segments(self):
        phoff, = self.get("A", 32 if self.wide else 28)
        size, count = self.get("HH", 54 if self.wide else 42)
        rows = [self.get("IIAAAAAA" if self.wide else "8I", phoff + i * size) for i in range(count)]
        return [Segment(*row) if self.wide else Segment(row[0], row[6], *row[1:6], row[7]) for row in rows]

    @functools.cached_property
    def sections(self):
        shoff, = self.get("A", 40 if self.wide else 32)
        size, count, names = self.get("HHH", 58 if self.wide else 46)
        rows = [self.get("IIAAAAIIAA", shoff + i * size) for i in range(count)]
        return [Section(shoff + i * size, self.text(rows[names][4] + row[0]).decode(), *row[1:])
                for i, row in enumerate(rows)]

    @functools.cached_property
    def entries(self):
        """[(file offset, d_tag, d_val)] of the dynamic section, up to DT_NULL."""
        found, dynamic = [], self.segment(PT_DYNAMIC)
        step = 16 if self.wide else 8
        for at in range(dynamic.offset, dynamic.offset + dynamic.filesz // step * step, step) if dynamic else ():
            tag, value = self.get("AA", at)
            if tag == 0:
                break
            found.append((at, tag, value))
        return found

    def segment(self, kind):
        """The first program header of type KIND, or None."""
        return next((segment for segment in self.segments if segment.type == kind), None)

    def loads(self):
        return [segment for segment in self.segments if segment.type == PT_LOAD]

    def interpreter(self):
        """The text of PT_INTERP, or None."""
        segment = self.segment(PT_INTERP)
        return os.fsdecode(bytes(self.data[segment.offset:][:segment.filesz]).split(b"\0")[0]) if segment else None

    def offset(self, address):
        """Where in the file the byte for ADDRESS lies."""
        for segment in self.loads():
            if segment.vaddr <= address < segment.vaddr + segment.filesz:
                return address - segment.vaddr + segment.offset
        raise ValueError(f"{self.path}: {address:#x} is in no segment")

    def word(self, address):
        return self.get("A", self.offset(address))[0]

    # --- bending

    def save(self):
        write(self.path, bytes(self.data))

    def symbol(self, name, info=None, other=None, value=None, defined=None):
        """Changes the dynamic symbol NAME; with DEFINED only the one that is, or is not, defined."""
        for section in self.sections:
            if section.type != SHT_DYNSYM:
                continue
            strings = self.sections[section.link].offset
            for at in range(section.offset, section.offset + section.size, section.entsize):
                shndx, = self.get("H", at + (6 if self.wide else 14))
                if self.text(strings + self.get("I", at)[0]).decode() != name or defined not in (None, shndx != 0):
                    continue
                for field, form, place in ((info, "B", 4 if self.wide else 12), (other, "B", 5 if self.wide else 13),
                                           (value, "A", 8 if self.wide else 4)):
                    if field is not None:
                        self.set(form, at + place, field)
                return
        fail(f"{self.path}: no dynamic symbol {name}")

    def tag(self, tag, value):
        """Adds a dynamic entry in the place of a spare one."""
        for section in self.sections:
            if section.type != SHT_DYNAMIC:
                continue
            for at in range(section.offset, section.offset + section.size - section.entsize, section.entsize):
                if self.get("A", at)[0] == 0:
                    self.set("AA", at, tag, value)
                    return
        fail(f"{self.path}: no spare dynamic entry")


def mapped(path):
    """The bytes of the file at PATH, without reading them."""
    with open(path, "rb") as file:
        if os.fstat(file.fileno()).st_size == 0:
            return b""
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def to_bend(path):
    return Elf(path, bytearray(read(path)))


def elf_or_none(path):
    """The ELF file at PATH, with its program headers; None where there is none that can be read."""
    try:
        found = Elf(path)
        return found if found.segments is not None else None
    except (OSError, NotElf):
        return None
