// The core against a real host, for the sanitizers: play, jump, loop, turn knobs, strike keys, bounce, change
// the rate, save and load, while the link's thread works. Prints how many frames of the bounce were right:
// the stand-in renderer's left channel is the frame of the timeline.
#include <cmath>
#include <cstdio>
#include <thread>
#include <vector>

#include "core.hpp"

using namespace musika;

namespace {

constexpr double kRate = 48000;
constexpr uint32_t kBlock = 128;

Position at(int64_t frame, bool playing) {
    Position p;
    p.playing = playing;
    p.valid = kValidFrame | kValidBeat | kValidBpm;
    p.frame = frame;
    p.beat = static_cast<double>(frame) / kRate * 2;
    return p;
}

float expected(int64_t frame) {
    return static_cast<float>(frame % (1 << 20)) / (1 << 20) * 2 - 1;
}

}  // namespace

int main() {
    auto core = std::make_unique<Core>(PluginFormat::clap);
    float left[kBlock], right[kBlock];
    if (!core->activate(kRate)) return 1;
    std::thread knobs([&] {  // a DAW's other threads
        for (int i = 0; i < 200; ++i) {
            core->values().set(kGain, -i % 12);
            const std::string saved = core->save();
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
        }
        core->values().set(kGain, 0);
    });
    int64_t frame = 0;
    for (int block = 0; block < 600; ++block) {
        if (block % 97 == 0) frame = (block * 7919LL) % 480000;
        if (block % 200 == 0) core->values().set(kEnergy, block / 10);
        if (block % 10 == 0) {
            const uint8_t key = static_cast<uint8_t>(60 + block % 12);
            core->key(block % kBlock, block % 20 == 0 ? 0x90 : 0x80, key, 64);
        }
        core->process(at(frame, block % 50 != 0), left, right, kBlock);
        frame += kBlock;
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    knobs.join();
    core->deactivate();
    core->set_offline(true);
    if (!core->activate(kRate)) return 1;
    uint64_t right_frames = 0;
    bool fine = true;
    for (frame = 0; frame < 96000; frame += kBlock) {
        fine = core->process(at(frame, true), left, right, kBlock) && fine;
        for (uint32_t i = 0; i < kBlock; ++i) right_frames += left[i] == expected(frame + i);
    }
    const std::string saved = core->save();
    const bool loaded = core->load(saved.data(), saved.size());
    core->set_offline(false);
    core->deactivate();
    if (!core->activate(96000)) return 1;
    for (int block = 0; block < 50; ++block) {
        core->process(at(block * kBlock, true), left, right, kBlock);
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    core.reset();
    std::printf("right %llu of 96000 fine %d loaded %d\n", static_cast<unsigned long long>(right_frames),
                fine, loaded);
    return right_frames == 96000 && fine && loaded ? 0 : 1;
}
