#include "profile/cpu.h"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <fstream>
#include <map>

#include "base/text.h"
#include "profile/backtrace.h"
#include "profile/limits.h"

namespace drover::profile {
namespace {

struct sample {
  std::atomic<uint32_t> frames;  // 0: not written yet
  int32_t thread;
  uintptr_t stack[frames_max];
};

// Made at the first recording and kept: a handler may be running late. Only pages that were written to take memory.
sample* samples = nullptr;
std::atomic<bool> under_way = false, recording = false;
std::atomic<size_t> next_sample = 0;

void on_signal(int, siginfo_t*, void* context) {
  if (!recording.load(std::memory_order_acquire)) return;
  const int before = errno;
  const auto at = next_sample.fetch_add(1, std::memory_order_relaxed);
  if (at < samples_max) {
    auto& into = samples[at];
    into.thread = static_cast<int32_t>(syscall(SYS_gettid));
    const auto frames = interrupted_stack(context, into.stack);
    into.frames.store(static_cast<uint32_t>(frames), std::memory_order_release);
  }
  errno = before;
}

void set_timer(int64_t microseconds) {
  itimerval every{};
  every.it_interval.tv_usec = every.it_value.tv_usec = microseconds;
  setitimer(ITIMER_PROF, &every, nullptr);
}

std::string thread_name(int32_t id) {
  std::ifstream in("/proc/self/task/" + std::to_string(id) + "/comm");
  std::string name;
  std::getline(in, name);
  return name.empty() ? "ended" : name;
}

}  // namespace

result<> start_cpu_recording() {
  if (under_way.exchange(true))
    return fail(errc::exists, "cpu profiling already in use: this agent records one profile at a time, try again when it has ended");
  if (samples == nullptr) {
    void* memory = mmap(nullptr, samples_max * sizeof(sample), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) {
      under_way = false;
      return fail(errc::io, "no memory for {} samples", samples_max);
    }
    samples = static_cast<sample*>(memory);
  }
  struct sigaction action{};
  action.sa_sigaction = &on_signal;
  action.sa_flags = SA_SIGINFO | SA_RESTART;
  sigaction(SIGPROF, &action, nullptr);
  next_sample = 0;
  recording.store(true, std::memory_order_release);
  set_timer(1'000'000 / samples_per_second);
  return {};
}

cpu_recording stop_cpu_recording() {
  set_timer(0);
  recording.store(false, std::memory_order_release);
  const auto taken = next_sample.load();
  const auto kept = std::min(taken, samples_max);
  std::map<std::pair<int32_t, std::vector<uintptr_t>>, int64_t> counted;
  for (size_t i = 0; i < kept; ++i) {
    const auto frames = samples[i].frames.load(std::memory_order_acquire);
    if (frames > 0) ++counted[{samples[i].thread, std::vector<uintptr_t>(samples[i].stack, samples[i].stack + frames)}];
  }
  // Given back to the system; what is read there afterwards is zero.
  madvise(samples, samples_max * sizeof(sample), MADV_DONTNEED);
  under_way = false;
  cpu_recording out{.stacks = {}, .lost = taken - kept};
  std::map<int32_t, std::string> threads;
  for (const auto& [place, count] : counted) {
    auto& name = threads[place.first];
    if (name.empty()) name = thread_name(place.first);
    out.stacks.push_back({.stack = place.second, .values = {count, count * (1'000'000'000 / samples_per_second)}, .thread = name});
  }
  return out;
}

std::string cpu_profile(const cpu_recording& recording, timestamp began, duration took) {
  const profile_head head{.types = {{"samples", "count"}, {"cpu", "nanoseconds"}},
                          .period_type = {"cpu", "nanoseconds"},
                          .period = 1'000'000'000 / samples_per_second,
                          .when = began,
                          .took = took};
  return to_pprof(head, recording.stacks);
}

}  // namespace drover::profile
