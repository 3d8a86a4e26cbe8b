# Tests of this area; one line each.
TESTS += tests/machines/abi.py tests/machines/images.py tests/machines/kernel.py tests/machines/store.py tests/machines/toc.py
EXTRA_DIST += tests/machines/bare.py tests/machines/first.c tests/machines/guest.py
