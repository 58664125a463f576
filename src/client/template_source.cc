#include "client/template_source.h"

#include <algorithm>

#include "client/limits.h"
#include "client/system.h"
#include "client/template_limits.h"
#include "schema/acl.h"
#include "schema/alloc_rpc.h"
#include "schema/eval.h"
#include "templating/encode.h"
#include "templating/nomad_data.h"

namespace drover::client {

using kind = templating::data_request::kind;
using templating::data_request;
using templating::datum;

namespace {
class known_data : public templating::data_source {
 public:
  explicit known_data(std::map<std::string, datum> values) : values_(std::move(values)) {}
  result<std::optional<datum>> find(const data_request& request) override {
    if (request.what == kind::key) return fail(errc::unsupported, "no key/value store is configured on this node; nomadVar reads this cluster's own variables");
    if (request.what == kind::secret) return fail(errc::unsupported, "no Vault is configured on this node; nomadVar reads this cluster's own variables");
    auto found = values_.find(request.shown());
    return found == values_.end() ? std::optional<datum>() : std::optional<datum>(found->second);
  }

 private:
  std::map<std::string, datum> values_;
};

templating::variable_facts facts_of(const schema::variable& v) {
  return {v.namespace_, v.path, v.create_index, v.modify_index, v.create_time, v.modify_time, v.items};
}
}  // namespace

template_source::template_source(runner_context& node, template_source_options options, std::function<void()> changed)
    : node_(node), options_(std::move(options)), changed_(std::move(changed)), scope_(node.loop, node.logger.named("template")) {}

std::unique_ptr<templating::data_source> template_source::known() const {
  std::map<std::string, datum> values;
  for (auto& [key, e] : entries_)
    if (e.value) values.emplace(key, *e.value);
  return std::make_unique<known_data>(std::move(values));
}

void template_source::watch(const std::vector<data_request>& requests) {
  for (auto& request : requests)
    if (entries_.try_emplace(request.shown()).second) scope_.spawn(&template_source::follow, this, request);
}

void template_source::take(const std::string& key, datum value) {
  auto text = templating::encode_json(value).value_or("");
  auto& e = entries_[key];
  if (e.value && e.text == text) return;
  e.value = std::move(value);
  e.text = std::move(text);
  changed_();
}

awaitable<void> template_source::follow(data_request request) {
  const auto& retry = node_.options.templates;
  auto key = request.shown();
  auto logger = node_.logger.named("template");
  uint64_t index = 0;
  int64_t failures = 0;
  auto pause = retry.retry_backoff;
  for (;;) {
    auto found = co_await ask(request, index);
    if (found) {
      failures = 0;
      pause = retry.retry_backoff;
      // An answer that does not wait must not be asked for in a circle.
      bool waits = found->index > 0 && request.what != kind::file;
      bool again = found->index == index;
      index = found->index;
      if (found->found) take(key, std::move(*found->found));
      if (!waits) co_await net::sleep_for(limits::template_look_again);
      else if (again) co_await net::sleep_for(limits::template_query_pause);
      continue;
    }
    index = 0;
    logger.debug("a template's data cannot be read", {{"source", key}, {"error", found.error().text()}});
    if (retry.retry_attempts > 0 && ++failures >= retry.retry_attempts && !entries_[key].value) {
      given_up_ = error(found.error().code(), key, found.error());
      changed_();
      co_return;
    }
    co_await net::sleep_for(with_jitter(pause));
    pause = std::min(pause * 2, retry.retry_backoff_max);
  }
}

awaitable<result<template_source::answer>> template_source::ask(data_request request, uint64_t index) {
  switch (request.what) {
    case kind::variable:
    case kind::variable_exists: co_return co_await ask_variable(std::move(request), index);
    case kind::variable_list: co_return co_await ask_variables(std::move(request), index);
    case kind::service: co_return co_await ask_service(std::move(request), index);
    case kind::service_list: co_return co_await ask_services(std::move(request), index);
    case kind::file: co_return co_await ask_file(std::move(request), index);
    default: co_return fail(errc::unsupported, "{} has no source on this node", request.shown());
  }
}

template <class Request>
Request template_source::prepared(const data_request& request, uint64_t index) const {
  Request out;
  out.region = request.region.empty() ? node_.options.region : request.region;
  out.namespace_ = request.namespace_.empty() ? options_.namespace_ : request.namespace_;
  out.auth_token = options_.token;
  out.min_query_index = index;
  out.max_query_time = node_.options.templates.block_query_wait;
  out.allow_stale = node_.options.templates.max_stale.ns > 0;
  return out;
}

awaitable<result<template_source::answer>> template_source::ask_variable(data_request request, uint64_t index) {
  auto question = prepared<schema::variables_read_request>(request, index);
  question.path = request.name;
  auto reply = co_await rpc::call<schema::variables_read_response>(node_.servers, "Variables.Read", std::move(question));
  if (!reply) co_return fail(reply.error());
  answer out{.index = reply->index, .found = std::nullopt};
  if (request.what == kind::variable_exists) out.found = datum(reply->data.has_value());
  else if (reply->data) out.found = templating::variable_datum(facts_of(*reply->data));
  co_return out;
}

awaitable<result<template_source::answer>> template_source::ask_variables(data_request request, uint64_t index) {
  auto question = prepared<schema::variables_list_request>(request, index);
  question.prefix = request.name;
  auto reply = co_await rpc::call<schema::variables_list_response>(node_.servers, "Variables.List", std::move(question));
  if (!reply) co_return fail(reply.error());
  datum::list found;
  for (auto& v : reply->data)
    found.push_back(templating::variable_stub_datum({v.namespace_, v.path, v.create_index, v.modify_index, v.create_time, v.modify_time}));
  answer out{.index = reply->index, .found = std::nullopt};
  if (!found.empty() || !request.wait) out.found = datum(std::move(found));
  co_return out;
}

awaitable<result<template_source::answer>> template_source::ask_service(data_request request, uint64_t index) {
  auto question = prepared<schema::service_registration_by_name_request>(request, index);
  question.service_name = request.name;
  if (!request.choose_key.empty()) question.choose = fmt::format("{}|{}", request.choose, request.choose_key);
  auto reply = co_await rpc::call<schema::service_registration_by_name_response>(node_.servers, "ServiceRegistration.GetService", std::move(question));
  if (!reply) co_return fail(reply.error());
  // In an order of their own, so that the same services make the same file.
  auto services = reply->services;
  if (request.choose_key.empty()) std::ranges::sort(services, {}, [](auto& s) { return s->id; });
  datum::list found;
  for (auto& s : services)
    if (request.tag.empty() || std::ranges::find(s->tags, request.tag) != s->tags.end())
      found.push_back(templating::service_datum({s->id, s->service_name, s->node_id, s->address, s->datacenter, s->job_id, s->alloc_id, s->port, s->tags}));
  co_return answer{.index = reply->index, .found = datum(std::move(found))};
}

awaitable<result<template_source::answer>> template_source::ask_services(data_request request, uint64_t index) {
  auto question = prepared<schema::service_registration_list_request>(request, index);
  auto reply = co_await rpc::call<schema::service_registration_list_response>(node_.servers, "ServiceRegistration.List", std::move(question));
  if (!reply) co_return fail(reply.error());
  datum::list found;
  for (auto& in_namespace : reply->services)
    for (auto& s : in_namespace.services) found.push_back(templating::service_stub_datum(s.service_name, s.tags));
  co_return answer{.index = reply->index, .found = datum(std::move(found))};
}

awaitable<result<template_source::answer>> template_source::ask_file(data_request request, uint64_t) {
  auto text = co_await node_.pool.run(options_.file_reader(request.name));
  if (!text) co_return fail(text.error());
  co_return answer{.index = 0, .found = datum(std::move(*text))};
}

}  // namespace drover::client
