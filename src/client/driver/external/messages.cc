#include "client/driver/external/messages.h"

#include <filesystem>

#include "grpc/protobuf.h"

namespace drover::client::external {

using grpc::message_reader;
using grpc::message_writer;

result<plugin_info> parse_plugin_info(std::string_view message) {
  plugin_info out;
  message_reader r(message);
  while (r.next()) switch (r.number()) {
      case 1: out.type = r.integer(); break;
      case 2: out.api_versions.push_back(r.string()); break;
      case 3: out.version = r.string(); break;
      case 4: out.name = r.string(); break;
    }
  TRY(r.finish());
  return out;
}

result<std::string> parse_inner(std::string_view message) {
  std::string out;
  message_reader r(message);
  while (r.next())
    if (r.number() == 1) out = r.string();
  TRY(r.finish());
  return out;
}

std::string encode(const set_config& c) {
  message_writer topology;
  topology.message(2, message_writer().integer(1, 1).message(2, "\x0a"));
  for (size_t i = 0; i < c.cores; ++i) topology.message(3, message_writer().integer(3, static_cast<int64_t>(i)).integer(6, c.core_mhz).integer(8, c.core_mhz));
  auto driver = message_writer().integer(1, c.max_port).integer(2, c.min_port).message(3, topology);
  return message_writer().text(1, c.msgpack).message(2, message_writer().message(1, driver)).text(3, c.api_version).take();
}

result<capabilities> parse_capabilities(std::string_view message) {
  capabilities out;
  message_reader r(message);
  while (r.next()) switch (r.number()) {
      case 1: out.send_signals = r.flag(); break;
      case 2: out.exec = r.flag(); break;
      case 3: {
        auto n = r.integer();
        out.root = n < 0 || n > 3 ? capabilities::isolation::none : static_cast<capabilities::isolation>(n);
        break;
      }
      case 5: out.must_create_network = r.flag(); break;
      case 6: out.no_mounts = r.integer() == 1; break;
      case 8: out.disable_log_collection = r.flag(); break;
    }
  TRY(r.finish());
  return out;
}

namespace {
// "512MB", "true", "1.5": how attributes of nodes are written.
result<std::string> attribute_text(std::string_view message) {
  std::string text, unit;
  message_reader r(message);
  while (r.next()) switch (r.number()) {
      case 1: text = fmt::format("{}", r.real()); break;
      case 2: text = fmt::format("{}", r.integer()); break;
      case 3: text = r.string(); break;
      case 4: text = r.flag() ? "true" : "false"; break;
      case 5: unit = r.string(); break;
    }
  TRY(r.finish());
  // A bool that is false and a number that is 0 are still written: they are members of a choice. Only text may be left out.
  return text + unit;
}

result<> read_attribute(std::string_view entry, std::map<std::string, std::string>& into) {
  message_reader r(entry);
  std::string key, text;
  while (r.next()) {
    if (r.number() == 1) key = r.string();
    if (r.number() == 2) {
      TRY_ASSIGN(text, attribute_text(r.text()));
    }
  }
  TRY(r.finish());
  into[std::move(key)] = std::move(text);
  return {};
}
}  // namespace

result<fingerprint> parse_fingerprint(std::string_view message) {
  fingerprint out;
  message_reader r(message);
  while (r.next()) switch (r.number()) {
      case 1: TRY(read_attribute(r.text(), out.attributes)); break;
      case 2: {
        auto n = r.integer();
        out.state = n == 1 ? fingerprint::health::unhealthy : n == 2 ? fingerprint::health::healthy : fingerprint::health::undetected;
        break;
      }
      case 3: out.description = r.string(); break;
      case 4: out.error = r.string(); break;
    }
  TRY(r.finish());
  return out;
}

// ---- tasks ----

namespace {
std::string cores_text(const std::vector<uint16_t>& cores) { return fmt::format("{}", fmt::join(cores, ",")); }

message_writer resources_of(const task_spec& spec, const std::string& cgroup) {
  const auto& r = spec.resources;
  message_writer linux;
  constexpr int64_t period = 100'000, megabyte = 1024 * 1024;
  double share = spec.node_cpu_mhz > 0 ? static_cast<double>(r.cpu.cpu_shares) / static_cast<double>(spec.node_cpu_mhz) : 0;
  linux.integer(1, period).integer(3, r.cpu.cpu_shares).integer(4, (r.memory.memory_max_mb > 0 ? r.memory.memory_max_mb : r.memory.memory_mb) * megabyte);
  linux.text(6, cores_text(r.cpu.reserved_cores)).real(8, share).text(9, cgroup);
  message_writer allocated;
  allocated.message(1, message_writer().integer(1, r.cpu.cpu_shares));
  allocated.message(2, message_writer().integer(2, r.memory.memory_mb).integer(3, r.memory.memory_max_mb));
  message_writer out;
  out.message(1, allocated).message(2, linux);
  for (const auto& port : spec.network.ports)
    out.message(3, message_writer().text(1, port.label).integer(2, port.value).integer(3, port.to).text(4, port.host_ip));
  return out;
}
}  // namespace

std::string encode(const isolation_spec& s) {
  message_writer out;
  out.integer(1, s.mode).text(2, s.path).map(3, s.labels);
  if (!s.hostname.empty()) out.message(4, message_writer().text(1, s.hostname).text(2, s.address));
  return out.take();
}

std::string encode_task(const task_spec& spec, const task_request& request) {
  message_writer out;
  out.text(1, request.id).text(2, spec.task_name).text(3, request.msgpack).map(4, spec.env).message(6, resources_of(spec, request.cgroup));
  for (const auto& m : spec.mounts) out.message(7, message_writer().text(1, m.task_path).text(2, m.host_path).flag(3, m.read_only).text(4, m.propagation));
  for (const auto& d : spec.devices) out.message(8, message_writer().text(1, d.task_path).text(2, d.host_path).text(3, d.permissions));
  // The directory of the allocation: a driver finds the task's own below it, by its name.
  out.text(9, spec.user).text(10, std::filesystem::path(spec.dir.root).parent_path().string());
  out.text(11, request.stdout_path).text(12, request.stderr_path).text(13, spec.group_name).text(14, spec.job_name).text(15, spec.alloc_id);
  if (!spec.network.namespace_path.empty())
    out.message(16, encode(isolation_spec{.mode = isolation_spec::group,
                                          .path = spec.network.namespace_path,
                                          .labels = spec.network.labels,
                                          .hostname = spec.network.hostname,
                                          .address = {}}));
  if (spec.network.dns)
    out.message(17, message_writer().texts(1, spec.network.dns->servers).texts(2, spec.network.dns->searches).texts(3, spec.network.dns->options));
  out.text(18, spec.job_id).text(19, spec.namespace_).text(20, spec.node_name).text(21, spec.node_id).text(22, spec.parent_job_id);
  return out.take();
}

result<start_answer> parse_start(std::string_view message) {
  start_answer out;
  message_reader r(message);
  while (r.next()) switch (r.number()) {
      case 1: {
        auto n = r.integer();
        out.result = n == 0 ? start_answer::outcome::success : n == 1 ? start_answer::outcome::retry : start_answer::outcome::fatal;
        break;
      }
      case 2: out.message = r.string(); break;
      case 3: out.handle = r.string(); break;
    }
  TRY(r.finish());
  return out;
}

std::optional<bool> recoverable(std::string_view status_details) {
  message_reader status(status_details);
  while (status.next()) {
    if (status.number() != 3) continue;
    message_reader any(status.text());
    std::string type, inside;
    while (any.next()) {
      if (any.number() == 1) type = any.string();
      if (any.number() == 2) inside = any.string();
    }
    if (!any.finish() || !type.ends_with("RecoverableError")) continue;
    message_reader error(inside);
    bool yes = false;
    while (error.next())
      if (error.number() == 1) yes = error.flag();
    return yes;
  }
  return std::nullopt;
}

namespace {
result<task_exit> parse_exit(std::string_view message) {
  task_exit out;
  message_reader r(message);
  while (r.next()) switch (r.number()) {
      case 1: out.code = static_cast<int32_t>(r.integer()); break;
      case 2: out.signal = static_cast<int32_t>(r.integer()); break;
      case 3: out.oom_killed = r.flag(); break;
    }
  TRY(r.finish());
  if (out.oom_killed) out.message = "OOM Killed";
  return out;
}
}  // namespace

result<task_exit> parse_wait(std::string_view message) {
  task_exit out;
  std::string wrong;
  message_reader r(message);
  while (r.next()) {
    if (r.number() == 1) {
      TRY_ASSIGN(out, parse_exit(r.text()));
    }
    if (r.number() == 2) wrong = r.string();
  }
  TRY(r.finish());
  if (!wrong.empty()) out.message = wrong;
  return out;
}

result<exec_output> parse_exec(std::string_view message) {
  exec_output out{.out = {}, .err = {}, .exited = true, .exit = {}, .out_closed = true, .err_closed = true};
  message_reader r(message);
  while (r.next()) switch (r.number()) {
      case 1: out.out = r.string(); break;
      case 2: out.err = r.string(); break;
      case 3: {
        TRY_ASSIGN(out.exit, parse_exit(r.text()));
        break;
      }
    }
  TRY(r.finish());
  return out;
}

result<exec_output> parse_exec_part(std::string_view message) {
  auto read_part = [](std::string_view part, std::string& data, bool& closed) -> result<> {
    message_reader r(part);
    while (r.next()) {
      if (r.number() == 1) data = r.string();
      if (r.number() == 2) closed = r.flag();
    }
    return r.finish();
  };
  exec_output out;
  message_reader r(message);
  while (r.next()) switch (r.number()) {
      case 1: TRY(read_part(r.text(), out.out, out.out_closed)); break;
      case 2: TRY(read_part(r.text(), out.err, out.err_closed)); break;
      case 3: out.exited = r.flag(); break;
      case 4: {
        TRY_ASSIGN(out.exit, parse_exit(r.text()));
        break;
      }
    }
  TRY(r.finish());
  return out;
}

// ---- figures and events ----

namespace {
constexpr const char* cpu_fields[] = {"System Mode", "User Mode", "Total Ticks", "Throttled Periods", "Throttled Time", "Percent"};
constexpr const char* memory_fields[] = {"RSS", "Cache", "Max Usage", "Kernel Usage", "Kernel Max Usage", "Usage", "Swap"};

template <size_t n>
void name_fields(message_reader& r, const char* const (&names)[n], std::vector<std::string>& into) {
  std::vector<int64_t> all;
  r.integers(all);
  for (auto each : all)
    if (each >= 0 && each < static_cast<int64_t>(n)) into.emplace_back(names[each]);
}

result<> read_cpu(std::string_view message, usage_sample& out) {
  message_reader r(message);
  while (r.next()) switch (r.number()) {
      case 1: out.system_percent = r.real(); break;
      case 2: out.user_percent = r.real(); break;
      case 4: out.memory.throttled_periods = static_cast<uint64_t>(r.integer()); break;
      case 5: out.memory.throttled_ns = static_cast<uint64_t>(r.integer()); break;
      case 6: out.percent = r.real(); break;
      case 7: name_fields(r, cpu_fields, out.memory.measured_cpu); break;
    }
  return r.finish();
}

result<> read_memory(std::string_view message, exec::task_usage& out) {
  message_reader r(message);
  auto take = [&](uint64_t& into) { into = static_cast<uint64_t>(r.integer()); };
  while (r.next()) switch (r.number()) {
      case 1: take(out.rss_bytes); break;
      case 2: take(out.cache_bytes); break;
      case 3: take(out.max_usage_bytes); break;
      case 4: take(out.kernel_usage_bytes); break;
      case 5: take(out.kernel_max_usage_bytes); break;
      case 6: name_fields(r, memory_fields, out.measured_memory); break;
      case 7: take(out.usage_bytes); break;
      case 8: take(out.swap_bytes); break;
    }
  return r.finish();
}
}  // namespace

result<usage_sample> parse_stats(std::string_view message) {
  usage_sample out;
  TRY_ASSIGN(auto stats, parse_inner(message));
  message_reader r(stats);
  while (r.next()) {
    if (r.number() == 2) {
      TRY_ASSIGN(out.memory.read_at_ns, grpc::nanoseconds_of(r.text()));
    }
    if (r.number() != 3) continue;
    message_reader usage(r.text());
    while (usage.next()) {
      if (usage.number() == 1) TRY(read_cpu(usage.text(), out));
      if (usage.number() == 2) TRY(read_memory(usage.text(), out.memory));
    }
    TRY(usage.finish());
  }
  TRY(r.finish());
  return out;
}

result<task_event> parse_event(std::string_view message) {
  task_event out;
  message_reader r(message);
  while (r.next()) switch (r.number()) {
      case 1: out.task_id = r.string(); break;
      case 5: out.message = r.string(); break;
      case 6: r.entry(out.annotations); break;
    }
  TRY(r.finish());
  return out;
}

namespace {
result<isolation_spec> parse_isolation(std::string_view message) {
  isolation_spec out;
  message_reader r(message);
  while (r.next()) switch (r.number()) {
      case 1: out.mode = r.integer(); break;
      case 2: out.path = r.string(); break;
      case 3: r.entry(out.labels); break;
    }
  TRY(r.finish());
  return out;
}
}  // namespace

result<create_network_answer> parse_create_network(std::string_view message) {
  create_network_answer out;
  message_reader r(message);
  while (r.next()) {
    if (r.number() == 1) {
      TRY_ASSIGN(out.spec, parse_isolation(r.text()));
    }
    if (r.number() == 2) out.created = r.flag();
  }
  TRY(r.finish());
  return out;
}

}  // namespace drover::client::external
