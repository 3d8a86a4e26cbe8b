# Tests of this area; one line each.
TESTS += \
	tests/bind/semantics.py \
	tests/bind/programs.py \
	tests/bind/values.py \
	tests/bind/plugins.py \
	tests/bind/orders.py \
	tests/bind/foreign.py \
	tests/bind/hostile.py

# Binds in scopes that a test spells out; opens plugins; plays the loading of plugins in any order.
check_PROGRAMS += tests/bind/bindings tests/bind/load tests/bind/orders
tests_bind_bindings_SOURCES = tests/bind/bindings.c
tests_bind_bindings_LDADD = prelink-plugins/libprelink.a notegen/lib/libcommon.a $(LIBELF_LIBS)
tests_bind_load_SOURCES = tests/bind/load.c
tests_bind_load_LDADD = -ldl
tests_bind_orders_SOURCES = tests/bind/orders.c
tests_bind_orders_LDADD = $(prelink_plugins_prelink_LDADD)
EXTRA_DIST += tests/bind/damaged.c tests/bind/shim.c
