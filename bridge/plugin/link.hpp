// The connection to the host: one thread that finds it, tells it where the DAW is, and files what it sends.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <memory>
#include <thread>

#include "launch.hpp"
#include "rendezvous.hpp"
#include "shared.hpp"
#include "socket.hpp"
#include "wire.hpp"

namespace musika {

class Link {
  public:
    Link(Shared& shared, PluginFormat format)
        : shared_(shared), format_(format), reader_(new MessageReader) {}
    ~Link() { stop(); }

    void start(uint64_t session, double sample_rate_hz) {
        stop();
        session_ = session;
        sample_rate_hz_ = sample_rate_hz;
        start_due_ = Time();
        halt_.store(false);
        thread_ = std::thread([this] { run(); });
    }

    void stop() {
        halt_.store(true);
        if (thread_.joinable()) thread_.join();
    }

  private:
    using Clock = std::chrono::steady_clock;
    using Time = Clock::time_point;
    using Ms = std::chrono::milliseconds;

    static constexpr int kPollMs = 2;
    static constexpr Ms kTransportEvery{5};
    static constexpr Ms kStatsEvery{500};
    static constexpr Ms kRetryEvery{200};
    static constexpr Ms kRefusedEvery{1000};
    static constexpr Ms kStartEvery{1000};
    static constexpr Ms kAnswerWithin{5000};
    static constexpr int kSendMs = 200;

    void run() {
        while (!halt_.load()) {
            if (!socket_.is_open() && !connect()) {
                pause(shared_.refused.load() ? kRefusedEvery : kRetryEvery);
                continue;
            }
            if (!receive() || !report()) disconnect();
        }
        disconnect();
    }

    void pause(Ms length) {
        const Time end = Clock::now() + length;
        while (!halt_.load() && Clock::now() < end) std::this_thread::sleep_for(Ms(5));
    }

    // Finds the host and is welcomed by it.
    bool connect() {
        Rendezvous found;
        if (!find_host(found) || !socket_.open(found.port, kSendMs)) {
            socket_.close();
            shared_.reached.store(false);
            start_if_wanted();
            return false;
        }
        shared_.reached.store(true);  // on a busy machine it takes its time to answer
        reader_->clear();
        answer_ = Answer::none;
        Hello hello = {};
        hello.version = kWireVersion;
        hello.format = static_cast<uint32_t>(format_);
        std::memcpy(hello.token, found.token, sizeof(hello.token));
        hello.session = session_;
        hello.sample_rate_hz = sample_rate_hz_;
        hello.slots = ChunkCache::kSlots;
        hello.generation = shared_.generation.load();
        const Time end = Clock::now() + kAnswerWithin;
        bool going = send(MessageType::hello, &hello, sizeof(hello));
        while (going && answer_ == Answer::none && Clock::now() < end && !halt_.load()) going = receive();
        if (answer_ != Answer::welcome) {
            shared_.refused.store(answer_ == Answer::refused);
            if (answer_ == Answer::refused) shared_.reached.store(false);
            socket_.close();
            return false;
        }
        sent_version_ = 0;
        sent_ = Transport();
        transport_due_ = stats_due_ = Clock::now();
        shared_.refused.store(false);
        shared_.connected.store(true);  // never neither: a bounce that waits would give up
        shared_.starting.store(false);
        return true;
    }

    void disconnect() {
        socket_.close();
        shared_.connected.store(false);
        shared_.renderer_lost.store(false);
    }

    // A host is started only for a plugin that is being run, not for one that is being scanned. One that is
    // on its way, started by whichever instance, is waited for like one that is there.
    void start_if_wanted() {
        const Time now = Clock::now();
        if (shared_.blocks.load() == 0 || now < start_due_) return;
        start_due_ = now + kStartEvery;
        shared_.starting.store(start_host());
    }

    // Waits a little for something to arrive, and files it; false if the host is gone or sends nonsense.
    bool receive() {
        Transport now;
        shared_.transport.load(now);
        const bool waiting = (now.flags & kFlagWaiting) != 0;
        if (!socket_.readable(waiting ? 1 : kPollMs)) return true;
        const long count = socket_.receive(reader_->space(), reader_->room());
        if (count < 0) return false;
        return reader_->take(static_cast<size_t>(count),
                             [this](MessageType type, const uint8_t* body, size_t) {
                                 shared_.progress.fetch_add(1);
                                 return handle(type, body);
                             });
    }

    bool handle(MessageType type, const uint8_t* body) {
        if (type == MessageType::hello) return handle_welcome(body);
        if (answer_ != Answer::welcome) return false;
        if (type == MessageType::audio) {
            Audio audio;
            std::memcpy(&audio, body, sizeof(audio));
            if (audio.frames != kChunkFrames || audio.generation == 0) return false;
            shared_.cache.write(audio.generation, audio.chunk, body + sizeof(audio));
        } else if (type == MessageType::notes) {
            Notes notes;
            std::memcpy(&notes, body, sizeof(notes));
            if (notes.count > kNotesMax || notes.generation == 0) return false;
            shared_.notes.write(notes);
        } else if (type == MessageType::flush) {
            Flush flush;
            std::memcpy(&flush, body, sizeof(flush));
            if (flush.generation == 0) return false;
            // the place last: who sees it taken in must see what it led to
            shared_.generation.store(flush.generation, std::memory_order_release);
            shared_.until_frame.store(flush.until_frame, std::memory_order_release);
            shared_.place.store(flush.place, std::memory_order_release);
        } else if (type == MessageType::stats) {
            Stats stats;
            std::memcpy(&stats, body, sizeof(stats));
            shared_.renderer_lost.store(stats.state == static_cast<uint32_t>(HostState::restarting));
        }
        return true;
    }

    bool handle_welcome(const uint8_t* body) {
        Welcome welcome;
        std::memcpy(&welcome, body, sizeof(welcome));
        const bool good = welcome.verdict == static_cast<uint32_t>(Verdict::welcome) &&
                          welcome.version == kWireVersion && welcome.generation != 0 &&
                          answer_ == Answer::none;
        answer_ = good ? Answer::welcome : Answer::refused;
        if (good) {
            shared_.abilities.store(welcome.abilities);
            shared_.place.store(0, std::memory_order_release);
            shared_.generation.store(welcome.generation, std::memory_order_release);
        }
        return good;
    }

    // Tells the host where the DAW is: every 5 ms, and at once when it is somewhere or something else.
    bool report() {
        const Time now = Clock::now();
        Transport transport;
        const uint32_t version = shared_.transport.load(transport);
        const bool turned = transport.flags != sent_.flags || transport.jumps != sent_.jumps ||
                            transport.place != sent_.place || transport.wanted_frame != sent_.wanted_frame;
        if (version != sent_version_ && (turned || now >= transport_due_)) {
            if (!report_keys()) return false;
            if (!send(MessageType::transport, &transport, sizeof(transport))) return false;
            sent_ = transport;
            sent_version_ = version;
            transport_due_ = now + kTransportEvery;
        }
        if (now >= stats_due_) {
            Stats stats = {};
            stats.blocks = shared_.blocks.load();
            stats.missing_frames = shared_.missing_frames.load();
            stats.underruns = shared_.underruns.load();
            stats.state = static_cast<uint32_t>(shared_.state.load());
            if (!send(MessageType::stats, &stats, sizeof(stats))) return false;
            stats_due_ = now + kStatsEvery;
        }
        return true;
    }

    // All keys that were met up to the transport that is told next.
    bool report_keys() {
        for (Keys keys;;) {
            shared_.keys.take(keys);
            if (keys.count == 0) return true;
            if (!send(MessageType::keys, &keys, sizeof(keys))) return false;
        }
    }

    bool send(MessageType type, const void* body, uint32_t length) {
        uint8_t message[sizeof(Header) + sizeof(Keys)];
        static_assert(sizeof(Transport) <= sizeof(Keys) && sizeof(Hello) <= sizeof(Keys), "the largest");
        const Header header = {kMagic, static_cast<uint16_t>(type), 0, length};
        std::memcpy(message, &header, sizeof(header));
        std::memcpy(message + sizeof(header), body, length);
        return socket_.send(message, sizeof(header) + length, kSendMs);
    }

    enum class Answer { none, welcome, refused };

    Shared& shared_;
    const PluginFormat format_;
    uint64_t session_ = 0;
    double sample_rate_hz_ = 0;
    Socket socket_;
    std::unique_ptr<MessageReader> reader_;
    Answer answer_ = Answer::none;
    Transport sent_ = {};
    uint32_t sent_version_ = 0;
    Time transport_due_, stats_due_, start_due_;
    std::atomic<bool> halt_{false};
    std::thread thread_;
};

}  // namespace musika
