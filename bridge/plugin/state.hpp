// What a song saves of an instance: a small JSON object with its session id and its parameters.
//
//   {"musika":1,"session":"00f1e2d3c4b5a697","density":-1,"energy":40,...,"gain_db":-3.5,"bypass":0}
#pragma once

#include <atomic>
#include <cctype>
#include <chrono>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "parameters.hpp"

namespace musika {

constexpr size_t kStateBytesMax = 4096;

// The id of an instance that no song has saved yet.
inline uint64_t new_session() {
    static std::atomic<uint64_t> made{0};
    uint64_t x = static_cast<uint64_t>(std::chrono::system_clock::now().time_since_epoch().count());
    x += static_cast<uint64_t>(reinterpret_cast<uintptr_t>(&made)) + (made.fetch_add(1) << 48);
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ULL;  // splitmix64's mixer
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBULL;
    return (x ^ (x >> 31)) | 1;
}

inline std::string save_state(uint64_t session, const Values& values) {
    char part[80];
    std::snprintf(part, sizeof(part), "{\"musika\":1,\"session\":\"%016" PRIx64 "\"", session);
    std::string text = part;
    for (uint32_t id = 0; id < kParameters; ++id) {
        if (!is_set_by_daw(id)) continue;
        // thousandths as whole numbers: a decimal point would depend on the DAW's locale
        const long long thousandths = std::llround(values.get(id) * 1000);
        std::snprintf(part, sizeof(part), ",\"%s\":%s%lld.%03lld", kTable[id].key, thousandths < 0 ? "-" : "",
                      std::llabs(thousandths) / 1000, std::llabs(thousandths) % 1000);
        text += part;
    }
    return text + "}";
}

namespace detail {

// The text behind `"key":`, or null.
inline const char* find_key(const std::string& text, const char* key) {
    const std::string quoted = std::string("\"") + key + "\"";
    const size_t at = text.find(quoted);
    if (at == std::string::npos) return nullptr;
    const char* rest = text.c_str() + at + quoted.size();
    while (std::isspace(static_cast<unsigned char>(*rest))) ++rest;
    if (*rest != ':') return nullptr;
    do ++rest;
    while (std::isspace(static_cast<unsigned char>(*rest)));
    return rest;
}

// A plain decimal number, whatever the locale; false if there is none.
inline bool parse_decimal(const char* text, double& value) {
    const bool negative = *text == '-';
    if (negative) ++text;
    if (!std::isdigit(static_cast<unsigned char>(*text))) return false;
    double number = 0, parts = 1;  // divided once, so that thousandths come back exactly
    while (std::isdigit(static_cast<unsigned char>(*text))) number = number * 10 + (*text++ - '0');
    if (*text == '.')
        for (++text; std::isdigit(static_cast<unsigned char>(*text)); ++text, parts *= 10)
            number = number * 10 + (*text - '0');
    value = (negative ? -number : number) / parts;
    return true;
}

}  // namespace detail

// Reads a saved state; what is missing keeps its value. Returns false, having changed nothing, if it is none.
inline bool load_state(const char* data, size_t size, uint64_t& session, Values& values) {
    if (size > kStateBytesMax) return false;
    const std::string text(data, size);
    double version = 0;
    const char* at = detail::find_key(text, "musika");
    if (at == nullptr || !detail::parse_decimal(at, version) || version != 1) return false;
    at = detail::find_key(text, "session");
    if (at != nullptr && *at == '"') {
        char* end = nullptr;
        const uint64_t id = std::strtoull(at + 1, &end, 16);
        if (end == at + 17 && *end == '"' && id != 0) session = id;
    }
    for (uint32_t id = 0; id < kParameters; ++id) {
        if (!is_set_by_daw(id)) continue;
        double value = 0;
        at = detail::find_key(text, kTable[id].key);
        if (at != nullptr && detail::parse_decimal(at, value)) values.set(id, value);
    }
    return true;
}

}  // namespace musika
