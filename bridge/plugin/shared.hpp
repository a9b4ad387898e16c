// What the audio thread and the link tell each other; nothing in it ever waits.
#pragma once

#include <atomic>
#include <cstdint>

#include "chunk_cache.hpp"
#include "parameters.hpp"
#include "snapshot.hpp"
#include "wire.hpp"

namespace musika {

struct Shared {
    ChunkCache cache;
    Snapshot<Transport> transport;            // of the audio thread: the newest block
    std::atomic<uint32_t> generation{0};      // the one that the host sends now
    std::atomic<uint64_t> place{0};           // the last place that the host has taken in
    std::atomic<int64_t> until_frame{0};      // and up to where
    std::atomic<uint64_t> progress{0};        // grows with everything that arrives
    std::atomic<uint64_t> blocks{0};          // of the audio thread
    std::atomic<uint64_t> missing_frames{0};  // of the audio thread: frames that were not there in time
    std::atomic<uint64_t> underruns{0};
    std::atomic<bool> connected{false};
    std::atomic<bool> starting{false};  // a host was started and is not there yet
    std::atomic<bool> refused{false};
    std::atomic<bool> renderer_lost{false};
    std::atomic<PluginState> state{PluginState::no_host};
};

}  // namespace musika
