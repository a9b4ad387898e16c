// A VST3 effect for tests: gain in dB, and an echo of the last quarter of a second at half of it.
#include "DistrhoPlugin.hpp"
#include "DistrhoPluginInfo.h"

#include <cmath>
#include <vector>

START_NAMESPACE_DISTRHO

class GainPlugin : public Plugin {
  public:
    GainPlugin() : Plugin(1, 0, 0) {}

  protected:
    const char* getLabel() const override { return "TestGain"; }
    const char* getMaker() const override { return "Tests"; }
    const char* getLicense() const override { return "GPL-3.0-or-later"; }
    uint32_t getVersion() const override { return d_version(1, 0, 0); }
    int64_t getUniqueId() const override { return d_cconst('T', 'e', 's', 'G'); }

    void initParameter(uint32_t, Parameter& parameter) override {
        parameter.hints = kParameterIsAutomatable;
        parameter.name = "Gain";
        parameter.symbol = "gain";
        parameter.unit = "dB";
        parameter.ranges = ParameterRanges(0.0f, -24.0f, 24.0f);
    }
    float getParameterValue(uint32_t) const override { return gain_db; }
    void setParameterValue(uint32_t, float value) override { gain_db = value; }

    void activate() override {
        for (auto& line : lines) line.assign(static_cast<size_t>(getSampleRate() / 4), 0.0f);
        place = 0;
    }

    void run(const float** inputs, float** outputs, uint32_t frames) override {
        const float gain = std::pow(10.0f, gain_db / 20.0f);
        size_t at = place;
        for (int channel = 0; channel < 2; ++channel) {
            at = place;
            for (uint32_t frame = 0; frame < frames; ++frame) {
                const float in = inputs[channel][frame];
                outputs[channel][frame] = gain * (in + 0.5f * lines[channel][at]);
                lines[channel][at] = in;
                at = (at + 1) % lines[channel].size();
            }
        }
        place = at;
    }

  private:
    float gain_db = 0.0f;
    std::vector<float> lines[2];
    size_t place = 0;
};

Plugin* createPlugin() {
    return new GainPlugin();
}

END_NAMESPACE_DISTRHO
