// The parameters that a DAW sees, the same in all three formats. Their numbers are saved in songs: never
// change them.
#pragma once

#include <atomic>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace musika {

enum ParameterId : uint32_t {
    kDensity,
    kEnergy,
    kStyle,
    kMorph,
    kSeed,
    kGain,
    kBypass,
    kState,
    kMuteDrums,
    kMuteBass,
    kMuteLead,
    kMuteChords,
    kChordsAt,
    kChordsHeld,
    kParameters
};

// What a place of the song has of them, in the order in which the host is told.
constexpr ParameterId kControlIds[] = {kDensity,  kEnergy,   kStyle,      kMorph,    kSeed,      kMuteDrums,
                                       kMuteBass, kMuteLead, kMuteChords, kChordsAt, kChordsHeld};

// What a plugin is doing, as its output parameter tells it.
enum class PluginState : uint32_t {
    no_host,
    starting,
    refused,
    buffering,
    ready,
    gave_up,
    renderer_lost,
    no_chords,
    no_parts,
    kCount
};

struct Parameter {
    const char* key;   // in the saved state, and the symbol of the LV2 port
    const char* name;  // for people
    const char* unit;
    double low;
    double high;
    double start;
    bool stepped;
    const char* lowest;   // what the lowest value is called, where it has a name
    const char* highest;  // and the highest
    bool automated;       // whether it may change along the song
};

// -1 leaves a control to the model; a style of -1 is that of the seed. The morph leads to the next style.
constexpr Parameter kTable[kParameters] = {
    {"density", "Density", "%", -1, 100, -1, true, "auto", nullptr, true},
    {"energy", "Energy", "%", -1, 100, -1, true, "auto", nullptr, true},
    {"style", "Style", "", -1, 127, -1, true, "of the seed", nullptr, true},
    {"morph", "Morph", "%", 0, 100, 0, true, nullptr, nullptr, true},
    {"seed", "Seed", "", 0, 999, 0, true, nullptr, nullptr, true},
    {"gain_db", "Gain", "dB", -60, 12, -15, false, "silent", nullptr, true},
    {"bypass", "Bypass", "", 0, 1, 0, true, "off", "on", true},
    {"state", "State", "", 0, static_cast<double>(PluginState::kCount) - 1, 0, true, nullptr, nullptr, false},
    {"mute_drums", "Mute drums", "", 0, 1, 0, true, "off", "on", true},
    {"mute_bass", "Mute bass", "", 0, 1, 0, true, "off", "on", true},
    {"mute_lead", "Mute lead", "", 0, 1, 0, true, "off", "on", true},
    {"mute_chords", "Mute chords", "", 0, 1, 0, true, "off", "on", true},
    {"chords_at", "Chords at", "", 0, 1, 0, true, "next beat", "next bar", false},
    {"chords_held", "No keys", "", 0, 1, 0, true, "keep the chord", "free", false},
};

// Whether a DAW sets it, and a song keeps it.
constexpr bool is_set_by_daw(uint32_t id) {
    return id < kParameters && id != kState;
}

constexpr const char* kStateNames[] = {"no host",     "starting host", "refused",       "rendering",
                                       "ready",       "gave up",       "renderer lost", "follows no chords",
                                       "has no parts"};
static_assert(sizeof(kStateNames) / sizeof(kStateNames[0]) == static_cast<size_t>(PluginState::kCount),
              "one each");

// A value within range, whole where the parameter is stepped, else in thousandths, as songs keep it: what was
// set is what comes back. The default for what is no number.
inline double checked(uint32_t id, double value) {
    const Parameter& p = kTable[id];
    if (!std::isfinite(value)) return p.start;
    if (value < p.low) value = p.low;
    if (value > p.high) value = p.high;
    return p.stepped ? std::floor(value + 0.5) : std::floor(value * 1000 + 0.5) / 1000;
}

inline double to_normal(uint32_t id, double value) {
    const Parameter& p = kTable[id];
    return (checked(id, value) - p.low) / (p.high - p.low);
}

inline double from_normal(uint32_t id, double share) {
    const Parameter& p = kTable[id];
    return checked(id, p.low + share * (p.high - p.low));
}

// A value as a person reads it.
inline void value_text(uint32_t id, double value, char* text, size_t size) {
    const Parameter& p = kTable[id];
    value = checked(id, value);
    if (!p.stepped) value = std::floor(value * 10 + 0.5) / 10 + 0.0;  // what is shown, with no -0
    if (id == kState)
        std::snprintf(text, size, "%s", kStateNames[static_cast<int>(value)]);
    else if (p.highest != nullptr && value == p.high)
        std::snprintf(text, size, "%s", p.highest);
    else if (p.lowest != nullptr && value == p.low)
        std::snprintf(text, size, "%s", p.lowest);
    else
        std::snprintf(text, size, p.stepped ? "%.0f%s%s" : "%.1f%s%s", value, *p.unit ? " " : "", p.unit);
}

// The value that a text means; false if it means none.
inline bool value_of_text(uint32_t id, const char* text, double& value) {
    const Parameter& p = kTable[id];
    if (p.lowest != nullptr && std::strcmp(text, p.lowest) == 0) {
        value = p.low;
        return true;
    }
    if (p.highest != nullptr && std::strcmp(text, p.highest) == 0) {
        value = p.high;
        return true;
    }
    if (id == kState) {
        for (uint32_t i = 0; i < static_cast<uint32_t>(PluginState::kCount); ++i)
            if (std::strcmp(text, kStateNames[i]) == 0) {
                value = i;
                return true;
            }
        return false;
    }
    char* end = nullptr;
    const double number = std::strtod(text, &end);
    if (end == text || !std::isfinite(number)) return false;
    value = checked(id, number);
    return true;
}

// Present values; set from any thread, read by the audio thread.
class Values {
  public:
    Values() {
        for (uint32_t id = 0; id < kParameters; ++id) set(id, kTable[id].start);
    }
    void set(uint32_t id, double value) { values_[id].store(checked(id, value), std::memory_order_relaxed); }
    double get(uint32_t id) const { return values_[id].load(std::memory_order_relaxed); }

  private:
    std::atomic<double> values_[kParameters];
};

}  // namespace musika
