// What sounds: chunks out of the cache, with soft edges where they begin, end or are exchanged for others,
// and how loud.
#pragma once

#include <cmath>
#include <cstdint>

#include "shared.hpp"

namespace musika {

class Playback {
  public:
    static constexpr uint32_t kPieceFrames = 1024;  // most frames of one call

    explicit Playback(Shared& shared) : shared_(shared) {}

    // Forget what was sounding.
    void reset() {
        sounding_ = false;
        tail_left_ = cross_left_ = fade_in_left_ = 0;
        last_ = {0, 0};
    }

    // Whether all of the last piece was there.
    bool is_sounding() const { return sounding_; }
    // The generation that sounds.
    uint32_t generation() const { return current_; }
    const StereoFrame* frames() const { return main_; }

    // What played up to a frame does not go on there; it dies away under what comes, if it may.
    void leave(int64_t frame, bool with_tail) {
        if (with_tail && sounding_) {
            tail_generation_ = current_;
            tail_frame_ = frame;
            tail_left_ = kTailFrames;
        }
        cross_left_ = fade_in_left_ = 0;
        sounding_ = false;
    }

    void silence(uint32_t count) {
        for (uint32_t i = 0; i < count; ++i) main_[i] = {0, 0};
    }

    // Real time: whatever is there, and silence with soft edges where nothing is. `moved`: after a jump.
    void play_what_is_there(int64_t frame, uint32_t count, bool moved) {
        const uint32_t newest = shared_.generation.load(std::memory_order_acquire);
        if (newest != current_ && covers(newest, frame, count)) {
            if (!moved && sounding_) {
                cross_from_ = current_;
                cross_left_ = kCrossFrames;
            }
            current_ = newest;
        } else if (!shared_.cache.has(current_, frame) && shared_.cache.has(newest, frame)) {
            current_ = newest;
        }
        const uint32_t got = shared_.cache.read(current_, frame, count, main_);
        if (got > 0 && !sounding_) fade_in_left_ = moved ? 0 : kFadeFrames;
        fade_in(got);
        if (got > 0) {
            cross_over(frame, got);
            last_ = main_[got - 1];
        }
        if (got < count) {
            fill_hole(got, count);
            shared_.missing_frames.fetch_add(count - got, std::memory_order_relaxed);
            if (sounding_ || got > 0) shared_.underruns.fetch_add(1, std::memory_order_relaxed);
        }
        sounding_ = got == count;
    }

    // Offline: all frames of the newest generation; false, and nothing is changed, if one is missing.
    bool play_all(int64_t frame, uint32_t count) {
        const uint32_t newest = shared_.generation.load(std::memory_order_acquire);
        if (!covers(newest, frame, count)) return false;
        if (shared_.cache.read(newest, frame, count, main_) != count) return false;
        current_ = newest;
        sounding_ = true;
        last_ = main_[count - 1];
        return true;
    }

    // Offline: nothing but the frames themselves is heard.
    void drop_edges() { cross_left_ = fade_in_left_ = tail_left_ = 0; }

    void add_tail(uint32_t count) {
        if (tail_left_ == 0) return;
        const uint32_t part = count < tail_left_ ? count : tail_left_;
        const uint32_t got = shared_.cache.read(tail_generation_, tail_frame_, part, other_);
        for (uint32_t i = 0; i < got; ++i) {
            const float share = static_cast<float>(tail_left_ - i) / (kTailFrames + 1);
            main_[i].left += share * other_[i].left;
            main_[i].right += share * other_[i].right;
        }
        tail_frame_ += part;
        tail_left_ = got < part ? 0 : tail_left_ - part;
    }

  private:
    static constexpr uint32_t kCrossFrames = 256;  // from one generation to the next
    static constexpr uint32_t kTailFrames = 128;  // what played before a jump or stop dies away under the new
    static constexpr uint32_t kFadeFrames = 64;   // into and out of a hole

    bool covers(uint32_t generation, int64_t frame, uint32_t count) const {
        return shared_.cache.has(generation, frame) && shared_.cache.has(generation, frame + count - 1);
    }

    void fade_in(uint32_t count) {
        for (uint32_t i = 0; i < count && fade_in_left_ > 0; ++i, --fade_in_left_) {
            const float share = 1 - static_cast<float>(fade_in_left_) / (kFadeFrames + 1);
            main_[i] = {main_[i].left * share, main_[i].right * share};
        }
    }

    void cross_over(int64_t frame, uint32_t count) {
        if (cross_left_ == 0) return;
        const uint32_t part = count < cross_left_ ? count : cross_left_;
        const uint32_t got = shared_.cache.read(cross_from_, frame, part, other_);
        for (uint32_t i = 0; i < part; ++i) {
            const float share = static_cast<float>(cross_left_ - i) / (kCrossFrames + 1);
            const StereoFrame old = i < got ? other_[i] : StereoFrame{0, 0};
            main_[i].left += share * (old.left - main_[i].left);
            main_[i].right += share * (old.right - main_[i].right);
        }
        cross_left_ -= part;
    }

    // What sounded last dies away; after that there is silence.
    void fill_hole(uint32_t from, uint32_t count) {
        for (uint32_t i = from; i < count; ++i) {
            const uint32_t along = i - from + 1;
            const float share = (sounding_ || from > 0) && along < kFadeFrames
                                    ? 1 - static_cast<float>(along) / kFadeFrames
                                    : 0.0f;
            main_[i] = {last_.left * share * share, last_.right * share * share};
        }
        if (count - from > 0) last_ = {0, 0};
    }

    Shared& shared_;
    bool sounding_ = false;
    uint32_t current_ = 0;
    StereoFrame last_ = {0, 0};
    uint32_t cross_from_ = 0, cross_left_ = 0;
    uint32_t fade_in_left_ = 0;
    uint32_t tail_generation_ = 0, tail_left_ = 0;
    int64_t tail_frame_ = 0;
    StereoFrame main_[kPieceFrames];
    StereoFrame other_[kPieceFrames];
};

// Gain and bypass: exact when at rest, a ramp over one piece when moved.
class Gain {
  public:
    // The next piece is at once what its parameters say: hosts tell them with the first block, not before it.
    void begin() { begun_ = false; }

    void apply(const Values& values, const StereoFrame* frames, float* left, float* right, uint32_t count) {
        const float goal = wanted(values);
        if (!begun_) now_ = goal;
        begun_ = true;
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
    bool begun_ = false;
};

}  // namespace musika
