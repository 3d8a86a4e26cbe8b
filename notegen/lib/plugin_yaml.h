/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A plugin entry as YAML: what manifests and notes have in common. */
#ifndef PLUGIN_YAML_H
#define PLUGIN_YAML_H

#include "note.h"
#include "yaml_text.h"

/* Adds the entry that NODE describes to LIST.  STRICT is for manifests: unknown keys and priorities are
 * errors, and so is a path beside a soname.  0, or -1 after a message. */
int plugin_entry_from_yaml(const struct yaml_text *yaml, const yaml_node_t *node, bool strict,
			   struct plugin_list *list);

/* The pattern that NODE is, which lives as long as YAML.  0, or -1 after a message. */
int plugin_path_from_yaml(const struct yaml_text *yaml, const yaml_node_t *node, const char **path);

#endif
