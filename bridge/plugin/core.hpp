// The plugin itself, the same in every format: no window, no model, a cache of chunks that the host renders.
//
//   DAW --position--> Core::process --snapshot--> Link (a thread) --TRANSPORT--> host
//                         ^---------- ChunkCache <---- Link <-----AUDIO, FLUSH-----+
//
// In real time process() stores a snapshot, checks tags and copies: no lock, no allocation, no system call.
// In an offline bounce, and only while the DAW plays, it waits for what is not there yet.
#pragma once

#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <thread>

#include "link.hpp"
#include "state.hpp"

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
};

class Core {
  public:
    explicit Core(PluginFormat format) : link_(shared_, format), session_(new_session()) {}
    ~Core() { deactivate(); }

    Values& values() { return values_; }
    PluginState state() const { return shared_.state.load(std::memory_order_relaxed); }
    std::string save() const { return save_state(session_, values_); }

    bool load(const char* data, size_t size) {
        const uint64_t before = session_;
        if (!load_state(data, size, session_, values_)) return false;
        if (active_ && session_ != before) link_.start(session_, sample_rate_hz_);
        return true;
    }

    bool activate(double sample_rate_hz) {
        if (!(sample_rate_hz >= 8000 && sample_rate_hz <= 384000)) return false;
        deactivate();
        if (sample_rate_hz != sample_rate_hz_) shared_.cache.clear();
        sample_rate_hz_ = sample_rate_hz;
        gain_ = wanted_gain();
        reset();
        link_.start(session_, sample_rate_hz);
        active_ = true;
        return true;
    }

    void deactivate() {
        if (active_) link_.stop();
        active_ = false;
    }

    // Forget what was sounding.
    void reset() {
        was_playing_ = sounding_ = gave_up_ = false;
        tail_left_ = cross_left_ = fade_in_left_ = 0;
        last_ = {0, 0};
    }

    // Whether blocks may be waited for.
    void set_offline(bool offline) {
        if (offline != offline_) gave_up_ = false;
        offline_ = offline;
    }

    // Fills a block. Returns false if an offline bounce has waited in vain and is now wrong.
    bool process(Position at, float* left, float* right, uint32_t count) {
        bool fine = true;
        shared_.blocks.fetch_add(1, std::memory_order_relaxed);
        while (count > 0) {
            uint32_t part = count < kPieceFrames ? count : kPieceFrames;
            const bool wraps = cut_at_loop_end(at, part);
            fine = piece(at, left, right, part) && fine;
            left += part;
            right += part;
            count -= part;
            go_on(at, part, wraps);
        }
        return fine;
    }

  private:
    using Clock = std::chrono::steady_clock;

    static constexpr uint32_t kPieceFrames = 1024;
    static constexpr uint32_t kCrossFrames = 256;  // from one generation to the next
    static constexpr uint32_t kTailFrames = 128;  // what played before a jump or stop dies away under the new
    static constexpr uint32_t kFadeFrames = 64;   // into and out of a hole
    static constexpr int64_t kSlackFrames = 2;    // a DAW's rounding is no jump
    static constexpr double kSlackBeats = 1 / 1500.0;  // some DAWs count 1920 ticks a beat
    static constexpr std::chrono::seconds kPatienceConnected{60};
    static constexpr std::chrono::seconds kPatienceUnconnected{3};

    static uint64_t new_session() {
        static std::atomic<uint64_t> made{0};
        uint64_t x = static_cast<uint64_t>(std::chrono::system_clock::now().time_since_epoch().count());
        x += static_cast<uint64_t>(reinterpret_cast<uintptr_t>(&made)) + (made.fetch_add(1) << 48);
        x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ULL;  // splitmix64's mixer
        x = (x ^ (x >> 27)) * 0x94D049BB133111EBULL;
        return (x ^ (x >> 31)) | 1;
    }

    double frames_per_beat(const Position& at) const { return 60.0 * sample_rate_hz_ / at.bpm; }

    // Shortens a part that crosses the end of the loop: not every DAW splits its blocks there.
    bool cut_at_loop_end(const Position& at, uint32_t& part) const {
        const uint32_t needed = kValidFrame | kValidBeat | kValidBpm | kValidLoop;
        if (!at.playing || !at.loop_on || (at.valid & needed) != needed || at.beat >= at.loop_end_beat ||
            at.loop_end_beat <= at.loop_start_beat)
            return false;
        const double until = std::floor((at.loop_end_beat - at.beat) * frames_per_beat(at) + 0.5);
        // a crossing by one frame is rounding, and the DAW has split the block after all
        if (until < 1 || until + 1 >= part) return false;
        part = static_cast<uint32_t>(until);
        return true;
    }

    void go_on(Position& at, uint32_t part, bool wraps) const {
        if (!at.playing) return;
        at.frame += part;
        if ((at.valid & kValidBpm) == 0) return;
        at.beat += part / frames_per_beat(at);
        if (wraps) {
            const double length = at.loop_end_beat - at.loop_start_beat;
            at.beat -= length;
            at.frame -= static_cast<int64_t>(std::floor(length * frames_per_beat(at) + 0.5));
        }
    }

    bool piece(const Position& at, float* left, float* right, uint32_t count) {
        const bool playing = at.playing && (at.valid & kValidFrame) != 0;
        int64_t frame = at.frame;
        bool moved = playing != was_playing_;
        if (playing && was_playing_) {
            const int64_t off = frame - next_frame_;
            moved = off > kSlackFrames || off < -kSlackFrames;
            if (!moved) frame = next_frame_;
        } else if (!playing) {
            moved = moved || frame != next_frame_;
        }
        if (moved) {
            ++jumps_;
            if (was_playing_ && sounding_ && !offline_) start_tail();
            if (!was_playing_) gave_up_ = false;
            cross_left_ = fade_in_left_ = 0;
            sounding_ = false;
        }
        find_place(at, frame, count, moved);
        publish(at, frame, count, 0);
        bool fine = true;
        if (playing) {
            if (offline_)
                fine = read_offline(at, frame, count);
            else
                read_now(frame, count, moved);
        } else {
            for (uint32_t i = 0; i < count; ++i) main_[i] = {0, 0};
        }
        add_tail(count);
        write_out(left, right, count);
        was_playing_ = playing;
        next_frame_ = playing ? frame + count : frame;
        tell_state(playing, frame);
        return fine;
    }

    // A new place begins where the tempo line or the controls are others than they were. In a bounce the host
    // is also asked again after a jump, and where it expects something to change.
    void find_place(const Position& at, int64_t frame, uint32_t count, bool moved) {
        int32_t controls[kControls];
        bool same =
            place_ != 0 && (at.valid & (kValidBeat | kValidBpm)) == (line_.valid & (kValidBeat | kValidBpm));
        for (uint32_t id = 0; id < kControls; ++id) {
            controls[id] = static_cast<int32_t>(values_.get(id));
            same = same && controls[id] == controls_[id];
        }
        const bool bpm_moved =
            (at.valid & kValidBpm) != 0 && std::fabs(at.bpm - line_.bpm) > 1e-9 * line_.bpm;
        // after a change the host is told once more: then it knows a step from a ramp
        same = same && !bpm_moved && !bpm_moved_;
        bpm_moved_ = bpm_moved;
        if (same && (at.valid & kValidBeat)) {
            const double expected =
                line_.beat + static_cast<double>(frame - line_.frame) / frames_per_beat(line_);
            same = std::fabs(at.beat - expected) <= kSlackBeats;
        }
        if (same && offline_ && at.playing)
            same = !moved && (shared_.place.load(std::memory_order_acquire) < place_ ||
                              frame + count <= shared_.until_frame.load(std::memory_order_acquire));
        if (same) return;
        ++place_;
        line_ = at;
        line_.frame = frame;
        std::memcpy(controls_, controls, sizeof(controls));
    }

    void publish(const Position& at, int64_t frame, uint32_t count, uint32_t more_flags) {
        Transport t = {};
        t.place = place_;
        t.frame = frame;
        t.wanted_frame = frame;
        if (more_flags == 0) t.wanted_frame = 0;
        t.beat = at.beat;
        t.bpm = at.bpm;
        t.loop_start_beat = at.loop_start_beat;
        t.loop_end_beat = at.loop_end_beat;
        t.bar_start_beat = at.bar_start_beat;
        t.valid = at.valid;
        t.flags = more_flags | (at.playing ? kFlagPlaying : 0u) | (at.recording ? kFlagRecording : 0u) |
                  (at.loop_on ? kFlagLoopOn : 0u) | (offline_ ? kFlagOffline : 0u);
        t.jumps = jumps_;
        t.block_frames = count;
        t.generation = current_;
        t.numerator = at.numerator;
        t.denominator = at.denominator;
        std::memcpy(t.controls, controls_, sizeof(t.controls));
        shared_.transport.store(t);
    }

    // Real time: whatever is there, and silence with soft edges where nothing is.
    void read_now(int64_t frame, uint32_t count, bool moved) {
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

    void start_tail() {
        tail_generation_ = current_;
        tail_frame_ = next_frame_;
        tail_left_ = kTailFrames;
    }

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

    // Offline: everything, however long it takes, or an error.
    bool read_offline(const Position& at, int64_t frame, uint32_t count) {
        cross_left_ = fade_in_left_ = tail_left_ = 0;
        if (!is_there(frame, count) && (gave_up_ || !wait_for(at, frame, count))) {
            gave_up_ = true;
            shared_.missing_frames.fetch_add(count, std::memory_order_relaxed);
            for (uint32_t i = 0; i < count; ++i) main_[i] = {0, 0};
            sounding_ = false;
            return false;
        }
        gave_up_ = false;
        sounding_ = true;
        last_ = main_[count - 1];
        return true;
    }

    // Whether the host has taken in this place and the frames are there; if so they are read.
    bool is_there(int64_t frame, uint32_t count) {
        if (shared_.place.load(std::memory_order_acquire) < place_) return false;
        const uint32_t newest = shared_.generation.load(std::memory_order_acquire);
        if (!covers(newest, frame, count)) return false;
        if (shared_.cache.read(newest, frame, count, main_) != count) return false;
        current_ = newest;
        return true;
    }

    bool wait_for(const Position& at, int64_t frame, uint32_t count) {
        publish(at, frame, count, kFlagWaiting);
        Clock::time_point since = Clock::now();
        uint64_t seen = signs_of_life();
        while (!is_there(frame, count)) {
            const uint64_t now = signs_of_life();
            if (now != seen) {
                seen = now;
                since = Clock::now();
            }
            const bool hopeful = shared_.connected.load() || shared_.starting.load();
            if (Clock::now() - since > (hopeful ? kPatienceConnected : kPatienceUnconnected)) return false;
            std::this_thread::sleep_for(std::chrono::microseconds(100));
        }
        return true;
    }

    uint64_t signs_of_life() const {
        return shared_.progress.load() * 4 + (shared_.connected.load() ? 2 : 0) +
               (shared_.starting.load() ? 1 : 0);
    }

    float wanted_gain() const {
        const double gain_db = values_.get(kGain);
        if (values_.get(kBypass) > 0.5 || gain_db <= kTable[kGain].low) return 0;
        return gain_db == 0 ? 1.0f : static_cast<float>(std::pow(10.0, gain_db / 20));
    }

    void write_out(float* left, float* right, uint32_t count) {
        const float wanted = wanted_gain();
        const float step = (wanted - gain_) / static_cast<float>(count);
        for (uint32_t i = 0; i < count; ++i) {
            const float gain = step == 0 ? wanted : gain_ + step * static_cast<float>(i + 1);
            left[i] = main_[i].left * gain;
            right[i] = main_[i].right * gain;
        }
        gain_ = wanted;
    }

    void tell_state(bool playing, int64_t frame) {
        PluginState state = PluginState::ready;
        if (gave_up_)
            state = PluginState::gave_up;
        else if (shared_.refused.load(std::memory_order_relaxed))
            state = PluginState::refused;
        else if (!shared_.connected.load(std::memory_order_relaxed))
            state = shared_.starting.load(std::memory_order_relaxed) ? PluginState::starting
                                                                     : PluginState::no_host;
        else if (shared_.renderer_lost.load(std::memory_order_relaxed))
            state = PluginState::renderer_lost;
        else if (playing ? !sounding_
                         : !shared_.cache.has(shared_.generation.load(std::memory_order_acquire), frame))
            state = PluginState::buffering;
        shared_.state.store(state, std::memory_order_relaxed);
    }

    Shared shared_;
    Link link_;
    Values values_;
    uint64_t session_;
    double sample_rate_hz_ = 0;
    bool active_ = false;
    bool offline_ = false;

    // of the audio thread
    Position line_;
    int32_t controls_[kControls] = {};
    uint64_t place_ = 0;
    bool bpm_moved_ = false;
    uint32_t jumps_ = 0;
    uint32_t current_ = 0;
    int64_t next_frame_ = 0;
    bool was_playing_ = false;
    bool sounding_ = false;
    bool gave_up_ = false;
    float gain_ = 1;
    StereoFrame last_ = {0, 0};
    uint32_t cross_from_ = 0, cross_left_ = 0;
    uint32_t fade_in_left_ = 0;
    uint32_t tail_generation_ = 0, tail_left_ = 0;
    int64_t tail_frame_ = 0;
    StereoFrame main_[kPieceFrames];
    StereoFrame other_[kPieceFrames];
};

}  // namespace musika
