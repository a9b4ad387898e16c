// Reads lines of what an LV2 host tells at the start of a block: frames since the last, frame, tempo,
// signature, bar, beat in it. Prints the beat of the song for each.
#include <cstdio>
#include <cstdlib>

#include "bars.hpp"

using namespace musika;

int main() {
    constexpr double kRate = 48000;
    static BarCount bars;
    Position at;
    long long passed = 0, frame = 0;
    double bpm = 0;
    unsigned numerator = 0, denominator = 0;
    ToldBars told;
    told.has_bar = told.has_bar_beat = true;
    while (std::scanf("%lld %lld %lf %u %u %lf %lf", &passed, &frame, &bpm, &numerator, &denominator,
                      &told.bar, &told.bar_beat) == 7) {
        Position foretold = at;
        foretold.frame += passed;
        foretold.beat += static_cast<double>(passed) / foretold.frames_per_beat(kRate);
        const bool went_on = (at.valid & kValidFrame) != 0 && std::llabs(frame - foretold.frame) <= 2;
        at.playing = true;
        at.frame = frame;
        at.bpm = bpm;
        at.numerator = static_cast<uint16_t>(numerator);
        at.denominator = static_cast<uint16_t>(denominator);
        at.valid |= kValidFrame | kValidBpm | kValidSignature;
        bars.take(at, told, foretold, went_on, kRate);
        std::printf("%.9f\n", at.beat);
    }
}
