/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Virtual environments (PEP 405): a directory with a link to the system's python in its bin, beside which
 * lies pyvenv.cfg, and with extension modules of its own.  A start by that link loads those, which only a
 * manifest of the environment names (python-plugin-manifest(1) writes it). */
#ifndef VENV_H
#define VENV_H

#include "gather/gather.h"

/* Path of an extension module in the environment that PROGRAM was named through, which no note or manifest
 * names; NULL where there is none, or PROGRAM was named otherwise.  GATHER's: it finds the module. */
const char *venv_unnamed_module(struct gather *gather, const struct object *program);

#endif
