include $(sort $(wildcard $(BR2_EXTERNAL_PRELINK_PLUGINS_PATH)/package/*/*.mk))
