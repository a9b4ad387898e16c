// The VST3 component: buses, activation and saved state.
#pragma once

#include "vst3_object.hpp"

namespace musika {
namespace vst3 {

inline v3_result V3_API get_controller_class_id(void*, v3_tuid) {
    return V3_NOT_IMPLEMENTED;  // it is this object itself
}

inline v3_result V3_API set_io_mode(void*, int32_t) {
    return V3_NOT_IMPLEMENTED;
}

// One stereo output, an input for the keys of a chord track, and an output for the notes that play
inline int32_t V3_API get_bus_count(void*, int32_t media, int32_t direction) {
    return (media == V3_AUDIO && direction == V3_OUTPUT) || media == V3_EVENT ? 1 : 0;
}

inline v3_result V3_API get_bus_info(void* face, int32_t media, int32_t direction, int32_t index,
                                     v3_bus_info* info) {
    if (index != 0 || get_bus_count(face, media, direction) == 0) return V3_INVALID_ARG;
    *info = {};
    info->media_type = media;
    info->direction = direction;
    info->channel_count = media == V3_AUDIO ? 2 : 16;
    write_utf16(info->bus_name, 128,
                media == V3_AUDIO       ? "Output"
                : direction == V3_INPUT ? "Chords"
                                        : "Notes");
    info->bus_type = V3_MAIN;
    info->flags = V3_DEFAULT_ACTIVE;
    return V3_OK;
}

inline v3_result V3_API get_routing_info(void*, v3_routing_info*, v3_routing_info*) {
    return V3_NOT_IMPLEMENTED;
}

inline v3_result V3_API activate_bus(void* face, int32_t media, int32_t direction, int32_t index, v3_bool) {
    return index == 0 && get_bus_count(face, media, direction) == 1 ? V3_OK : V3_INVALID_ARG;
}

inline v3_result V3_API set_active(void* face, v3_bool state) {
    Vst3Plugin& p = self(face);
    if (!state) {
        p.core.deactivate();
        return V3_OK;
    }
    p.free_run.reset();
    return p.core.activate(p.sample_rate_hz) ? V3_OK : V3_INTERNAL_ERR;
}

inline v3_result V3_API set_state(void* face, v3_bstream** stream) {
    char data[kStateBytesMax + 1];
    size_t done = 0;
    while (done < sizeof(data)) {
        int32_t count = 0;
        const int32_t room = static_cast<int32_t>(sizeof(data) - done);
        if (methods<v3_bstream>(stream).read(stream, data + done, room, &count) != V3_OK || count <= 0) break;
        done += static_cast<size_t>(count);
    }
    return self(face).core.load(data, done) ? V3_OK : V3_FALSE;
}

inline v3_result V3_API get_state(void* face, v3_bstream** stream) {
    std::string text = self(face).core.save();
    int32_t count = 0;
    const int32_t size = static_cast<int32_t>(text.size());
    return methods<v3_bstream>(stream).write(stream, &text[0], size, &count) == V3_OK && count == size
               ? V3_OK
               : V3_INTERNAL_ERR;
}

inline const v3_component_cpp make_component() {
    v3_component_cpp table = {};
    static_cast<v3_funknown&>(table) = kUnknown;
    table.base = kBase;
    table.comp = {get_controller_class_id,
                  set_io_mode,
                  get_bus_count,
                  get_bus_info,
                  get_routing_info,
                  activate_bus,
                  set_active,
                  set_state,
                  get_state};
    return table;
}
const v3_component_cpp kComponent = make_component();

}  // namespace vst3
}  // namespace musika
