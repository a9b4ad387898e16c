// The VST3 processor: blocks of audio, and what of the transport it asks the DAW for.
#pragma once

#include "vst3_object.hpp"

namespace musika {
namespace vst3 {

constexpr v3_speaker_arrangement kStereo = V3_SPEAKER_L | V3_SPEAKER_R;

inline v3_result V3_API set_bus_arrangements(void*, v3_speaker_arrangement*, int32_t inputs,
                                             v3_speaker_arrangement* out, int32_t outputs) {
    return inputs == 0 && outputs == 1 && out[0] == kStereo ? V3_OK : V3_FALSE;
}

inline v3_result V3_API get_bus_arrangement(void*, int32_t direction, int32_t index,
                                            v3_speaker_arrangement* out) {
    if (direction != V3_OUTPUT || index != 0) return V3_INVALID_ARG;
    *out = kStereo;
    return V3_OK;
}

inline v3_result V3_API can_process_sample_size(void*, int32_t size) {
    return size == V3_SAMPLE_32 ? V3_OK : V3_FALSE;
}

inline uint32_t V3_API get_latency_samples(void*) {
    return 0;
}

inline v3_result V3_API setup_processing(void* face, v3_process_setup* setup) {
    if (setup->symbolic_sample_size != V3_SAMPLE_32 || !Core::plays_at(setup->sample_rate))
        return V3_INVALID_ARG;
    Vst3Plugin& p = self(face);
    p.sample_rate_hz = setup->sample_rate;
    p.core.set_offline(setup->process_mode == V3_OFFLINE);
    return V3_OK;
}

inline v3_result V3_API set_processing(void*, v3_bool) {
    return V3_OK;
}

inline uint32_t V3_API get_tail_samples(void*) {
    return 0;
}

inline Position read_context(const v3_process_context* c) {
    Position at;
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

inline void take_changes(Vst3Plugin& p, v3_param_changes** changes) {
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
        if (is_set_by_daw(id) && last >= 0 && points.get_point(queue, last, &offset, &share) == V3_OK)
            p.core.values().set(id, from_normal(id, share));
    }
}

// Pedals and controllers are parameters in VST3, if a DAW asks for them: keys alone are heard.
inline void take_keys(Vst3Plugin& p, v3_event_list** events) {
    if (events == nullptr) return;
    const auto& list = methods<v3_event_list>(events);
    const uint32_t count = list.get_event_count(events);
    for (uint32_t i = 0; i < count; ++i) {
        v3_event event = {};
        if (list.get_event(events, static_cast<int32_t>(i), &event) != V3_OK) continue;
        const bool is_on = event.type == V3_EVENT_NOTE_ON;
        if (!is_on && event.type != V3_EVENT_NOTE_OFF) continue;
        const int16_t channel = is_on ? event.note_on.channel : event.note_off.channel;
        const int16_t pitch = is_on ? event.note_on.pitch : event.note_off.pitch;
        if (pitch < 0 || pitch > 127) continue;
        const uint32_t offset = event.sample_offset > 0 ? static_cast<uint32_t>(event.sample_offset) : 0;
        const bool strikes = is_on && event.note_on.velocity > 0;  // as in MIDI
        p.core.key(offset, static_cast<uint8_t>((strikes ? 0x90 : 0x80) | (channel & 15)),
                   static_cast<uint8_t>(pitch), strikes ? 64 : 0);
    }
}

inline void tell_notes(Vst3Plugin& p, v3_event_list** events) {
    if (events == nullptr) return;
    for (const NoteOut& note : p.core.notes_out()) {
        v3_event event = {};
        event.sample_offset = static_cast<int32_t>(note.offset);
        const auto channel = static_cast<int16_t>(note.midi[0] & 0x0F);
        if ((note.midi[0] & 0xF0) == kNoteOn) {
            event.type = V3_EVENT_NOTE_ON;
            event.note_on = {channel, note.midi[1], 0, note.midi[2] / 127.0f, 0, -1};
        } else {
            event.type = V3_EVENT_NOTE_OFF;
            event.note_off = {channel, note.midi[1], 0, -1, 0};
        }
        methods<v3_event_list>(events).add_event(events, &event);
    }
}

inline void tell_state(Vst3Plugin& p, v3_param_changes** changes) {
    const double state = static_cast<double>(p.core.state());
    if (changes == nullptr || state == p.told_state) return;
    v3_param_id id = kState;
    int32_t index = 0;
    v3_param_value_queue** queue = methods<v3_param_changes>(changes).add_param_data(changes, &id, &index);
    if (queue == nullptr) return;
    if (methods<v3_param_value_queue>(queue).add_point(queue, 0, to_normal(kState, state), &index) == V3_OK)
        p.told_state = state;
}

inline v3_result V3_API process(void* face, v3_process_data* data) {
    Vst3Plugin& p = self(face);
    take_changes(p, data->input_params);
    if (data->nframes > 0) take_keys(p, data->input_events);
    bool fine = true;
    if (data->nframes > 0 && data->num_output_buses > 0 && data->outputs[0].num_channels >= 2 &&
        data->outputs[0].channel_buffers_32 != nullptr) {
        v3_audio_bus_buffers& out = data->outputs[0];
        // some DAWs say that a bounce is one here only
        p.core.set_offline(data->process_mode == V3_OFFLINE);
        const uint32_t count = static_cast<uint32_t>(data->nframes);
        const Position at =
            data->ctx != nullptr ? read_context(data->ctx) : p.free_run.go_on(count, p.sample_rate_hz);
        fine = p.core.process(at, out.channel_buffers_32[0], out.channel_buffers_32[1], count);
        out.channel_silence_bitset = 0;
        tell_notes(p, data->output_events);
    }
    tell_state(p, data->output_params);
    return fine ? V3_OK : V3_INTERNAL_ERR;
}

inline const v3_audio_processor_cpp make_processor() {
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

inline uint32_t V3_API context_requirements(void*) {
    return V3_PROCESS_CTX_NEED_PROJECT_TIME | V3_PROCESS_CTX_NEED_TEMPO |
           V3_PROCESS_CTX_NEED_TRANSPORT_STATE | V3_PROCESS_CTX_NEED_CYCLE |
           V3_PROCESS_CTX_NEED_BAR_POSITION | V3_PROCESS_CTX_NEED_TIME_SIG;
}

inline const v3_process_context_requirements_cpp make_requirements() {
    v3_process_context_requirements_cpp table = {};
    static_cast<v3_funknown&>(table) = kUnknown;
    table.req = {context_requirements};
    return table;
}
const v3_process_context_requirements_cpp kRequirements = make_requirements();

}  // namespace vst3
}  // namespace musika
