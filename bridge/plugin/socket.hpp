// A TCP connection to this machine that never blocks for longer than it is told.
#pragma once

#include <cstddef>
#include <cstdint>

#if defined(_WIN32)
#ifndef WIN32_LEAN_AND_MEAN
#define WIN32_LEAN_AND_MEAN
#endif
#ifndef NOMINMAX
#define NOMINMAX
#endif
#include <winsock2.h>
#include <ws2tcpip.h>
#else
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cerrno>
#endif

namespace musika {

class Socket {
  public:
    Socket() {
#if defined(_WIN32)
        WSADATA data;
        started_ = WSAStartup(MAKEWORD(2, 2), &data) == 0;
#endif
    }
    ~Socket() {
        close();
#if defined(_WIN32)
        if (started_) WSACleanup();
#endif
    }
    Socket(const Socket&) = delete;
    Socket& operator=(const Socket&) = delete;

    bool is_open() const {
        return handle_ != kNone;
    }

    // Connects to 127.0.0.1.
    bool open(uint16_t port, int limit_ms) {
        close();
        handle_ = ::socket(AF_INET, SOCK_STREAM, 0);
        if (handle_ == kNone) return false;
        set_up();
        sockaddr_in address = {};
        address.sin_family = AF_INET;
        address.sin_port = htons(port);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        if (::connect(handle_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0) return true;
        int problem = 0;
        socklen_t size = sizeof(problem);
        if (!under_way() || !wait(true, limit_ms) ||
            ::getsockopt(handle_, SOL_SOCKET, SO_ERROR, reinterpret_cast<char*>(&problem), &size) != 0 ||
            problem != 0) {
            close();
            return false;
        }
        return true;
    }

    // Whether there is something to read, waiting for it.
    bool readable(int limit_ms) {
        return wait(false, limit_ms);
    }

    // Bytes read, 0 for none now, -1 if the other side is gone.
    long receive(uint8_t* into, size_t room) {
        if (room == 0) return 0;
        const long count = static_cast<long>(::recv(handle_, reinterpret_cast<char*>(into), room, 0));
        if (count > 0) return count;
        return count < 0 && would_block() ? 0 : -1;
    }

    // Sends all of it or nothing more ever: false if the other side is gone or does not read for `limit_ms`.
    bool send(const uint8_t* data, size_t size, int limit_ms) {
        size_t done = 0;
        while (done < size) {
            const long count = static_cast<long>(
                ::send(handle_, reinterpret_cast<const char*>(data + done), size - done, kSendFlags));
            if (count > 0)
                done += static_cast<size_t>(count);
            else if (!would_block() || !wait(true, limit_ms))
                return false;
        }
        return true;
    }

    void close() {
        if (handle_ == kNone) return;
#if defined(_WIN32)
        ::closesocket(handle_);
#else
        ::close(handle_);
#endif
        handle_ = kNone;
    }

  private:
#if defined(_WIN32)
    using Handle = SOCKET;
    static constexpr Handle kNone = INVALID_SOCKET;
    static constexpr int kSendFlags = 0;
    bool started_ = false;
    static bool would_block() {
        return WSAGetLastError() == WSAEWOULDBLOCK;
    }
    static bool under_way() {
        return WSAGetLastError() == WSAEWOULDBLOCK;
    }
    bool wait(bool writable, int limit_ms) {
        WSAPOLLFD polled = {handle_, static_cast<SHORT>(writable ? POLLOUT : POLLIN), 0};
        return WSAPoll(&polled, 1, limit_ms) > 0;
    }
    void set_up() {
        u_long on = 1;
        ioctlsocket(handle_, FIONBIO, &on);
        const int no_delay = 1;
        setsockopt(handle_, IPPROTO_TCP, TCP_NODELAY, reinterpret_cast<const char*>(&no_delay),
                   sizeof(no_delay));
    }
#else
    using Handle = int;
    static constexpr Handle kNone = -1;
#if defined(MSG_NOSIGNAL)
    static constexpr int kSendFlags = MSG_NOSIGNAL;  // a DAW is not to be ended by SIGPIPE
#else
    static constexpr int kSendFlags = 0;
#endif
    static bool would_block() {
        return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
    }
    static bool under_way() {
        return errno == EINPROGRESS || errno == EINTR;
    }
    bool wait(bool writable, int limit_ms) {
        pollfd polled = {handle_, static_cast<short>(writable ? POLLOUT : POLLIN), 0};
        return ::poll(&polled, 1, limit_ms) > 0;
    }
    void set_up() {
        ::fcntl(handle_, F_SETFL, ::fcntl(handle_, F_GETFL, 0) | O_NONBLOCK);
        ::fcntl(handle_, F_SETFD, FD_CLOEXEC);
        const int on = 1;
        ::setsockopt(handle_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
#if defined(SO_NOSIGPIPE)
        ::setsockopt(handle_, SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof(on));
#endif
    }
#endif
    Handle handle_ = kNone;
};

}  // namespace musika
