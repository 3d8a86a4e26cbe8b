/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Finding a program's plan in a store; see store.h. */
#include "store.h"

#include "kernel.h"
#include "memory_identity.h"
#include "planned.h"
#include "store_format.h"
#include "text.h"

/* True if the open file FD may tell this process what to write where; *SIZE is then its size in bytes. */
static bool is_trusted(int fd, const struct environment *environment, uint64_t *size)
{
	struct statx st;

	if (kernel_stat(fd, &st) < 0 || !S_ISREG(st.stx_mode) || (st.stx_mode & (S_IWGRP | S_IWOTH)) ||
	    (st.stx_uid != 0 && st.stx_uid != environment->uid))
		return false;
	*size = st.stx_size;
	return true;
}

/* True if the store of SIZE bytes that the open file FD is may have a plan for PROGRAM, or where what it knows
 * of all others is of interest, too.  Then *DIGEST is that of PROGRAM's dynamic section. */
static bool is_worth_mapping(int fd, uint64_t size, const struct environment *environment,
			     const struct link_map *program, uint64_t *digest)
{
	struct store_front front;
	uint32_t at;

	if (size > UINT32_MAX || kernel_read(fd, &front, sizeof front) != sizeof front ||
	    front.header.magic != STORE_MAGIC || front.header.machine != MACHINE_EM ||
	    front.header.elf_class != MACHINE_CLASS || front.header.size != size)
		return false;
	*digest = identity_of_dynamic(program);
	unsigned char bit = store_filter_bit(*digest, &at);
	return environment->learn || (front.filter[at] & bit);
}

/* The store at PATH, mapped; NULL where there is none that counts, or none that has a plan for PROGRAM, whose
 * dynamic section has *DIGEST otherwise. */
static const struct store_header *map_store(const char *path, const struct environment *environment,
					    const struct link_map *program, uint64_t *digest)
{
	const struct store_header *store = NULL;
	uint64_t size;
	int fd = kernel_open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (fd < 0)
		return NULL;
	/* It may be as large as all that a program with little room needs. */
	if (is_trusted(fd, environment, &size) && is_worth_mapping(fd, size, environment, program, digest) &&
	    !kernel_limited(RLIMIT_AS))
		store = kernel_mmap(size, PROT_READ, MAP_PRIVATE, fd);
	kernel_close(fd);
	return store;
}

static uint64_t program_digest(const void *table, uint32_t index)
{
	return ((const struct store_program *)table)[index].dynamic;
}

/* The entry of the program with that digest and identity; NULL where it has none. */
static const struct store_program *find_program(const struct store_header *store,
						const struct link_map *program, uint64_t digest)
{
	const struct store_program *entry = (const void *)((const char *)store + store->program.offset);
	uint32_t count = store->program.count;

	if (store->program.offset > store->size ||
	    count > (store->size - store->program.offset) / sizeof *entry)
		return NULL;
	uint32_t at = first_from(entry, 0, count, program_digest, digest);
	for (; at < count && entry[at].dynamic == digest; at++)
		if (entry[at].identity <= store->size - sizeof(struct identity) &&
		    is_identical(program, (const void *)((const char *)store + entry[at].identity)))
			return &entry[at];
	return NULL;
}

/* --- what is found where --- */

static const struct store_header *taken;  /* the store that the plan is in */
static const struct store_frozen *frozen; /* of the program; NULL: its search is not */

/* The text at byte OFFSET of the store; NULL where it does not end inside of it. */
static const char *text_at(uint32_t offset)
{
	const char *bytes = (const char *)taken;

	for (uint64_t at = offset; at < taken->size; at++)
		if (!bytes[at])
			return bytes + offset;
	return NULL;
}

/* The table of COUNT records of SIZE bytes; NULL where it does not lie in the store. */
static const void *table_at(const struct store_header *store, struct plan_table table, size_t size)
{
	if (table.offset > store->size || table.count > (store->size - table.offset) / size)
		return NULL;
	return (const char *)store + table.offset;
}

static uint64_t plan_of(const void *table, uint32_t index)
{
	return ((const struct store_frozen *)table)[index].plan;
}

static uint64_t hash_of(const void *table, uint32_t index)
{
	return ((const struct store_found *)table)[index].hash;
}

/* Sets what is known of the search of the program whose plan is at OFFSET of STORE. */
static void find_frozen(const struct store_header *store, uint32_t offset)
{
	const struct store_frozen *entry = table_at(store, store->frozen, sizeof *entry);
	uint32_t at = entry ? first_from(entry, 0, store->frozen.count, plan_of, offset) : 0;

	taken = store;
	if (entry && at < store->frozen.count && entry[at].plan == offset)
		frozen = &entry[at];
}

static bool same_library_path(const struct environment *environment)
{
	const char *now = environment->library_path ? environment->library_path : "";
	const char *then = frozen->library_path ? text_at(frozen->library_path) : "";

	return then && equal(now, then);
}

const char *store_found(const struct environment *environment, const char *name)
{
	const struct store_found *entry = frozen ? table_at(taken, frozen->found, sizeof *entry) : NULL;
	uint32_t hash = plan_hash(name);

	if (!entry || !same_library_path(environment))
		return NULL;
	uint32_t at = first_from(entry, 0, frozen->found.count, hash_of, hash);
	for (; at < frozen->found.count && entry[at].hash == hash; at++) {
		const char *own = text_at(entry[at].name), *path = text_at(entry[at].path);
		struct statx st;

		if (own && path && equal(own, name) &&
		    entry[at].check == store_found_check(hash, plan_hash(path), entry[at].size) &&
		    kernel_stat_path(path, &st) == 0 && S_ISREG(st.stx_mode) &&
		    (uint32_t)st.stx_size == entry[at].size)
			return path;
	}
	return NULL;
}

bool store_find(const struct environment *environment, const struct link_map *program)
{
	const char *path = environment->store ? environment->store : SYSTEM_STORE;
	uint64_t digest;
	const struct store_header *store = map_store(path, environment, program, &digest);
	const struct store_program *entry = store ? find_program(store, program, digest) : NULL;

	if (entry && entry->plan)
		plan_take(store, store->size, entry->plan);
	if (plan && objects[PLAN_PROGRAM].identity != entry->identity)
		plan = NULL; /* it is another program's */
	if (plan)
		find_frozen(store, entry->plan);
	/* It would count in what the process may have (RLIMIT_AS), and be held in memory with
	 * the rest (mlockall(2)). */
	bool known = entry != NULL;
	if (store && !plan && !environment->only_map)
		kernel_munmap(store, store->size);
	return known;
}
