#pragma once

#define DISTRHO_PLUGIN_BRAND "Tests"
#define DISTRHO_PLUGIN_NAME "Test Gain"
#define DISTRHO_PLUGIN_URI "urn:musika-daw:test-gain"
#define DISTRHO_PLUGIN_CLAP_ID "musika-daw.test-gain"
#define DISTRHO_PLUGIN_BRAND_ID Tsts
#define DISTRHO_PLUGIN_UNIQUE_ID TesG
#define DISTRHO_PLUGIN_NUM_INPUTS 2
#define DISTRHO_PLUGIN_NUM_OUTPUTS 2
#define DISTRHO_PLUGIN_HAS_UI 0
#define DISTRHO_PLUGIN_IS_RT_SAFE 1
