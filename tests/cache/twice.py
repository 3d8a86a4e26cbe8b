#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs cache_twice.c."""
import os

from harness import BUILD, run, scratch

run([os.path.join(BUILD, "tests/cache/twice"), scratch()])
