# Tests of this area; one line each.
TESTS += \
	tests/advise/code.py \
	tests/advise/command.py \
	tests/advise/costly.py \
	tests/advise/loader.py \
	tests/advise/places.py \
	tests/advise/sizes.py \
	tests/advise/symbols.py
EXTRA_DIST += tests/advise/fixtures.py
