# SPDX-License-Identifier: LGPL-2.1-or-later
"""Bending ELF files into what no linker writes."""
import struct

from harness import fail, write


class Elf:
    """As much of an ELF file as it takes to bend symbols into what no linker writes."""

    def __init__(self, path):
        self.path = path
        with open(path, "rb") as file:
            self.data = bytearray(file.read())
        self.wide = self.data[4] == 2
        shoff, = self.get("<Q" if self.wide else "<I", 40 if self.wide else 32)
        count, = self.get("<H", 60 if self.wide else 48)
        self.sections = [self.get("<IIQQQQIIQQ" if self.wide else "<IIIIIIIIII", shoff + i * (64 if self.wide else 40))
                         for i in range(count)]

    def get(self, form, at):
        return struct.unpack_from(form, self.data, at)

    def save(self):
        write(self.path, bytes(self.data))

    def symbol(self, name, info=None, other=None, value=None, defined=None):
        """Changes the dynamic symbol NAME; with DEFINED only the one that is, or is not, defined."""
        for section in self.sections:
            if section[1] != 11:
                continue
            strings, size = self.sections[section[6]][4], section[9]
            for at in range(section[4], section[4] + section[5], size):
                start = strings + self.get("<I", at)[0]
                if self.data[start:self.data.index(0, start)].decode() != name:
                    continue
                shndx, = self.get("<H", at + (6 if self.wide else 14))
                if defined is not None and (shndx != 0) != defined:
                    continue
                if info is not None:
                    self.data[at + (4 if self.wide else 12)] = info
                if other is not None:
                    self.data[at + (5 if self.wide else 13)] = other
                if value is not None:
                    struct.pack_into("<Q" if self.wide else "<I", self.data, at + (8 if self.wide else 4), value)
                return
        fail(f"{self.path}: no dynamic symbol {name}")

    def tag(self, tag, value):
        """Adds a dynamic entry in the place of a spare one."""
        for section in self.sections:
            if section[1] != 6:
                continue
            size = section[9]
            for at in range(section[4], section[4] + section[5] - size, size):
                if self.get("<Q" if self.wide else "<I", at)[0] == 0:
                    struct.pack_into("<QQ" if self.wide else "<II", self.data, at, tag, value)
                    return
        fail(f"{self.path}: no spare dynamic entry")
