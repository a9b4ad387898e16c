// The rules of the VST3 validator, one line each: its name and "ok" or "FAILED". Without a host of ours, all
// is silence.
#include <dlfcn.h>
#include <travesty/audio_processor.h>
#include <travesty/bstream.h>
#include <travesty/component.h>
#include <travesty/edit_controller.h>
#include <travesty/factory.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "vst3_faces.hpp"

namespace {

bool fine = true;
void rule(const char* name, bool held) {
    std::printf("%s %s\n", name, held ? "ok" : "FAILED");
    fine = fine && held;
}

// Changes of one parameter, at points that a host should not send too: behind the block, out of range.
struct Changes {
    struct Table : v3_funknown {
        v3_param_changes methods;
    };
    struct QueueTable : v3_funknown {
        v3_param_value_queue methods;
    };
    const Table* methods;
    const QueueTable* queue;
    v3_param_id id;
    double share;
    static v3_param_value_queue** V3_API data(void* face, int32_t index) {
        auto& changes = *static_cast<Changes*>(face);
        return index == 0 ? reinterpret_cast<v3_param_value_queue**>(const_cast<QueueTable**>(&changes.queue))
                          : nullptr;
    }
    static Changes& of_queue(void* face) {
        return *reinterpret_cast<Changes*>(static_cast<char*>(face) - offsetof(Changes, queue));
    }
    Changes(v3_param_id of, double value) : id(of), share(value) {
        static const Table changes = [] {
            Table t = {};
            static_cast<v3_funknown&>(t) = {none, one, one};
            t.methods.get_param_count = [](void*) -> int32_t { return 2; };  // of which one is not there
            t.methods.get_param_data = data;
            t.methods.add_param_data = [](void*, v3_param_id*, int32_t*) -> v3_param_value_queue** {
                return nullptr;
            };
            return t;
        }();
        static const QueueTable points = [] {
            QueueTable t = {};
            static_cast<v3_funknown&>(t) = {none, one, one};
            t.methods.get_param_id = [](void* face) -> v3_param_id { return of_queue(face).id; };
            t.methods.get_point_count = [](void*) -> int32_t { return 1; };
            t.methods.get_point = [](void* face, int32_t, int32_t* offset, double* value) -> v3_result {
                *offset = 1 << 20;
                *value = of_queue(face).share;
                return V3_OK;
            };
            return t;
        }();
        methods = &changes;
        queue = &points;
    }
    v3_param_changes** face() { return reinterpret_cast<v3_param_changes**>(this); }
};

struct Instance {
    void *component = nullptr, *processor = nullptr, *controller = nullptr;
    const v3_component* comp = nullptr;
    const v3_audio_processor* proc = nullptr;
    const v3_edit_controller* ctrl = nullptr;

    explicit Instance(void* factory) {
        v3_class_info info;
        const auto& f = table<v3_plugin_factory>(factory, 3);
        f.get_class_info(factory, 0, &info);
        f.create_instance(factory, info.class_id, v3_component_iid, &component);
        unknown(component).query_interface(component, v3_audio_processor_iid, &processor);
        unknown(component).query_interface(component, v3_edit_controller_iid, &controller);
        comp = &table<v3_component>(component, 5);
        proc = &table<v3_audio_processor>(processor, 3);
        ctrl = &table<v3_edit_controller>(controller, 5);
        base(component).initialize(component, nullptr);
    }
    uint32_t end() {
        base(component).terminate(component);
        unknown(controller).unref(controller);
        unknown(processor).unref(processor);
        return unknown(component).unref(component);
    }
    bool setup(double rate, int32_t frames, int32_t size = V3_SAMPLE_32) {
        v3_process_setup setup = {V3_REALTIME, size, frames, rate};
        return proc->setup_processing(processor, &setup) == V3_OK;
    }
    bool active(bool on) { return comp->set_active(component, on) == V3_OK; }
    std::string save() {
        Stream stream;
        return comp->get_state(component, stream.face()) == V3_OK ? stream.data : "";
    }
    bool load(const std::string& data) {
        Stream stream(data);
        return comp->set_state(component, stream.face()) == V3_OK;
    }
    // whether a block is played, every sample of it written and a number
    bool play(int32_t frames, v3_param_changes** changes = nullptr) {
        std::vector<float> left(static_cast<size_t>(frames), NAN), right(left);
        float* rows[] = {left.data(), right.data()};
        v3_audio_bus_buffers out = {};
        out.num_channels = 2;
        out.channel_buffers_32 = rows;
        v3_process_context context = {};
        context.state = V3_PROCESS_CTX_PLAYING | V3_PROCESS_CTX_TEMPO_VALID;
        context.bpm = 120;
        v3_process_data data = {};
        data.process_mode = V3_REALTIME;
        data.symbolic_sample_size = V3_SAMPLE_32;
        data.nframes = frames;
        data.num_output_buses = 1;
        data.outputs = &out;
        data.input_params = changes;
        data.ctx = &context;
        bool good = proc->process(processor, &data) == V3_OK;
        for (int32_t i = 0; i < frames; ++i)
            good = good && std::isfinite(left[static_cast<size_t>(i)]) &&
                   std::isfinite(right[static_cast<size_t>(i)]);
        return good;
    }
    bool flush(v3_param_changes** changes) {
        v3_process_data data = {};
        data.input_params = changes;
        return proc->process(processor, &data) == V3_OK;
    }
};

void factory_rules(void* factory) {
    const auto& f = table<v3_plugin_factory>(factory, 3);
    v3_class_info info;
    void* object = &info;
    rule("factory-classes", f.num_classes(factory) == 1 && f.get_class_info(factory, 0, &info) == V3_OK &&
                                f.get_class_info(factory, 1, &info) != V3_OK &&
                                f.get_class_info(factory, -1, &info) != V3_OK);
    v3_tuid other = {};
    rule("factory-unknown-class",
         f.create_instance(factory, other, v3_component_iid, &object) != V3_OK && !object);
    f.get_class_info(factory, 0, &info);
    rule("factory-unknown-interface",
         f.create_instance(factory, info.class_id, other, &object) != V3_OK && !object);
}

void bus_rules(Instance& p) {
    bool consistent = true, refused = true, activated = true;
    for (const int32_t media : {V3_AUDIO, V3_EVENT})
        for (const int32_t direction : {V3_INPUT, V3_OUTPUT}) {
            const int32_t count = p.comp->get_bus_count(p.component, media, direction);
            v3_bus_info info = {};
            for (int32_t i = 0; i < count; ++i) {
                consistent = consistent &&
                             p.comp->get_bus_info(p.component, media, direction, i, &info) == V3_OK &&
                             info.media_type == media && info.direction == direction &&
                             info.channel_count > 0 && info.bus_name[0] != 0;
                for (const bool on : {true, false, true})
                    activated =
                        activated && p.comp->activate_bus(p.component, media, direction, i, on) == V3_OK;
            }
            for (const int32_t i : {-1, count, count + 100})
                refused = refused && p.comp->get_bus_info(p.component, media, direction, i, &info) != V3_OK &&
                          p.comp->activate_bus(p.component, media, direction, i, true) != V3_OK;
        }
    rule("bus-consistency", consistent);
    rule("bus-activation", activated);
    rule("bus-invalid-index", refused);
    v3_speaker_arrangement have = 0, mono = V3_SPEAKER_M;
    v3_bus_info info = {};
    p.comp->get_bus_info(p.component, V3_AUDIO, V3_OUTPUT, 0, &info);
    bool same = p.proc->get_bus_arrangement(p.processor, V3_OUTPUT, 0, &have) == V3_OK &&
                __builtin_popcountll(have) == info.channel_count &&
                p.proc->set_bus_arrangements(p.processor, nullptr, 0, &have, 1) == V3_OK &&
                p.proc->set_bus_arrangements(p.processor, nullptr, 0, &mono, 1) != V3_OK;
    v3_speaker_arrangement after = 0;
    p.proc->get_bus_arrangement(p.processor, V3_OUTPUT, 0, &after);
    rule("bus-arrangement",
         same && after == have && p.proc->get_bus_arrangement(p.processor, V3_INPUT, 0, &after) != V3_OK);
}

void parameter_rules(Instance& p) {
    const int32_t count = p.ctrl->get_parameter_count(p.controller);
    bool scanned = count > 0, round = true, texts = true, refused = true;
    int bypasses = 0;
    std::vector<bool> seen(static_cast<size_t>(count));
    for (int32_t i = 0; i < count; ++i) {
        v3_param_info info = {};
        scanned = scanned && p.ctrl->get_parameter_info(p.controller, i, &info) == V3_OK &&
                  info.title[0] != 0 && info.default_normalised_value >= 0 &&
                  info.default_normalised_value <= 1 && info.step_count >= 0 &&
                  info.param_id < static_cast<uint32_t>(count) && !seen[info.param_id];
        seen[info.param_id] = true;
        bypasses += (info.flags & V3_PARAM_IS_BYPASS) != 0;
        if ((info.flags & V3_PARAM_IS_BYPASS) != 0) scanned = scanned && info.step_count == 1;
        for (int step = 0; step <= 40; ++step) {
            const double share = step / 40.0,
                         plain = p.ctrl->normalised_parameter_to_plain(p.controller, info.param_id, share);
            const double back = p.ctrl->plain_parameter_to_normalised(p.controller, info.param_id, plain);
            round = round && back >= 0 && back <= 1 &&
                    std::fabs(p.ctrl->normalised_parameter_to_plain(p.controller, info.param_id, back) -
                              plain) < 1e-9;
            v3_str_128 text = {}, again = {};
            double meant = -1;
            texts =
                texts &&
                p.ctrl->get_parameter_string_for_value(p.controller, info.param_id, share, text) == V3_OK &&
                p.ctrl->get_parameter_value_for_string(p.controller, info.param_id, text, &meant) == V3_OK &&
                p.ctrl->get_parameter_string_for_value(p.controller, info.param_id, meant, again) == V3_OK &&
                std::memcmp(text, again, sizeof(text)) == 0;
            if ((info.flags & V3_PARAM_READ_ONLY) != 0) continue;
            p.ctrl->set_parameter_normalised(p.controller, info.param_id, share);
            round = round &&
                    std::fabs(p.ctrl->get_parameter_normalised(p.controller, info.param_id) - back) < 1e-9;
        }
        p.ctrl->set_parameter_normalised(p.controller, info.param_id, info.default_normalised_value);
    }
    v3_param_info info = {};
    v3_str_128 text = {};
    for (const int32_t i : {-1, count, 1 << 30})
        refused = refused && p.ctrl->get_parameter_info(p.controller, i, &info) != V3_OK;
    refused = refused && p.ctrl->set_parameter_normalised(p.controller, 1u << 30, 0.5) != V3_OK &&
              p.ctrl->get_parameter_string_for_value(p.controller, 1u << 30, 0.5, text) != V3_OK;
    rule("scan-parameters", scanned && bypasses == 1);
    rule("parameter-values-go-round", round);
    rule("parameter-texts-go-round", texts);
    rule("parameter-invalid-index", refused);
}

void state_rules(Instance& p, Instance& other) {
    v3_param_info info = {};
    uint32_t bypass = 0;
    for (int32_t i = 0; p.ctrl->get_parameter_info(p.controller, i, &info) == V3_OK; ++i) {
        if ((info.flags & V3_PARAM_IS_BYPASS) != 0) bypass = info.param_id;
        if ((info.flags & V3_PARAM_READ_ONLY) == 0)
            p.ctrl->set_parameter_normalised(p.controller, info.param_id, 0.75);
    }
    p.ctrl->set_parameter_normalised(p.controller, bypass, 1);
    const std::string kept = p.save();
    bool same = !kept.empty() && other.load(kept) && other.save() == kept;
    for (int32_t i = 0; p.ctrl->get_parameter_info(p.controller, i, &info) == V3_OK; ++i)
        same = same && ((info.flags & V3_PARAM_READ_ONLY) != 0 ||
                        p.ctrl->get_parameter_normalised(p.controller, info.param_id) ==
                            other.ctrl->get_parameter_normalised(other.controller, info.param_id));
    rule("state-comes-back", same);
    rule("bypass-persistence", other.ctrl->get_parameter_normalised(other.controller, bypass) == 1);
    bool refused = true;
    for (const std::string& data :
         {std::string(), std::string("{"), std::string(100000, 'x'), std::string(300, '\0')})
        refused = refused && !other.load(data) && other.save() == kept;
    rule("state-that-is-none", refused);
    p.ctrl->set_parameter_normalised(p.controller, bypass, 0);
}

void process_rules(Instance& p) {
    rule("sample-size", p.proc->can_process_sample_size(p.processor, V3_SAMPLE_32) == V3_OK &&
                            p.proc->can_process_sample_size(p.processor, V3_SAMPLE_64) != V3_OK &&
                            !p.setup(48000, 512, V3_SAMPLE_64));
    rule("latency-and-tail",
         p.proc->get_latency_samples(p.processor) == 0 && p.proc->get_tail_samples(p.processor) == 0);
    bool rates = true;
    for (const double rate : {8000.0, 22050.0, 44100.0, 96000.0, 384000.0, 12345.678}) {
        rates = rates && p.setup(rate, 512) && p.active(true);
        for (int block = 0; block < 5; ++block) rates = rates && p.play(512);
        rates = rates && p.active(false);
    }
    for (const double rate : {0.0, -44100.0, 1234.5678, 1e6, static_cast<double>(NAN)})
        rates = rates && !p.setup(rate, 512);
    rule("process-format", rates);
    bool blocks = p.setup(48000, 65536) && p.active(true);
    for (const int32_t frames : {512, 1, 0, 7, 65536, 3, 0, 4096}) blocks = blocks && p.play(frames);
    rule("variable-block-size", blocks);
    bool automated = true, flushed = true;
    v3_param_info info = {};
    for (int32_t i = 0; p.ctrl->get_parameter_info(p.controller, i, &info) == V3_OK; ++i)
        for (const double share : {0.0, 1.0, 0.3, -5.0, 5.0, static_cast<double>(NAN)}) {
            Changes changes(info.param_id, share);
            automated = automated && p.play(64, changes.face());
            const double now = p.ctrl->get_parameter_normalised(p.controller, info.param_id);
            automated = automated && now >= 0 && now <= 1;
            flushed = flushed && p.flush(changes.face());  // no frames, no buses
        }
    Changes unknown_one(99999, 0.5);
    rule("automation", automated && p.play(64, unknown_one.face()));
    rule("flush-parameters", flushed);
    p.active(false);
    bool transitions = true;
    for (int turn = 0; turn < 20; ++turn) {
        transitions = transitions && p.setup(48000, 512) && p.active(true);
        if (turn % 2) transitions = transitions && p.active(true);  // repeated
        p.proc->set_processing(p.processor, true);
        transitions = transitions && p.play(512);
        p.proc->set_processing(p.processor, false);
        transitions = transitions && p.active(false);
        if (turn % 3 == 0) transitions = transitions && p.active(false);
    }
    rule("state-transitions", transitions);
}

void thread_rules(Instance& p) {
    std::atomic<bool> over{false}, good{true};
    p.setup(48000, 512);
    p.active(true);
    std::thread asks([&] {
        while (!over)
            if (p.save().empty() || p.ctrl->get_parameter_normalised(p.controller, 0) > 1) good = false;
    });
    bool played = true;
    for (int block = 0; block < 2000; ++block) {
        Changes changes(0, block % 100 / 100.0);
        played = played && p.play(64, changes.face());
    }
    over = true;
    asks.join();
    p.active(false);
    rule("process-threaded", played && good);
}

}  // namespace

int main(int, char** arguments) {
    void* library = dlopen(arguments[1], RTLD_NOW);
    if (library == nullptr) return 2;
    using Entry = bool (*)(void*);
    using Exit = bool (*)();
    using Get = void* (*)();
    const bool entered = reinterpret_cast<Entry>(dlsym(library, "ModuleEntry"))(library);
    void* factory = reinterpret_cast<Get>(dlsym(library, "GetPluginFactory"))();
    rule("module-entry", entered && factory != nullptr);
    factory_rules(factory);
    Instance p(factory), other(factory);
    bus_rules(p);
    parameter_rules(p);
    state_rules(p, other);
    process_rules(p);
    thread_rules(p);
    bool ended = true;
    for (int turn = 0; turn < 10; ++turn) {  // terminate and initialize, over and over
        base(p.component).terminate(p.component);
        ended = ended && base(p.component).initialize(p.component, nullptr) == V3_OK;
    }
    rule("terminate-initialize", ended && p.setup(48000, 512) && p.active(true) && p.play(512));
    const bool last = p.end() == 0, also = other.end() == 0;
    rule("references", last && also);
    rule("module-exit", reinterpret_cast<Exit>(dlsym(library, "ModuleExit"))());
    return fine ? 0 : 1;
}
