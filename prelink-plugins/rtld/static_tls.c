/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Keeping thread variables in the static block; see static_tls.h. */
#include "static_tls.h"

#include <elf.h>

#include "kernel.h"

enum {
	OBJECTS_MAX = 512, /* with thread variables, at start; those behind stay as ld.so has them */
	RECORDS_MAX = 512, /* that need no memory of their own */
	SPARE = 8192,      /* bytes more to ask for than is known to be needed */
	EXTRA_MAX = 63,    /* bytes of the block for rseq(2), 32, and before it, to align it to 32 */
};

/* A start-up object with thread variables. */
struct block {
	struct link_map *map;
	size_t need;            /* bytes of the static block, at most */
	bool fixed;             /* it says so itself, by DF_STATIC_TLS */
	bool forced;            /* the record was added */
	ElfW(Dyn) *rel, *relsz; /* what l_info had until then */
	ElfW(Dyn) copy, copysz; /* and has now */
};

/* Mapped when the first object needs it. */
static struct {
	struct block block[OBJECTS_MAX];
	machine_reloc record[RECORDS_MAX];
} * memory;
static size_t block_count, records_used;
static size_t room,
	alignment; /* bytes: of the static block, left for start-up libraries; the largest alignment */
static size_t
	most_known;  /* bytes: more than that start-up libraries cannot have; 0 where that is not known */
static size_t asked; /* bytes that those which are here cannot do without */
static bool settled;
static ElfW(Addr) offset; /* where the additional relocations go */

static const ElfW(Phdr) *tls_of(const struct link_map *map)
{
	size_t count;
	const ElfW(Phdr) *phdr = ldso_phdr(map, &count);

	for (size_t i = 0; phdr && i < count; i++)
		if (phdr[i].p_type == PT_TLS && phdr[i].p_memsz)
			return &phdr[i];
	return NULL;
}

/* Bytes that TLS takes at most, wherever the block before it ends: glibc, _dl_determine_tlsoffset() and
 * _dl_try_allocate_static_tls(). */
static size_t most(const ElfW(Phdr) *tls)
{
	size_t align = tls->p_align ? tls->p_align : 1;

	return tls->p_memsz + (tls->p_vaddr & (align - 1)) + align - 1;
}

/* Bytes of the static block that the program, the first one in it, takes. */
static size_t first_offset(const ElfW(Phdr) *tls)
{
	if (!MACHINE_TLS_BELOW)
		return most(tls);
	size_t align = tls->p_align ? tls->p_align : 1, first = -tls->p_vaddr & (align - 1);

	return ((tls->p_memsz - first + align - 1) & -align) + first;
}

void static_tls_begin(struct link_map *program, struct link_map *loader)
{
	void (*info)(size_t *, size_t *) =
		(void (*)(size_t *, size_t *))loader_symbol(loader, "_dl_get_tls_static_info");
	const ElfW(Phdr) *tls;
	size_t size, used = MACHINE_TLS_TAKEN + (ldso.tags >= MACHINE_TAGS_RSEQ ? EXTRA_MAX : 0);

	if (!info || !ldso.phdr)
		return;
	info(&size, &alignment);
	if ((tls = tls_of(program)))
		used += first_offset(tls);
	if ((tls = tls_of(loader)))
		used += most(tls);
	room = size > used ? size - used : 0;
	most_known = room + EXTRA_MAX;
}

static machine_reloc *new_records(size_t count)
{
	if (count <= RECORDS_MAX - records_used) {
		records_used += count;
		return &memory->record[records_used - count];
	}
	return kernel_mmap(count * sizeof(machine_reloc), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			   -1);
}

/* DT_RELA of MAP as ld.so is going to process it, *COUNT records, without those that are in its DT_JMPREL
 * too, as very old linkers count them: ld.so tells by the end of both (glibc, elf/dynamic-link.h). */
static const machine_reloc *own_records(struct link_map *map, size_t *count)
{
	ElfW(Dyn) *rel = ldso_info(map)[MACHINE_DT_REL], *relsz = ldso_info(map)[MACHINE_DT_RELSZ];
	size_t bytes = rel && relsz ? relsz->d_un.d_val : 0;
	struct tags tags;

	read_dynamic(map->l_ld, &tags);
	if (bytes && tags.jmprel && tags.pltrelsz && tags.pltrelsz->d_un.d_val <= bytes &&
	    rel->d_un.d_ptr + bytes == tags.jmprel->d_un.d_ptr + tags.pltrelsz->d_un.d_val)
		bytes -= tags.pltrelsz->d_un.d_val;
	*count = bytes / sizeof(machine_reloc);
	return *count ? ldso_pointer(map, rel) : NULL;
}

static bool is_forcing(const machine_reloc *record)
{
	return record->r_info == MACHINE_R_TPOFF; /* against symbol 0 */
}

/* True if MAP has such a record itself, as the C library has for errno. */
static bool forces_itself(struct link_map *map)
{
	size_t count;
	const machine_reloc *record = own_records(map, &count);

	for (size_t i = 0; i < count; i++)
		if (is_forcing(&record[i]))
			return true;
	return false;
}

static void force(struct block *block)
{
	ElfW(Dyn) **info = ldso_info(block->map);
	size_t count;
	const machine_reloc *own = own_records(block->map, &count);
	machine_reloc *copy = new_records(count + 1);

	if (!copy)
		return;
	for (size_t i = 0; i < count; i++)
		copy[i] = own[i];
	copy[count] = (machine_reloc){ .r_offset = (ElfW(Addr))&offset - block->map->l_addr,
				       .r_info = MACHINE_R_TPOFF };
	block->rel = info[MACHINE_DT_REL];
	block->relsz = info[MACHINE_DT_RELSZ];
	block->copy = (ElfW(Dyn)){ MACHINE_DT_REL, { ldso_address(block->map, copy) } };
	block->copysz = (ElfW(Dyn)){ MACHINE_DT_RELSZ, { (count + 1) * sizeof *copy } };
	info[MACHINE_DT_REL] = &block->copy;
	info[MACHINE_DT_RELSZ] = &block->copysz;
	block->forced = true;
}

static void release(struct block *block)
{
	ldso_info(block->map)[MACHINE_DT_REL] = block->rel;
	ldso_info(block->map)[MACHINE_DT_RELSZ] = block->relsz;
	block->forced = false;
}

/* The largest of the blocks that are smaller than LIMIT bytes and can go without; 0 where there is none. */
static size_t next_smaller(size_t limit)
{
	size_t largest = 0;

	for (size_t i = 0; i < block_count; i++)
		if (!memory->block[i].fixed && memory->block[i].need < limit &&
		    memory->block[i].need > largest)
			largest = memory->block[i].need;
	return largest;
}

/* Bytes that all blocks of up to LIMIT bytes need, and those that say that they need it. */
static size_t total(size_t limit)
{
	size_t bytes = 0;

	for (size_t i = 0; i < block_count; i++)
		if (memory->block[i].fixed || memory->block[i].need <= limit)
			bytes += memory->block[i].need;
	return bytes;
}

void static_tls_settle(void)
{
	size_t limit = SIZE_MAX;

	settled = true;
	while (limit && total(limit) > room)
		limit = next_smaller(limit);
	bool fits = total(limit) <= room;
	for (size_t i = 0; i < block_count; i++) {
		struct block *block = &memory->block[i];
		bool wanted = block->need <= limit || (block->fixed && fits);

		if (wanted && !block->forced)
			force(block);
		else if (!wanted && block->forced)
			release(block);
	}
}

static bool have_memory(void)
{
	if (!memory)
		memory = kernel_mmap(sizeof *memory, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	return memory;
}

size_t static_tls_add(struct link_map *map)
{
	const ElfW(Phdr) *tls = tls_of(map);
	struct tags tags;
	bool forces = tls && forces_itself(map);

	read_dynamic(map->l_ld, &tags);
	bool fixed = tags.flags && (tags.flags->d_un.d_val & DF_STATIC_TLS);
	if (tls && (forces || fixed))
		asked += tls->p_memsz;
	if (most_known && asked > most_known)
		return asked + SPARE;
	if (!tls || tls->p_align > alignment || (tls->p_align & (tls->p_align - 1)))
		return 0;
	size_t need = most(tls);
	if (forces)
		room -= need < room ? need : room;
	else if (have_memory() && block_count < OBJECTS_MAX)
		memory->block[block_count++] = (struct block){ .map = map, .need = need, .fixed = fixed };
	if (settled)
		static_tls_settle();
	return 0;
}
