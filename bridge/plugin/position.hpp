// Where a DAW is, block by block, and how it goes on from there.
#pragma once

#include <cmath>
#include <cstdint>

#include "wire.hpp"

namespace musika {

// What a DAW says of the first frame of a block. `valid` has the bits of wire.hpp's Valid.
struct Position {
    bool playing = false;
    bool recording = false;
    bool loop_on = false;
    uint32_t valid = 0;
    int64_t frame = 0;
    double beat = 0;
    double bpm = 120;
    double loop_start_beat = 0;
    double loop_end_beat = 0;
    double bar_start_beat = 0;
    uint16_t numerator = 4;
    uint16_t denominator = 4;

    // Forgets what makes no sense: hosts leave garbage in fields of a loop that is off, and some tell NaN.
    // The other end would hang up on it.
    void doubt() {
        const auto odd = [](double beats) { return !(std::fabs(beats) <= kBeatMax); };
        if (odd(beat)) drop(kValidBeat, beat);
        if (odd(bar_start_beat)) drop(kValidBarStart, bar_start_beat);
        if (odd(loop_start_beat) || odd(loop_end_beat)) {
            drop(kValidLoop, loop_start_beat);
            loop_end_beat = 0;
        }
        if (frame > kFrameMax || frame < -kFrameMax) {
            valid &= ~static_cast<uint32_t>(kValidFrame);
            frame = 0;
        }
        if (numerator == 0 || denominator == 0) {
            valid &= ~static_cast<uint32_t>(kValidSignature);
            numerator = denominator = 4;
        }
    }

    double frames_per_beat(double sample_rate_hz) const { return 60.0 * sample_rate_hz / bpm; }

    // The beat at another frame, if the tempo holds.
    double beat_at(int64_t other, double sample_rate_hz) const {
        return beat + static_cast<double>(other - frame) / frames_per_beat(sample_rate_hz);
    }

    // Shortens a part that crosses the end of the loop: not every DAW splits its blocks there.
    bool cut_at_loop_end(uint32_t& part, double sample_rate_hz) const {
        const uint32_t needed = kValidFrame | kValidBeat | kValidBpm | kValidLoop;
        if (!playing || !loop_on || (valid & needed) != needed || beat >= loop_end_beat ||
            loop_end_beat <= loop_start_beat)
            return false;
        const double until = std::floor((loop_end_beat - beat) * frames_per_beat(sample_rate_hz) + 0.5);
        // a crossing by one frame is rounding, and the DAW has split the block after all
        if (until < 1 || until + 1 >= part) return false;
        part = static_cast<uint32_t>(until);
        return true;
    }

    // The position after a part, back at the start of the loop if that `wraps`.
    void go_on(uint32_t part, bool wraps, double sample_rate_hz) {
        if (!playing) return;
        frame += part;
        if ((valid & kValidBpm) == 0) return;
        beat += part / frames_per_beat(sample_rate_hz);
        if (wraps) {
            const double length = loop_end_beat - loop_start_beat;
            beat -= length;
            frame -= static_cast<int64_t>(std::floor(length * frames_per_beat(sample_rate_hz) + 0.5));
        }
    }

  private:
    static constexpr double kBeatMax = 1e9;
    static constexpr int64_t kFrameMax = int64_t{1} << 53;

    void drop(uint32_t bit, double& beats) {
        valid &= ~bit;
        beats = 0;
    }
};

// Where a host is that has no transport at all: it plays from the start of the song at 120 bpm.
class FreeRun {
  public:
    void reset() { frame_ = 0; }

    Position go_on(uint32_t count, double sample_rate_hz) {
        Position at;
        at.playing = true;
        at.frame = frame_;
        at.beat = static_cast<double>(frame_) / at.frames_per_beat(sample_rate_hz);
        at.valid = kValidFrame | kValidBeat | kValidBpm;
        frame_ += count;
        return at;
    }

  private:
    int64_t frame_ = 0;
};

}  // namespace musika
