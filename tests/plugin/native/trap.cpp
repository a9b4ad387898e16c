// Runs the built CLAP in real time against a real host, with everything trapped that has no place in an audio
// thread.
//
//   system calls   a seccomp filter of the audio thread lets none through but those of this file's own pause
//   allocation     malloc and its kin are this program's, which the plugin's calls resolve to
//   locks          so are the pthread functions that may wait
//
// Prints "blocks N sounding N syscalls N allocations N locks N worst_ns N p999_ns N", worst as CPU time of
// the thread would have it: blocks during which the thread was switched out are counted apart, as "preempted
// N".
#include <clap/entry.h>
#include <clap/plugin-factory.h>
#include <dlfcn.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <vector>

namespace {

thread_local volatile bool armed = false;
volatile long syscalls = 0, allocations = 0, locks = 0, last_syscall = -1;

template <class Function>
Function next(const char* name) {
    return reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

}  // namespace

extern "C" {

void* __libc_malloc(size_t);
void* __libc_calloc(size_t, size_t);
void* __libc_realloc(void*, size_t);
void* __libc_memalign(size_t, size_t);
void __libc_free(void*);

void* malloc(size_t size) {
    if (armed) allocations = allocations + 1;
    return __libc_malloc(size);
}
void* calloc(size_t count, size_t size) {
    if (armed) allocations = allocations + 1;
    return __libc_calloc(count, size);
}
void* realloc(void* block, size_t size) {
    if (armed) allocations = allocations + 1;
    return __libc_realloc(block, size);
}
void* memalign(size_t alignment, size_t size) {
    if (armed) allocations = allocations + 1;
    return __libc_memalign(alignment, size);
}
void* aligned_alloc(size_t alignment, size_t size) {
    return memalign(alignment, size);
}
int posix_memalign(void** out, size_t alignment, size_t size) {
    *out = memalign(alignment, size);
    return *out == nullptr ? 12 : 0;
}
void free(void* block) {
    if (armed) allocations = allocations + 1;
    __libc_free(block);
}

int pthread_mutex_lock(pthread_mutex_t* mutex) {
    static auto real = next<int (*)(pthread_mutex_t*)>("pthread_mutex_lock");
    if (armed) locks = locks + 1;
    return real(mutex);
}
int pthread_mutex_trylock(pthread_mutex_t* mutex) {
    static auto real = next<int (*)(pthread_mutex_t*)>("pthread_mutex_trylock");
    if (armed) locks = locks + 1;
    return real(mutex);
}
int pthread_rwlock_rdlock(pthread_rwlock_t* lock) {
    static auto real = next<int (*)(pthread_rwlock_t*)>("pthread_rwlock_rdlock");
    if (armed) locks = locks + 1;
    return real(lock);
}
int pthread_rwlock_wrlock(pthread_rwlock_t* lock) {
    static auto real = next<int (*)(pthread_rwlock_t*)>("pthread_rwlock_wrlock");
    if (armed) locks = locks + 1;
    return real(lock);
}
int pthread_cond_wait(pthread_cond_t* condition, pthread_mutex_t* mutex) {
    static auto real = next<int (*)(pthread_cond_t*, pthread_mutex_t*)>("pthread_cond_wait");
    if (armed) locks = locks + 1;
    return real(condition, mutex);
}
int sem_wait(sem_t* semaphore) {
    static auto real = next<int (*)(sem_t*)>("sem_wait");
    if (armed) locks = locks + 1;
    return real(semaphore);
}

}  // extern "C"

namespace {

// The one place from which system calls are let through.
__attribute__((noinline, noclone)) long allowed_call(long number, long a, long b, long c, long d) {
    long result;
    register long r10 __asm__("r10") = d;
    __asm__ volatile("syscall\n.globl musika_after_allowed\nmusika_after_allowed:"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10)
                     : "rcx", "r11", "memory");
    return result;
}
extern "C" char musika_after_allowed[];

void on_trap(int, siginfo_t* info, void* context) {
    if (armed) {
        syscalls = syscalls + 1;
        last_syscall = info->si_syscall;
    }
    auto* c = static_cast<ucontext_t*>(context);
    c->uc_mcontext.gregs[REG_RAX] = -38;  // ENOSYS
}

void trap_system_calls() {
    struct sigaction action = {};
    action.sa_sigaction = on_trap;
    action.sa_flags = SA_SIGINFO | SA_NODEFER;
    sigaction(SIGSYS, &action, nullptr);
    const auto place = reinterpret_cast<uint64_t>(musika_after_allowed);
    const auto low = static_cast<uint32_t>(place), high = static_cast<uint32_t>(place >> 32);
    const size_t pointer = offsetof(seccomp_data, instruction_pointer);
    sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_rt_sigreturn, 5, 0),  // the way back from on_trap
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, pointer),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, low, 0, 2),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, pointer + 4),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, high, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const sock_fprog program = {sizeof(filter) / sizeof(filter[0]), filter};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) != 0) {
        std::perror("seccomp");
        _exit(3);
    }
}

int64_t now_ns(clockid_t clock) {
    timespec t = {};
    if (clock == CLOCK_MONOTONIC)
        clock_gettime(clock, &t);  // no system call
    else
        allowed_call(SYS_clock_gettime, clock, reinterpret_cast<long>(&t), 0, 0);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

// A key of a chord track, struck and let go by turns, and what the plugin says that it plays.
clap_event_midi_t key_event = {};
long notes = 0;
const clap_input_events_t kKeys = {
    nullptr, [](const clap_input_events_t*) -> uint32_t { return key_event.data[0] != 0 ? 1 : 0; },
    [](const clap_input_events_t*, uint32_t) -> const clap_event_header_t* { return &key_event.header; }};
const clap_output_events_t kListener = {nullptr,
                                        [](const clap_output_events_t*, const clap_event_header_t* event) {
                                            notes += event->type == CLAP_EVENT_NOTE_ON;
                                            return true;
                                        }};

constexpr double kRate = 48000;
constexpr uint32_t kBlock = 128;

}  // namespace

// Does once what an audio thread must not, so that the traps themselves are known to work.
void do_all_that_is_trapped() {
    static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    armed = true;
    void* volatile block = malloc(64);
    free(block);
    pthread_mutex_lock(&mutex);
    syscall(SYS_getppid);
    armed = false;
    pthread_mutex_unlock(&mutex);
}

int main(int count, char** words) {
    if (count == 2 && std::strcmp(words[1], "--check") == 0) {
        trap_system_calls();
        do_all_that_is_trapped();
        char line[80];
        const int size = std::snprintf(line, sizeof(line), "syscalls %ld allocations %ld locks %ld\n",
                                       syscalls, allocations, locks);
        allowed_call(SYS_write, 1, reinterpret_cast<long>(line), size, 0);
        allowed_call(SYS_exit_group, 0, 0, 0, 0);
    }
    if (count < 3) return 2;
    const int blocks = std::atoi(words[2]);
    void* library = dlopen(words[1], RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) {
        std::fprintf(stderr, "%s\n", dlerror());
        return 2;
    }
    const auto* entry = static_cast<const clap_plugin_entry_t*>(dlsym(library, "clap_entry"));
    entry->init(words[1]);
    const auto* factory =
        static_cast<const clap_plugin_factory_t*>(entry->get_factory(CLAP_PLUGIN_FACTORY_ID));
    clap_host_t host = {};
    host.clap_version = CLAP_VERSION_INIT;
    const clap_plugin_t* plugin = factory->create_plugin(factory, &host, "org.musika-daw.generator");
    if (plugin == nullptr || !plugin->init(plugin) || !plugin->activate(plugin, kRate, 1, 8192)) return 2;
    plugin->start_processing(plugin);
    static float left[kBlock], right[kBlock];
    float* channels[] = {left, right};
    clap_audio_buffer_t out = {};
    out.data32 = channels;
    out.channel_count = 2;
    clap_event_transport_t transport = {};
    transport.flags =
        CLAP_TRANSPORT_HAS_TEMPO | CLAP_TRANSPORT_HAS_BEATS_TIMELINE | CLAP_TRANSPORT_HAS_SECONDS_TIMELINE;
    transport.tempo = 120;
    clap_process_t block = {};
    block.frames_count = kBlock;
    block.transport = &transport;
    block.audio_outputs = &out;
    block.audio_outputs_count = 1;
    block.in_events = &kKeys;
    block.out_events = &kListener;
    std::vector<int64_t> lasted(static_cast<size_t>(blocks));
    long sounding = 0, preempted = 0;
    int64_t frame = 0, worst_cpu = 0;
    trap_system_calls();
    for (int i = 0; i < blocks; ++i) {
        // jumps, stops and tempo changes take every branch
        if (i % 701 == 700) frame = (i * 6007LL) % 960000;
        if (i % 1500 == 1400) transport.tempo = transport.tempo == 120 ? 128 : 120;
        const bool playing = i > 200 && i % 997 > 40;
        transport.flags = playing ? transport.flags | CLAP_TRANSPORT_IS_PLAYING
                                  : transport.flags & ~static_cast<uint32_t>(CLAP_TRANSPORT_IS_PLAYING);
        transport.song_pos_seconds = std::llround(frame / kRate * CLAP_SECTIME_FACTOR);
        transport.song_pos_beats = std::llround(frame / kRate * transport.tempo / 60 * CLAP_BEATTIME_FACTOR);
        key_event.header = {sizeof(key_event), 5, CLAP_CORE_EVENT_SPACE_ID, CLAP_EVENT_MIDI, 0};
        const uint8_t status = i % 400 == 0 ? 0x90 : i % 400 == 300 ? 0x80 : 0;
        key_event.data[0] = status;
        key_event.data[1] = static_cast<uint8_t>(48 + i / 400 % 12);
        key_event.data[2] = 64;
        const int64_t cpu = now_ns(CLOCK_THREAD_CPUTIME_ID), begin = now_ns(CLOCK_MONOTONIC);
        armed = true;
        plugin->process(plugin, &block);
        armed = false;
        const int64_t end = now_ns(CLOCK_MONOTONIC), used = now_ns(CLOCK_THREAD_CPUTIME_ID) - cpu;
        lasted[static_cast<size_t>(i)] = end - begin;
        if (i > 200 && used > worst_cpu) worst_cpu = used;
        if (end - begin > used + 20000) ++preempted;
        for (uint32_t k = 0; k < kBlock; ++k)
            if (left[k] != 0) {
                ++sounding;
                break;
            }
        if (playing) frame += kBlock;
        const timespec pause = {0, 1000000};
        allowed_call(SYS_nanosleep, reinterpret_cast<long>(&pause), 0, 0, 0);
    }
    std::sort(lasted.begin(), lasted.end());
    char line[256];
    const int size = std::snprintf(
        line, sizeof(line),
        "blocks %d sounding %ld notes %ld syscalls %ld last %ld allocations %ld locks %ld worst_cpu_ns "
        "%lld p50_ns %lld p999_ns %lld worst_ns %lld preempted %ld\n",
        blocks, sounding, notes, syscalls, last_syscall, allocations, locks,
        static_cast<long long>(worst_cpu), static_cast<long long>(lasted[lasted.size() / 2]),
        static_cast<long long>(lasted[lasted.size() * 999 / 1000]), static_cast<long long>(lasted.back()),
        preempted);
    allowed_call(SYS_write, 1, reinterpret_cast<long>(line), size, 0);
    allowed_call(SYS_exit_group, 0, 0, 0, 0);
}
