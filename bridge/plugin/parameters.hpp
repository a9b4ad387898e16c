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

enum ParameterId : uint32_t { kDensity, kEnergy, kStyle, kMorph, kSeed, kGain, kBypass, kState, kParameters };

// What a plugin is doing, as its output parameter tells it.
enum class PluginState : uint32_t {
    no_host,
    starting,
    refused,
    buffering,
    ready,
    gave_up,
    renderer_lost,
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
    const char* lowest;  // what the lowest value is called, where it has a name
};

// -1 leaves a control to the model; a style of -1 is that of the seed. The morph leads to the next style.
constexpr Parameter kTable[kParameters] = {
    {"density", "Density", "%", -1, 100, -1, true, "auto"},
    {"energy", "Energy", "%", -1, 100, -1, true, "auto"},
    {"style", "Style", "", -1, 127, -1, true, "of the seed"},
    {"morph", "Morph", "%", 0, 100, 0, true, nullptr},
    {"seed", "Seed", "", 0, 999, 0, true, nullptr},
    {"gain_db", "Gain", "dB", -60, 12, -15, false, "silent"},
    {"bypass", "Bypass", "", 0, 1, 0, true, "off"},
    {"state", "State", "", 0, static_cast<double>(PluginState::kCount) - 1, 0, true, nullptr},
};

constexpr const char* kStateNames[] = {"no host", "starting host", "refused",      "rendering",
                                       "ready",   "gave up",       "renderer lost"};
static_assert(sizeof(kStateNames) / sizeof(kStateNames[0]) == static_cast<size_t>(PluginState::kCount),
              "one each");

// A value within range, whole where the parameter is stepped; the default for what is no number.
inline double checked(uint32_t id, double value) {
    const Parameter& p = kTable[id];
    if (!std::isfinite(value)) return p.start;
    if (value < p.low) value = p.low;
    if (value > p.high) value = p.high;
    return p.stepped ? std::floor(value + 0.5) : value;
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
    if (id == kState)
        std::snprintf(text, size, "%s", kStateNames[static_cast<int>(value)]);
    else if (id == kBypass && value > 0.5)
        std::snprintf(text, size, "on");
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
    if (id == kBypass && std::strcmp(text, "on") == 0) {
        value = 1;
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
