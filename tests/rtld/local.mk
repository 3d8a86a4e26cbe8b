# Tests of this area; one line each.
TESTS += tests/rtld/module.py
TESTS += tests/rtld/levels.py
TESTS += tests/rtld/cases.py
TESTS += tests/rtld/ldso.py
TESTS += tests/rtld/matrix.py
TESTS += tests/rtld/namespaces.py
TESTS += tests/rtld/secure.py
TESTS += tests/rtld/programs.py
TESTS += tests/rtld/thread_variables.py
TESTS += tests/rtld/shadowed.py
TESTS += tests/rtld/ifunc.py
TESTS += tests/rtld/images.py
TESTS += tests/rtld/liblist.py
TESTS += tests/rtld/releases.py
TESTS += tests/rtld/selfcheck.py
TESTS += tests/rtld/status.py
EXTRA_DIST += tests/rtld/kit.py tests/rtld/rooted.py tests/rtld/image.c
