// Keys of a chord track: from the blocks of a DAW, on their frames, to the link.
//
//   block's events --add--> pending --deliver, on its frame--> queue --take--> the link's thread
//
// Only what is met in play is of the song. Where play jumps, a DAW may let go of what it had struck before,
// or strike again what lies under the new place; or do neither. So keys of before are forgotten without being
// told.
#pragma once

#include <atomic>
#include <bitset>
#include <cstdint>
#include <cstring>

#include "position.hpp"
#include "wire.hpp"

namespace musika {

// Events from the audio thread to the link's; one writer, one reader, nothing waits. Full, it drops.
class KeyQueue {
  public:
    bool put(const KeyEvent& event) {
        const uint32_t at = written_.load(std::memory_order_relaxed);
        if (at - read_.load(std::memory_order_acquire) >= kRoom) return false;
        events_[at % kRoom] = event;
        written_.store(at + 1, std::memory_order_release);
        return true;
    }

    // Reader: up to kKeysMax events.
    void take(Keys& keys) {
        keys = {};
        const uint32_t at = read_.load(std::memory_order_relaxed);
        const uint32_t there = written_.load(std::memory_order_acquire) - at;
        keys.count = there < kKeysMax ? there : static_cast<uint32_t>(kKeysMax);
        for (uint32_t i = 0; i < keys.count; ++i) keys.events[i] = events_[(at + i) % kRoom];
        read_.store(at + keys.count, std::memory_order_release);
    }

  private:
    static constexpr uint32_t kRoom = 1024;
    KeyEvent events_[kRoom];
    std::atomic<uint32_t> written_{0}, read_{0};
};

class KeysIn {
  public:
    explicit KeysIn(KeyQueue& queue) : queue_(queue) {}

    // Whether any key was ever struck: it is asked to follow chords.
    bool is_played() const { return is_played_; }

    // Takes a MIDI message of the next block, in the order of their frames.
    void add(uint32_t offset, uint8_t status, uint8_t first, uint8_t second) {
        const uint8_t kind = status & 0xF0;
        const bool pedal = kind == 0xB0 && (first == kSustain || first >= kAllSoundOff);
        if ((kind != 0x80 && kind != 0x90 && !pedal) || first > 127 || second > 127) return;
        if (count_ == kPending) {
            lost_ = true;
            return;
        }
        pending_[count_++] = {offset, {status, first, second}};
    }

    // Shortens a part of a block, which begins `done` frames into it, to end before the next message.
    void cut(uint32_t done, uint32_t& part) const {
        uint32_t at = next_;
        while (at < count_ && pending_[at].offset <= done) ++at;
        if (at < count_ && pending_[at].offset - done < part) part = pending_[at].offset - done;
    }

    // Delivers what is met at the start of a part. Returns whether any of it is of the song.
    bool deliver(uint32_t done, const Position& at, int64_t frame, uint32_t jumps, bool playing, bool moved,
                 double sample_rate_hz) {
        bool told = false;
        if (moved) {
            stale_ |= down_;
            if (playing) told = strike_early(at, frame, jumps, sample_rate_hz);
        }
        if (lost_ && playing) {
            lost_ = !tell(at, frame, jumps, {kKeysLost, 0, 0}, sample_rate_hz);
            told = told || !lost_;
        }
        for (; next_ < count_ && pending_[next_].offset <= done; ++next_) {
            const Message& midi = pending_[next_].midi;
            if (is_news(midi, playing, moved)) told = tell(at, frame, jumps, midi, sample_rate_hz) || told;
        }
        return told;
    }

    // The block is over; what lay beyond it, which no DAW should send, comes with the next.
    void end() {
        uint32_t left = 0;
        for (; next_ < count_; ++next_) pending_[left++] = {0, pending_[next_].midi};
        count_ = left;
        next_ = 0;
    }

  private:
    static constexpr uint8_t kSustain = 64, kAllSoundOff = 120;
    static constexpr uint32_t kPending = 64;  // a block; more is no music

    struct Message {
        uint8_t bytes[3];
    };
    struct Pending {
        uint32_t offset;
        Message midi;
    };

    // Keeps account of what is down; returns whether a message is of the song.
    bool is_news(const Message& midi, bool playing, bool moved) {
        const uint8_t kind = midi.bytes[0] & 0xF0, channel = midi.bytes[0] & 0x0F;
        if (kind == 0xB0) {
            if (midi.bytes[1] != kSustain) forget(channel);
            return playing && !moved;
        }
        const size_t key = channel * 128u + midi.bytes[1];
        if (kind == 0x90 && midi.bytes[2] > 0) {
            is_played_ = true;
            down_[key] = true;
            stale_[key] = early_[key] = false;
            if (!playing) early_[key] = stale_[key] = true;
            return playing;
        }
        const bool was_down = down_[key], was_stale = stale_[key];
        down_[key] = stale_[key] = early_[key] = false;
        // one that was never struck lies under a place that was jumped to
        return playing && !was_stale && (was_down || !moved);
    }

    void forget(uint8_t channel) {
        for (size_t key = channel * 128u; key < channel * 128u + 128; ++key)
            down_[key] = stale_[key] = early_[key] = false;
    }

    // Keys that were struck before play began, and are still down, are struck as it begins.
    bool strike_early(const Position& at, int64_t frame, uint32_t jumps, double sample_rate_hz) {
        bool told = false;
        for (size_t key = 0; early_.any() && key < early_.size(); ++key) {
            if (!early_[key]) continue;
            early_[key] = stale_[key] = false;
            const Message midi = {
                {static_cast<uint8_t>(0x90 | (key >> 7)), static_cast<uint8_t>(key & 127), 64}};
            told = tell(at, frame, jumps, midi, sample_rate_hz) || told;
        }
        return told;
    }

    bool tell(const Position& at, int64_t frame, uint32_t jumps, const Message& midi, double sample_rate_hz) {
        KeyEvent event = {};
        event.frame = frame;
        event.beat = (at.valid & kValidBeat) != 0
                         ? at.beat
                         : static_cast<double>(frame) / at.frames_per_beat(sample_rate_hz);
        event.bar_start_beat = (at.valid & kValidBarStart) != 0 ? at.bar_start_beat : 0;
        event.jumps = jumps;
        // the host takes signatures of 1..99 over a power of two up to 64, and no other
        const bool is_told = (at.valid & kValidSignature) != 0 && at.numerator >= 1 && at.numerator <= 99 &&
                             at.denominator >= 1 && at.denominator <= 64 &&
                             (at.denominator & (at.denominator - 1)) == 0;
        event.numerator = is_told ? at.numerator : 4;
        event.denominator = is_told ? at.denominator : 4;
        std::memcpy(event.midi, midi.bytes, sizeof(event.midi));
        if (queue_.put(event)) return true;
        lost_ = true;
        return false;
    }

    KeyQueue& queue_;
    Pending pending_[kPending];
    uint32_t count_ = 0, next_ = 0;
    std::bitset<16 * 128> down_, stale_, early_;
    bool is_played_ = false;
    bool lost_ = false;
};

}  // namespace musika
