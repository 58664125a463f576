#include "base/log.h"

#include <spdlog/sinks/ansicolor_sink.h>
#include <spdlog/sinks/rotating_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <chrono>
#include <list>
#include <mutex>

#include "base/text.h"

namespace drover::log {
namespace {

constexpr std::string_view level_names[] = {"TRACE", "DEBUG", "INFO", "WARN", "ERROR"};

struct listener {
  level minimum;
  std::function<void(const event&)> sink;
};

struct hub {
  std::atomic<level> console{level::info};
  // The lowest level anybody listens to: one relaxed load decides most calls.
  std::atomic<level> lowest{level::info};
  std::atomic<bool> json{false};
  std::mutex mutex;  // guards what is below
  std::shared_ptr<spdlog::logger> out;
  std::list<std::shared_ptr<listener>> listeners;
  options file{};  // of a file that is turned by its age
  timestamp opened{};

  void recount() {
    level l = console;
    for (const auto& each : listeners) l = std::min(l, each->minimum);
    lowest = l;
  }
};

hub& the_hub() {
  static hub* h = new hub;  // never destroyed: logging must work in static destructors
  return *h;
}

std::shared_ptr<spdlog::logger> make_logger(spdlog::sink_ptr sink) {
  auto out = std::make_shared<spdlog::logger>("drover", std::move(sink));
  out->set_pattern("%v");
  out->set_level(spdlog::level::trace);
  out->flush_on(spdlog::level::trace);
  return out;
}

// `turned`: what the file holds gets a number first.
std::shared_ptr<spdlog::logger> open_file(const options& o, bool turned) {
  auto bytes = o.rotate_bytes > 0 ? static_cast<size_t>(o.rotate_bytes) : SIZE_MAX / 2;
  return make_logger(
      std::make_shared<spdlog::sinks::rotating_file_sink_mt>(o.file, bytes, o.rotate_max_files > 0 ? static_cast<size_t>(o.rotate_max_files) : 1000, turned));
}

// A line that comes when the file is old enough begins another one. Who is writing to the old one meanwhile still does. Requires: the hub's mutex.
void turn_old_file(hub& h, timestamp now) {
  if (h.file.rotate_duration.ns <= 0 || now - h.opened < h.file.rotate_duration) return;
  h.opened = now;
  try {
    h.out = open_file(h.file, true);
  } catch (const spdlog::spdlog_ex&) {
    // The old file goes on, and is turned another time.
  }
}

std::string rfc3339_millis(timestamp t) {
  auto c = to_civil(t);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", c.year, c.month, c.day, c.hour, c.minute, c.second, c.nanosecond / 1'000'000);
}

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (unsigned char c : text) {
    if (c == '"' || c == '\\') out += '\\', out += static_cast<char>(c);
    else if (c == '\n') out += "\\n";
    else if (c < 0x20) out += fmt::format("\\u{:04x}", c);
    else out += static_cast<char>(c);
  }
  return out + '"';
}

bool needs_quotes(std::string_view text) { return text.empty() || text.find_first_of(" \t\n\"=") != std::string_view::npos; }

class handle : public subscription {
 public:
  explicit handle(std::shared_ptr<listener> l) : listener_(std::move(l)) {}
  ~handle() override {
    auto& h = the_hub();
    std::lock_guard lock(h.mutex);
    h.listeners.remove(listener_);
    h.recount();
  }

 private:
  std::shared_ptr<listener> listener_;
};

}  // namespace

result<level> parse_level(std::string_view text) {
  auto upper = to_upper(text);
  for (size_t i = 0; i < std::size(level_names); ++i)
    if (upper == level_names[i]) return static_cast<level>(i);
  if (upper == "ERR") return level::error;
  if (upper == "OFF") return level::off;
  return fail(errc::invalid, "invalid log level \"{}\": use TRACE, DEBUG, INFO, WARN or ERROR", text);
}

std::string format_line(const event& e) {
  std::string out = fmt::format("{} {:<7} {}: {}", rfc3339_millis(e.time), fmt::format("[{}]", level_names[static_cast<size_t>(e.level)]), e.logger, e.message);
  for (size_t i = 0; i < e.field_count; ++i) {
    const auto& f = e.fields[i];
    out += i == 0 ? ": " : " ";
    out += f.key;
    out += '=';
    out += needs_quotes(f.value) ? quoted(f.value) : f.value;
  }
  return out;
}

std::string format_json(const event& e) {
  std::string out = fmt::format(R"({{"@level":"{}","@message":{},"@module":{},"@timestamp":"{}")", to_lower(level_names[static_cast<size_t>(e.level)]),
                                quoted(e.message), quoted(e.logger), rfc3339_millis(e.time));
  for (size_t i = 0; i < e.field_count; ++i) out += fmt::format(",{}:{}", quoted(e.fields[i].key), quoted(e.fields[i].value));
  return out + '}';
}

void logger::write(level l, std::string_view message, std::initializer_list<field> fields) const {
  auto& h = the_hub();
  if (l < h.lowest.load(std::memory_order_relaxed)) return;
  auto now = std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch());
  event e{timestamp(now.count()), l, *name_, message, fields.begin(), fields.size()};
  std::shared_ptr<spdlog::logger> out;
  std::list<std::shared_ptr<listener>> listeners;
  {
    std::lock_guard lock(h.mutex);
    if (!h.out) h.out = make_logger(std::make_shared<spdlog::sinks::stdout_sink_mt>());
    turn_old_file(h, e.time);
    out = h.out;
    listeners = h.listeners;
  }
  if (l >= h.console) out->log(spdlog::level::info, h.json ? format_json(e) : format_line(e));
  for (const auto& each : listeners)
    if (l >= each->minimum) each->sink(e);
}

result<> configure(options o) {
  auto& h = the_hub();
  std::shared_ptr<spdlog::logger> out;
  try {
    out = o.file.empty() ? make_logger(std::make_shared<spdlog::sinks::stdout_sink_mt>()) : open_file(o, false);
  } catch (const spdlog::spdlog_ex& e) {
    return fail(errc::io, "opening the log file {}: {}", o.file, e.what());
  }
  std::lock_guard lock(h.mutex);
  h.out = std::move(out);
  h.file = o.file.empty() ? options() : o;
  h.opened = timestamp(std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch()).count());
  h.console = o.level;
  h.json = o.json;
  h.recount();
  return {};
}

void set_level(level l) {
  auto& h = the_hub();
  std::lock_guard lock(h.mutex);
  h.console = l;
  h.recount();
}

void flush() {
  auto& h = the_hub();
  std::lock_guard lock(h.mutex);
  if (h.out) h.out->flush();
}

std::unique_ptr<subscription> subscribe(level l, std::function<void(const event&)> sink) {
  auto& h = the_hub();
  auto each = std::make_shared<listener>(listener{l, std::move(sink)});
  std::lock_guard lock(h.mutex);
  h.listeners.push_back(each);
  h.recount();
  return std::make_unique<handle>(std::move(each));
}

}  // namespace drover::log
