# Tests of this area; one line each.
TESTS += \
	tests/notegen/attributes.py \
	tests/notegen/bad_input.py \
	tests/notegen/bad_manifest.py \
	tests/notegen/commands.py \
	tests/notegen/faults.py \
	tests/notegen/holes.py \
	tests/notegen/killed.py \
	tests/notegen/linkers.py \
	tests/notegen/meanwhile.py \
	tests/notegen/readers.py \
	tests/notegen/round_trip.py \
	tests/notegen/sanitized.py \
	tests/notegen/taken_back.py
EXTRA_DIST += tests/notegen/notes.py
