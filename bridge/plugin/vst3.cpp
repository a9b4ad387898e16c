// The VST3 face of the plugin: one object that is component, processor and controller at once.
//
// An interface of VST3 is a pointer to a pointer to a table of functions. Each of ours is a `Facet`, whose
// first member is that pointer and whose second leads back to the plugin.
#include <travesty/audio_processor.h>
#include <travesty/component.h>
#include <travesty/edit_controller.h>
#include <travesty/factory.h>

#include <atomic>
#include <cstdio>
#include <cstring>
#include <new>

#include "core.hpp"
#include "version.hpp"

#if defined(_WIN32)
#define MUSIKA_EXPORT extern "C" __declspec(dllexport)
#else
#define MUSIKA_EXPORT extern "C" __attribute__((visibility("default")))
#endif

namespace {

using namespace musika;

const v3_tuid kClassId = V3_ID(0x6D75736B, 0x69612D64, 0x61772D67, 0x656E3031);
constexpr char kSubCategories[] = "Instrument|Generator";
constexpr int32_t kManyInstances = 0x7FFFFFFF;
constexpr int32_t kUnicode = 0x10;

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
    Vst3Plugin();
};

Vst3Plugin& self(void* face) {
    return *static_cast<Facet*>(face)->plugin;
}

// The host's objects: calls a method of an interface that lies `Table` behind the three of v3_funknown.
template <class Table, class Object>
const Table& methods(Object** object) {
    return *reinterpret_cast<const Table*>(*reinterpret_cast<const v3_funknown* const*>(object) + 1);
}

void write_utf16(int16_t* out, size_t size, const char* text) {
    size_t i = 0;
    for (; i + 1 < size && text[i] != 0; ++i) out[i] = text[i];
    out[i] = 0;
}

// --- v3_funknown

v3_result V3_API query_interface(void* face, const v3_tuid id, void** object) {
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

uint32_t V3_API add_reference(void* face) {
    return ++self(face).references;
}

uint32_t V3_API release(void* face) {
    Vst3Plugin* p = &self(face);
    const uint32_t left = --p->references;
    if (left == 0) delete p;
    return left;
}

constexpr v3_funknown kUnknown = {query_interface, add_reference, release};

// --- v3_plugin_base

v3_result V3_API initialize(void*, v3_funknown**) {
    return V3_OK;
}

v3_result V3_API terminate(void* face) {
    self(face).core.deactivate();
    return V3_OK;
}

constexpr v3_plugin_base kBase = {initialize, terminate};

// --- v3_component

v3_result V3_API get_controller_class_id(void*, v3_tuid) {
    return V3_NOT_IMPLEMENTED;
}  // it is this object itself

v3_result V3_API set_io_mode(void*, int32_t) {
    return V3_NOT_IMPLEMENTED;
}

// One stereo output, and an input for notes, which mean nothing to it: some DAWs want one of an instrument
int32_t V3_API get_bus_count(void*, int32_t media, int32_t direction) {
    return (media == V3_AUDIO && direction == V3_OUTPUT) || (media == V3_EVENT && direction == V3_INPUT) ? 1
                                                                                                         : 0;
}

v3_result V3_API get_bus_info(void* face, int32_t media, int32_t direction, int32_t index,
                              v3_bus_info* info) {
    if (index != 0 || get_bus_count(face, media, direction) == 0) return V3_INVALID_ARG;
    *info = {};
    info->media_type = media;
    info->direction = direction;
    info->channel_count = media == V3_AUDIO ? 2 : 16;
    write_utf16(info->bus_name, 128, media == V3_AUDIO ? "Output" : "Notes (ignored)");
    info->bus_type = V3_MAIN;
    info->flags = V3_DEFAULT_ACTIVE;
    return V3_OK;
}

v3_result V3_API get_routing_info(void*, v3_routing_info*, v3_routing_info*) {
    return V3_NOT_IMPLEMENTED;
}

v3_result V3_API activate_bus(void* face, int32_t media, int32_t direction, int32_t index, v3_bool) {
    return index == 0 && get_bus_count(face, media, direction) == 1 ? V3_OK : V3_INVALID_ARG;
}

v3_result V3_API set_active(void* face, v3_bool state) {
    Vst3Plugin& p = self(face);
    if (!state) {
        p.core.deactivate();
        return V3_OK;
    }
    return p.core.activate(p.sample_rate_hz) ? V3_OK : V3_INTERNAL_ERR;
}

v3_result V3_API set_state(void* face, v3_bstream** stream) {
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

v3_result V3_API get_state(void* face, v3_bstream** stream) {
    std::string text = self(face).core.save();
    int32_t count = 0;
    const int32_t size = static_cast<int32_t>(text.size());
    return methods<v3_bstream>(stream).write(stream, &text[0], size, &count) == V3_OK && count == size
               ? V3_OK
               : V3_INTERNAL_ERR;
}

const v3_component_cpp make_component() {
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

// --- v3_audio_processor

constexpr v3_speaker_arrangement kStereo = V3_SPEAKER_L | V3_SPEAKER_R;

v3_result V3_API set_bus_arrangements(void*, v3_speaker_arrangement*, int32_t inputs,
                                      v3_speaker_arrangement* out, int32_t outputs) {
    return inputs == 0 && outputs == 1 && out[0] == kStereo ? V3_OK : V3_FALSE;
}

v3_result V3_API get_bus_arrangement(void*, int32_t direction, int32_t index, v3_speaker_arrangement* out) {
    if (direction != V3_OUTPUT || index != 0) return V3_INVALID_ARG;
    *out = kStereo;
    return V3_OK;
}

v3_result V3_API can_process_sample_size(void*, int32_t size) {
    return size == V3_SAMPLE_32 ? V3_OK : V3_FALSE;
}

uint32_t V3_API get_latency_samples(void*) {
    return 0;
}

v3_result V3_API setup_processing(void* face, v3_process_setup* setup) {
    if (setup->symbolic_sample_size != V3_SAMPLE_32) return V3_INVALID_ARG;
    Vst3Plugin& p = self(face);
    p.sample_rate_hz = setup->sample_rate;
    p.core.set_offline(setup->process_mode == V3_OFFLINE);
    return V3_OK;
}

v3_result V3_API set_processing(void*, v3_bool) {
    return V3_OK;
}

uint32_t V3_API get_tail_samples(void*) {
    return 0;
}

Position read_context(const v3_process_context* c) {
    Position at;
    if (c == nullptr) return at;
    const auto has = [c](uint32_t flag) { return (c->state & flag) != 0; };
    at.playing = has(V3_PROCESS_CTX_PLAYING);
    at.recording = has(V3_PROCESS_CTX_RECORDING);
    at.loop_on = has(V3_PROCESS_CTX_CYCLE_ACTIVE);
    at.frame = c->project_time_in_samples;  // always given
    at.valid = kValidFrame;
    if (has(V3_PROCESS_CTX_TEMPO_VALID) && c->bpm >= 1 && c->bpm <= 1000) {
        at.bpm = c->bpm;
        at.valid |= kValidBpm;
    }
    if (has(V3_PROCESS_CTX_PROJECT_TIME_VALID)) {
        at.beat = c->project_time_quarters;
        at.valid |= kValidBeat;
    }
    if (has(V3_PROCESS_CTX_BAR_POSITION_VALID)) {
        at.bar_start_beat = c->bar_position_quarters;
        at.valid |= kValidBarStart;
    }
    if (has(V3_PROCESS_CTX_CYCLE_VALID)) {
        at.loop_start_beat = c->cycle_start_quarters;
        at.loop_end_beat = c->cycle_end_quarters;
        at.valid |= kValidLoop;
    }
    if (has(V3_PROCESS_CTX_TIME_SIG_VALID)) {
        at.numerator = static_cast<uint16_t>(c->time_sig_numerator);
        at.denominator = static_cast<uint16_t>(c->time_sig_denom);
        at.valid |= kValidSignature;
    }
    return at;
}

void take_changes(Vst3Plugin& p, v3_param_changes** changes) {
    if (changes == nullptr) return;
    const auto& list = methods<v3_param_changes>(changes);
    const int32_t count = list.get_param_count(changes);
    for (int32_t i = 0; i < count; ++i) {
        v3_param_value_queue** queue = list.get_param_data(changes, i);
        if (queue == nullptr) continue;
        const auto& points = methods<v3_param_value_queue>(queue);
        const uint32_t id = points.get_param_id(queue);
        const int32_t last = points.get_point_count(queue) - 1;
        int32_t offset = 0;
        double share = 0;
        if (id < kState && last >= 0 && points.get_point(queue, last, &offset, &share) == V3_OK)
            p.core.values().set(id, from_normal(id, share));
    }
}

void tell_state(Vst3Plugin& p, v3_param_changes** changes) {
    const double state = static_cast<double>(p.core.state());
    if (changes == nullptr || state == p.told_state) return;
    v3_param_id id = kState;
    int32_t index = 0;
    v3_param_value_queue** queue = methods<v3_param_changes>(changes).add_param_data(changes, &id, &index);
    if (queue == nullptr) return;
    if (methods<v3_param_value_queue>(queue).add_point(queue, 0, to_normal(kState, state), &index) == V3_OK)
        p.told_state = state;
}

v3_result V3_API process(void* face, v3_process_data* data) {
    Vst3Plugin& p = self(face);
    take_changes(p, data->input_params);
    bool fine = true;
    if (data->nframes > 0 && data->num_output_buses > 0 && data->outputs[0].num_channels >= 2 &&
        data->outputs[0].channel_buffers_32 != nullptr) {
        v3_audio_bus_buffers& out = data->outputs[0];
        // some DAWs say that a bounce is one here only
        p.core.set_offline(data->process_mode == V3_OFFLINE);
        fine = p.core.process(read_context(data->ctx), out.channel_buffers_32[0], out.channel_buffers_32[1],
                              static_cast<uint32_t>(data->nframes));
        out.channel_silence_bitset = 0;
    }
    tell_state(p, data->output_params);
    return fine ? V3_OK : V3_INTERNAL_ERR;
}

const v3_audio_processor_cpp make_processor() {
    v3_audio_processor_cpp table = {};
    static_cast<v3_funknown&>(table) = kUnknown;
    table.proc = {set_bus_arrangements,
                  get_bus_arrangement,
                  can_process_sample_size,
                  get_latency_samples,
                  setup_processing,
                  set_processing,
                  process,
                  get_tail_samples};
    return table;
}
const v3_audio_processor_cpp kProcessor = make_processor();

// --- v3_edit_controller

v3_result V3_API set_component_state(void*, v3_bstream**) {
    return V3_OK;
}  // the component has read it itself

v3_result V3_API no_state(void*, v3_bstream**) {
    return V3_OK;
}

int32_t V3_API get_parameter_count(void*) {
    return kParameters;
}

v3_result V3_API get_parameter_info(void*, int32_t index, v3_param_info* info) {
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
    info->flags = id == kState ? V3_PARAM_READ_ONLY : V3_PARAM_CAN_AUTOMATE;
    if (id == kBypass) info->flags |= V3_PARAM_IS_BYPASS;
    return V3_OK;
}

v3_result V3_API string_for_value(void*, v3_param_id id, double share, v3_str_128 out) {
    if (id >= kParameters) return V3_INVALID_ARG;
    char text[64];
    value_text(id, from_normal(id, share), text, sizeof(text));
    write_utf16(out, 128, text);
    return V3_OK;
}

v3_result V3_API value_for_string(void*, v3_param_id id, int16_t* in, double* share) {
    if (id >= kParameters) return V3_INVALID_ARG;
    char text[64] = {};
    for (size_t i = 0; i + 1 < sizeof(text) && in[i] != 0; ++i) text[i] = static_cast<char>(in[i]);
    double value = 0;
    if (!value_of_text(id, text, value)) return V3_FALSE;
    *share = to_normal(id, value);
    return V3_OK;
}

double V3_API to_plain(void*, v3_param_id id, double share) {
    return id < kParameters ? from_normal(id, share) : share;
}

double V3_API to_share(void*, v3_param_id id, double plain) {
    return id < kParameters ? to_normal(id, plain) : plain;
}

double V3_API get_parameter(void* face, v3_param_id id) {
    if (id >= kParameters) return 0;
    Core& core = self(face).core;
    return to_normal(id, id == kState ? static_cast<double>(core.state()) : core.values().get(id));
}

v3_result V3_API set_parameter(void* face, v3_param_id id, double share) {
    if (id >= kParameters) return V3_INVALID_ARG;
    if (id < kState) self(face).core.values().set(id, from_normal(id, share));
    return V3_OK;
}

v3_result V3_API set_component_handler(void*, v3_component_handler**) {
    return V3_OK;
}

v3_plugin_view** V3_API create_view(void*, const char*) {
    return nullptr;
}

const v3_edit_controller_cpp make_controller() {
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

// --- v3_process_context_requirements

uint32_t V3_API context_requirements(void*) {
    return V3_PROCESS_CTX_NEED_PROJECT_TIME | V3_PROCESS_CTX_NEED_TEMPO |
           V3_PROCESS_CTX_NEED_TRANSPORT_STATE | V3_PROCESS_CTX_NEED_CYCLE |
           V3_PROCESS_CTX_NEED_BAR_POSITION | V3_PROCESS_CTX_NEED_TIME_SIG;
}

const v3_process_context_requirements_cpp make_requirements() {
    v3_process_context_requirements_cpp table = {};
    static_cast<v3_funknown&>(table) = kUnknown;
    table.req = {context_requirements};
    return table;
}
const v3_process_context_requirements_cpp kRequirements = make_requirements();

Vst3Plugin::Vst3Plugin()
    : component{&kComponent, this},
      processor{&kProcessor, this},
      controller{&kController, this},
      requirements{&kRequirements, this} {}

// --- the factory, which lives as long as the library

v3_result V3_API factory_query(void* face, const v3_tuid id, void** object) {
    const bool known = v3_tuid_match(id, v3_funknown_iid) || v3_tuid_match(id, v3_plugin_factory_iid) ||
                       v3_tuid_match(id, v3_plugin_factory_2_iid);
    *object = known ? face : nullptr;
    return known ? V3_OK : V3_NO_INTERFACE;
}

uint32_t V3_API factory_reference(void*) {
    return 1;
}

v3_result V3_API get_factory_info(void*, v3_factory_info* info) {
    *info = {};
    std::snprintf(info->vendor, sizeof(info->vendor), "%s", MUSIKA_NAME);
    info->flags = kUnicode;
    return V3_OK;
}

int32_t V3_API num_classes(void*) {
    return 1;
}

v3_result V3_API get_class_info(void*, int32_t index, v3_class_info* info) {
    if (index != 0) return V3_INVALID_ARG;
    *info = {};
    std::memcpy(info->class_id, kClassId, sizeof(v3_tuid));
    info->cardinality = kManyInstances;
    std::snprintf(info->category, sizeof(info->category), "Audio Module Class");
    std::snprintf(info->name, sizeof(info->name), "%s", MUSIKA_NAME);
    return V3_OK;
}

v3_result V3_API get_class_info_2(void*, int32_t index, v3_class_info_2* info) {
    if (index != 0) return V3_INVALID_ARG;
    *info = {};
    std::memcpy(info->class_id, kClassId, sizeof(v3_tuid));
    info->cardinality = kManyInstances;
    std::snprintf(info->category, sizeof(info->category), "Audio Module Class");
    std::snprintf(info->name, sizeof(info->name), "%s", MUSIKA_NAME);
    std::snprintf(info->sub_categories, sizeof(info->sub_categories), "%s", kSubCategories);
    std::snprintf(info->vendor, sizeof(info->vendor), "%s", MUSIKA_NAME);
    std::snprintf(info->version, sizeof(info->version), "%s", MUSIKA_VERSION);
    std::snprintf(info->sdk_version, sizeof(info->sdk_version), "VST 3.7.4");
    return V3_OK;
}

v3_result V3_API create_instance(void*, const v3_tuid class_id, const v3_tuid interface_id, void** object) {
    *object = nullptr;
    if (!v3_tuid_match(class_id, kClassId)) return V3_NO_INTERFACE;
    auto* made = new (std::nothrow) Vst3Plugin;
    if (made == nullptr) return V3_NOMEM;
    const v3_result result = query_interface(&made->component, interface_id, object);
    release(&made->component);
    return result;
}

struct FactoryTable : v3_funknown {
    v3_plugin_factory v1;
    v3_plugin_factory_2 v2;
};

const FactoryTable make_factory() {
    FactoryTable table = {};
    static_cast<v3_funknown&>(table) = {factory_query, factory_reference, factory_reference};
    table.v1 = {get_factory_info, num_classes, get_class_info, create_instance};
    table.v2 = {get_class_info_2};
    return table;
}
const FactoryTable kFactoryTable = make_factory();
const void* const kFactoryFace = &kFactoryTable;

}  // namespace

MUSIKA_EXPORT const void* GetPluginFactory() {
    return &kFactoryFace;
}

#if defined(_WIN32)
MUSIKA_EXPORT bool InitDll() {
    return true;
}
MUSIKA_EXPORT bool ExitDll() {
    return true;
}
#elif defined(__APPLE__)
MUSIKA_EXPORT bool bundleEntry(void*) {
    return true;
}
MUSIKA_EXPORT bool bundleExit() {
    return true;
}
#else
MUSIKA_EXPORT bool ModuleEntry(void*) {
    return true;
}
MUSIKA_EXPORT bool ModuleExit() {
    return true;
}
#endif
