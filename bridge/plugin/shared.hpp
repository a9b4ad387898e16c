// What the audio thread and the link tell each other; nothing in it is ever waited for.
#pragma once

#include <atomic>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "chunk_cache.hpp"
#include "keys_in.hpp"
#include "notes_out.hpp"
#include "parameters.hpp"
#include "wire.hpp"

namespace musika {

// The newest value of a plain struct, handed from one thread to another without a lock.
// One writer, any readers. The writer never waits; a reader that meets it tries again.
template <class T>
class Snapshot {
    static_assert(std::is_trivially_copyable<T>::value && sizeof(T) % sizeof(uint64_t) == 0, "made of words");
    static constexpr size_t kWords = sizeof(T) / sizeof(uint64_t);

  public:
    void store(const T& value) {
        uint64_t words[kWords];
        std::memcpy(words, &value, sizeof(T));
        const uint32_t version = version_.load(std::memory_order_relaxed);
        version_.store(version + 1, std::memory_order_relaxed);
        for (size_t i = 0; i < kWords; ++i) words_[i].store(words[i], std::memory_order_release);
        version_.store(version + 2, std::memory_order_release);
    }

    // Number of the value read: the same number, the same value; 0 before the first store.
    uint32_t load(T& value) const {
        uint64_t words[kWords];
        for (;;) {
            const uint32_t version = version_.load(std::memory_order_acquire);
            if (version % 2 != 0) continue;
            for (size_t i = 0; i < kWords; ++i) words[i] = words_[i].load(std::memory_order_acquire);
            if (version_.load(std::memory_order_relaxed) == version) {
                std::memcpy(&value, words, sizeof(T));
                return version;
            }
        }
    }

  private:
    std::atomic<uint32_t> version_{0};
    std::atomic<uint64_t> words_[kWords] = {};
};

struct Shared {
    ChunkCache cache;
    ChunkNotes notes;
    Snapshot<Transport> transport;            // of the audio thread: the newest block
    KeyQueue keys;                            // of the audio thread: before the transport that they lead to
    std::atomic<uint32_t> generation{0};      // the one that the host sends now
    std::atomic<uint64_t> place{0};           // the last place that the host has taken in
    std::atomic<int64_t> until_frame{0};      // and up to where
    std::atomic<uint64_t> progress{0};        // grows with everything that arrives
    std::atomic<uint64_t> blocks{0};          // of the audio thread
    std::atomic<uint64_t> missing_frames{0};  // of the audio thread: frames that were not there in time
    std::atomic<uint64_t> underruns{0};
    std::atomic<bool> connected{false};
    std::atomic<bool> starting{false};  // a host was started and is not there yet
    std::atomic<bool> reached{false};   // a host is there, though it may not have answered yet
    std::atomic<bool> refused{false};
    std::atomic<bool> renderer_lost{false};
    std::atomic<uint32_t> abilities{0};  // Ability, of the host's model
    std::atomic<PluginState> state{PluginState::no_host};
};

}  // namespace musika
