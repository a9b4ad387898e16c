// One writer and two readers of the chunk cache and of a snapshot, as fast as they can, under ThreadSanitizer
// or AddressSanitizer. What is read must be whole: every value of a chunk tells which chunk and generation it
// is.
#include <cstdio>
#include <cstring>
#include <thread>
#include <vector>

#include "chunk_cache.hpp"
#include "shared.hpp"

using namespace musika;

namespace {

constexpr uint32_t kRounds = 3000;

float mark(uint32_t generation, int64_t chunk) {
    return static_cast<float>(generation * 100000 + chunk);
}

struct Pair {
    uint64_t value;
    uint64_t twice;
};

}  // namespace

int main() {
    ChunkCache cache;
    Snapshot<Pair> snapshot;
    std::atomic<bool> done{false};
    std::atomic<uint64_t> read{0}, torn{0};
    std::thread writer([&] {
        std::vector<StereoFrame> chunk(kChunkFrames);
        for (uint32_t round = 1; round <= kRounds; ++round) {
            const uint32_t generation = 1 + round / 500;
            // four slots, each overwritten again and again by chunks that share it
            const int64_t index = round % 4 + ChunkCache::kSlots * (round % 3);
            for (StereoFrame& frame : chunk) frame = {mark(generation, index), -mark(generation, index)};
            cache.write(generation, index, reinterpret_cast<const uint8_t*>(chunk.data()));
            snapshot.store({round, 2ULL * round});
            if (round % 100 == 0) std::this_thread::yield();
        }
        cache.clear();
        done.store(true);
    });
    const auto reader = [&] {
        std::vector<StereoFrame> out(kChunkFrames);
        while (!done.load()) {
            for (uint32_t generation = 1; generation <= 1 + kRounds / 500; ++generation)
                for (int64_t slot = 0; slot < 12; ++slot) {
                    const int64_t index = slot % 4 + ChunkCache::kSlots * (slot / 4);
                    const uint32_t got = cache.read(generation, index * kChunkFrames + 5, 700, out.data());
                    if (got != 700) continue;
                    ++read;
                    for (uint32_t i = 0; i < got; ++i)
                        if (out[i].left != mark(generation, index) ||
                            out[i].right != -mark(generation, index))
                            ++torn;
                }
            Pair pair;
            snapshot.load(pair);
            if (pair.twice != 2 * pair.value) ++torn;
        }
    };
    std::thread first(reader), second(reader);
    writer.join();
    first.join();
    second.join();
    std::printf("read %llu torn %llu\n", static_cast<unsigned long long>(read.load()),
                static_cast<unsigned long long>(torn.load()));
    return torn.load() == 0 && read.load() > 0 ? 0 : 1;
}
