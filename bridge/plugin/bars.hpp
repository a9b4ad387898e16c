// The song's beat out of what LV2 hosts tell of bars, for those that do not tell it from the start of the
// song.
//
//   told    bar 2, beat .5 of it    where bar 2 begins: where play came into it, now or before, or, if one
//   tempo
//           frame, tempo            has held from the start of the song, at the frame's beat less .5; else
//           bars
//                                   are counted from the last one before it that was heard
#pragma once

#include <array>
#include <cmath>
#include <cstdint>

#include "position.hpp"

namespace musika {

// Numbers of a time position that were told, of beats of the meter; each has its flag.
struct ToldBars {
    bool has_bar = false, has_bar_beat = false, has_beat = false;
    double bar = 0;       // complete bars before this one
    double bar_beat = 0;  // beats in this bar before this moment
    double beat = 0;      // beats of the song before this moment
};

class BarCount {
  public:
    // Sets beat and bar start of a position whose frame, tempo and signature are taken already. `foretold` is
    // where play has led to, `went_on` whether the frame is the one that it led to.
    void take(Position& at, const ToldBars& told, const Position& foretold, bool went_on, double rate_hz) {
        watch_tempo(at, rate_hz);
        const double quarters = 4.0 / at.denominator;
        if (told.has_beat)
            take_beat(at, told, foretold, went_on, quarters, rate_hz);
        else if (told.has_bar && told.has_bar_beat)
            take_bar(at, told, foretold, went_on, quarters, rate_hz);
    }

    // Whether the host has shown that it counts `beat` in the bar from 1, and in `bar_beat` those before the
    // bar, at new beats only, and frames as 32-bit floats (Qtractor).
    bool counts_from_one() const { return from_one_; }

  private:
    static constexpr double kSameBeats = 1 / 960.0;  // hosts round to 1/1920
    static constexpr double kNearBeats = 0.05;       // a step of tempo in the block before
    static constexpr double kSameTempo = 1e-6;

    void watch_tempo(const Position& at, double rate_hz) {
        if ((at.valid & kValidBpm) == 0) return;
        if (first_bpm_ == 0 || ((at.valid & kValidFrame) != 0 && at.frame <= rate_hz)) {
            first_bpm_ = at.bpm;
            varies_ = false;
        } else if (std::fabs(at.bpm / first_bpm_ - 1) > kSameTempo) {
            varies_ = true;
        }
    }

    // The beat at the frame, if one tempo has held from the start of the song; false where that is not so.
    bool held(const Position& at, double rate_hz, double& beat) const {
        const uint32_t needed = kValidFrame | kValidBpm;
        if (varies_ || (at.valid & needed) != needed) return false;
        beat = static_cast<double>(at.frame) / at.frames_per_beat(rate_hz);
        return true;
    }

    void take_beat(Position& at, const ToldBars& told, const Position& foretold, bool went_on,
                   double quarters, double rate_hz) {
        at.valid |= kValidBeat;
        if (told.has_bar && told.has_bar_beat && told.beat >= 1 && told.beat <= at.numerator &&
            told.beat == std::floor(told.beat)) {
            const bool first = told.bar < 0.5 && std::fabs(told.beat - told.bar_beat) > 0.5;
            from_one_ = from_one_ || first || told.bar_beat > at.numerator - 0.001 ||
                        told.bar_beat > told.beat + 0.001;
        }
        if (!from_one_) {
            at.beat = told.beat * quarters;
            return;
        }
        // whole beats, told in the first block behind each: within one, play and frames know better
        const double whole = (told.bar_beat + told.beat - 1) * quarters;
        const auto fits = [whole, quarters](double beat) {
            return beat > whole - kNearBeats && beat < whole + quarters;
        };
        double beat = foretold.beat;
        if (!(went_on && (foretold.valid & kValidBeat) != 0 && fits(beat)) &&
            !(held(at, rate_hz, beat) && fits(beat)))
            beat = whole;
        at.beat = beat;
    }

    // A bar that play came into: where it begins.
    struct Heard {
        double beat = -1;
        double frame = 0;
    };
    static constexpr size_t kBarsHeard = 4096;

    const Heard* heard(double bar) const {
        if (!(bar >= 0 && bar < kBarsHeard)) return nullptr;
        const Heard& one = heard_[static_cast<size_t>(bar)];
        return one.beat < 0 ? nullptr : &one;
    }

    // Where a bar begins that play did not come into from the one before.
    double counted_to(double bar, double length) const {
        for (double before = bar < kBarsHeard ? bar - 1 : kBarsHeard - 1.0; before >= 0; --before)
            if (const Heard* one = heard(before)) return one->beat + (bar - before) * length;
        return bar * length;
    }

    void take_bar(Position& at, const ToldBars& told, const Position& foretold, bool went_on, double quarters,
                  double rate_hz) {
        at.valid |= kValidBeat | kValidBarStart;
        // Ardour 7 counts the part of an eighth as if it were that of a quarter
        const double count = std::floor(told.bar_beat);
        const double within[] = {told.bar_beat * quarters, count * quarters + (told.bar_beat - count)};
        const double length = at.numerator * quarters;
        double start = 0;
        double best = within[0];
        if (went_on && known_ && (foretold.valid & kValidBeat) != 0 &&
            (told.bar == bar_ || told.bar == bar_ + 1)) {
            start = told.bar == bar_ ? start_ : start_ + length_;
            double expected = foretold.beat;
            if (told.bar == bar_ + 1 && expected > start)  // where meters change, tempi do
                expected = start + (expected - start) * at.bpm / foretold.bpm;
            const double off[] = {std::fabs(start + within[0] - expected),
                                  std::fabs(start + within[1] - expected)};
            best = within[off[1] < off[0] ? 1 : 0];
        } else if (!find_heard(at, told.bar, within, rate_hz, start, best) &&
                   !find_by_frame(at, within, quarters, rate_hz, start, best)) {
            start = counted_to(told.bar, length);
        }
        at.bar_start_beat = start;
        at.beat = start + best;
        if (told.bar >= 0 && told.bar < kBarsHeard && !(known_ && told.bar == bar_ && went_on))
            heard_[static_cast<size_t>(told.bar)] = {start, at.frame - best * at.frames_per_beat(rate_hz)};
        known_ = true;
        bar_ = told.bar;
        start_ = start;
        length_ = length;
    }

    // By the frame, where one tempo has held so far.
    bool find_by_frame(const Position& at, const double (&within)[2], double quarters, double rate_hz,
                       double& start, double& best) const {
        double beat = 0;
        for (int i = 0; i < 2 && held(at, rate_hz, beat); ++i) {
            const double near = std::floor((beat - within[i]) / quarters + 0.5) * quarters;
            if (near <= -kSameBeats || std::fabs(beat - within[i] - near) >= 2 * kSameBeats) continue;
            start = near;
            best = within[i];
            return true;
        }
        return false;
    }

    // As it was heard before, if it still begins at that frame: the user may have changed the song.
    bool find_heard(const Position& at, double bar, const double (&within)[2], double rate_hz, double& start,
                    double& best) const {
        const Heard* one = heard(bar);
        if (one == nullptr) return false;
        double nearest = kNearBeats * at.frames_per_beat(rate_hz);
        bool found = false;
        for (const double inside : within) {
            const double off = std::fabs(at.frame - inside * at.frames_per_beat(rate_hz) - one->frame);
            if (off >= nearest) continue;
            nearest = off;
            start = one->beat;
            best = inside;
            found = true;
        }
        return found;
    }

    double first_bpm_ = 0;
    bool varies_ = false;
    bool from_one_ = false;
    bool known_ = false;
    double bar_ = 0, start_ = 0, length_ = 4;  // the bar told last
    std::array<Heard, kBarsHeard> heard_ = {};
};

}  // namespace musika
