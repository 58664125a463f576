#include "client/driver/config_reader.h"

#include "base/text.h"

namespace drover::client {

config_reader::config_reader(std::string driver, const value& config) : driver_(std::move(driver)), config_(config) {
  if (!config.is_null() && !config.as_object())
    wrong_ = error(errc::invalid, fmt::format("the configuration of the {} driver is a {}, not a block", driver_, config.kind()));
}

const value* config_reader::take(std::string_view key) {
  known_.emplace(key);
  auto* found = config_.find(key);
  return found && found->is_null() ? nullptr : found;
}

void config_reader::complain(std::string_view key, std::string_view wanted, const value& got) {
  if (wrong_) return;
  wrong_ = error(errc::invalid, fmt::format("\"{}\" of the {} driver's configuration must be {}, not a {}", key, driver_, wanted, got.kind()));
}

std::string config_reader::required_text(std::string_view key, std::string_view what) {
  auto out = text(key);
  if (out.empty() && !wrong_) wrong_ = error(errc::invalid, fmt::format("missing {}: the {} driver needs {} = \"...\", {}", key, driver_, key, what));
  return out;
}

std::string config_reader::text(std::string_view key, std::string otherwise) {
  auto* v = take(key);
  if (!v) return otherwise;
  if (auto* t = v->as_string()) return *t;
  if (auto* n = v->as_int()) return std::to_string(*n);
  if (auto* b = v->as_bool()) return *b ? "true" : "false";
  complain(key, "a text", *v);
  return otherwise;
}

std::vector<std::string> config_reader::texts(std::string_view key) {
  std::vector<std::string> out;
  auto* v = take(key);
  if (!v) return out;
  auto* list = v->as_list();
  if (!list) {
    complain(key, "a list of texts", *v);
    return out;
  }
  for (auto& element : *list) {
    if (auto* t = element.as_string()) out.push_back(*t);
    else if (auto* n = element.as_int()) out.push_back(std::to_string(*n));
    else if (auto* d = element.as_double()) out.push_back(fmt::format("{}", *d));
    else if (auto* b = element.as_bool()) out.push_back(*b ? "true" : "false");
    else complain(key, "a list of texts", element);
  }
  return out;
}

int64_t config_reader::integer(std::string_view key, int64_t otherwise) {
  auto* v = take(key);
  if (!v) return otherwise;
  if (auto* n = v->as_int()) return *n;
  if (auto* t = v->as_string())
    if (auto n = parse_int(*t)) return *n;
  complain(key, "a whole number", *v);
  return otherwise;
}

bool config_reader::boolean(std::string_view key, bool otherwise) {
  auto* v = take(key);
  if (!v) return otherwise;
  if (auto* b = v->as_bool()) return *b;
  if (auto* t = v->as_string())
    if (auto b = parse_bool(*t)) return *b;
  complain(key, "true or false", *v);
  return otherwise;
}

duration config_reader::time(std::string_view key, duration otherwise) {
  auto* v = take(key);
  if (!v) return otherwise;
  if (auto* n = v->as_int()) return nanoseconds(*n);
  if (auto* t = v->as_string())
    if (auto d = parse_duration(*t)) return *d;
  complain(key, "a duration such as \"10s\"", *v);
  return otherwise;
}

std::vector<const value*> config_reader::blocks(std::string_view key) {
  std::vector<const value*> out;
  auto* v = take(key);
  if (!v) return out;
  if (v->as_object()) return {v};
  auto* list = v->as_list();
  if (!list) complain(key, "a block", *v);
  else
    for (auto& element : *list) {
      if (element.as_object()) out.push_back(&element);
      else if (!element.is_null()) complain(key, "a block", element);
    }
  return out;
}

const value* config_reader::block(std::string_view key) {
  auto all = blocks(key);
  if (all.size() > 1 && !wrong_)
    wrong_ = error(errc::invalid, fmt::format("the {} driver's configuration has \"{}\" {} times; once is possible", driver_, key, all.size()));
  return all.empty() ? nullptr : all[0];
}

std::map<std::string, std::string> config_reader::map(std::string_view key) {
  std::map<std::string, std::string> out;
  for (auto* one : blocks(key))
    for (auto& [name, v] : *one->as_object()) {
      if (auto* t = v.as_string()) out[name] = *t;
      else if (auto* n = v.as_int()) out[name] = std::to_string(*n);
      else if (auto* b = v.as_bool()) out[name] = *b ? "true" : "false";
      else if (auto* d = v.as_double()) out[name] = fmt::format("{}", *d);
      else complain(fmt::format("{}.{}", key, name), "a text", v);
    }
  return out;
}

result<> config_reader::finish() {
  if (wrong_) return fail(*wrong_);
  if (auto* object = config_.as_object())
    for (auto& [key, v] : *object) {
      if (known_.contains(key)) continue;
      auto near = nearest(key, {known_.begin(), known_.end()});
      return fail(errc::invalid, "the {} driver's configuration has no \"{}\"{}", driver_, key, near ? fmt::format("; did you mean \"{}\"?", *near) : "");
    }
  return {};
}

}  // namespace drover::client
