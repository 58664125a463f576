#include "agent/client_blocks.h"

#include <algorithm>
#include <functional>

#include "agent/options.h"
#include "base/text.h"
#include "base/time.h"

namespace drover::agent {

namespace {
// A block may stand alone or in a list of one.
const value& single(const value& v) {
  auto* l = v.as_list();
  return l && l->size() == 1 ? l->front() : v;
}

class block_reader {
 public:
  block_reader(const value& block, std::string name) : block_(single(block)), name_(std::move(name)) {}

  block_reader& take(std::string_view key, duration& into) {
    return with(key, "a duration such as \"30s\"", [&](const value& v) {
      auto d = v.as_string() ? parse_duration(*v.as_string()) : v.as_int() ? result<duration>(duration(*v.as_int())) : fail(errc::invalid, "");
      if (d && d->ns >= 0) into = *d;
      return d && d->ns >= 0;
    });
  }
  block_reader& take(std::string_view key, bool& into) {
    return with(key, "true or false", [&](const value& v) {
      auto b = v.as_bool() ? std::optional<bool>(*v.as_bool()) : v.as_string() ? parse_bool(*v.as_string()) : std::nullopt;
      if (b) into = *b;
      return b.has_value();
    });
  }
  block_reader& take(std::string_view key, int64_t& into) {
    return with(key, "a whole number of at least 0", [&](const value& v) {
      auto n = v.as_int() ? std::optional<int64_t>(*v.as_int()) : v.as_string() ? parse_int(*v.as_string()) : std::nullopt;
      if (n && *n >= 0) into = *n;
      return n && *n >= 0;
    });
  }
  block_reader& take_size(std::string_view key, int64_t& into) {
    return with(key, "a size such as \"100GB\"", [&](const value& v) {
      auto n = v.as_int() ? result<int64_t>(*v.as_int()) : v.as_string() ? parse_size(*v.as_string()) : fail(errc::invalid, "");
      if (n && *n >= 0) into = *n;
      return n && *n >= 0;
    });
  }
  block_reader& take(std::string_view key, std::vector<std::string>& into) {
    return with(key, "a list of texts", [&](const value& v) {
      auto* l = v.as_list();
      if (!l || !std::ranges::all_of(*l, [](auto& item) { return item.as_string() != nullptr; })) return false;
      into.clear();
      for (auto& item : *l) into.push_back(*item.as_string());
      return true;
    });
  }
  block_reader& nested(std::string_view key, const std::function<result<>(const value&)>& read) {
    known_.emplace_back(key);
    if (const auto* v = block_.find(key); v && done_) done_ = read(*v);
    return *this;
  }
  block_reader& ignore(std::string_view key) {
    known_.emplace_back(key);
    return *this;
  }
  result<> end() {
    if (!done_ || block_.is_null()) return done_;
    auto* o = block_.as_object();
    if (!o) return fail(errc::invalid, "{} must be a block", name_);
    for (auto& [key, v] : *o)
      if (std::ranges::find(known_, key) == known_.end()) {
        auto near = nearest(key, known_);
        return fail(errc::invalid, "{}.{} is no setting{}", name_, key, near ? fmt::format("; did you mean \"{}\"?", *near) : "");
      }
    return {};
  }

 private:
  template <class F>
  block_reader& with(std::string_view key, std::string_view wanted, F&& read) {
    known_.emplace_back(key);
    const auto* v = block_.find(key);
    if (v && done_ && !read(*v)) done_ = fail(errc::invalid, "{}.{} must be {}", name_, key, wanted);
    return *this;
  }
  const value& block_;
  std::string name_;
  std::vector<std::string> known_;
  result<> done_;
};
}  // namespace

result<client::template_options> template_options_of(const value& block) {
  client::template_options o;
  int64_t attempts_elsewhere = 0;
  duration elsewhere;
  bool unused = false;
  auto wait = [&](const value& v) { return block_reader(v, "client.template.wait").take("min", o.wait_min).take("max", o.wait_max).end(); };
  // min says how short a job's own may be, max how long.
  auto bounds = [&](const value& v) {
    duration low, high;
    auto done = block_reader(v, "client.template.wait_bounds").take("min", low).take("max", high).end();
    o.bound_min_low = o.bound_max_low = low;
    o.bound_min_high = o.bound_max_high = high;
    return done;
  };
  auto retry = [&](const value& v) {
    return block_reader(v, "client.template.nomad_retry")
        .take("attempts", o.retry_attempts)
        .take("backoff", o.retry_backoff)
        .take("max_backoff", o.retry_backoff_max)
        .end();
  };
  auto retry_elsewhere = [&](const value& v) {
    return block_reader(v, "client.template.consul_retry").take("attempts", attempts_elsewhere).take("backoff", elsewhere).take("max_backoff", elsewhere).end();
  };
  TRY(block_reader(block, "client.template")
          .take("function_blacklist", o.function_denylist)
          .take("function_denylist", o.function_denylist)
          .take("disable_file_sandbox", o.disable_file_sandbox)
          .take("max_stale", o.max_stale)
          .take("block_query_wait", o.block_query_wait)
          .nested("wait", wait)
          .nested("wait_bounds", bounds)
          .nested("nomad_retry", retry)
          .nested("consul_retry", retry_elsewhere)
          .nested("vault_retry", retry_elsewhere)
          .take("vault_default_lease_duration", elsewhere)
          .take("use_client_consul_token", unused)
          .end());
  if (o.wait_max < o.wait_min)
    return fail(errc::invalid, "client.template.wait: max ({}) must not be below min ({})", to_string(o.wait_max), to_string(o.wait_min));
  if (o.retry_backoff.ns <= 0) return fail(errc::invalid, "client.template.nomad_retry.backoff must be above 0");
  return o;
}

result<client::artifact_options> artifact_options_of(const value& block) {
  client::artifact_options o;
  std::string environment;
  if (const auto* v = single(block).find("set_environment_variables")) {
    if (!v->as_string()) return fail(errc::invalid, "client.artifact.set_environment_variables must be names with commas between them");
    for (auto name : split(*v->as_string(), ','))
      if (!trim(name).empty()) o.environment.emplace_back(trim(name));
  }
  duration elsewhere;
  TRY(block_reader(block, "client.artifact")
          .take("http_read_timeout", o.http_read_timeout)
          .take_size("http_max_size", o.http_size_max)
          .take("gcs_timeout", elsewhere)
          .take("git_timeout", o.git_timeout)
          .take("hg_timeout", elsewhere)
          .take("s3_timeout", o.s3_timeout)
          .take("decompression_file_count_limit", o.unpacked_files_max)
          .take_size("decompression_size_limit", o.unpacked_size_max)
          .take("disable_artifact_inspection", o.disable_inspection)
          .take("disable_filesystem_isolation", o.disable_isolation)
          .take("filesystem_isolation_extra_paths", o.extra_paths)
          .ignore("set_environment_variables")
          .end());
  return o;
}

}  // namespace drover::agent
