/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Manifests as text. */
#ifndef MANIFEST_PRINT_H
#define MANIFEST_PRINT_H

#include <stdio.h>

#include "manifest.h"

/* Prints MANIFEST as a YAML document, with DESCRIPTION. */
void manifest_print(FILE *out, const struct manifest *manifest, const char *description);

#endif
