// What plays, as MIDI: the notes of each chunk lie beside its sound, and are given out on their frames.
//
//   host --NOTES--> ChunkNotes --with the chunk that sounds--> NotesOut --> the DAW's events of the block
//
// A chunk tells what is struck and let go in it, and what sounds where it begins: what was struck and does
// not sound any more, because play jumped or the piece became another, is let go.
#pragma once

#include <atomic>
#include <bitset>
#include <cstdint>
#include <cstring>
#include <memory>

#include "chunk_cache.hpp"
#include "wire.hpp"

namespace musika {

// Notes of chunks by position, in slots as in ChunkCache: one writer, and a reader that is never stopped.
class ChunkNotes {
  public:
    ChunkNotes() : slots_(new Slot[ChunkCache::kBanks * ChunkCache::kSlots]) {}

    void write(const Notes& notes) {
        uint64_t words[kWords];
        std::memcpy(words, &notes, sizeof(notes));
        Slot& slot = slots_[index_of(notes.generation, notes.chunk)];
        const uint32_t version = slot.version.load(std::memory_order_relaxed);
        slot.version.store(version + 1, std::memory_order_relaxed);
        for (size_t i = 0; i < kWords; ++i) slot.words[i].store(words[i], std::memory_order_release);
        slot.version.store(version + 2, std::memory_order_release);
    }

    // Whether they are there; a chunk of no notes is as well.
    bool read(uint32_t generation, int64_t chunk, Notes& notes) const {
        uint64_t words[kWords];
        const Slot& slot = slots_[index_of(generation, chunk)];
        const uint32_t version = slot.version.load(std::memory_order_acquire);
        if (generation == 0 || version % 2 != 0) return false;
        for (size_t i = 0; i < kWords; ++i) words[i] = slot.words[i].load(std::memory_order_acquire);
        if (slot.version.load(std::memory_order_relaxed) != version) return false;
        std::memcpy(&notes, words, sizeof(notes));
        return notes.generation == generation && notes.chunk == chunk && notes.count <= kNotesMax;
    }

  private:
    static constexpr size_t kWords = sizeof(Notes) / sizeof(uint64_t);
    static_assert(sizeof(Notes) % sizeof(uint64_t) == 0, "made of words");

    struct Slot {
        std::atomic<uint32_t> version{0};
        std::atomic<uint64_t> words[kWords] = {};
    };

    static size_t index_of(uint32_t generation, int64_t chunk) {
        return (generation % ChunkCache::kBanks) * ChunkCache::kSlots +
               static_cast<size_t>(chunk & (ChunkCache::kSlots - 1));
    }

    std::unique_ptr<Slot[]> slots_;
};

// A message of a block, for the DAW.
struct NoteOut {
    uint32_t offset;
    uint8_t midi[3];
};

class NotesOut {
  public:
    static constexpr uint32_t kRoom = 512;  // messages of a block

    explicit NotesOut(const ChunkNotes& notes) : notes_(notes) {}

    const NoteOut* begin() const { return out_; }
    const NoteOut* end() const { return out_ + count_; }

    // Another block begins.
    void clear() { count_ = 0; }

    // Frames of a generation sound from a frame of the block on; `goes_on` if they follow what sounded last.
    void play(uint32_t offset, int64_t frame, uint32_t count, uint32_t generation, bool goes_on) {
        if (!goes_on) let_go(offset);
        const bool is_other = generation != generation_;
        generation_ = generation;
        for (uint32_t done = 0; done < count;) {
            const int64_t chunk = ChunkCache::chunk_of(frame + done);
            const uint32_t first = static_cast<uint32_t>(frame + done - chunk * kChunkFrames);
            const uint32_t part = count - done < kChunkFrames - first ? count - done : kChunkFrames - first;
            if (!notes_.read(generation, chunk, chunk_)) {
                let_go(offset + done);
            } else {
                if (first == 0 || (is_other && done == 0)) let_go_of_others(offset + done, first);
                play_part(offset + done, first, part);
            }
            done += part;
        }
    }

    void let_go(uint32_t offset) {
        if (held_.none()) return;
        for (size_t key = 0; key < held_.size(); ++key)
            if (held_[key]) off(offset, key);
    }

  private:
    static size_t key_of(const NoteEvent& event) {
        return (event.midi[0] & 0x0F) * 128u + (event.midi[1] & 127);
    }

    // What does not sound at frame `first` of the chunk.
    void let_go_of_others(uint32_t offset, uint32_t first) {
        if (held_.none()) return;
        std::bitset<16 * 128> sounds;
        for (uint32_t i = 0; i < chunk_.count; ++i) {
            const NoteEvent& event = chunk_.events[i];
            const uint8_t kind = event.midi[0] & 0xF0;
            if (kind == kNoteSounds || event.offset < first) sounds[key_of(event)] = kind != kNoteOff;
        }
        for (size_t key = 0; key < held_.size(); ++key)
            if (held_[key] && !sounds[key]) off(offset, key);
    }

    void play_part(uint32_t offset, uint32_t first, uint32_t count) {
        for (uint32_t i = 0; i < chunk_.count; ++i) {
            const NoteEvent& event = chunk_.events[i];
            const uint8_t kind = event.midi[0] & 0xF0;
            if (kind == kNoteSounds || event.offset < first || event.offset >= first + count) continue;
            const uint32_t at = offset + event.offset - first;
            const size_t key = key_of(event);
            if (held_[key]) off(at, key);
            if (kind == kNoteOn && !held_[key] && count_ < kRoom) {
                held_[key] = true;
                out_[count_++] = {at, {event.midi[0], event.midi[1], event.midi[2]}};
            }
        }
    }

    // One that finds no room is let go where the next chunk begins.
    void off(uint32_t offset, size_t key) {
        if (count_ == kRoom) return;
        held_[key] = false;
        out_[count_++] = {offset,
                          {static_cast<uint8_t>(kNoteOff | (key >> 7)), static_cast<uint8_t>(key & 127), 0}};
    }

    const ChunkNotes& notes_;
    Notes chunk_ = {};
    NoteOut out_[kRoom];
    uint32_t count_ = 0;
    uint32_t generation_ = 0;
    std::bitset<16 * 128> held_;
};

}  // namespace musika
