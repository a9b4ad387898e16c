// The VST3 controller: parameters as names, texts and numbers of 0..1.
#pragma once

#include "vst3_object.hpp"

namespace musika {
namespace vst3 {

inline v3_result V3_API set_component_state(void*, v3_bstream**) {
    return V3_OK;  // the component has read it itself
}

inline v3_result V3_API no_state(void*, v3_bstream**) {
    return V3_OK;
}

inline int32_t V3_API get_parameter_count(void*) {
    return kParameters;
}

inline v3_result V3_API get_parameter_info(void*, int32_t index, v3_param_info* info) {
    if (index < 0 || index >= static_cast<int32_t>(kParameters)) return V3_INVALID_ARG;
    const uint32_t id = static_cast<uint32_t>(index);
    const Parameter& p = kTable[id];
    *info = {};
    info->param_id = id;
    write_utf16(info->title, 128, p.name);
    write_utf16(info->short_title, 128, p.name);
    write_utf16(info->units, 128, p.unit);
    info->step_count = p.stepped ? static_cast<int32_t>(p.high - p.low) : 0;
    info->default_normalised_value = to_normal(id, p.start);
    info->flags = id == kState ? V3_PARAM_READ_ONLY : p.automated ? V3_PARAM_CAN_AUTOMATE : 0;
    if (id == kBypass) info->flags |= V3_PARAM_IS_BYPASS;
    return V3_OK;
}

inline v3_result V3_API string_for_value(void*, v3_param_id id, double share, v3_str_128 out) {
    if (id >= kParameters) return V3_INVALID_ARG;
    char text[64];
    value_text(id, from_normal(id, share), text, sizeof(text));
    write_utf16(out, 128, text);
    return V3_OK;
}

inline v3_result V3_API value_for_string(void*, v3_param_id id, int16_t* in, double* share) {
    if (id >= kParameters) return V3_INVALID_ARG;
    char text[64] = {};
    for (size_t i = 0; i + 1 < sizeof(text) && in[i] != 0; ++i) text[i] = static_cast<char>(in[i]);
    double value = 0;
    if (!value_of_text(id, text, value)) return V3_FALSE;
    *share = to_normal(id, value);
    return V3_OK;
}

inline double V3_API to_plain(void*, v3_param_id id, double share) {
    return id < kParameters ? from_normal(id, share) : share;
}

inline double V3_API to_share(void*, v3_param_id id, double plain) {
    return id < kParameters ? to_normal(id, plain) : plain;
}

inline double V3_API get_parameter(void* face, v3_param_id id) {
    if (id >= kParameters) return 0;
    Core& core = self(face).core;
    return to_normal(id, id == kState ? static_cast<double>(core.state()) : core.values().get(id));
}

inline v3_result V3_API set_parameter(void* face, v3_param_id id, double share) {
    if (id >= kParameters) return V3_INVALID_ARG;
    if (is_set_by_daw(id)) self(face).core.values().set(id, from_normal(id, share));
    return V3_OK;
}

inline v3_result V3_API set_component_handler(void*, v3_component_handler**) {
    return V3_OK;
}

inline v3_plugin_view** V3_API create_view(void*, const char*) {
    return nullptr;
}

inline const v3_edit_controller_cpp make_controller() {
    v3_edit_controller_cpp table = {};
    static_cast<v3_funknown&>(table) = kUnknown;
    table.base = kBase;
    table.ctrl = {set_component_state, no_state,           no_state,
                  get_parameter_count, get_parameter_info, string_for_value,
                  value_for_string,    to_plain,           to_share,
                  get_parameter,       set_parameter,      set_component_handler,
                  create_view};
    return table;
}
const v3_edit_controller_cpp kController = make_controller();

}  // namespace vst3
}  // namespace musika
