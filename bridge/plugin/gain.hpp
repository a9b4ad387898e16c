// Gain and bypass: exact when at rest, a ramp over one piece when moved.
#pragma once

#include <cmath>
#include <cstdint>

#include "chunk_cache.hpp"
#include "parameters.hpp"

namespace musika {

class Gain {
  public:
    // Be at once what the parameters say.
    void jump(const Values& values) { now_ = wanted(values); }

    void apply(const Values& values, const StereoFrame* frames, float* left, float* right, uint32_t count) {
        const float goal = wanted(values);
        const float step = (goal - now_) / static_cast<float>(count);
        for (uint32_t i = 0; i < count; ++i) {
            const float gain = step == 0 ? goal : now_ + step * static_cast<float>(i + 1);
            left[i] = frames[i].left * gain;
            right[i] = frames[i].right * gain;
        }
        now_ = goal;
    }

  private:
    static float wanted(const Values& values) {
        const double gain_db = values.get(kGain);
        if (values.get(kBypass) > 0.5 || gain_db <= kTable[kGain].low) return 0;
        return gain_db == 0 ? 1.0f : static_cast<float>(std::pow(10.0, gain_db / 20));
    }

    float now_ = 1;
};

}  // namespace musika
