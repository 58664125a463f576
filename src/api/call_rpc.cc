// The handler of the rows that only name a method: request by the names of its members, call, answer.
#include "api/call.h"
#include "api/http_api.h"
#include "api/router.h"
#include "base/ensure.h"
#include "base/text.h"

namespace drover::api {
namespace {

// A record of a type that is known at run time.
class record_box {
 public:
  explicit record_box(const schema::type_info& type) : type_(&type), data_(type.create()) {}
  ~record_box() { type_->destroy(data_); }
  record_box(const record_box&) = delete;
  record_box& operator=(const record_box&) = delete;
  void* data() { return data_; }
  schema::record_view view() const { return {type_, data_}; }
  schema::record_slot slot() { return {type_, data_}; }

 private:
  const schema::type_info* type_;
  void* data_;
};

result<> set_member(const schema::type_info& type, void* member, std::string_view name, std::string_view text) {
  switch (type.kind) {
    case schema::kind::string: *static_cast<std::string*>(member) = text; return {};
    case schema::kind::optional: return set_member(type.element(), type.pointer->emplace(member), name, text);
    case schema::kind::boolean:
      if (auto parsed = parse_bool(text)) {
        *static_cast<bool*>(member) = *parsed;
        return {};
      }
      return fail(errc::invalid, "Failed to parse value of \"{}\" ({}) as a bool: use true or false", name, text);
    case schema::kind::int64:
      if (auto parsed = parse_int(text)) {
        *static_cast<int64_t*>(member) = *parsed;
        return {};
      }
      return fail(errc::invalid, "Failed to parse value of \"{}\" ({}) as an integer", name, text);
    case schema::kind::uint64:
      if (auto parsed = parse_uint(text)) {
        *static_cast<uint64_t*>(member) = *parsed;
        return {};
      }
      return fail(errc::invalid, "Failed to parse value of \"{}\" ({}) as an unsigned integer", name, text);
    default: break;
  }
  ensure_failed("kind", "parameters set texts, numbers and booleans", std::source_location::current());
}

result<> apply_param(const call& c, const compiled_route::param& param, void* record) {
  auto text = c.query(param.name);
  if (text.empty()) return {};
  void* at = record;
  for (size_t i = 0; i + 1 < param.members.size(); ++i) {
    const auto& type = param.members[i]->type();
    at = param.members[i]->in(at);
    if (type.kind == schema::kind::optional) {
      auto* present = const_cast<void*>(type.pointer->get(at));
      at = present != nullptr ? present : type.pointer->emplace(at);
    }
  }
  const auto* last = param.members.back();
  return set_member(last->type(), last->in(at), param.name, text);
}

result<> apply_path(const call& c, void* record) {
  for (const auto& each : c.route.path_members) {
    const auto& text = c.path_value(each.name);
    if (text.empty()) return fail(errc::invalid, "the path lacks its {}", each.name);
    TRY(set_member(each.member->type(), each.member->in(record), each.name, text));
  }
  return {};
}

result<> fill_request(call& c, record_box& request) {
  const auto& row = *c.route.row;
  bool has_body = (row.flags & body_required) != 0 || ((row.flags & body_optional) != 0 && !body_is_empty(c));
  if (has_body) TRY(decode_body(c, request.slot()));
  if (row.prepare != nullptr) row.prepare(request.data());
  if (row.rpc.query != nullptr) TRY(fill_options(c, *row.rpc.query(request.data())));
  if (row.rpc.write != nullptr) TRY(fill_options(c, *row.rpc.write(request.data())));
  TRY(apply_path(c, request.data()));
  for (const auto& param : c.route.params) TRY(apply_param(c, param, request.data()));
  return {};
}

const std::string* text_member(const record_box& request, std::string_view name) {
  const auto* member = request.view().type->record->find_member(name);
  return member == nullptr ? nullptr : static_cast<const std::string*>(member->in(request.view().data));
}

result<node_target> find_target(const call& c, record_box& request) {
  const auto& row = *c.route.row;
  if ((row.flags & on_node) != 0) {
    const auto* alloc_id = text_member(request, "alloc_id");
    auto* node_id = alloc_id != nullptr ? nullptr : const_cast<std::string*>(text_member(request, "node_id"));
    return target_of(c, row.rpc.method, alloc_id, node_id);
  }
  TRY_ASSIGN(auto* servers, servers_of(c));
  return node_target{servers, std::string(row.rpc.method)};
}

bool is_absent(const schema::type_info& type, const void* data) {
  switch (type.kind) {
    case schema::kind::optional:
    case schema::kind::shared: return type.pointer->get(data) == nullptr;
    case schema::kind::list: return type.list->size(data) == 0;
    default: return false;
  }
}

reply show(const call& c, const record_box& response) {
  const auto& row = *c.route.row;
  if (row.answer == "-") return empty_reply();
  const void* record = response.view().data;
  if (const auto* absent = c.route.absent; absent != nullptr && is_absent(absent->type(), absent->in(record))) return text_reply(404, std::string(row.absent));
  if (c.route.answer == nullptr) return json_reply(c, response.view());
  return json_reply(c, {&c.route.answer->type(), c.route.answer->in(record)});
}

// What lives while the call is under way.
struct call_under_way {
  explicit call_under_way(const rpc_shape& shape) : request(shape.request()), response(shape.response()) {}
  record_box request, response;
  node_target target;
};

[[gnu::noinline]] result<std::unique_ptr<call_under_way>> prepare(call& c) {
  auto made = std::make_unique<call_under_way>(c.route.row->rpc);
  TRY(fill_request(c, made->request));
  TRY_ASSIGN(made->target, find_target(c, made->request));
  // All that they say is in the request now, except for how the answer is to look.
  bool pretty = is_pretty(c);
  c.request.body = std::string();
  c.request.headers = {};
  c.request.path = {};
  c.request.query = {};
  if (pretty) c.request.query.add("pretty");
  return made;
}

result<reply> shown(const call& c, call_under_way& made, result<> done) {
  if (!done) return std::unexpected(std::move(done).error());
  const auto& row = *c.route.row;
  auto out = show(c, made.response);
  // A node's answer has no place in the replicated state.
  if ((row.flags & on_node) != 0) return out;
  if (row.rpc.query_meta != nullptr) out.meta = meta_of(*row.rpc.query_meta(made.response.data()));
  if (row.rpc.write_meta != nullptr) out.meta = meta_of(*row.rpc.write_meta(made.response.data()));
  // Deregistering and registering answer with a query's header, but are writes: there is an index, nobody waited for a leader.
  if (out.meta && row.rpc.query == nullptr) out.meta->is_query = false;
  return out;
}

// On the heap, so that the frame that waits has no place for it.
[[gnu::noinline]] std::unique_ptr<result<reply>> conclude(const call& c, call_under_way& made, result<> done) {
  return std::make_unique<result<reply>>(shown(c, made, std::move(done)));
}

}  // namespace

// Blocking queries wait in here by the ten thousand: what comes before and after the wait is in plain functions, because every local of a
// coroutine may stay in its frame.
net::awaitable<result<reply>> call_rpc(call& c) {
  auto made = prepare(c);
  if (!made) co_return std::unexpected(std::move(made).error());
  auto& m = **made;
  auto answer = conclude(c, m, co_await m.target.channel->call(std::move(m.target.method), m.request.view(), m.response.slot()));
  co_return std::move(*answer);
}

}  // namespace drover::api
