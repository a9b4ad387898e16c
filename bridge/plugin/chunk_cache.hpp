// Rendered chunks addressed by position, written by one thread and read by the audio thread without a lock.
//
//   bank 0 (even generations)  | slot 0 | slot 1 | ... | slot N-1 |     slot = chunk mod N
//   bank 1 (odd generations)   | slot 0 | slot 1 | ... | slot N-1 |     tag  = (generation, chunk)
//
// Two banks, so that what plays is not overwritten by what will replace it. Each slot is a seqlock whose
// words are all atomic: a reader may see a torn chunk, but knows it, and there is no data race. On the
// processors that DAWs run on the acquire loads and release stores below are plain moves, or one cheap
// instruction.
#pragma once

#include <atomic>
#include <cstdint>
#include <cstring>
#include <memory>

#include "wire.hpp"

namespace musika {

struct StereoFrame {
    float left;
    float right;
};

class ChunkCache {
  public:
    static constexpr uint32_t kSlots = 512;  // 11 s at 48 kHz
    static constexpr uint32_t kBanks = 2;

    ChunkCache()
        : slots_(new Slot[kBanks * kSlots]),
          frames_(new std::atomic<uint64_t>[kBanks * kSlots * kChunkFrames]) {}

    // Writer: one chunk of interleaved pairs.
    void write(uint32_t generation, int64_t chunk, const uint8_t* pairs) {
        const size_t index = slot_of(generation, chunk);
        Slot& slot = slots_[index];
        const uint32_t version = slot.version.load(std::memory_order_relaxed);
        slot.version.store(version + 1, std::memory_order_relaxed);
        // each release store keeps the odd version before it
        slot.generation.store(generation, std::memory_order_release);
        slot.chunk.store(chunk, std::memory_order_release);
        std::atomic<uint64_t>* frames = &frames_[index * kChunkFrames];
        for (uint32_t i = 0; i < kChunkFrames; ++i) {
            uint64_t pair;
            std::memcpy(&pair, pairs + i * sizeof(pair), sizeof(pair));
            frames[i].store(pair, std::memory_order_release);
        }
        slot.version.store(version + 2, std::memory_order_release);
    }

    // Writer: forget everything.
    void clear() {
        for (uint32_t i = 0; i < kBanks * kSlots; ++i) {
            const uint32_t version = slots_[i].version.load(std::memory_order_relaxed);
            slots_[i].version.store(version + 1, std::memory_order_relaxed);
            slots_[i].generation.store(0, std::memory_order_release);
            slots_[i].version.store(version + 2, std::memory_order_release);
        }
    }

    // Whether the chunk that a frame lies in is there.
    bool has(uint32_t generation, int64_t frame) const {
        const int64_t chunk = chunk_of(frame);
        const Slot& slot = slots_[slot_of(generation, chunk)];
        const uint32_t version = slot.version.load(std::memory_order_acquire);
        return generation != 0 && version % 2 == 0 &&
               slot.generation.load(std::memory_order_acquire) == generation &&
               slot.chunk.load(std::memory_order_acquire) == chunk;
    }

    // Copies `count` frames from `frame` on; returns how many there were before the first that is missing.
    uint32_t read(uint32_t generation, int64_t frame, uint32_t count, StereoFrame* out) const {
        uint32_t done = 0;
        while (done < count) {
            const int64_t at = frame + done;
            const int64_t chunk = chunk_of(at);
            const uint32_t offset = static_cast<uint32_t>(at - chunk * kChunkFrames);
            const uint32_t part = count - done < kChunkFrames - offset ? count - done : kChunkFrames - offset;
            if (!read_part(generation, chunk, offset, part, out + done)) return done;
            done += part;
        }
        return done;
    }

    static int64_t chunk_of(int64_t frame) {
        const int64_t size = kChunkFrames;
        return frame >= 0 ? frame / size : -((-frame + size - 1) / size);
    }

  private:
    struct Slot {
        std::atomic<uint32_t> version{0};
        std::atomic<uint32_t> generation{0};  // 0: nothing
        std::atomic<int64_t> chunk{0};
    };

    static_assert(std::atomic<uint64_t>::is_always_lock_free && sizeof(StereoFrame) == sizeof(uint64_t),
                  "a frame is one atomic word");

    static size_t slot_of(uint32_t generation, int64_t chunk) {
        return (generation % kBanks) * kSlots + static_cast<size_t>(chunk & (kSlots - 1));
    }

    bool read_part(uint32_t generation, int64_t chunk, uint32_t offset, uint32_t count,
                   StereoFrame* out) const {
        const size_t index = slot_of(generation, chunk);
        const Slot& slot = slots_[index];
        const uint32_t version = slot.version.load(std::memory_order_acquire);
        if (generation == 0 || version % 2 != 0 ||
            slot.generation.load(std::memory_order_acquire) != generation ||
            slot.chunk.load(std::memory_order_acquire) != chunk)
            return false;
        const std::atomic<uint64_t>* frames = &frames_[index * kChunkFrames + offset];
        for (uint32_t i = 0; i < count; ++i) {
            // acquire: the version below is loaded after all of them
            const uint64_t pair = frames[i].load(std::memory_order_acquire);
            std::memcpy(&out[i], &pair, sizeof(pair));
        }
        return slot.version.load(std::memory_order_relaxed) == version;
    }

    std::unique_ptr<Slot[]> slots_;
    std::unique_ptr<std::atomic<uint64_t>[]> frames_;
};

static_assert((ChunkCache::kSlots & (ChunkCache::kSlots - 1)) == 0, "the slot of a chunk is its lowest bits");

}  // namespace musika
