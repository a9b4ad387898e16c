// Where a plugin finds the host: a file with port and token, which only this user can read.
#pragma once

#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "wire.hpp"

namespace musika {

constexpr const char* kHostFile = "plugin-host";  // "musika 2 PORT TOKEN PID", written by the host
constexpr const char* kCommandFile =
    "plugin-command";  // one word a line, written by `musika-daw plugin install`
constexpr const char* kStartingFile = "plugin-starting";
constexpr size_t kFileBytesMax = 8192;

// The folder of these files; MUSIKA_PLUGIN_DIR overrules it. Empty if the user has no home.
inline std::string rendezvous_folder() {
    const auto variable = [](const char* name) {
        const char* value = std::getenv(name);
        return std::string(value == nullptr ? "" : value);
    };
    const std::string given = variable("MUSIKA_PLUGIN_DIR");
    if (!given.empty()) return given;
#if defined(_WIN32)
    const std::string base = variable("LOCALAPPDATA");
    return base.empty() ? "" : base + "\\musika-daw";
#else
    const std::string home = variable("HOME");
#if defined(__APPLE__)
    return home.empty() ? "" : home + "/Library/Application Support/musika-daw";
#else
    const std::string state = variable("XDG_STATE_HOME");
    if (!state.empty() && state[0] == '/') return state + "/musika-daw";
    return home.empty() ? "" : home + "/.local/state/musika-daw";
#endif
#endif
}

inline std::string rendezvous_path(const char* name) {
    const std::string folder = rendezvous_folder();
    return folder.empty() ? "" : folder + "/" + name;
}

// A whole small file; false if it cannot be read or is too long.
inline bool read_small_file(const std::string& path, std::string& text) {
    std::FILE* file = path.empty() ? nullptr : std::fopen(path.c_str(), "rb");
    if (file == nullptr) return false;
    char buffer[kFileBytesMax];
    const size_t count = std::fread(buffer, 1, sizeof(buffer), file);
    std::fclose(file);
    text.assign(buffer, count);
    return count < sizeof(buffer);
}

struct Rendezvous {
    uint16_t port = 0;
    uint8_t token[kTokenBytes] = {};
};

// Reads the text of a host file; false if it is none.
inline bool parse_rendezvous(const std::string& text, Rendezvous& out) {
    unsigned version = 0;
    unsigned port = 0;
    char hex[2 * kTokenBytes + 2] = {};
    if (std::sscanf(text.c_str(), "musika %3u %6u %33[0-9a-f]", &version, &port, hex) != 3) return false;
    if (version != kWireVersion || port == 0 || port > 65535 || std::strlen(hex) != 2 * kTokenBytes)
        return false;
    out.port = static_cast<uint16_t>(port);
    for (size_t i = 0; i < kTokenBytes; ++i) {
        const char pair[3] = {hex[2 * i], hex[2 * i + 1], 0};
        out.token[i] = static_cast<uint8_t>(std::strtoul(pair, nullptr, 16));
    }
    return true;
}

inline bool find_host(Rendezvous& out) {
    std::string text;
    return read_small_file(rendezvous_path(kHostFile), text) && parse_rendezvous(text, out);
}

// The words of the command that starts a host; empty where none is to be started.
inline std::vector<std::string> start_command() {
    std::string text;
    std::vector<std::string> words;
    if (!read_small_file(rendezvous_path(kCommandFile), text)) return words;
    size_t at = 0;
    while (at < text.size()) {
        size_t end = text.find('\n', at);
        if (end == std::string::npos) end = text.size();
        std::string word = text.substr(at, end - at);
        if (!word.empty() && word.back() == '\r') word.pop_back();
        if (!word.empty()) words.push_back(word);
        at = end + 1;
    }
    return words;
}

}  // namespace musika
