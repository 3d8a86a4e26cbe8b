/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Path patterns of manifests and notes: absolute, `*` `?` `[...]` stop at `/`, `**` does not.
 *
 * `{a,b}` stands for either of its alternatives, which may be empty and may hold slashes, patterns and
 * further braces: /usr/{lib,lib64}/xine is one place in two distributions' layouts, and one pattern,
 * satisfied where either is.  `**` is a component of its own and also stands for no component at all.
 *
 * As in glob(7), a leading dot of a component has to be matched by a dot.  Directories that are
 * symbolic links are entered when a component of the pattern matches them, but never by `**`
 * (which would loop). */
#ifndef PATTERN_H
#define PATTERN_H

#include <stdbool.h>

#include "path_list.h"
#include "root.h"

/* NULL if PATTERN is well-formed, else what is wrong with it ("is not absolute", ...). */
const char *pattern_check(const char *pattern);

/* Adds to LIST what the braces of PATTERN make of it: patterns without any, in order; itself, where it has
 * none.  NULL, or what is wrong.  It need not be absolute. */
const char *pattern_alternatives(const char *pattern, struct path_list *list);

/* True if the absolute PATH (of the same notation, inside the tree) matches PATTERN. */
bool pattern_match(const char *pattern, const char *path);

/* Every existing non-directory inside the tree that matches PATTERN, by the name under which it
 * matched, added to LIST (sorted again).  0, or -1 after a message (a directory that cannot be
 * read); one that does not exist is no error. */
int pattern_expand(const struct root *root, const char *pattern, struct path_list *list);

/* The same for all patterns of notes, manifests or a configuration, of one tree, each of
 * whose directories is read once:
 *
 *     tree = pattern_tree_new(root);
 *     for each note:
 *             pattern_tree_begin(tree);     // what its patterns cost together is at most LIMIT_WALK, or said once
 *             for each pattern of it:
 *                     pattern_tree_expand(tree, pattern, &list);
 *     pattern_tree_free(tree);
 *
 * What is created meanwhile may be missed.  ROOT outlives the tree. */
struct pattern_tree *pattern_tree_new(const struct root *root);
void pattern_tree_begin(struct pattern_tree *tree);
int pattern_tree_expand(struct pattern_tree *tree, const char *pattern, struct path_list *list);
bool pattern_tree_ended(const struct pattern_tree *tree); /* it was too much: what follows finds nothing */
void pattern_tree_free(struct pattern_tree *tree);

/* pattern_tree_expand() with directories among them. */
int pattern_tree_expand_any(struct pattern_tree *tree, const char *pattern, struct path_list *list);

#endif
