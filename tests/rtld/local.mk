# Tests of this area; one line each.
TESTS += tests/rtld/module.py
TESTS += tests/rtld/levels.py
EXTRA_DIST += tests/rtld/kit.py
