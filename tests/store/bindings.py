#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A store binds what ld.so binds: for each program the words of its plan, read by a reader of their own, against what
LD_DEBUG=bindings says and the symbol tables of the files.  Programs of /usr/bin and /usr/sbin, every one with LONG=1."""
import concurrent.futures
import multiprocessing
import os

import ldso_bindings as oracle
from harness import elf_files, expect, fail, prelink, scratch, skip
from reader import Store, dynamic_digest, symbols

R_64, R_COPY, R_GLOB_DAT, R_JUMP_SLOT, R_DTPOFF = 1, 5, 6, 7, 17
PROGRAM, LOADER, FIRST, LEAVE = 0, 1, 2, 0
ALWAYS = {"/usr/bin/" + name for name in ("python3.11", "perl", "bash", "ls", "gdb", "cmake", "git", "vim.basic", "node")}
store_path = os.path.join(scratch(), "store")


def check(path, index, plan, place, wanted, counted):
    """Compares what PLAN has for object INDEX, the file PATH; the first difference as text, or None.  PLACE: index of
    each file; WANTED: (symbol, version) to the files that ld.so bound it to."""
    own = symbols(path)
    words, left, chosen = plan.words(index)
    copied = {own.table[info >> 32][0] for _, info, _ in own.relocations if info & 0xffffffff == R_COPY}
    if words and {address for address in words} - {row[0] for row in own.relocations}:
        return "a word where there is no relocation"
    for address, info, addend in own.relocations:
        kind, number = info & 0xffffffff, info >> 32
        if not number or kind not in (R_64, R_GLOB_DAT, R_JUMP_SLOT, R_DTPOFF):
            continue
        name, symbol_info, other, section, value, version = own.table[number]
        if address in left:
            counted["left"] += 1
            continue
        if symbol_info >> 4 == 0 or other & 3 in (1, 2):
            providers = {path}
        elif name in copied and index == PROGRAM:
            providers = {path}
        else:
            providers = wanted.get((name, version), set())
            if len(providers) > 1:  # a program's call stub is the address of a function, but not what is called
                providers = {p for p in providers if (place.get(p) == PROGRAM) == (kind != R_JUMP_SLOT)}
        seen = words.get(address)
        what = f"{name}@{version} at {address:#x} of {path}"
        if not providers:
            if seen not in (None, (None, addend)) or seen is None and address not in chosen and kind == R_JUMP_SLOT:
                return f"{what}: ld.so binds it to nothing, the store to {seen}"
            counted["nobody"] += 1
            continue
        if len(providers) > 1:
            return f"{what}: ld.so binds it to {providers}"
        provider = next(iter(providers))
        values, resolver = symbols(provider).values(name, version) if provider != path or symbol_info >> 4 else \
            ({value}, symbol_info & 15 == 10)
        if resolver and address in chosen:
            counted["chosen"] += 1
            continue
        if resolver and kind == R_JUMP_SLOT and seen == (index, own.word_or_none(address)):
            counted["lazy"] += 1  # where its first call is resolved
            continue
        addend = 0 if kind in (R_GLOB_DAT, R_JUMP_SLOT) else addend
        right = {(None if kind == R_DTPOFF else place.get(provider), value + addend) for value in values}
        right |= {(None, value + addend) for row in symbols(provider).defined.get(name, ()) if row[3] == 0xfff1
                  for value in (row[1],)}
        if seen not in right:
            return f"{what}: ld.so binds it to {provider} ({place.get(provider)}) {[hex(v) for v in values]}, the store to {seen}"
        counted["words"] += 1
    return None


def compare(program):
    """(program, counts, remark, problem)"""
    counted = dict.fromkeys(("words", "left", "chosen", "lazy", "nobody", "objects"), 0)
    store = Store(store_path)
    plan = store.plan_of(program)
    if not plan:
        return program, counted, "no plan", None
    traced = oracle.trace(program)
    if traced is None or traced[2]:
        return program, counted, "not traced" if traced is None else f"missing: {traced[2][0]}", None
    scope = list(dict.fromkeys(oracle.real(path) for path in traced[0]))
    bound = oracle.with_real_paths(traced[1])
    loader = oracle.real(oracle.interpreter(program))
    order = [scope[0], loader, *(path for path in scope[1:] if path != loader)]
    if [planned.digest for planned in plan.objects[:plan.startup]] != [dynamic_digest(path) for path in order]:
        return program, counted, "", "the store has other objects at start-up than ld.so"
    place = {path: i for i, path in enumerate(order)}
    for path, index in place.items():
        if plan.objects[index].way == LEAVE:
            continue
        wanted = {}
        for row in bound.get(path, ()):
            wanted.setdefault((row.symbol, row.version), set()).add(row.provider)
        problem = check(path, index, plan, place, wanted, counted)
        if problem:
            return program, counted, "", problem
        counted["objects"] += 1
    return program, counted, "", None


programs = [path for path in elf_files("/usr/bin", "/usr/sbin")
            if oracle.interpreter(path) == "/lib64/ld-linux-x86-64.so.2"]
every = len(programs)
if not os.environ.get("LONG"):
    programs = [path for i, path in enumerate(programs) if i % 40 == 0 or path in ALWAYS]
if not programs:
    skip("no dynamic programs under /usr/bin and /usr/sbin")
prelink(f"--store={store_path}", *programs)
total, problems, remarks, compared = {}, [], {}, 0
with concurrent.futures.ProcessPoolExecutor(os.cpu_count(), multiprocessing.get_context("fork")) as pool:
    for program, counted, remark, problem in pool.map(compare, programs, chunksize=4):
        compared += not remark
        for name, number in counted.items():
            total[name] = total.get(name, 0) + number
        if remark:
            remarks.setdefault(remark, []).append(program)
        if problem:
            problems.append(f"{program}: {problem}")
print(f"{compared} of {every} programs, {total['objects']} objects: {total['words']} words as ld.so binds them, "
      f"{total['chosen']} for resolvers, {total['left']} left to ld.so, {total['lazy']} of lazy calls, {total['nobody']} that nobody has; "
      f"{len(problems)} programs differ; without: { {remark: len(names) for remark, names in remarks.items()} }")
if problems:
    fail("\n".join(problems[:10]))
expect(compared and total["words"] > 1000 and total["words"] > total["left"], "hardly anything was compared")
