# Tests of this area; one line each.
TESTS +=
