# SPDX-License-Identifier: LGPL-2.1-or-later
"""Shared objects made table by table, for who wants to say in each field what no linker does.

    shape = Shape(soname="libx.so", needed=["liby.so"], symbols=["f", "g"], relocs=100)
    shape.set("sh[3].sh_size", 1 << 40)      # any field by its name; shape.fields has all of them
    shape.write(path, size=1 << 43)          # what is not said is a hole

Left alone it is a sound x86-64 library, which ld.so takes and prelink prelinks."""
import os
import struct
import zlib

PAGE = 4096
FIELDS = {  # name: (format, names)
    "ehdr": ("<16sHHIQQQIHHHHHH", "e_ident e_type e_machine e_version e_entry e_phoff e_shoff e_flags e_ehsize "
             "e_phentsize e_phnum e_shentsize e_shnum e_shstrndx"),
    "ph": ("<IIQQQQQQ", "p_type p_flags p_offset p_vaddr p_paddr p_filesz p_memsz p_align"),
    "sh": ("<IIQQQQIIQQ", "sh_name sh_type sh_flags sh_addr sh_offset sh_size sh_link sh_info sh_addralign sh_entsize"),
    "dyn": ("<QQ", "d_tag d_val"),
    "sym": ("<IBBHQQ", "st_name st_info st_other st_shndx st_value st_size"),
    "rela": ("<QQQ", "r_offset r_info r_addend"),
    "verneed": ("<HHIII", "vn_version vn_cnt vn_file vn_aux vn_next"),
    "vernaux": ("<IHHII", "vna_hash vna_flags vna_other vna_name vna_next"),
    "verdef": ("<HHHHIII", "vd_version vd_flags vd_ndx vd_cnt vd_hash vd_aux vd_next"),
    "verdaux": ("<II", "vda_name vda_next"),
    "note": ("<III", "n_namesz n_descsz n_type"),
}
NAMES = ["", ".note.gnu.build-id", ".hash", ".gnu.hash", ".dynsym", ".dynstr", ".gnu.version", ".gnu.version_r",
         ".gnu.version_d", ".rela.dyn", ".relr.dyn", ".dynamic", ".data", ".note.prelink.plugins", ".shstrtab"]
TYPES = {".note.gnu.build-id": 7, ".hash": 5, ".gnu.hash": 0x6ffffff6, ".dynsym": 11, ".dynstr": 3,
         ".gnu.version": 0x6fffffff, ".gnu.version_r": 0x6ffffffe, ".gnu.version_d": 0x6ffffffd, ".rela.dyn": 4,
         ".relr.dyn": 19, ".dynamic": 6, ".data": 1, ".note.prelink.plugins": 7, ".shstrtab": 3}
LINKS = {".hash": ".dynsym", ".gnu.hash": ".dynsym", ".dynsym": ".dynstr", ".gnu.version": ".dynsym",
         ".gnu.version_r": ".dynstr", ".gnu.version_d": ".dynstr", ".rela.dyn": ".dynsym", ".dynamic": ".dynstr"}


def gnu_hash(name):
    value = 5381
    for byte in name:
        value = (value * 33 + byte) & 0xffffffff
    return value


def sysv_hash(name):
    value = 0
    for byte in name:
        value = (value << 4) + byte
        value = (value ^ (value >> 24 & 0xf0)) & 0x0fffffff
    return value


class Strings:
    def __init__(self):
        self.data = bytearray(b"\0")

    def add(self, text):
        at = len(self.data)
        self.data += (text if isinstance(text, bytes) else text.encode()) + b"\0"
        return at


class Shape:
    """`fields` maps names like "dyn[2].d_val" to (offset, format)."""

    def __init__(self, soname="libshape.so", needed=(), symbols=("shaped",), references=("asked",), relocs=4, relative=4,
                 relr=0, hashes=("gnu",), versions=0, note=None, runpath=None, buckets=3):
        self.data, self.fields, self.at, self.sizes = bytearray(), {}, {}, {}
        self.strings = Strings()
        symbols = sorted((s.encode() for s in symbols), key=lambda name: gnu_hash(name) % buckets)
        references = [r.encode() for r in references]
        names = [b""] + references + symbols
        first, words = 1 + len(references), relocs + relative + 64 * relr + 4
        self.skip(64 + 4 * 56)
        self.start(".note.gnu.build-id")
        self.record("note", 0, 4, 20, 3)
        self.raw(b"GNU\0" + zlib.crc32(soname.encode()).to_bytes(4, "little") + bytes(range(16)))
        if "sysv" in hashes:
            self.put_sysv(names, first, buckets)
        if "gnu" in hashes:
            self.put_gnu(symbols, first, buckets)
        self.start(".dynsym", 8)
        for i, name in enumerate(names):
            defined = i >= first
            self.record("sym", i, self.strings.add(name) if name else 0, 0x11 if name else 0, 0, 12 if defined else 0,
                        ("data", 8 * (i % words)) if defined else 0, 8 if defined else 0)
        if versions:
            self.put_versions(len(names), first, versions, needed)
        self.start(".rela.dyn", 8)
        for i in range(relative + relocs):
            symbol = 0 if i < relative else 1 + i % (len(names) - 1)
            self.record("rela", i, ("data", 8 * i), symbol << 32 | (6 if symbol else 8),
                        0 if symbol else ("data", 8 * (i % 4)))
        if relr:
            self.start(".relr.dyn", 8)
            self.relr(relocs + relative, relr)
        tags = [(1, self.strings.add(name)) for name in needed] + [(14, self.strings.add(soname))]
        if runpath:
            tags.append((29, self.strings.add(runpath)))
        self.start(".dynstr")
        self.raw(self.strings.data)
        self.skip(-len(self.data) % PAGE)
        self.start(".dynamic", 8)
        tags += [(5, self.at[".dynstr"]), (10, len(self.strings.data)), (6, self.at[".dynsym"]), (11, 24),
                 (7, self.at[".rela.dyn"]), (8, 24 * (relocs + relative)), (9, 24), (0x6ffffff9, relative)]
        for name, tag in ((".hash", 4), (".gnu.hash", 0x6ffffef5), (".gnu.version", 0x6ffffff0),
                          (".gnu.version_r", 0x6ffffffe), (".gnu.version_d", 0x6ffffffc)):
            if name in self.at:
                tags.append((tag, self.at[name]))
        if relr:
            tags += [(36, self.at[".relr.dyn"]), (35, 8 * 2 * relr), (37, 8)]
        for i, (tag, value) in enumerate(tags + [(0, 0)] * 6):
            self.record("dyn", i, tag, value)
        self.start(".data", 8)
        self.skip(8 * words)
        load = len(self.data)
        if note is not None:
            self.start(".note.prelink.plugins", 4)
            text = (note if isinstance(note, bytes) else note.encode()) + b"\0"
            self.record("note", 1, 8, len(text), 0x504c5547)
            self.raw(b"prelink\0" + text + bytes(-len(text) % 4))
        self.put_sections()
        self.put_headers(load)
        for name, value in self.later:
            self.set(name, self.at[".data"] + value)

    # --- pieces

    later = ()

    def skip(self, size):
        self.data += bytes(size)

    def raw(self, data):
        self.data += data

    def end(self):
        if self.open:
            self.sizes[self.open] = len(self.data) - self.at[self.open]

    open = None

    def start(self, name, align=4):
        self.end()
        self.skip(-len(self.data) % align)
        self.at[name], self.open = len(self.data), name

    def record(self, kind, index, *values, at=None):
        """Appends a record (or puts it AT); a value ("data", n) is an address in .data, known later."""
        form, names = FIELDS[kind]
        place = len(self.data) if at is None else at
        if at is None:
            self.skip(struct.calcsize(form))
        for code, name, value in zip([c for c in form[1:] if c.isalpha() and c != "s"], names.split()[kind == "ehdr":],
                                     values):
            offset = place + self.offset_of(form, names.split().index(name))
            full = name if kind == "ehdr" else f"{kind}[{index}].{name}"
            self.fields[full] = (offset, "<" + code)
            if isinstance(value, tuple):
                self.later = [*self.later, (full, value[1])]
            else:
                self.set(full, value)

    @staticmethod
    def offset_of(form, index):
        codes = form[1:].replace("16s", "s")
        return sum(16 if c == "s" else struct.calcsize("<" + c) for c in codes[:index])

    def word(self, name, value, form="<I"):
        self.fields[name] = (len(self.data), form)
        self.raw(struct.pack(form, value))

    def relr(self, first, count):
        for i in range(count):
            self.fields[f"relr[{2 * i}]"] = (len(self.data), "<Q")
            self.later = [*self.later, (f"relr[{2 * i}]", 8 * (first + 64 * i))]
            self.skip(8)
            self.word(f"relr[{2 * i + 1}]", 1 | 2 << (i % 40), "<Q")

    def put_sysv(self, names, first, buckets):
        self.start(".hash", 8)
        chains, heads = [0] * len(names), [0] * buckets
        for i in range(first, len(names)):
            head = sysv_hash(names[i]) % buckets
            chains[i], heads[head] = heads[head], i
        for name, value in [("hash.nbucket", buckets), ("hash.nchain", len(names)),
                            *((f"hash.bucket[{i}]", value) for i, value in enumerate(heads)),
                            *((f"hash.chain[{i}]", value) for i, value in enumerate(chains))]:
            self.word(name, value)

    def put_gnu(self, symbols, first, buckets):
        self.start(".gnu.hash", 8)
        hashes = [gnu_hash(name) for name in symbols]
        for name, value in ("nbuckets", buckets), ("symoffset", first), ("bloom_size", 1), ("bloom_shift", 6):
            self.word("gnu." + name, value)
        self.word("gnu.bloom", (1 << 64) - 1, "<Q")
        for i in range(buckets):
            inside = [n for n, value in enumerate(hashes) if value % buckets == i]
            self.word(f"gnu.bucket[{i}]", first + inside[0] if inside else 0)
        for i, value in enumerate(hashes):
            last = i + 1 == len(hashes) or hashes[i + 1] % buckets != value % buckets
            self.word(f"gnu.chain[{i}]", value & ~1 | last)

    def put_versions(self, count, first, versions, needed):
        self.start(".gnu.version", 8)
        for i in range(count):
            self.word(f"versym[{i}]", 2 if i >= first else 0 if i == 0 else 3 if needed else 1, "<H")
        self.start(".gnu.version_d", 8)
        for i in range(versions):
            name = b"BASE" if i == 0 else f"V{i}".encode()
            last = i + 1 == versions
            self.record("verdef", i, 1, i == 0, i + 1 if i < 2 else i + 2, 1, sysv_hash(name), 20, 0 if last else 28)
            self.record("verdaux", i, self.strings.add(name), 0)
        if needed:
            self.start(".gnu.version_r", 8)
            self.record("verneed", 0, 1, 1, self.strings.add(needed[0]), 16, 0)
            self.record("vernaux", 0, sysv_hash(b"V1"), 0, 3, self.strings.add("V1"), 0)

    def put_sections(self):
        names = Strings()
        present = [name for name in NAMES if not name or name in self.at or name == ".shstrtab"]
        places = [names.add(name) if name else 0 for name in present]
        self.start(".shstrtab")
        self.raw(names.data)
        self.end()
        self.skip(-len(self.data) % 8)
        self.shoff, self.shnum = len(self.data), len(present)
        for i, name in enumerate(present):
            if not name:
                self.record("sh", i, *[0] * 10)
                continue
            loaded = name not in (".shstrtab", ".note.prelink.plugins")
            link = LINKS.get(name)
            self.record("sh", i, places[i], TYPES[name], (2 if loaded else 0) | (name in (".dynamic", ".data")),
                        self.at[name] if loaded else 0, self.at[name], self.sizes[name],
                        present.index(link) if link in present else 0, 1 if name == ".dynsym" else 0, 1 if loaded else 4,
                        {".dynsym": 24, ".rela.dyn": 24, ".dynamic": 16}.get(name, 0))

    def put_headers(self, load):
        ident = b"\177ELF" + bytes([2, 1, 1]) + bytes(9)
        self.data[:16] = ident
        self.record("ehdr", 0, 3, 62, 1, 0, 64, self.shoff, 0, 64, 56, 4, 64, self.shnum, self.shnum - 1, at=0)
        text, note, size = self.at[".dynamic"], self.at[".note.gnu.build-id"], self.sizes[".dynamic"]
        for i, row in enumerate([(1, 5, 0, 0, 0, text, text, PAGE),
                                 (1, 6, text, text, text, load - text, load - text, PAGE),
                                 (2, 6, text, text, text, size, size, 8),
                                 (4, 4, note, note, note, 36, 36, 4)]):
            self.record("ph", i, *row, at=64 + 56 * i)

    # --- for who is hostile

    def program(self, loader="/lib64/ld-linux-x86-64.so.2"):
        """Makes a position-independent program of it; its notes are no segment any more."""
        self.set("dyn[%d].d_tag" % next(i for i in range(9999) if self.get(f"dyn[{i}].d_tag") == 0), 21)  # DT_DEBUG
        at = self.at[".dynamic"] - len(loader) - 1  # of the padding before it
        if any(self.data[at:self.at[".dynamic"]]):
            return self
        self.data[at:at + len(loader)] = loader.encode()
        for field, value in ("p_type", 3), ("p_offset", at), ("p_vaddr", at), ("p_filesz", len(loader) + 1):
            self.set(f"ph[3].{field}", value)
        return self

    def set(self, name, value):
        offset, form = self.fields[name]
        struct.pack_into(form, self.data, offset, value & (1 << 8 * struct.calcsize(form)) - 1)

    def get(self, name):
        offset, form = self.fields[name]
        return struct.unpack_from(form, self.data, offset)[0]

    def write(self, path, size=None, parts=()):
        """PARTS: (offset, bytes) of what lies elsewhere; SIZE: of the file, holes included."""
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(self.data)
            for offset, data in parts:
                file.seek(offset)
                file.write(data)
            if size:
                file.truncate(size)
