// The binary protocol between a plugin and the host that renders for it: docs/bridge-protocol.md has the
// tables.
//
//   | magic u32 | type u16 | flags u16 | length u32 | body of `length` bytes |      all little endian
//
// Every body is a fixed struct; only AUDIO has samples behind it. Fields that a DAW may not know have a bit
// of their own in `Transport::valid`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace musika {

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the structs below are sent as they lie in memory, which must be little endian"
#endif

constexpr uint32_t kMagic = 0x314B534D;  // "MSK1"
constexpr uint32_t kWireVersion = 2;
constexpr uint32_t kChunkFrames = 1024;
constexpr size_t kTokenBytes = 16;
constexpr size_t kKeysMax = 16;
constexpr size_t kNotesMax = 64;
constexpr size_t kControls = 11;

enum class MessageType : uint16_t {
    hello = 1,
    transport = 2,
    audio = 3,
    flush = 4,
    stats = 5,
    keys = 6,
    notes = 7
};

struct Header {
    uint32_t magic;
    uint16_t type;
    uint16_t flags;
    uint32_t length;
};

// The first message of a plugin.
struct Hello {
    uint32_t version;
    uint32_t format;  // PluginFormat
    uint8_t token[kTokenBytes];
    uint64_t session;
    double sample_rate_hz;
    uint32_t slots;
    uint32_t generation;  // the last one seen; the host goes on above it
};

enum class Verdict : uint32_t { welcome = 0, wrong_token = 1, wrong_version = 2, full = 3 };

// The host's answer to it, also of type HELLO.
struct Welcome {
    uint32_t version;
    uint32_t verdict;
    uint32_t generation;
    uint32_t abilities;  // Ability, of the model
};

enum Ability : uint32_t {
    kFollowsChords = 1 << 0,
    kHasParts = 1 << 1,
};

enum Valid : uint32_t {
    kValidFrame = 1 << 0,
    kValidBeat = 1 << 1,
    kValidBpm = 1 << 2,
    kValidLoop = 1 << 3,
    kValidBarStart = 1 << 4,
    kValidSignature = 1 << 5,
};

enum Flag : uint32_t {
    kFlagPlaying = 1 << 0,
    kFlagRecording = 1 << 1,
    kFlagLoopOn = 1 << 2,
    kFlagOffline = 1 << 3,
    kFlagWaiting = 1 << 4,  // an offline bounce stands still until `wanted_frame` is there
};

// Where the DAW is, and how the piece is to sound there.
struct Transport {
    uint64_t place;  // grows when tempo line or controls change; comes back in FLUSH once they are taken in
    int64_t frame;   // of the block's first sample, from the start of the song
    int64_t wanted_frame;
    double beat;  // quarter notes
    double bpm;
    double loop_start_beat;
    double loop_end_beat;
    double bar_start_beat;
    uint32_t valid;
    uint32_t flags;
    uint32_t jumps;  // how often the position was another than expected
    uint32_t block_frames;
    uint32_t generation;  // the one being played
    uint16_t numerator;
    uint16_t denominator;
    int32_t controls[kControls];  // as parameters.hpp has them, in the order of its kControlIds
    uint32_t reserved;
};

// A MIDI message that was met in play: a key, a pedal, or kKeysLost, after which no key is known to be down.
struct KeyEvent {
    int64_t frame;          // of the song's timeline
    double beat;            // quarter notes
    double bar_start_beat;  // of its bar
    uint32_t jumps;         // as in the Transport of the stretch that it was met in
    uint16_t numerator;
    uint16_t denominator;
    uint8_t midi[3];
    uint8_t reserved[5];
};

constexpr uint8_t kKeysLost = 0xFF;

// Messages in the order of play, told before the Transport of the place that they make.
struct Keys {
    uint32_t count;
    uint32_t reserved;
    KeyEvent events[kKeysMax];
};

// One chunk; kChunkFrames interleaved stereo pairs of float32 follow.
struct Audio {
    int64_t chunk;  // covers frames chunk * kChunkFrames and on
    uint32_t generation;
    uint32_t frames;
};

constexpr uint8_t kNoteOff = 0x80, kNoteOn = 0x90, kNoteSounds = 0xA0;

// A note on, a note off, or one that was struck before its chunk and sounds where that begins.
struct NoteEvent {
    uint16_t offset;  // of the chunk's first frame
    uint8_t midi[3];
    uint8_t reserved[3];
};

// What is played in a chunk, in the order of its frames; comes before its AUDIO.
struct Notes {
    int64_t chunk;
    uint32_t generation;
    uint32_t count;
    NoteEvent events[kNotesMax];
};

// From now on only this generation is sent; the places up to `place` are taken in, and hold for play that
// goes on from there up to `until_frame`, where the host expects another.
struct Flush {
    uint64_t place;
    int64_t until_frame;
    uint32_t generation;
    uint32_t reserved;
};

// Of a plugin, twice a second: what it has played. Of the host: whether it can render.
struct Stats {
    uint64_t blocks;
    uint64_t missing_frames;
    uint64_t underruns;
    uint32_t state;  // PluginState of a plugin; HostState of the host
    uint32_t reserved;
};

enum class HostState : uint32_t { rendering = 0, restarting = 1 };
enum class PluginFormat : uint32_t { clap = 1, vst3 = 2, lv2 = 3 };

static_assert(sizeof(Header) == 12 && sizeof(Hello) == 48 && sizeof(Welcome) == 16 &&
                  sizeof(Transport) == 136 && sizeof(Audio) == 16 && sizeof(Flush) == 24 &&
                  sizeof(Stats) == 32 && sizeof(KeyEvent) == 40 && sizeof(Keys) == 648 &&
                  sizeof(Notes) == 528,
              "the structs have no holes");

constexpr size_t kAudioBytes = sizeof(Audio) + kChunkFrames * 2 * sizeof(float);
constexpr size_t kBodyMax = kAudioBytes;

// Length that a message of the host must have, or 0 for a type that the host does not send.
inline uint32_t host_body_length(uint16_t type) {
    switch (static_cast<MessageType>(type)) {
        case MessageType::hello:
            return sizeof(Welcome);
        case MessageType::audio:
            return kAudioBytes;
        case MessageType::flush:
            return sizeof(Flush);
        case MessageType::stats:
            return sizeof(Stats);
        case MessageType::notes:
            return sizeof(Notes);
        default:
            return 0;
    }
}

// Puts together messages of the host from a stream that arrives in pieces.
//
// Once anything is malformed it is broken for good: there is no way to find the next message in a binary
// stream.
class MessageReader {
  public:
    // Where to receive into, and how much fits.
    uint8_t* space() { return buffer_ + filled_; }
    size_t room() const { return sizeof(buffer_) - filled_; }

    // Takes `count` bytes that were put into space(), and calls handle(type, body, length) for each message.
    // Returns false for a stream that is broken; handle returns false for a body without sense.
    template <class Handle>
    bool take(size_t count, Handle&& handle) {
        if (broken_ || count > room()) {
            broken_ = true;
            return false;
        }
        filled_ += count;
        size_t at = 0;
        while (filled_ - at >= sizeof(Header)) {
            Header header;
            std::memcpy(&header, buffer_ + at, sizeof(header));
            if (header.magic != kMagic || header.length != host_body_length(header.type) ||
                header.length == 0) {
                broken_ = true;
                return false;
            }
            if (filled_ - at < sizeof(header) + header.length) break;
            if (!handle(static_cast<MessageType>(header.type), buffer_ + at + sizeof(header),
                        static_cast<size_t>(header.length))) {
                broken_ = true;
                return false;
            }
            at += sizeof(header) + header.length;
        }
        std::memmove(buffer_, buffer_ + at, filled_ - at);
        filled_ -= at;
        return true;
    }

    void clear() {
        filled_ = 0;
        broken_ = false;
    }

  private:
    uint8_t buffer_[8 * (sizeof(Header) + kBodyMax)];
    size_t filled_ = 0;
    bool broken_ = false;
};

}  // namespace musika
