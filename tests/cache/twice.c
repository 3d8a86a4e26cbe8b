/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A cache that is written is one that can be read back: also of a table that has two files at one path, as
 * it has when somebody replaced a file while a run was on; and one that could not be is not written.
 * Argument: an empty directory. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cache/build.h"
#include "cache/seen.h"
#include "diag.h"

static struct object *add(struct object_table *table, const struct root *root, const char *path, ino_t inode)
{
	struct object *object = xcalloc(1, sizeof *object);

	object_set_path(object, root, path);
	object->st = (struct stat){ .st_dev = 1, .st_ino = inode, .st_size = 4096 };
	object->wanted = true;
	return object_table_add(table, object);
}

static void expect(bool condition, const char *what)
{
	if (condition)
		return;
	printf("FAIL: %s\n", what);
	exit(1);
}

int main(int argc, char **argv)
{
	struct object_table table;
	struct cache_inputs inputs = { 0 };
	struct options options = { 0 };
	struct cache cache, back;
	struct root root;

	diag_tool = "twice";
	if (argc != 2 || root_open_tree(&root, argv[1]))
		return 2;
	object_table_init(&table);
	struct object *before = add(&table, &root, "/b", 1), *other = add(&table, &root, "/a", 2);
	struct object *after = add(&table, &root, "/b", 3), *user = add(&table, &root, "/c", 4);

	object_list_add(&user->scope, user);
	object_list_add(&user->scope, after);
	object_list_add(&user->scope, before);
	object_list_add(&user->scope, other);
	cache_build(&cache, &table, &inputs, &root, &options);
	expect(cache_write(&cache, &root, "/cache") == 0, "it cannot be written");
	expect(cache_read(&back, &root, "/cache", true) == 0, "it cannot be read back");
	expect(back.object_count == 3, "one path, one entry");

	const struct cache_object *twice = cache_find(&back, "/b"), *once = cache_find(&back, "/a");
	const struct cache_object *scope = cache_find(&back, "/c");

	expect(twice && seen_object(&back, twice)->ino == 0,
	       "what was replaced is taken for what a later run will find");
	expect(once && seen_object(&back, once)->ino == 2, "what was not is");
	expect(scope && scope->scope.count == 4 && back.pool[scope->scope.first + 1] == twice - back.object &&
		       back.pool[scope->scope.first + 3] == once - back.object,
	       "a scope names other objects than it has");
	cache_release(&back);

	memset(cache.data + cache.size - 4, 'x', 4); /* a string that does not end */
	expect(cache_write(&cache, &root, "/cache"), "one that contradicts itself is written");
	expect(cache_read(&back, &root, "/cache", true) == 0 && back.object_count == 3,
	       "the old one is not there");
	cache_release(&back);
	cache_release(&cache);
	object_table_release(&table);
	root_release(&root);
	return 0;
}
