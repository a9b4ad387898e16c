// What a VST3 host needs to hold a plugin by: its tables of functions, and a stream in memory.
#pragma once

#include <travesty/bstream.h>
#include <travesty/component.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <string>
#include <utility>

template <class Table>
const Table& table(void* object, size_t skipped) {
    return *reinterpret_cast<const Table*>(*static_cast<void***>(object) + skipped);
}
inline const v3_funknown& unknown(void* object) {
    return table<v3_funknown>(object, 0);
}
inline const v3_plugin_base& base(void* object) {
    return table<v3_plugin_base>(object, 3);
}

inline v3_result V3_API none(void*, const v3_tuid, void** object) {
    *object = nullptr;
    return V3_NO_INTERFACE;
}
inline uint32_t V3_API one(void*) {
    return 1;
}

// A stream in memory, which gives and takes a few bytes at a time.
struct Stream {
    struct Table : v3_funknown {
        v3_bstream methods;
    };
    const Table* methods;
    std::string data;
    size_t at = 0;
    static v3_result V3_API read(void* face, void* out, int32_t room, int32_t* count) {
        auto& stream = *static_cast<Stream*>(face);
        const size_t left = stream.data.size() - stream.at;
        *count = static_cast<int32_t>(std::min<size_t>({left, static_cast<size_t>(room), 37}));
        std::memcpy(out, stream.data.data() + stream.at, static_cast<size_t>(*count));
        stream.at += static_cast<size_t>(*count);
        return V3_OK;
    }
    static v3_result V3_API write(void* face, void* in, int32_t size, int32_t* count) {
        static_cast<Stream*>(face)->data.append(static_cast<char*>(in), static_cast<size_t>(size));
        *count = size;
        return V3_OK;
    }
    explicit Stream(std::string with = "") : data(std::move(with)) {
        static const Table made = [] {
            Table t = {};
            static_cast<v3_funknown&>(t) = {none, one, one};
            t.methods.read = read;
            t.methods.write = write;
            return t;
        }();
        methods = &made;
    }
    v3_bstream** face() { return reinterpret_cast<v3_bstream**>(this); }
};
