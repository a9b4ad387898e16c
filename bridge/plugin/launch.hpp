// Starting the host as a program of its own, once, however many instances want it.
#pragma once

#include <cstdio>
#include <string>
#include <vector>

#include "rendezvous.hpp"

#if defined(_WIN32)
#ifndef WIN32_LEAN_AND_MEAN
#define WIN32_LEAN_AND_MEAN
#endif
#include <windows.h>
#else
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <ctime>
#endif

namespace musika {

constexpr int kStartingForS = 60;

// Whether somebody began to start a host less than a minute ago; the host takes the file that says so away.
inline bool is_being_started() {
    const std::string path = rendezvous_path(kStartingFile);
    if (path.empty()) return false;
#if defined(_WIN32)
    WIN32_FILE_ATTRIBUTE_DATA facts;
    if (!GetFileAttributesExA(path.c_str(), GetFileExInfoStandard, &facts)) return false;
    FILETIME now;
    GetSystemTimeAsFileTime(&now);
    const auto ticks = [](const FILETIME& t) {
        return (static_cast<unsigned long long>(t.dwHighDateTime) << 32) | t.dwLowDateTime;
    };
    return ticks(now) - ticks(facts.ftLastWriteTime) < kStartingForS * 10000000ULL;
#else
    struct stat facts = {};
    return ::stat(path.c_str(), &facts) == 0 && std::time(nullptr) - facts.st_mtime < kStartingForS;
#endif
}

// Makes that file; false if another was faster.
inline bool claim_start() {
    const std::string path = rendezvous_path(kStartingFile);
    if (path.empty()) return false;
#if defined(_WIN32)
    DeleteFileA(path.c_str());
    HANDLE file =
        CreateFileA(path.c_str(), GENERIC_WRITE, 0, nullptr, CREATE_NEW, FILE_ATTRIBUTE_NORMAL, nullptr);
    if (file == INVALID_HANDLE_VALUE) return false;
    CloseHandle(file);
#else
    ::unlink(path.c_str());
    const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file < 0) return false;
    ::close(file);
#endif
    return true;
}

#if defined(_WIN32)

// One word of a command line, quoted so that CommandLineToArgvW reads it back.
inline std::string quoted(const std::string& word) {
    std::string out = "\"";
    size_t slashes = 0;
    for (const char c : word) {
        if (c == '"') out.append(slashes + 1, '\\');
        slashes = c == '\\' ? slashes + 1 : 0;
        out += c;
    }
    out.append(slashes, '\\');
    return out + "\"";
}

inline bool run_detached(const std::vector<std::string>& words) {
    std::string line;
    for (const std::string& word : words) line += (line.empty() ? "" : " ") + quoted(word);
    STARTUPINFOA how = {};
    how.cb = sizeof(how);
    PROCESS_INFORMATION made = {};
    if (!CreateProcessA(nullptr, &line[0], nullptr, nullptr, FALSE,
                        DETACHED_PROCESS | CREATE_NEW_PROCESS_GROUP, nullptr, nullptr, &how, &made))
        return false;
    CloseHandle(made.hThread);
    CloseHandle(made.hProcess);
    return true;
}

#else

// Forks twice, so that the DAW has no child to wait for; between fork and exec only calls that are allowed
// there.
inline bool run_detached(const std::vector<std::string>& words) {
    std::vector<char*> arguments;
    for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    long files = ::sysconf(_SC_OPEN_MAX);
    if (files < 0 || files > 4096) files = 4096;
    const pid_t child = ::fork();
    if (child < 0) return false;
    if (child == 0) {
        ::setsid();
        const pid_t host = ::fork();
        if (host != 0) ::_exit(host < 0 ? 1 : 0);
        const int nowhere = ::open("/dev/null", O_RDWR);
        for (int i = 0; i < 3 && nowhere >= 0; ++i) ::dup2(nowhere, i);
        // sound cards and windows of the DAW are not the host's
        for (long file = 3; file < files; ++file) ::close(static_cast<int>(file));
        ::execvp(arguments[0], arguments.data());
        ::_exit(127);
    }
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

#endif

// Starts the host if there is a command for it and nobody else is at it. Returns whether one is on its way.
inline bool start_host() {
    const std::vector<std::string> words = start_command();
    if (words.empty()) return false;
    if (is_being_started()) return true;
    return claim_start() ? run_detached(words) : is_being_started();
}

}  // namespace musika
