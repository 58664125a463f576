// Serf's queries, as far as the pool itself uses them: key operations, and ping.
#include <algorithm>
#include <cmath>

#include "base/ensure.h"
#include "gossip/limits.h"
#include "gossip/pool.h"

namespace drover::gossip {
namespace {

constexpr std::string_view internal_prefix = "_serf_";
enum filter_type : char { filter_nodes = 0, filter_tag = 1 };

// Tag filters are regular expressions. We know literal ones, perhaps anchored; a peer's expression is not run on this machine.
bool matches_literal(std::string_view expression, std::string_view tag) {
  bool from_start = expression.starts_with('^');
  bool to_end = expression.ends_with('$');
  if (from_start) expression.remove_prefix(1);
  if (to_end && !expression.empty()) expression.remove_suffix(1);
  if (expression.find_first_of(R"(\.+*?()|[]{}^$)") != expression.npos) return false;
  if (from_start && to_end) return tag == expression;
  if (from_start) return tag.starts_with(expression);
  if (to_end) return tag.ends_with(expression);
  return tag.find(expression) != tag.npos;
}

}  // namespace

bool pool::first_time(recent_ids& recent, uint64_t time, uint64_t id) {
  // Older than all that are remembered.
  if (recent.size() >= recent_times_max && time < recent.begin()->first) return false;
  auto& ids = recent[time];
  if (ids.size() >= recent_ids_max || !ids.insert(id).second) return false;
  if (recent.size() > recent_times_max) recent.erase(recent.begin());
  return true;
}

duration pool::query_timeout() const {
  auto alive = static_cast<double>(std::count_if(nodes_.begin(), nodes_.end(), [](const auto& each) { return !each.second.gone(); }));
  return options_.timing.gossip_interval * options_.timing.query_timeout_mult * static_cast<int64_t>(std::ceil(std::log10(alive + 1)));
}

result<uint64_t> pool::start_query(duration now, std::string name, bytes payload) {
  if (queries_.size() >= queries_max) return fail(errc::unavailable, "{} queries are under way; try again in a moment", queries_max);
  uint64_t time = std::max(query_clock_.value, queries_.empty() ? 0 : queries_.rbegin()->first + 1);
  query_message q{.time = time,
                  .id = static_cast<uint32_t>(random_.below(INT32_MAX)),
                  .address = address_bytes(options_.address),
                  .port = options_.port,
                  .source_node = options_.name,
                  .timeout = query_timeout(),
                  .name = std::move(name),
                  .payload = std::move(payload)};
  auto message = encode(serf_type::query, q);
  if (message.size() > query_bytes_max) return fail(errc::too_large, "a query of {} bytes; at most {} fit", message.size(), query_bytes_max);
  query pending{.id = q.id, .handle = ++next_handle_, .ends = now + q.timeout};
  pending.got.asked = static_cast<size_t>(std::count_if(nodes_.begin(), nodes_.end(), [](const auto& each) { return !each.second.gone(); }));
  queries_.emplace(time, std::move(pending));
  on_query(now, q);
  if (any_other_alive()) query_news_.add(std::move(message));
  spread(now);
  return next_handle_;
}

pool::query_answers pool::take_answers(uint64_t handle) {
  auto found = std::find_if(queries_.begin(), queries_.end(), [&](const auto& each) { return each.second.handle == handle; });
  if (found == queries_.end()) return {};
  auto got = std::move(found->second.got);
  queries_.erase(found);
  return got;
}

void pool::end_queries(duration now) {
  for (auto& [time, q] : queries_) {
    if (q.done || now < q.ends) continue;
    q.done = true;
    actions_.push_back(finished{q.handle});
  }
}

void pool::on_query_response(duration now, const query_response_message& r) {
  auto found = queries_.find(r.time);
  if (found == queries_.end() || found->second.id != r.id || found->second.done) return;
  if ((r.flags & query_flag_ack) != 0 || now >= found->second.ends) return;
  auto& q = found->second;
  // One answer a member, and members only.
  if (find_node(r.from) == nullptr) return;
  q.got.answers.try_emplace(r.from, r.payload);
  if (q.got.answers.size() < q.got.asked) return;
  q.done = true;
  actions_.push_back(finished{q.handle});
}

bool pool::asks_us(duration now, const query_message& q) {
  for (const auto& filter : q.filters) {
    if (filter.empty()) return false;
    auto rest = std::string_view(filter.data).substr(1);
    if (filter.data[0] == filter_nodes) {
      auto names = codec::from_msgpack<std::vector<std::string>>(rest);
      if (!names || std::find(names->begin(), names->end(), options_.name) == names->end()) return false;
    } else if (filter.data[0] == filter_tag) {
      auto wanted = codec::from_msgpack<tag_filter>(rest);
      if (!wanted) return false;
      auto tag = options_.tags.find(wanted->tag);
      if (!matches_literal(wanted->expression, tag == options_.tags.end() ? std::string_view() : std::string_view(tag->second))) return false;
    } else {
      add_notice(now, log::level::warn, "filter", q.source_node, "query with an unknown filter", {{"type", std::to_string(filter.data[0])}});
      return false;
    }
  }
  return true;
}

// True: new, to be told on.
bool pool::on_query(duration now, const query_message& q) {
  query_clock_.witness(q.time);
  if (q.time < query_time_min_ || !first_time(recent_queries_, q.time, q.id)) return false;
  bool tell_on = (q.flags & query_flag_no_broadcast) == 0;
  if (!asks_us(now, q)) return tell_on;
  if ((q.flags & query_flag_ack) != 0) {
    auto asker = address_text(q.address);
    query_response_message ack{.time = q.time, .id = q.id, .from = options_.name, .flags = query_flag_ack};
    if (!asker.empty() && q.port != 0) send({asker, q.port}, encode(serf_type::query_response, ack), find_node(q.source_node));
  }
  std::string_view name = q.name;
  if (!name.starts_with(internal_prefix)) return tell_on;
  name.remove_prefix(internal_prefix.size());
  if (name == "list-keys") answer_query(now, q, list_keys_answer(q));
  else if (name == "install-key" || name == "use-key" || name == "remove-key")
    answer_query(now, q, bytes(encode_payload(serf_type::key_response, change_keys(name, q.payload.data))));
  return tell_on;
}

void pool::answer_query(duration now, const query_message& q, bytes payload) {
  query_response_message r{.time = q.time, .id = q.id, .from = options_.name, .payload = std::move(payload)};
  if (q.source_node == options_.name) return on_query_response(now, r);
  auto asker = address_text(q.address);
  if (asker.empty() || q.port == 0) return;
  send({asker, q.port}, encode(serf_type::query_response, r), find_node(q.source_node));
}

node_key_response pool::change_keys(std::string_view what, std::string_view payload) {
  auto refuse = [&](std::string why) {
    add_log(log::level::error, "gossip key operation failed", {{"operation", std::string(what)}, {"error", why}});
    return node_key_response{.message = std::move(why)};
  };
  if (payload.empty() || static_cast<serf_type>(payload[0]) != serf_type::key_request) return refuse("the request is no key request");
  auto request = codec::from_msgpack<key_request>(payload.substr(1));
  if (!request) return refuse(request.error().text());
  if (options_.keys.empty()) return refuse("No keyring to modify (encryption not enabled)");
  auto changed = options_.keys;
  auto done = what == "install-key" ? changed.install(request->key.data)
              : what == "use-key"   ? changed.use(request->key.data)
                                    : changed.remove(request->key.data);
  if (!done) return refuse(done.error().text());
  // Kept first: a key that only lives in memory would lock this server out after its next start.
  if (options_.save_keys)
    if (auto saved = options_.save_keys(changed); !saved) return refuse(saved.error().text());
  options_.keys = std::move(changed);
  add_log(log::level::info, "gossip keyring changed", {{"operation", std::string(what)}, {"keys", std::to_string(options_.keys.keys().size())}});
  return {.ok = true};
}

// As many keys as fit into an answer.
bytes pool::list_keys_answer(const query_message& q) const {
  if (options_.keys.empty()) return bytes(encode_payload(serf_type::key_response, node_key_response{.message = "Keyring is empty (encryption not enabled)"}));
  node_key_response answer{.ok = true, .keys = options_.keys.to_base64()};
  answer.primary_key = answer.keys.front();
  size_t all = answer.keys.size();
  for (;;) {
    bytes payload(encode_payload(serf_type::key_response, answer));
    query_response_message whole{.time = q.time, .id = q.id, .from = options_.name, .payload = payload};
    if (answer.keys.empty() || encode(serf_type::query_response, whole).size() <= query_bytes_max) return payload;
    answer.keys.pop_back();
    answer.message = fmt::format("truncated key list response, showing first {} of {} keys", answer.keys.size(), all);
  }
}

}  // namespace drover::gossip
