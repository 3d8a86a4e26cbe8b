# prelink: the passes in the order in which main() runs them, what they share, and the machines.
noinst_LIBRARIES += prelink-plugins/libprelink.a
prelink_plugins_libprelink_a_SOURCES = \
	prelink-plugins/dynamic.c prelink-plugins/dynamic.h \
	prelink-plugins/object.h \
	prelink-plugins/arch/arch.h
