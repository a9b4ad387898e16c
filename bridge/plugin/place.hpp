// Places of a song: stretches of the timeline with one tempo line and one set of controls, numbered as they
// are met. What the host has to be told of is where one begins.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#include "parameters.hpp"
#include "position.hpp"
#include "wire.hpp"

namespace musika {

static_assert(sizeof(kControlIds) / sizeof(kControlIds[0]) == kControls, "all of a place are told");

class Place {
  public:
    // Counts on if the tempo line or the controls are others at a frame than they were, or if `ask_again`.
    void meet(const Position& at, int64_t frame, const Values& values, double sample_rate_hz,
              bool ask_again) {
        int32_t controls[kControls];
        bool same = keeps_line(at, frame, sample_rate_hz) && number_ != 0 && !ask_again;
        for (size_t i = 0; i < kControls; ++i) {
            controls[i] = static_cast<int32_t>(values.get(kControlIds[i]));
            same = same && controls[i] == controls_[i];
        }
        if (same) return;
        ++number_;
        line_ = at;
        line_.frame = frame;
        std::memcpy(controls_, controls, sizeof(controls));
    }

    uint64_t number() const { return number_; }
    const int32_t* controls() const { return controls_; }

  private:
    static constexpr double kSlackBeats = 1 / 1500.0;  // some DAWs count 1920 ticks a beat

    bool keeps_line(const Position& at, int64_t frame, double sample_rate_hz) {
        const uint32_t tells = kValidBeat | kValidBpm;
        const bool bpm_moved =
            (at.valid & kValidBpm) != 0 && std::fabs(at.bpm - line_.bpm) > 1e-9 * line_.bpm;
        // after a change the host is told once more: then it knows a step from a ramp
        const bool moves = bpm_moved || bpm_moved_;
        bpm_moved_ = bpm_moved;
        if (moves || (at.valid & tells) != (line_.valid & tells)) return false;
        return (at.valid & kValidBeat) == 0 ||
               std::fabs(at.beat - line_.beat_at(frame, sample_rate_hz)) <= kSlackBeats;
    }

    Position line_;
    int32_t controls_[kControls] = {};
    uint64_t number_ = 0;
    bool bpm_moved_ = false;
};

}  // namespace musika
