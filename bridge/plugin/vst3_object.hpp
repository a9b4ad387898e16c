// The VST3 object: its interfaces, and what every interface of it begins with.
//
// An interface of VST3 is a pointer to a pointer to a table of functions. Each of ours is a `Facet`, whose
// first member is that pointer and whose second leads back to the plugin.
#pragma once

#include <travesty/audio_processor.h>
#include <travesty/component.h>
#include <travesty/edit_controller.h>

#include <atomic>

#include "core.hpp"

namespace musika {
namespace vst3 {

struct Vst3Plugin;

struct Facet {
    const void* table;
    Vst3Plugin* plugin;
};

struct Vst3Plugin {
    Facet component, processor, controller, requirements;
    std::atomic<uint32_t> references{1};
    Core core{PluginFormat::vst3};
    double sample_rate_hz = 48000;
    double told_state = -1;
    FreeRun free_run;
    Vst3Plugin();
};

inline Vst3Plugin& self(void* face) {
    return *static_cast<Facet*>(face)->plugin;
}

// The host's objects: calls a method of an interface that lies `Table` behind the three of v3_funknown.
template <class Table, class Object>
const Table& methods(Object** object) {
    return *reinterpret_cast<const Table*>(*reinterpret_cast<const v3_funknown* const*>(object) + 1);
}

inline void write_utf16(int16_t* out, size_t size, const char* text) {
    size_t i = 0;
    for (; i + 1 < size && text[i] != 0; ++i) out[i] = text[i];
    out[i] = 0;
}

inline v3_result V3_API query_interface(void* face, const v3_tuid id, void** object) {
    Vst3Plugin& p = self(face);
    if (v3_tuid_match(id, v3_funknown_iid) || v3_tuid_match(id, v3_plugin_base_iid) ||
        v3_tuid_match(id, v3_component_iid))
        *object = &p.component;
    else if (v3_tuid_match(id, v3_audio_processor_iid))
        *object = &p.processor;
    else if (v3_tuid_match(id, v3_edit_controller_iid))
        *object = &p.controller;
    else if (v3_tuid_match(id, v3_process_context_requirements_iid))
        *object = &p.requirements;
    else {
        *object = nullptr;
        return V3_NO_INTERFACE;
    }
    ++p.references;
    return V3_OK;
}

inline uint32_t V3_API add_reference(void* face) {
    return ++self(face).references;
}

inline uint32_t V3_API release(void* face) {
    Vst3Plugin* p = &self(face);
    const uint32_t left = --p->references;
    if (left == 0) delete p;
    return left;
}

constexpr v3_funknown kUnknown = {query_interface, add_reference, release};

inline v3_result V3_API initialize(void*, v3_funknown**) {
    return V3_OK;
}

inline v3_result V3_API terminate(void* face) {
    self(face).core.deactivate();
    return V3_OK;
}

constexpr v3_plugin_base kBase = {initialize, terminate};

}  // namespace vst3
}  // namespace musika
