// The CLAP face of the plugin.
#include <clap/entry.h>
#include <clap/ext/audio-ports.h>
#include <clap/ext/latency.h>
#include <clap/ext/note-ports.h>
#include <clap/ext/params.h>
#include <clap/ext/state.h>
#include <clap/plugin-factory.h>

#include <cmath>
#include <cstdio>
#include <cstring>
#include <new>
#include <vector>

#include "core.hpp"
#include "version.hpp"

// Debian's copy of the headers has no render extension; this is its whole ABI
extern "C" {
struct clap_plugin_render {
    bool(CLAP_ABI* has_hard_realtime_requirement)(const clap_plugin_t* plugin);
    bool(CLAP_ABI* set)(const clap_plugin_t* plugin, int32_t mode);
};
}

namespace {

using namespace musika;

constexpr char kRenderId[] = "clap.render";
constexpr int32_t kRenderOffline = 1;

const char* const kFeatures[] = {CLAP_PLUGIN_FEATURE_INSTRUMENT, CLAP_PLUGIN_FEATURE_STEREO, nullptr};
const clap_plugin_descriptor_t kDescriptor = {CLAP_VERSION_INIT,
                                              MUSIKA_ID,
                                              MUSIKA_NAME,
                                              MUSIKA_NAME,
                                              "",
                                              "",
                                              "",
                                              MUSIKA_VERSION,
                                              MUSIKA_DESCRIPTION,
                                              const_cast<const char**>(kFeatures)};

struct ClapPlugin {
    clap_plugin_t face;
    Core core{PluginFormat::clap};
    double sample_rate_hz = 0;
    double told_state = -1;
    FreeRun free_run;
};

ClapPlugin& self(const clap_plugin_t* plugin) {
    return *static_cast<ClapPlugin*>(plugin->plugin_data);
}

Position read_transport(const clap_event_transport_t* t, double sample_rate_hz) {
    Position at;
    const auto has = [t](uint32_t flag) { return (t->flags & flag) != 0; };
    const auto beats = [](clap_beattime value) { return static_cast<double>(value) / CLAP_BEATTIME_FACTOR; };
    at.playing = has(CLAP_TRANSPORT_IS_PLAYING);
    at.recording = has(CLAP_TRANSPORT_IS_RECORDING);
    at.loop_on = has(CLAP_TRANSPORT_IS_LOOP_ACTIVE);
    if (has(CLAP_TRANSPORT_HAS_TEMPO) && t->tempo >= 1 && t->tempo <= 1000) {
        at.bpm = t->tempo;
        at.valid |= kValidBpm;
    }
    if (has(CLAP_TRANSPORT_HAS_BEATS_TIMELINE)) {
        at.beat = beats(t->song_pos_beats);
        at.bar_start_beat = beats(t->bar_start);
        at.loop_start_beat = beats(t->loop_start_beats);
        at.loop_end_beat = beats(t->loop_end_beats);
        at.valid |= kValidBeat | kValidBarStart | (at.loop_on ? kValidLoop : 0u);
    }
    if (has(CLAP_TRANSPORT_HAS_SECONDS_TIMELINE)) {
        const double seconds = static_cast<double>(t->song_pos_seconds) / CLAP_SECTIME_FACTOR;
        at.frame = std::llround(seconds * sample_rate_hz);
        at.valid |= kValidFrame;
    } else if ((at.valid & (kValidBeat | kValidBpm)) == (kValidBeat | kValidBpm)) {
        at.frame = std::llround(at.beat * 60 * sample_rate_hz / at.bpm);
        at.valid |= kValidFrame;
    }
    if (has(CLAP_TRANSPORT_HAS_TIME_SIGNATURE)) {
        at.numerator = t->tsig_num;
        at.denominator = t->tsig_denom;
        at.valid |= kValidSignature;
    }
    return at;
}

void take_value(ClapPlugin& plugin, const clap_event_header_t* event) {
    if (event->space_id != CLAP_CORE_EVENT_SPACE_ID || event->type != CLAP_EVENT_PARAM_VALUE) return;
    const auto* change = reinterpret_cast<const clap_event_param_value_t*>(event);
    if (is_set_by_daw(change->param_id)) plugin.core.values().set(change->param_id, change->value);
}

// A key in either dialect; `offset` is counted from where the core is asked for frames next.
void take_key(ClapPlugin& plugin, const clap_event_header_t* event, uint32_t offset) {
    if (event->space_id != CLAP_CORE_EVENT_SPACE_ID) return;
    if (event->type == CLAP_EVENT_MIDI) {
        const auto* midi = reinterpret_cast<const clap_event_midi_t*>(event);
        plugin.core.key(offset, midi->data[0], midi->data[1], midi->data[2]);
    } else if (event->type == CLAP_EVENT_NOTE_ON || event->type == CLAP_EVENT_NOTE_OFF ||
               event->type == CLAP_EVENT_NOTE_CHOKE) {
        const auto* note = reinterpret_cast<const clap_event_note_t*>(event);
        const bool is_on = event->type == CLAP_EVENT_NOTE_ON;
        const int first = note->channel >= 0 ? note->channel & 15 : 0;
        const int last = note->channel >= 0 || is_on ? first : 15;
        for (int channel = first; channel <= last; ++channel) {
            if (note->key < 0)  // any key: all of the channel
                plugin.core.key(offset, static_cast<uint8_t>(0xB0 | channel), is_on ? 0 : 123, 0);
            else
                plugin.core.key(offset, static_cast<uint8_t>((is_on ? 0x90 : 0x80) | channel),
                                static_cast<uint8_t>(note->key), is_on ? 64 : 0);
        }
    }
}

// Tells it once it is another, at a frame of the block that no event is behind.
void tell_state(ClapPlugin& plugin, const clap_output_events_t* out, uint32_t time) {
    const double state = static_cast<double>(plugin.core.state());
    if (state == plugin.told_state || out == nullptr) return;
    clap_event_param_value_t event = {};
    event.header = {sizeof(event), time, CLAP_CORE_EVENT_SPACE_ID, CLAP_EVENT_PARAM_VALUE, 0};
    event.param_id = kState;
    event.note_id = event.port_index = event.channel = event.key = -1;
    event.value = state;
    if (out->try_push(out, &event.header)) plugin.told_state = state;
}

// Gives out what was played in the part of a block that begins at a frame of it.
void tell_notes(ClapPlugin& plugin, const clap_output_events_t* out, uint32_t first) {
    if (out == nullptr) return;
    for (const NoteOut& note : plugin.core.notes_out()) {
        clap_event_note_t event = {};
        const bool is_on = (note.midi[0] & 0xF0) == kNoteOn;
        const auto type = static_cast<uint16_t>(is_on ? CLAP_EVENT_NOTE_ON : CLAP_EVENT_NOTE_OFF);
        event.header = {sizeof(event), first + note.offset, CLAP_CORE_EVENT_SPACE_ID, type, 0};
        event.note_id = -1;
        event.channel = note.midi[0] & 0x0F;
        event.key = note.midi[1];
        event.velocity = note.midi[2] / 127.0;
        out->try_push(out, &event.header);
    }
}

clap_process_status process(const clap_plugin_t* plugin, const clap_process_t* block) {
    ClapPlugin& p = self(plugin);
    if (block->audio_outputs_count < 1 || block->audio_outputs[0].channel_count < 2 ||
        block->audio_outputs[0].data32 == nullptr)
        return CLAP_PROCESS_ERROR;
    float* left = block->audio_outputs[0].data32[0];
    float* right = block->audio_outputs[0].data32[1];
    Position at = block->transport != nullptr ? read_transport(block->transport, p.sample_rate_hz)
                                              : p.free_run.go_on(block->frames_count, p.sample_rate_hz);
    const uint32_t events = block->in_events != nullptr ? block->in_events->size(block->in_events) : 0;
    uint32_t done = 0;
    bool fine = true;
    // the transport may change within a block: then what comes before it is played first
    for (uint32_t i = 0; i < events; ++i) {
        const clap_event_header_t* event = block->in_events->get(block->in_events, i);
        if (event == nullptr) continue;
        take_value(p, event);
        take_key(p, event, event->time > done ? event->time - done : 0);
        if (event->space_id == CLAP_CORE_EVENT_SPACE_ID && event->type == CLAP_EVENT_TRANSPORT) {
            if (event->time > done && event->time < block->frames_count) {
                fine = p.core.process(at, left + done, right + done, event->time - done) && fine;
                tell_notes(p, block->out_events, done);
                done = event->time;
            }
            at = read_transport(reinterpret_cast<const clap_event_transport_t*>(event), p.sample_rate_hz);
        }
    }
    fine = p.core.process(at, left + done, right + done, block->frames_count - done) && fine;
    tell_notes(p, block->out_events, done);
    tell_state(p, block->out_events, block->frames_count > 0 ? block->frames_count - 1 : 0);
    block->audio_outputs[0].constant_mask = 0;
    return fine ? CLAP_PROCESS_CONTINUE : CLAP_PROCESS_ERROR;
}

const clap_plugin_audio_ports_t kAudioPorts = {
    [](const clap_plugin_t*, bool is_input) -> uint32_t { return is_input ? 0 : 1; },
    [](const clap_plugin_t*, uint32_t index, bool is_input, clap_audio_port_info_t* info) {
        if (is_input || index != 0) return false;
        *info = {};
        std::snprintf(info->name, sizeof(info->name), "Output");
        info->flags = CLAP_AUDIO_PORT_IS_MAIN;
        info->channel_count = 2;
        info->port_type = CLAP_PORT_STEREO;
        info->in_place_pair = CLAP_INVALID_ID;
        return true;
    }};

// In come the keys of a chord track, out goes what plays, one channel a role
const clap_plugin_note_ports_t kNotePorts = {
    [](const clap_plugin_t*, bool) -> uint32_t { return 1; },
    [](const clap_plugin_t*, uint32_t index, bool is_input, clap_note_port_info_t* info) {
        if (index != 0) return false;
        *info = {};
        info->id = is_input ? 0 : 1;
        info->supported_dialects = CLAP_NOTE_DIALECT_CLAP;
        if (is_input) info->supported_dialects |= CLAP_NOTE_DIALECT_MIDI;
        info->preferred_dialect = CLAP_NOTE_DIALECT_CLAP;
        std::snprintf(info->name, sizeof(info->name), "%s", is_input ? "Chords" : "Notes");
        return true;
    }};

const clap_plugin_latency_t kLatency = {[](const clap_plugin_t*) -> uint32_t { return 0; }};

const clap_plugin_params_t kParams = {
    [](const clap_plugin_t*) -> uint32_t { return kParameters; },
    [](const clap_plugin_t*, uint32_t index, clap_param_info_t* info) {
        if (index >= kParameters) return false;
        const Parameter& p = kTable[index];
        *info = {};
        info->id = index;
        if (index == kState) info->flags |= CLAP_PARAM_IS_READONLY;
        if (p.automated) info->flags |= CLAP_PARAM_IS_AUTOMATABLE;
        if (p.stepped) info->flags |= CLAP_PARAM_IS_STEPPED;
        if (index == kBypass) info->flags |= CLAP_PARAM_IS_BYPASS;
        std::snprintf(info->name, sizeof(info->name), "%s", p.name);
        info->min_value = p.low;
        info->max_value = p.high;
        info->default_value = p.start;
        return true;
    },
    [](const clap_plugin_t* plugin, clap_id id, double* value) {
        if (id >= kParameters) return false;
        *value = id == kState ? static_cast<double>(self(plugin).core.state())
                              : self(plugin).core.values().get(id);
        return true;
    },
    [](const clap_plugin_t*, clap_id id, double value, char* text, uint32_t size) {
        if (id >= kParameters) return false;
        value_text(id, value, text, size);
        return true;
    },
    [](const clap_plugin_t*, clap_id id, const char* text, double* value) {
        return id < kParameters && value_of_text(id, text, *value);
    },
    [](const clap_plugin_t* plugin, const clap_input_events_t* in, const clap_output_events_t* out) {
        const uint32_t count = in != nullptr ? in->size(in) : 0;
        for (uint32_t i = 0; i < count; ++i)
            if (const clap_event_header_t* event = in->get(in, i)) take_value(self(plugin), event);
        tell_state(self(plugin), out, 0);
    }};

const clap_plugin_state_t kStateExtension = {
    [](const clap_plugin_t* plugin, const clap_ostream_t* stream) {
        const std::string text = self(plugin).core.save();
        size_t done = 0;
        while (done < text.size()) {
            const int64_t count = stream->write(stream, text.data() + done, text.size() - done);
            if (count <= 0) return false;
            done += static_cast<size_t>(count);
        }
        return true;
    },
    [](const clap_plugin_t* plugin, const clap_istream_t* stream) {
        char data[kStateBytesMax + 1];
        size_t done = 0;
        for (;;) {
            const int64_t count = stream->read(stream, data + done, sizeof(data) - done);
            if (count < 0) return false;
            if (count == 0) break;
            done += static_cast<size_t>(count);
            if (done > kStateBytesMax) return false;
        }
        return self(plugin).core.load(data, done);
    }};

const clap_plugin_render kRender = {[](const clap_plugin_t*) { return false; },
                                    [](const clap_plugin_t* plugin, int32_t mode) {
                                        self(plugin).core.set_offline(mode == kRenderOffline);
                                        return true;
                                    }};

const void* get_extension(const clap_plugin_t*, const char* id) {
    if (std::strcmp(id, CLAP_EXT_AUDIO_PORTS) == 0) return &kAudioPorts;
    if (std::strcmp(id, CLAP_EXT_NOTE_PORTS) == 0) return &kNotePorts;
    if (std::strcmp(id, CLAP_EXT_LATENCY) == 0) return &kLatency;
    if (std::strcmp(id, CLAP_EXT_PARAMS) == 0) return &kParams;
    if (std::strcmp(id, CLAP_EXT_STATE) == 0) return &kStateExtension;
    if (std::strcmp(id, kRenderId) == 0) return &kRender;
    return nullptr;
}

bool activate(const clap_plugin_t* plugin, double sample_rate_hz, uint32_t, uint32_t) {
    self(plugin).sample_rate_hz = sample_rate_hz;
    self(plugin).free_run.reset();
    return self(plugin).core.activate(sample_rate_hz);
}

const clap_plugin_t* create(const clap_plugin_factory_t*, const clap_host_t* host, const char* id) {
    if (host == nullptr || !clap_version_is_compatible(host->clap_version) || std::strcmp(id, MUSIKA_ID) != 0)
        return nullptr;
    auto* made = new (std::nothrow) ClapPlugin;
    if (made == nullptr) return nullptr;
    made->face = {&kDescriptor,
                  made,
                  [](const clap_plugin_t*) { return true; },
                  [](const clap_plugin_t* plugin) { delete &self(plugin); },
                  activate,
                  [](const clap_plugin_t* plugin) { self(plugin).core.deactivate(); },
                  [](const clap_plugin_t*) { return true; },
                  [](const clap_plugin_t*) {},
                  [](const clap_plugin_t* plugin) {
                      self(plugin).core.reset();
                      self(plugin).free_run.reset();
                  },
                  process,
                  get_extension,
                  [](const clap_plugin_t*) {}};
    return &made->face;
}

const clap_plugin_factory_t kFactory = {
    [](const clap_plugin_factory_t*) -> uint32_t { return 1; },
    [](const clap_plugin_factory_t*, uint32_t index) { return index == 0 ? &kDescriptor : nullptr; }, create};

}  // namespace

extern "C" CLAP_EXPORT const clap_plugin_entry_t clap_entry = {
    CLAP_VERSION_INIT, [](const char*) { return true; }, [] {},
    [](const char* id) -> const void* {
        return std::strcmp(id, CLAP_PLUGIN_FACTORY_ID) == 0 ? &kFactory : nullptr;
    }};
