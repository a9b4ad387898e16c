// The plugin itself, the same in every format: no window, no model, a cache of chunks that the host renders.
//
//   DAW --position--> Core::process --snapshot--> Link (a thread) --TRANSPORT--> host
//                         ^------- Playback <---- ChunkCache <---- Link <----AUDIO, FLUSH----+
//
// In real time process() stores a snapshot, checks tags and copies: no lock, no allocation, no system call.
// In an offline bounce, and only while the DAW plays, it waits for what is not there yet.
#pragma once

#include <chrono>
#include <cstdint>
#include <cstring>
#include <string>
#include <thread>

#include "link.hpp"
#include "place.hpp"
#include "playback.hpp"
#include "position.hpp"
#include "state.hpp"

namespace musika {

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

    static bool plays_at(double sample_rate_hz) { return sample_rate_hz >= 8000 && sample_rate_hz <= 384000; }

    bool activate(double sample_rate_hz) {
        if (!plays_at(sample_rate_hz)) return false;
        deactivate();
        if (sample_rate_hz != sample_rate_hz_) shared_.cache.clear();
        sample_rate_hz_ = sample_rate_hz;
        gain_.begin();
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
        was_playing_ = gave_up_ = false;
        playback_.reset();
    }

    // Whether blocks may be waited for.
    void set_offline(bool offline) {
        if (offline != offline_) gave_up_ = false;
        offline_ = offline;
    }

    // Takes a MIDI message of the next block, in the order of their frames.
    void key(uint32_t offset, uint8_t status, uint8_t first, uint8_t second) {
        keys_in_.add(offset, status, first, second);
    }

    // What was played in the block that was filled last, in the order of its frames.
    const NotesOut& notes_out() const { return notes_out_; }

    // Fills a block. Returns false if an offline bounce has waited in vain and is now wrong.
    bool process(Position at, float* left, float* right, uint32_t count) {
        bool fine = true;
        at.doubt();
        shared_.blocks.fetch_add(1, std::memory_order_relaxed);
        notes_out_.clear();
        for (uint32_t done = 0; done < count;) {
            uint32_t part = count - done < Playback::kPieceFrames ? count - done : Playback::kPieceFrames;
            keys_in_.cut(done, part);
            const bool wraps = at.cut_at_loop_end(part, sample_rate_hz_);
            fine = piece(at, left + done, right + done, done, part) && fine;
            done += part;
            at.go_on(part, wraps, sample_rate_hz_);
        }
        keys_in_.end();
        return fine;
    }

  private:
    using Clock = std::chrono::steady_clock;

    static constexpr int64_t kSlackFrames = 2;  // a DAW's rounding is no jump
    static constexpr std::chrono::seconds kPatienceConnected{60};
    static constexpr std::chrono::seconds kPatienceUnconnected{3};

    bool piece(const Position& at, float* left, float* right, uint32_t done, uint32_t count) {
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
            playback_.leave(next_frame_, was_playing_ && !offline_);
            if (!was_playing_) gave_up_ = false;
        }
        const bool keys =
            keys_in_.deliver(done, at, frame, jumps_, playing, moved, sample_rate_hz_) && playing;
        place_.meet(at, frame, values_, sample_rate_hz_, keys || asks_again(at, frame, count, moved));
        publish(at, frame, count, 0);
        bool fine = true;
        if (!playing)
            playback_.silence(count);
        else if (offline_)
            fine = bounce(at, frame, count);
        else
            playback_.play_what_is_there(frame, count, moved);
        if (playing && playback_.is_sounding() && values_.get(kBypass) < 0.5)
            notes_out_.play(done, frame, count, playback_.generation(), !moved);
        else
            notes_out_.let_go(done);
        playback_.add_tail(count);
        gain_.apply(values_, playback_.frames(), left, right, count);
        was_playing_ = playing;
        next_frame_ = playing ? frame + count : frame;
        tell_state(playing, frame);
        return fine;
    }

    // In a bounce the host is also asked after a jump, and where it expects something to change.
    bool asks_again(const Position& at, int64_t frame, uint32_t count, bool moved) const {
        if (!offline_ || !at.playing) return false;
        return moved || (shared_.place.load(std::memory_order_acquire) >= place_.number() &&
                         frame + count > shared_.until_frame.load(std::memory_order_acquire));
    }

    void publish(const Position& at, int64_t frame, uint32_t count, uint32_t more_flags) {
        Transport t = {};
        t.place = place_.number();
        t.frame = frame;
        t.wanted_frame = more_flags == 0 ? 0 : frame;
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
        t.generation = playback_.generation();
        t.numerator = at.numerator;
        t.denominator = at.denominator;
        std::memcpy(t.controls, place_.controls(), sizeof(t.controls));
        shared_.transport.store(t);
    }

    // Offline: everything, however long it takes, or an error.
    bool bounce(const Position& at, int64_t frame, uint32_t count) {
        playback_.drop_edges();
        if (!is_there(frame, count) && (gave_up_ || !wait_for(at, frame, count))) {
            gave_up_ = true;
            shared_.missing_frames.fetch_add(count, std::memory_order_relaxed);
            playback_.leave(frame, false);
            playback_.silence(count);
            return false;
        }
        gave_up_ = false;
        return true;
    }

    // Whether the host has taken in this place and the frames are there; if so they are read.
    bool is_there(int64_t frame, uint32_t count) {
        return shared_.place.load(std::memory_order_acquire) >= place_.number() &&
               playback_.play_all(frame, count);
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
            const bool hopeful =
                shared_.connected.load() || shared_.starting.load() || shared_.reached.load();
            if (Clock::now() - since > (hopeful ? kPatienceConnected : kPatienceUnconnected)) return false;
            std::this_thread::sleep_for(std::chrono::microseconds(100));
        }
        return true;
    }

    uint64_t signs_of_life() const {
        return shared_.progress.load() * 8 + (shared_.reached.load() ? 4 : 0) +
               (shared_.connected.load() ? 2 : 0) + (shared_.starting.load() ? 1 : 0);
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
        else if (playing ? !playback_.is_sounding()
                         : !shared_.cache.has(shared_.generation.load(std::memory_order_acquire), frame))
            state = PluginState::buffering;
        else if (keys_in_.is_played() && !can(kFollowsChords))
            state = PluginState::no_chords;
        else if (!can(kHasParts) && mutes())
            state = PluginState::no_parts;
        shared_.state.store(state, std::memory_order_relaxed);
    }

    bool can(Ability what) const { return (shared_.abilities.load(std::memory_order_relaxed) & what) != 0; }

    bool mutes() const {
        for (const uint32_t id : {kMuteDrums, kMuteBass, kMuteLead, kMuteChords})
            if (values_.get(id) > 0.5) return true;
        return false;
    }

    Shared shared_;
    Link link_;
    Values values_;
    uint64_t session_;
    double sample_rate_hz_ = 0;
    bool active_ = false;
    bool offline_ = false;

    // of the audio thread
    Playback playback_{shared_};
    KeysIn keys_in_{shared_.keys};
    NotesOut notes_out_{shared_.notes};
    Place place_;
    Gain gain_;
    uint32_t jumps_ = 0;
    int64_t next_frame_ = 0;
    bool was_playing_ = false;
    bool gave_up_ = false;
};

}  // namespace musika
