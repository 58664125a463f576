// Agent.Host, Agent.Profile and Agent.MonitorExport of this agent itself.
#include <ifaddrs.h>
#include <mntent.h>
#include <net/if.h>
#include <netdb.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <utility>

#include "api/diagnosis.h"
#include "api/limits.h"
#include "base/secret_name.h"
#include "base/text.h"
#include "client/streams.h"
#include "codec/json.h"
#include "env/clock.h"
#include "net/blocking.h"
#include "profile/cpu.h"
#include "profile/heap.h"
#include "profile/limits.h"
#include "profile/pprof.h"
#include "schema/operator_rpc.h"
#include "schema/stats.h"

namespace drover::api {
namespace {

using net::awaitable;

std::string file_text(const char* path) {
  std::ifstream in(path, std::ios::binary);
  std::string out(diagnosis_file_bytes_max, '\0');
  in.read(out.data(), static_cast<std::streamsize>(out.size()));
  out.resize(static_cast<size_t>(std::max<std::streamsize>(in.gcount(), 0)));
  return out;
}

std::map<std::string, std::string> environment() {
  std::map<std::string, std::string> out;
  for (char** each = ::environ; each != nullptr && *each != nullptr; ++each) {
    std::string_view text(*each);
    auto equals = text.find('=');
    if (equals == text.npos) continue;
    auto name = text.substr(0, equals);
    out.emplace(name, names_secret(name) ? redacted_text : text.substr(equals + 1));
  }
  return out;
}

std::vector<std::map<std::string, std::string>> network() {
  std::vector<std::map<std::string, std::string>> out;
  ifaddrs* all = nullptr;
  if (getifaddrs(&all) != 0) return out;
  for (auto* each = all; each != nullptr; each = each->ifa_next) {
    if (each->ifa_addr == nullptr || (each->ifa_addr->sa_family != AF_INET && each->ifa_addr->sa_family != AF_INET6)) continue;
    char host[NI_MAXHOST] = {};
    auto size = static_cast<socklen_t>(each->ifa_addr->sa_family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6));
    if (getnameinfo(each->ifa_addr, size, host, sizeof host, nullptr, 0, NI_NUMERICHOST) != 0) continue;
    out.push_back({{"name", each->ifa_name},
                   {"address", host},
                   {"type", each->ifa_addr->sa_family == AF_INET ? "IPv4" : "IPv6"},
                   {"flags", (each->ifa_flags & IFF_UP) != 0 ? "up" : "down"}});
  }
  freeifaddrs(all);
  return out;
}

std::map<std::string, schema::disk_usage> disks() {
  std::map<std::string, schema::disk_usage> out;
  FILE* mounts = setmntent("/proc/self/mounts", "re");
  if (mounts == nullptr) return out;
  while (auto* entry = getmntent(mounts)) {
    // File systems of the kernel's own have no disk.
    if (entry->mnt_fsname[0] != '/') continue;
    struct statvfs s{};
    if (statvfs(entry->mnt_dir, &s) != 0 || out.size() >= diagnosis_mounts_max) continue;
    const auto mb = [&](uint64_t blocks) { return static_cast<int64_t>(blocks * s.f_frsize >> 20); };
    out[entry->mnt_dir] = {.disk_mb = mb(s.f_blocks), .used_mb = mb(s.f_blocks - s.f_bfree)};
  }
  endmntent(mounts);
  return out;
}

schema::host_data host_data() {
  utsname u{};
  uname(&u);
  schema::host_data out;
  out.os = fmt::format("{} {} {} {} {}", u.sysname, u.nodename, u.release, u.version, u.machine);
  out.network = network();
  out.resolv_conf = file_text("/etc/resolv.conf");
  out.hosts = file_text("/etc/hosts");
  out.environment = environment();
  out.disk = disks();
  return out;
}

// ---- profiles

std::string command_line() {
  auto text = file_text("/proc/self/cmdline");
  if (text.ends_with('\0')) text.pop_back();
  return text;
}

// Every thread with its name and what it waits in.
std::vector<std::pair<std::string, std::string>> threads() {
  std::vector<std::pair<std::string, std::string>> out;
  std::error_code code;
  for (const auto& each : std::filesystem::directory_iterator("/proc/self/task", code)) {
    auto path = each.path().string();
    auto waits = std::string(trim(file_text((path + "/wchan").c_str())));
    out.emplace_back(trim(file_text((path + "/comm").c_str())), waits.empty() || waits == "0" ? "running" : waits);
  }
  return out;
}

std::string thread_list() {
  std::string out;
  for (const auto& [name, waits] : threads()) out += fmt::format("{} {}\n", name, waits);
  return out;
}

std::string thread_profile(std::string_view unit) {
  std::vector<profile::counted_stack> stacks;
  for (auto& [name, waits] : threads()) stacks.push_back({.stack = {}, .values = {1}, .words = {std::move(waits), std::move(name)}});
  return profile::to_pprof({.types = {{unit, "count"}}, .period_type = {unit, "count"}, .period = 1, .when = env::real_clock().now()}, stacks);
}

std::string heap_list() {
  std::string out;
  for (const auto& each : profile::heap_stacks()) {
    out += fmt::format("{} objects, {} bytes in use; {} objects, {} bytes allocated\n", each.values[2], each.values[3], each.values[0], each.values[1]);
    for (auto at : each.stack) out += fmt::format("  {:#x}\n", at);
  }
  return out;
}

// The work of a profile that takes longer than the loop may wait.
using long_work = std::function<awaitable<std::string>(std::function<std::string()>)>;

awaitable<result<std::string>> cpu_profile(int64_t seconds, const long_work& apart) {
  if (seconds > profile::seconds_max) co_return fail(errc::invalid, "seconds is {}: a profile is of {} seconds at most", seconds, profile::seconds_max);
  CO_TRY(profile::start_cpu_recording());
  const auto began = env::real_clock().now();
  const auto wanted = drover::seconds(std::max<int64_t>(seconds, 1));
  // However the waiting ends, the recording does.
  struct ender {
    bool ended = false;
    profile::cpu_recording end() { return ended = true, profile::stop_cpu_recording(); }
    ~ender() {
      if (!ended) (void)profile::stop_cpu_recording();
    }
  } under_way;
  co_await net::sleep_for(wanted);
  const auto recorded = under_way.end();
  co_return co_await apart([&recorded, began, wanted] { return profile::cpu_profile(recorded, began, wanted); });
}

// In the format of pprof, or, with debug, as text.
awaitable<result<std::string>> profile_of(schema::agent_pprof_request request, const long_work& apart) {
  const bool text = request.debug > 0;
  if (request.req_type == "cmdline") co_return command_line();
  if (request.req_type == "cpu") co_return co_await cpu_profile(request.seconds, apart);
  if (request.req_type == "trace")
    co_return fail(errc::unsupported,
                   "there are no goroutines to trace in this agent: take a CPU profile (/v1/agent/pprof/profile), or use perf on the machine");
  if (request.profile == "heap" || request.profile == "allocs") {
    if (text) co_return heap_list();
    co_return co_await apart([all = request.profile == "allocs"] { return profile::heap_profile(profile::heap_stacks(), env::real_clock().now(), all); });
  }
  if (request.profile == "goroutine" || request.profile == "threadcreate") {
    if (text) co_return thread_list();
    co_return co_await apart([unit = request.profile] { return thread_profile(unit); });
  }
  co_return fail(errc::not_found, "Pprof profile not found: {}; there are cmdline, profile, heap, allocs, goroutine and threadcreate", request.profile);
}

std::map<std::string, std::string> headers_of(const schema::agent_pprof_request& request) {
  std::map<std::string, std::string> out = {{"X-Content-Type-Options", "nosniff"}, {"Content-Type", "text/plain; charset=utf-8"}};
  if (request.req_type == "cmdline" || (request.debug > 0 && request.req_type != "cpu")) return out;
  out["Content-Type"] = "application/octet-stream";
  out["Content-Disposition"] = fmt::format("attachment; filename=\"{}\"", request.req_type == "cpu" ? "profile" : request.profile);
  return out;
}

// ---- the log as it was written

// Lines of it not older than that; they begin with their time.
bool is_recent(std::string_view line, timestamp since) {
  constexpr std::string_view json_key = "\"@timestamp\":\"";
  if (auto at = line.find(json_key); at != line.npos) line.remove_prefix(at + json_key.size());
  line = trim(line);
  auto time = parse_rfc3339(line.substr(0, line.find_first_of(" \"")));
  return !time || time->ns >= since.ns;
}

awaitable<result<>> send_text(std::string text, bool plain, rpc::message_stream* to) {
  for (size_t at = 0; at < text.size(); at += export_piece_bytes) {
    auto piece = text.substr(at, export_piece_bytes);
    if (!plain) {
      schema::stream_frame frame;
      frame.data = bytes(std::move(piece));
      piece = codec::to_json(frame);
    }
    CO_TRY(co_await to->write(client::stream_payload(std::move(piece))));
  }
  co_return result<>{};
}

result<timestamp> since_of(const schema::monitor_export_request& request) {
  if (request.logs_since.empty()) return timestamp{};
  auto back = parse_duration(request.logs_since);
  if (!back || back->ns < 0) return fail(errc::invalid, "logs_since is \"{}\": give a duration such as 72h", request.logs_since);
  return timestamp{env::real_clock().now().ns - back->ns};
}

awaitable<result<>> export_log(std::string log_file, schema::monitor_export_request request, std::unique_ptr<rpc::message_stream> caller) {
  auto since = since_of(request);
  if (since && !request.service_name.empty())
    since = fail(errc::unsupported, "this agent does not read the journal: use on_disk, or journalctl -u {} on the machine", request.service_name);
  if (since && !request.on_disk) since = fail(errc::invalid, "say what is to be exported: on_disk=true for the agent's log file");
  if (since && request.follow) since = fail(errc::invalid, "on_disk and follow exclude each other: /v1/agent/monitor follows");
  if (since && log_file.empty()) since = fail(errc::invalid, "this agent writes no log file: set log_file");
  std::ifstream in;
  if (since) {
    in.open(log_file);
    if (!in) since = fail(errc::io, "the log file {} cannot be read", log_file);
  }
  if (!since) co_return co_await caller->write(client::stream_error(since.error()));
  std::string line, text;
  bool shown = since->ns == 0;
  while (std::getline(in, line)) {
    shown = shown || is_recent(line, *since);
    if (!shown) continue;
    text += line + '\n';
    if (text.size() < export_piece_bytes) continue;
    CO_TRY(co_await send_text(std::exchange(text, {}), request.plain_text, caller.get()));
  }
  co_return co_await send_text(std::move(text), request.plain_text, caller.get());
}

}  // namespace

void add_diagnosis(rpc::method_table& table, diagnosis_options options) {
  const bool shown = options.enable_debug;
  auto pool = options.loop != nullptr ? std::make_shared<net::blocking_pool>(*options.loop, 1) : nullptr;
  auto apart = std::make_shared<const long_work>([pool](std::function<std::string()> work) -> awaitable<std::string> {
    if (pool) co_return co_await pool->run(std::move(work));
    co_return work();
  });
  table.add<schema::host_data_request, schema::host_data_response>(
      "Agent.Host", [shown](rpc::call_context, schema::host_data_request) -> awaitable<result<schema::host_data_response>> {
        if (!shown) co_return fail(errc::permission_denied, "Permission denied: enable_debug is off on this agent");
        schema::host_data_response out;
        out.host_data = host_data();
        co_return out;
      });
  table.add<schema::agent_pprof_request, schema::agent_pprof_response>(
      "Agent.Profile", [shown, apart](rpc::call_context, schema::agent_pprof_request request) -> awaitable<result<schema::agent_pprof_response>> {
        if (!shown) co_return fail(errc::permission_denied, "Permission denied: enable_debug is off on this agent");
        schema::agent_pprof_response out;
        out.http_headers = headers_of(request);
        CO_TRY_ASSIGN(auto text, co_await profile_of(std::move(request), *apart));
        out.payload = bytes(std::move(text));
        co_return out;
      });
  table.add_stream<schema::monitor_export_request>(
      "Agent.MonitorExport", [file = options.log_file](rpc::call_context, schema::monitor_export_request request, std::unique_ptr<rpc::message_stream> caller) {
        return export_log(file, std::move(request), std::move(caller));
      });
}

}  // namespace drover::api
