#include "api/audit.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "api/call.h"
#include "base/text.h"
#include "codec/json.h"
#include "env/clock.h"
#include "env/random.h"
#include "net/websocket.h"

namespace drover::api {

struct audit_log::event {
  std::string id, method, path, namespace_, remote_address, user_agent;
  identity by;
};

namespace {

constexpr std::string_view known_words[] = {"enabled",         "path",         "delivery_guarantee", "mode", "sink", "type", "format", "filter",
                                            "rotate_duration", "rotate_bytes", "rotate_max_files"};

// What the block says under this name: in it, or in the first object below it that does.
const value* find_below(const value& in, std::string_view key, int depth) {
  if (const auto* object = in.as_object()) {
    if (const auto* found = object->find(key)) return found;
    if (depth == 0) return nullptr;
    for (const auto& [name, inner] : *object)
      if (name != "filter")
        if (const auto* found = find_below(inner, key, depth - 1)) return found;
  }
  if (const auto* list = in.as_list())
    for (const auto& inner : *list)
      if (const auto* found = find_below(inner, key, depth)) return found;
  return nullptr;
}

result<std::string> text_of(const value& block, std::string_view key, std::string otherwise) {
  const auto* found = find_below(block, key, 3);
  if (found == nullptr) return otherwise;
  if (const auto* text = found->as_string()) return *text;
  return fail(errc::invalid, "audit.{} must be a text", key);
}

}  // namespace

result<audit_options> read_audit_options(const value& block, const std::string& data_dir) {
  audit_options out;
  if (block.is_null()) return out;
  const auto* object = block.as_object();
  if (object == nullptr) return fail(errc::invalid, "audit must be a block: audit {{ enabled = true }}");
  for (const auto& [name, _] : *object)
    if (std::ranges::find(known_words, name) == std::end(known_words))
      return fail(errc::invalid, "audit has no \"{}\": it has enabled, path, delivery_guarantee, mode and sink", name);
  if (const auto* enabled = object->find("enabled")) {
    if (enabled->as_bool() == nullptr) return fail(errc::invalid, "audit.enabled must be true or false");
    out.enabled = *enabled->as_bool();
  }
  TRY_ASSIGN(out.path, text_of(block, "path", data_dir + "/audit/audit.log"));
  TRY_ASSIGN(auto guarantee, text_of(block, "delivery_guarantee", "enforced"));
  if (guarantee != "enforced" && guarantee != "best-effort")
    return fail(errc::invalid, "audit.delivery_guarantee is \"{}\"; it must be \"enforced\" or \"best-effort\"", guarantee);
  out.enforced = guarantee == "enforced";
  TRY_ASSIGN(auto mode, text_of(block, "mode", "0600"));
  char* end = nullptr;
  auto parsed = strtol(mode.c_str(), &end, 8);
  if (mode.empty() || *end != '\0' || parsed <= 0 || parsed > 0777) return fail(errc::invalid, "audit.mode is \"{}\"; write it as \"0600\"", mode);
  out.mode = static_cast<int>(parsed);
  return out;
}

// What the handler sees: the first thing that it sends is written down before.
class audited_exchange : public net::http_exchange {
 public:
  audited_exchange(net::http_exchange& inner, audit_log& log, audit_log::event event) : inner_(inner), log_(log), event_(std::move(event)) {}

  net::http_request& request() override { return inner_.request(); }
  bool is_websocket() const override { return inner_.is_websocket(); }
  bool answered() const override { return inner_.answered(); }
  net::awaitable<result<>> write(std::string data) override { return inner_.write(std::move(data)); }
  net::awaitable<result<>> finish() override { return inner_.finish(); }
  net::awaitable<result<>> respond(net::http_response response) override {
    if (!note(response.status)) response = unwritten();
    return inner_.respond(std::move(response));
  }
  net::awaitable<result<>> start_stream(int status, net::http_headers headers, bool gzip) override {
    if (note(status)) return inner_.start_stream(status, std::move(headers), gzip);
    return refuse();
  }
  net::awaitable<result<std::unique_ptr<net::websocket>>> upgrade_websocket(const net::websocket_options& options) override {
    if (note(101)) return inner_.upgrade_websocket(options);
    return refuse_upgrade();
  }

 private:
  static constexpr const char* sentence = "the audit log cannot be written";
  bool note(int status) {
    auto written = log_.write(event_, status);
    if (written) return true;
    log_.logger_.error("a request cannot be written into the audit log", {{"path", log_.options_.path}, {"error", written.error().text()}});
    return !log_.options_.enforced;
  }
  static net::http_response unwritten() { return {.status = 500, .headers = {}, .body = sentence}; }
  net::awaitable<result<>> refuse() {
    co_await inner_.respond(unwritten());
    co_return fail(errc::io, "{}", sentence);
  }
  net::awaitable<result<std::unique_ptr<net::websocket>>> refuse_upgrade() {
    co_await inner_.respond(unwritten());
    co_return fail(errc::io, "{}", sentence);
  }

  net::http_exchange& inner_;
  audit_log& log_;
  audit_log::event event_;
};

result<std::unique_ptr<audit_log>> audit_log::open(audit_options options, std::string node_name, identify who) {
  if (auto slash = options.path.rfind('/'); slash != options.path.npos && slash > 0) {
    auto folder = options.path.substr(0, slash);
    if (mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) return fail(system_error(errno, "making the directory " + folder + " of the audit log"));
  }
  int file = ::open(options.path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, options.mode);
  if (file < 0) return fail(system_error(errno, "opening the audit log " + options.path));
  return std::unique_ptr<audit_log>(new audit_log(std::move(options), std::move(node_name), std::move(who), file));
}

audit_log::~audit_log() { ::close(file_); }

net::http_handler audit_log::around(net::http_handler inner) {
  return [this, inner = std::move(inner)](net::http_exchange& exchange) { return serve(inner, exchange); };
}

net::awaitable<void> audit_log::serve(const net::http_handler& inner, net::http_exchange& exchange) {
  audited_exchange audited(exchange, *this, event_of(exchange.request()));
  co_await inner(audited);
}

audit_log::event audit_log::event_of(const net::http_request& request) const {
  event out;
  out.id = env::real_random().uuid();
  out.method = request.method;
  out.path = request.raw_path();
  out.namespace_ = request.query.get("namespace").value_or("default");
  out.remote_address = request.remote_address;
  out.user_agent = request.headers.get("User-Agent").value_or("");
  out.by = who_(std::string(token_of(request)));
  return out;
}

// A write of one line at the end of a file is one step for those who read it.
result<> audit_log::write(const event& e, int status) {
  auto text = [](std::initializer_list<std::pair<std::string, value>> members) {
    value::object out;
    for (const auto& [name, member] : members) out.append(name, member);
    return value(std::move(out));
  };
  auto at = value(to_rfc3339(env::real_clock().now()));
  auto payload = text({{"id", value(e.id)},
                       {"stage", value("OperationComplete")},
                       {"type", value("audit")},
                       {"timestamp", at},
                       {"version", value(int64_t{1})},
                       {"auth", text({{"accessor_id", value(e.by.accessor_id)}, {"name", value(e.by.name)}})},
                       {"request", text({{"id", value(e.id)},
                                         {"operation", value(e.method)},
                                         {"endpoint", value(e.path)},
                                         {"namespace", text({{"id", value(e.namespace_)}})},
                                         {"request_meta", text({{"remote_address", value(e.remote_address)}, {"user_agent", value(e.user_agent)}})},
                                         {"node_meta", text({{"name", value(node_name_)}})}})},
                       {"response", text({{"status_code", value(int64_t{status})}})}});
  auto line = codec::value_to_json(text({{"created_at", at}, {"event_type", value("audit")}, {"payload", std::move(payload)}})) + "\n";
  for (std::string_view rest = line; !rest.empty();) {
    auto count = ::write(file_, rest.data(), rest.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail(system_error(errno, "writing " + options_.path));
    rest.remove_prefix(static_cast<size_t>(count));
  }
  return {};
}

}  // namespace drover::api
