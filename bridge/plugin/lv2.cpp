// The LV2 face of the plugin; its ports are described in lv2/musika-daw.ttl.
#include <lv2/atom/atom.h>
#include <lv2/atom/util.h>
#include <lv2/core/lv2.h>
#include <lv2/log/log.h>
#include <lv2/midi/midi.h>
#include <lv2/state/state.h>
#include <lv2/time/time.h>
#include <lv2/urid/urid.h>

#include <cmath>
#include <cstring>
#include <new>

#include "bars.hpp"
#include "core.hpp"
#include "version.hpp"

namespace {

using namespace musika;

constexpr char kUri[] = "urn:musika-daw:generator";
constexpr char kSavedUri[] = "urn:musika-daw:generator#saved";

// Ports in the order of the ttl file
enum Port : uint32_t {
    kIn,
    kLeft,
    kRight,
    kFreeWheeling,
    kFirstParameter,
    kChords = kFirstParameter + kParameters,
    kNotes,
    kPorts
};

struct Uris {
    LV2_URID blank, object, sequence, string, type_int, type_long, type_float, type_double;
    LV2_URID position, frame, speed, bar, bar_beat, beat, beat_unit, beats_per_bar, bpm;
    LV2_URID midi, saved, error;

    explicit Uris(LV2_URID_Map* map) {
        const auto id = [map](const char* uri) { return map->map(map->handle, uri); };
        blank = id(LV2_ATOM__Blank);
        object = id(LV2_ATOM__Object);
        sequence = id(LV2_ATOM__Sequence);
        string = id(LV2_ATOM__String);
        type_int = id(LV2_ATOM__Int);
        type_long = id(LV2_ATOM__Long);
        type_float = id(LV2_ATOM__Float);
        type_double = id(LV2_ATOM__Double);
        position = id(LV2_TIME__Position);
        frame = id(LV2_TIME__frame);
        speed = id(LV2_TIME__speed);
        bar = id(LV2_TIME__bar);
        bar_beat = id(LV2_TIME__barBeat);
        beat = id(LV2_TIME__beat);
        beat_unit = id(LV2_TIME__beatUnit);
        beats_per_bar = id(LV2_TIME__beatsPerBar);
        bpm = id(LV2_TIME__beatsPerMinute);
        midi = id(LV2_MIDI__MidiEvent);
        saved = id(kSavedUri);
        error = id(LV2_LOG__Error);
    }

    // A number in any of the types that hosts write time in; false if there is none.
    bool read(const LV2_Atom* atom, double& value) const {
        if (atom == nullptr) return false;
        if (atom->type == type_int)
            value = reinterpret_cast<const LV2_Atom_Int*>(atom)->body;
        else if (atom->type == type_long)
            value = static_cast<double>(reinterpret_cast<const LV2_Atom_Long*>(atom)->body);
        else if (atom->type == type_float)
            value = reinterpret_cast<const LV2_Atom_Float*>(atom)->body;
        else if (atom->type == type_double)
            value = reinterpret_cast<const LV2_Atom_Double*>(atom)->body;
        else
            return false;
        return std::isfinite(value);
    }
};

struct Lv2Plugin {
    Core core{PluginFormat::lv2};
    Uris uris;
    LV2_Log_Log* log;
    double sample_rate_hz;
    const void* ports[kPorts] = {};
    Position at;
    BarCount bars;
    bool complained = false;
    uint32_t notes_room = 0;  // bytes of the port for notes

    Lv2Plugin(LV2_URID_Map* map, LV2_Log_Log* to, double rate) : uris(map), log(to), sample_rate_hz(rate) {}

    template <class T>
    T* port(uint32_t index) const {
        return static_cast<T*>(const_cast<void*>(ports[index]));
    }
};

Lv2Plugin& self(LV2_Handle handle) {
    return *static_cast<Lv2Plugin*>(handle);
}

// Takes what a host says of the time from one frame of a block on; what it leaves out stays as it was.
void take_position(Lv2Plugin& p, const LV2_Atom_Object* object) {
    const Uris& u = p.uris;
    const LV2_Atom *frame = nullptr, *speed = nullptr, *bar = nullptr, *bar_beat = nullptr, *beat = nullptr,
                   *beat_unit = nullptr, *beats_per_bar = nullptr, *bpm = nullptr;
    lv2_atom_object_get(object, u.frame, &frame, u.speed, &speed, u.bar, &bar, u.bar_beat, &bar_beat, u.beat,
                        &beat, u.beat_unit, &beat_unit, u.beats_per_bar, &beats_per_bar, u.bpm, &bpm, 0);
    Position& at = p.at;
    const Position foretold = at;
    bool went_on = false;
    double value = 0;
    if (u.read(speed, value)) at.playing = value != 0;
    // frames may be beyond what a double holds exactly only after 5000 years
    if (u.read(frame, value)) {
        at.frame = std::llround(value);
        const int64_t off = std::llabs(at.frame - foretold.frame);
        const bool in_floats = p.bars.counts_from_one() && off <= 1 + at.frame / (1 << 23);
        went_on = foretold.playing && (foretold.valid & kValidFrame) != 0 && (off <= 2 || in_floats);
        if (went_on && in_floats) at.frame = foretold.frame;
        at.valid |= kValidFrame;
    }
    if (u.read(bpm, value) && value >= 1 && value <= 1000) {
        at.bpm = value;
        at.valid |= kValidBpm;
    }
    if (u.read(beat_unit, value) && value >= 1 && value <= 64) at.denominator = static_cast<uint16_t>(value);
    if (u.read(beats_per_bar, value) && value >= 1 && value <= 99) {
        at.numerator = static_cast<uint16_t>(value);
        at.valid |= kValidSignature;
    }
    ToldBars told;
    told.has_bar = u.read(bar, told.bar);
    told.has_bar_beat = u.read(bar_beat, told.bar_beat);
    told.has_beat = u.read(beat, told.beat);
    p.bars.take(at, told, foretold, went_on, p.sample_rate_hz);
}

LV2_Handle instantiate(const LV2_Descriptor*, double rate, const char*, const LV2_Feature* const* features) {
    LV2_URID_Map* map = nullptr;
    LV2_Log_Log* log = nullptr;
    for (; *features != nullptr; ++features) {
        if (std::strcmp((*features)->URI, LV2_URID__map) == 0)
            map = static_cast<LV2_URID_Map*>((*features)->data);
        if (std::strcmp((*features)->URI, LV2_LOG__log) == 0)
            log = static_cast<LV2_Log_Log*>((*features)->data);
    }
    return map == nullptr ? nullptr : new (std::nothrow) Lv2Plugin(map, log, rate);
}

void connect_port(LV2_Handle handle, uint32_t port, void* data) {
    if (port < kPorts) self(handle).ports[port] = data;
}

void activate(LV2_Handle handle) {
    self(handle).core.activate(self(handle).sample_rate_hz);
}

// Keys that come in frames from..to of a block. They have a port of their own: on a track without MIDI,
// Ardour gives nothing to a port that could take it, and time would not come either.
void take_keys(Lv2Plugin& p, uint32_t from, uint32_t to) {
    const auto* events = p.port<const LV2_Atom_Sequence>(kChords);
    if (events == nullptr || events->atom.type != p.uris.sequence) return;
    LV2_ATOM_SEQUENCE_FOREACH(events, event) {
        const int64_t time = event->time.frames;
        if (time < from || time >= to || event->body.type != p.uris.midi || event->body.size != 3) continue;
        const auto* bytes = static_cast<const uint8_t*>(LV2_ATOM_BODY_CONST(&event->body));
        p.core.key(static_cast<uint32_t>(time) - from, bytes[0], bytes[1], bytes[2]);
    }
}

// Makes the output port an empty sequence; before, its size is how much the host has room for.
void begin_notes(Lv2Plugin& p) {
    auto* notes = p.port<LV2_Atom_Sequence>(kNotes);
    if (notes == nullptr) return;
    // events are padded to 8 bytes, and appending counts the room that is left without a sign
    p.notes_room = notes->atom.size < sizeof(LV2_Atom_Sequence_Body) ? 0 : notes->atom.size & ~7u;
    notes->atom.type = p.uris.sequence;
    lv2_atom_sequence_clear(notes);
    notes->body.unit = notes->body.pad = 0;
}

// Gives out what was played in the part of a block that begins at a frame of it.
void tell_notes(Lv2Plugin& p, uint32_t first) {
    auto* notes = p.port<LV2_Atom_Sequence>(kNotes);
    if (notes == nullptr || p.notes_room == 0) return;
    for (const NoteOut& note : p.core.notes_out()) {
        struct {
            LV2_Atom_Event event;
            uint8_t midi[3];
        } made = {};
        made.event.time.frames = first + note.offset;
        made.event.body = {sizeof(made.midi), p.uris.midi};
        std::memcpy(made.midi, note.midi, sizeof(made.midi));
        lv2_atom_sequence_append_event(notes, p.notes_room, &made.event);
    }
}

// Plays from frame `from` of a block to `to`, and moves the position on.
bool play(Lv2Plugin& p, uint32_t from, uint32_t to) {
    take_keys(p, from, to);
    const bool fine =
        p.core.process(p.at, p.port<float>(kLeft) + from, p.port<float>(kRight) + from, to - from);
    tell_notes(p, from);
    if (p.at.playing) {
        p.at.frame += to - from;
        p.at.beat += (to - from) * p.at.bpm / (60 * p.sample_rate_hz);
    }
    return fine;
}

void run(LV2_Handle handle, uint32_t count) {
    Lv2Plugin& p = self(handle);
    const float* free_wheeling = p.port<const float>(kFreeWheeling);
    p.core.set_offline(free_wheeling != nullptr && *free_wheeling > 0.5f);
    for (uint32_t id = 0; id < kParameters; ++id) {
        if (!is_set_by_daw(id)) continue;
        const float* value = p.port<const float>(kFirstParameter + id);
        if (value != nullptr) p.core.values().set(id, *value);
    }
    bool fine = true;
    uint32_t done = 0;
    begin_notes(p);
    if (const auto* events = p.port<const LV2_Atom_Sequence>(kIn)) {
        LV2_ATOM_SEQUENCE_FOREACH(events, event) {
            const int64_t time = event->time.frames;
            const auto* object = reinterpret_cast<const LV2_Atom_Object*>(&event->body);
            const bool is_object = event->body.type == p.uris.object || event->body.type == p.uris.blank;
            if (!is_object || object->body.otype != p.uris.position) continue;
            if (time > done && time < count) {
                fine = play(p, done, static_cast<uint32_t>(time)) && fine;
                done = static_cast<uint32_t>(time);
            }
            take_position(p, object);
        }
    }
    fine = play(p, done, count) && fine;
    if (float* state = p.port<float>(kFirstParameter + kState)) *state = static_cast<float>(p.core.state());
    // LV2 has no way to fail a bounce: the state port and the host's log have to say it
    if (!fine && !p.complained && p.log != nullptr)
        p.log->printf(p.log->handle, p.uris.error,
                      "musika-daw: no audio came from the host; this bounce is wrong\n");
    p.complained = !fine;
}

void deactivate(LV2_Handle handle) {
    self(handle).core.deactivate();
}

void cleanup(LV2_Handle handle) {
    delete &self(handle);
}

LV2_State_Status save(LV2_Handle handle, LV2_State_Store_Function store, LV2_State_Handle state, uint32_t,
                      const LV2_Feature* const*) {
    const std::string text = self(handle).core.save();
    const Uris& u = self(handle).uris;
    return store(state, u.saved, text.c_str(), text.size() + 1, u.string,
                 LV2_STATE_IS_POD | LV2_STATE_IS_PORTABLE);
}

LV2_State_Status restore(LV2_Handle handle, LV2_State_Retrieve_Function retrieve, LV2_State_Handle state,
                         uint32_t, const LV2_Feature* const*) {
    size_t size = 0;
    uint32_t type = 0;
    uint32_t flags = 0;
    const Uris& u = self(handle).uris;
    const auto* text = static_cast<const char*>(retrieve(state, u.saved, &size, &type, &flags));
    if (text == nullptr || type != u.string || size == 0) return LV2_STATE_ERR_NO_PROPERTY;
    return self(handle).core.load(text, size - 1) ? LV2_STATE_SUCCESS : LV2_STATE_ERR_BAD_TYPE;
}

const LV2_State_Interface kStateInterface = {save, restore};

const void* extension_data(const char* uri) {
    return std::strcmp(uri, LV2_STATE__interface) == 0 ? &kStateInterface : nullptr;
}

const LV2_Descriptor kDescriptor = {kUri, instantiate, connect_port, activate,
                                    run,  deactivate,  cleanup,      extension_data};

}  // namespace

LV2_SYMBOL_EXPORT const LV2_Descriptor* lv2_descriptor(uint32_t index) {
    return index == 0 ? &kDescriptor : nullptr;
}
