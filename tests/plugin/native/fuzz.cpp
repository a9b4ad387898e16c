// Hostile bytes for everything in the plugin that reads a socket or a file, under AddressSanitizer and UBSan:
// messages of the host, host files, saved states, texts of parameters, MIDI. Mutates good input; the seed is
// an argument.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "chunk_cache.hpp"
#include "keys_in.hpp"
#include "notes_out.hpp"
#include "rendezvous.hpp"
#include "state.hpp"
#include "wire.hpp"

using namespace musika;

namespace {

uint64_t state_of_chance = 1;

uint32_t chance(uint32_t below) {
    state_of_chance ^= state_of_chance << 13;
    state_of_chance ^= state_of_chance >> 7;
    state_of_chance ^= state_of_chance << 17;
    return static_cast<uint32_t>(state_of_chance % below);
}

std::string mutated(std::string text) {
    for (uint32_t n = chance(8); n > 0; --n) {
        if (text.empty()) text = "x";
        const size_t at = chance(static_cast<uint32_t>(text.size()));
        switch (chance(4)) {
            case 0:
                text[at] = static_cast<char>(chance(256));
                break;
            case 1:
                text.erase(at, chance(9));
                break;
            case 2:
                text.insert(at, text.substr(chance(static_cast<uint32_t>(text.size())), chance(40)));
                break;
            default:
                text.insert(at, 1 + chance(30), "0123456789-.,:\"{}e "[chance(19)]);
        }
    }
    return text;
}

template <class Body>
std::string message(MessageType type, const Body& body, size_t more = 0) {
    const Header header = {kMagic, static_cast<uint16_t>(type), 0,
                           static_cast<uint32_t>(sizeof(body) + more)};
    std::string text(reinterpret_cast<const char*>(&header), sizeof(header));
    text.append(reinterpret_cast<const char*>(&body), sizeof(body));
    text.append(more, '\x3c');
    return text;
}

std::string stream() {
    std::string text = message(MessageType::hello, Welcome{1, 0, 1, 0});
    for (uint32_t n = chance(4); n > 0; --n) {
        if (chance(2)) text += message(MessageType::flush, Flush{chance(9), 0, chance(5), 0});
        Notes notes = {};
        notes.generation = 1;
        notes.count = chance(kNotesMax + 1);
        for (NoteEvent& event : notes.events)
            event = {static_cast<uint16_t>(chance(1100)),
                     {static_cast<uint8_t>(0x80 + chance(0x30)), static_cast<uint8_t>(chance(256)), 64},
                     {}};
        text += message(MessageType::notes, notes);
        text += message(MessageType::audio, Audio{static_cast<int64_t>(chance(2000)) - 1000, 1, kChunkFrames},
                        kChunkFrames * 2 * sizeof(float));
        text += message(MessageType::stats, Stats{});
    }
    return text;
}

// Any MIDI in blocks of any length: what is told lies in the block, in order, and is of keys or pedals.
bool keys_are_told_in_order(KeyQueue& queue, KeysIn& keys_in) {
    for (uint32_t n = chance(200); n > 0; --n)
        keys_in.add(chance(3) ? chance(512) : chance(0xFFFFFFFF), static_cast<uint8_t>(chance(256)),
                    static_cast<uint8_t>(chance(256)), static_cast<uint8_t>(chance(256)));
    const uint32_t count = 1 + chance(600);
    const bool playing = chance(4) > 0;
    bool moved = chance(2) > 0;
    Position at;
    for (uint32_t done = 0; done < count; moved = false) {
        uint32_t part = count - done;
        keys_in.cut(done, part);
        if (part == 0 || part > count - done) return false;
        keys_in.deliver(done, at, done, 1, playing, moved, 48000);
        done += part;
    }
    keys_in.end();
    int64_t last = 0;
    for (Keys keys;;) {
        queue.take(keys);
        if (keys.count == 0) return true;
        if (keys.count > kKeysMax || !playing) return false;
        for (uint32_t i = 0; i < keys.count; ++i) {
            const KeyEvent& event = keys.events[i];
            const uint8_t kind = event.midi[0] & 0xF0;
            if (event.frame < last || event.frame >= count) return false;
            if (event.midi[0] != kKeysLost && kind != 0x80 && kind != 0x90 && kind != 0xB0) return false;
            if (event.midi[1] > 127 || event.midi[2] > 127) return false;
            last = event.frame;
        }
    }
}

}  // namespace

int main(int count, char** words) {
    state_of_chance = count > 1 ? std::strtoull(words[1], nullptr, 10) * 2 + 1 : 1;
    const int rounds = count > 2 ? std::atoi(words[2]) : 1000;
    ChunkCache cache;
    const auto queue = std::make_unique<KeyQueue>();
    KeysIn keys_in(*queue);
    ChunkNotes chunk_notes;
    const auto notes_made = std::make_unique<NotesOut>(chunk_notes);
    NotesOut& notes_out = *notes_made;
    bool in_range = true;
    Values values;
    uint64_t session = 5, messages = 0, refused = 0;
    for (int round = 0; round < rounds; ++round) {
        const auto reader = std::make_unique<MessageReader>();
        const std::string text = round % 4 == 0 ? stream() : mutated(stream());
        for (size_t at = 0; at < text.size();) {
            size_t part = 1 + chance(20000);
            if (part > text.size() - at) part = text.size() - at;
            if (part > reader->room()) part = reader->room();
            std::memcpy(reader->space(), text.data() + at, part);
            at += part;
            const bool going = reader->take(part, [&](MessageType type, const uint8_t* body, size_t length) {
                ++messages;
                if (type == MessageType::notes) {
                    Notes notes;
                    std::memcpy(&notes, body, sizeof(notes));
                    if (notes.count > kNotesMax || notes.generation == 0) return false;
                    chunk_notes.write(notes);
                    notes_out.clear();
                    notes_out.play(7, notes.chunk % (1LL << 40) * kChunkFrames + chance(900),
                                   1 + chance(1024), notes.generation, chance(2) > 0);
                    for (const NoteOut& note : notes_out) in_range = in_range && note.offset < 7 + 1024;
                    return true;
                }
                if (type != MessageType::audio) return true;
                Audio audio;
                std::memcpy(&audio, body, sizeof(audio));
                if (audio.frames != kChunkFrames || length != kAudioBytes) return false;
                cache.write(audio.generation, audio.chunk, body + sizeof(audio));
                StereoFrame out[64];
                cache.read(audio.generation,
                           audio.chunk > (1LL << 50) || audio.chunk < -(1LL << 50) ? 0 : audio.chunk * 1024,
                           64, out);
                return true;
            });
            if (!going) {
                ++refused;
                break;
            }
        }
        Rendezvous found;
        parse_rendezvous(mutated("musika 2 40000 00112233445566778899aabbccddeeff 123\n"), found);
        const std::string saved = mutated(save_state(session, values));
        load_state(saved.data(), saved.size(), session, values);
        for (uint32_t id = 0; id < kParameters; ++id) {
            const double value = values.get(id);
            if (!(value >= kTable[id].low && value <= kTable[id].high)) return 1;
            char shown[16];
            value_text(id, value * 1e30, shown, sizeof(shown));
            double meant = 0;
            if (value_of_text(id, mutated("12.5 %").c_str(), meant) && !(meant >= kTable[id].low)) return 1;
        }
        if (session == 0 || !in_range || !keys_are_told_in_order(*queue, keys_in)) return 1;
    }
    std::printf("rounds %d messages %llu refused %llu\n", rounds, static_cast<unsigned long long>(messages),
                static_cast<unsigned long long>(refused));
    return messages > 0 && refused > 0 ? 0 : 1;
}
