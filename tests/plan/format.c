/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Encodes one draft, made here, for a class and a byte order, writes it to a file, and
 * prints what is read back of it:
 *     format CLASS(32|64) ORDER(l|b) RELA(0|1) FRONT FILE
 * Where that is the class and order of this program, every record is compared with the
 * run-time module's own structs. */
#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "align.h"
#include "diag.h"
#include "plan/draft.h"
#include "plan/encode.h"
#include "plan/stored.h"

enum { OBJECTS = 5, R_IRELATIVE = 37 };

static struct arch arch = { .r_irelative = R_IRELATIVE };
static struct object object[OBJECTS];
static struct placed placed[OBJECTS];
static struct draft draft[OBJECTS];
static struct plan plan = { .draft = draft, .count = OBJECTS, .startup = 3, .unplaced = 4, .scope = 2 };

static void add(struct records *records, const void *item, size_t size)
{
	memcpy(records_add(records, size), item, size);
}

static void add_number(struct records *records, uint32_t number)
{
	add(records, &number, sizeof number);
}

static void add_word(struct draft *to, GElf_Addr address, uint64_t value, uint32_t base)
{
	struct planned_word word = { address, value, base, false };

	add(&to->word, &word, sizeof word);
	to->fixups += draft_is_fixup(&plan, &word);
}

static void add_residual(struct records *to, GElf_Addr address, uint32_t symbol, uint32_t type,
			 int64_t addend)
{
	GElf_Rela rela = { address, GELF_R_INFO((uint64_t)symbol, type), addend };

	add(to, &rela, sizeof rela);
}

static void add_ifunc(struct records *to, GElf_Addr address, uint32_t resolver)
{
	struct planned_ifunc ifunc = { address, resolver, false };

	add(to, &ifunc, sizeof ifunc);
}

/* A position-independent program, ld.so, a library and a plugin at their slots, and one that has none. */
static void make(bool is64, bool big_endian, GElf_Addr slots)
{
	for (size_t i = 0; i < OBJECTS; i++) {
		bool slot = i == 2 || i == 3;

		object[i] = (struct object){ .arch = &arch, .is64 = is64, .big_endian = big_endian };
		placed[i] = (struct placed){ .slot = slot,
					     .dynamic.address = (slot ? slots : 0) + 0x1000 * i,
					     .stamped = slot,
					     .stamp = { 0x01020304 * (uint32_t)i, 0xf0e0d0c0 + (uint32_t)i },
					     .has_identity = !slot,
					     .identity = { 0x1122334455667788 * i, 0x99aabbccddeeff00 + i,
							   0x2a8, 20, i == 4 } };
		draft[i] = (struct draft){ .object = &object[i],
					   .placed = &placed[i],
					   .fixed = slot,
					   .way = (enum plan_way)(i % 3),
					   .flags = 1u << i };
	}
	for (size_t i = 0; i < OBJECTS; i++) {
		add_word(&draft[i], 0x100 + i, 0x12345678, NO_INDEX);
		add_word(&draft[i], 0x200 + i, 0x5000, 0);
		add_word(&draft[i], 0x300 + i, slots + 0x6000, 2);
		add_word(&draft[i], 0x400 + i, 0x7000, 4);
		add_residual(&draft[i].residual, 0x500 + i, 7, 6, -8);
		add_residual(&draft[i].residual, 0x600 + i, 0, R_IRELATIVE, 0x8000);
		add_ifunc(&draft[i].ifunc, 0x700 + i, 1);
	}
	add_residual(&draft[3].ungrown, 0x900, 0xabcdef, 1, 0x10);
	add_ifunc(&draft[2].guessed, 0xa00, 0);
	for (uint32_t i = 3; i < OBJECTS; i++)
		add_number(&draft[4].closure, i);
	for (uint32_t i = 0; i < 3; i++) {
		struct planned_resolver resolver = { slots + 0xb00 + i, slots + 0xc00 + i, 0 };

		add_number(&plan.name, plan_hash("liba.so") + i);
		add(&plan.resolver, &resolver, sizeof resolver);
	}
}

/* What is in a record, as the module has it, in the class and order of this program. */
static void expect(const struct stored *stored, struct plan_table table, size_t index, const void *record,
		   size_t size)
{
	uint64_t at = table.offset + index * size;

	if (stored->io.plan.is64 != (sizeof(ElfW(Addr)) == 8) ||
	    stored->io.plan.big_endian != (BYTE_ORDER == BIG_ENDIAN) || !stored->io.rela)
		return;
	if (memcmp(stored->io.plan.data + at, record, size)) {
		printf("the bytes at %llu are not the module's\n", (unsigned long long)at);
		exit(1);
	}
}

#define RECORD(type, ...) (&(struct type){ __VA_ARGS__ }), sizeof(struct type)

static void print_numbers(const struct stored *stored, const char *what, struct plan_table table)
{
	for (size_t i = 0; i < table.count; i++) {
		uint32_t number;

		record_get(&stored->io, table, RECORD_INDEX, i, &number);
		printf("%s %x\n", what, number);
		expect(stored, table, i, &number, sizeof number);
	}
}

static void print_words(const struct stored *stored, struct plan_table table, bool fixup)
{
	for (size_t i = 0; i < table.count; i++) {
		struct planned_word w = { 0 };

		record_get(&stored->io, table, fixup ? RECORD_FIXUP : RECORD_VALUE, i, &w);
		printf("%s %llx %llx %x\n", fixup ? "fixup" : "value", (unsigned long long)w.address,
		       (unsigned long long)w.value, w.base);
		if (fixup)
			expect(stored, table, i, RECORD(plan_fixup, w.address, w.value, w.base, 0));
		else
			expect(stored, table, i, RECORD(plan_value, w.address, w.value));
	}
}

static void print_residual(const struct stored *stored, struct plan_table table)
{
	for (size_t i = 0; i < table.count; i++) {
		GElf_Rela r;

		record_get(&stored->io, table, RECORD_RESIDUAL, i, &r);
		printf("residual %llx %x %x %llx\n", (unsigned long long)r.r_offset,
		       (unsigned)GELF_R_SYM(r.r_info), (unsigned)GELF_R_TYPE(r.r_info),
		       (unsigned long long)r.r_addend);
		if (sizeof(ElfW(Rela)) == sizeof r)
			expect(stored, table, i, &r, sizeof r);
	}
}

static void print_ifuncs(const struct stored *stored, struct plan_table table)
{
	for (size_t i = 0; i < table.count; i++) {
		struct planned_ifunc f;

		record_get(&stored->io, table, RECORD_IFUNC, i, &f);
		printf("ifunc %llx %x\n", (unsigned long long)f.address, f.resolver);
		expect(stored, table, i, RECORD(plan_ifunc, f.address, f.resolver, 0));
	}
}

static void print_object(const struct stored *stored, size_t index)
{
	struct planned p = stored_object(stored, index);
	struct identity identity;

	printf("object %llx %x %x %x %x %x %x\n", (unsigned long long)p.dynamic, p.stamp[0], p.stamp[1],
	       p.way, p.flags, p.guessed, p.certain);
	expect(stored, stored->header.object, index,
	       RECORD(plan_object, p.dynamic, { p.stamp[0], p.stamp[1] }, p.way, p.flags, p.identity,
		      p.closure, p.value, p.fixup, p.residual, p.ifunc, p.guessed, p.certain, p.block,
		      p.digest));
	if (stored_identity(stored, &p, &identity)) {
		printf("identity %llx %llx %llx %x %x\n", (unsigned long long)identity.dynamic,
		       (unsigned long long)identity.headers, (unsigned long long)identity.content,
		       identity.content_size, identity.symbols);
		expect(stored, (struct plan_table){ p.identity, 1 }, 0, &identity, sizeof identity);
	}
	print_numbers(stored, "closure", p.closure);
	print_words(stored, p.value, false);
	print_words(stored, p.fixup, true);
	print_residual(stored, p.residual);
	print_ifuncs(stored, p.ifunc);
}

static void print_plan(const struct stored *stored)
{
	const struct plan_header *h = &stored->header;

	printf("plan %x %x %x %x\n", h->size, h->startup, h->unplaced, h->scope);
	expect(stored, (struct plan_table){ 0, 1 }, 0, h, sizeof *h);
	for (size_t i = 0; i < h->object.count; i++)
		print_object(stored, i);
	print_numbers(stored, "name", h->name);
	for (size_t i = 0; i < h->resolver.count; i++) {
		struct planned_resolver r;

		record_get(&stored->io, h->resolver, RECORD_RESOLVER, i, &r);
		printf("resolver %llx %llx\n", (unsigned long long)r.resolver, (unsigned long long)r.guess);
		expect(stored, h->resolver, i, RECORD(plan_resolver, r.resolver, r.guess, r.base, 0));
	}
}

/* A file that has nothing but the plan, as a section. */
static void read_back(bool is64, bool big_endian, unsigned char *bytes, uint64_t size)
{
	static char names[] = "\0" PLAN_SECTION;
	GElf_Shdr shdr[] = { { 0 },
			     { .sh_name = 1, .sh_type = SHT_PROGBITS, .sh_size = size },
			     { .sh_type = SHT_STRTAB, .sh_offset = size, .sh_size = sizeof names } };
	struct placed file = { .image = { .data = bytes,
					  .size = size + sizeof names,
					  .is64 = is64,
					  .big_endian = big_endian,
					  .shdr = shdr,
					  .names = names,
					  .names_size = sizeof names,
					  .shnum = 3,
					  .shstrndx = 2 } };
	struct stored stored;

	memcpy(bytes + size, names, sizeof names);
	if (!stored_read(&stored, &file, arch.rela)) {
		printf("not read\n");
		exit(1);
	}
	print_plan(&stored);
	if (!stored_intact(&stored)) {
		printf("damaged\n");
		exit(1);
	}
	/* What is cut short is no plan, and no bit of it can change. */
	for (shdr[1].sh_size = 0; shdr[1].sh_size < size; shdr[1].sh_size++)
		if (stored_read(&stored, &file, arch.rela)) {
			printf("read, with %llu bytes of it\n", (unsigned long long)shdr[1].sh_size);
			exit(1);
		}
	uint64_t pad = stored.header.object.offset + OBJECTS * record_size(&stored.io, RECORD_OBJECT);

	for (uint64_t bit = 0; bit < 8 * size; bit++) {
		if (bit / 8 >= pad && bit / 8 < align_up(pad, 8))
			continue; /* of 32 bits, these four bytes are nobody's */
		bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
		if (stored_read(&stored, &file, arch.rela) && stored_intact(&stored)) {
			printf("bit %llu of byte %#llx flipped, and intact\n", (unsigned long long)bit % 8,
			       (unsigned long long)bit / 8);
			exit(1);
		}
		bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
	}
}

int main(int argc, char **argv)
{
	diag_tool = "format";
	if (argc != 6)
		return 2;
	bool is64 = atoi(argv[1]) == 64, big_endian = argv[2][0] == 'b';

	arch.rela = argv[3][0] == '1';
	make(is64, big_endian, is64 ? 0x3000000000 : 0x41000000);
	uint64_t size = plan_size(&plan);
	unsigned char *bytes = xcalloc(size + 64, 1);

	plan_encode(&plan, strtoull(argv[4], NULL, 0), bytes);
	FILE *out = fopen(argv[5], "w");

	if (!out || fwrite(bytes, 1, size, out) != size || fclose(out))
		return 1;
	read_back(is64, big_endian, bytes, size);
	return 0;
}
