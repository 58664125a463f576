// Real bytes: what a Nomad 1.1.2 server and client sent each other is read into our records and written again; nothing that a record knows
// may be lost or changed on the way.
#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <sstream>

#include "base/bytes.h"
#include "base/source_dir.h"
#include "codec/json.h"
#include "codec/msgpack.h"
#include "schema/alloc_rpc.h"
#include "schema/job_rpc.h"
#include "schema/node_rpc.h"

namespace drover::codec {
namespace {

struct call {
  schema::type_getter request;
  schema::type_getter response;
};

template <class T>
schema::type_getter of() {
  return &schema::type_of<T>;
}

const std::map<std::string, call> calls = {
    {"Alloc.GetAllocs", {of<schema::allocs_get_request>(), of<schema::allocs_get_response>()}},
    {"Allocations.Signal", {of<schema::alloc_signal_request>(), of<schema::generic_response>()}},
    {"Allocations.Stats", {of<schema::alloc_stats_request>(), of<schema::alloc_stats_response>()}},
    {"Eval.Dequeue", {of<schema::eval_dequeue_request>(), of<schema::eval_dequeue_response>()}},
    {"Job.List", {of<schema::job_list_request>(), of<schema::job_list_response>()}},
    {"Node.GetClientAllocs", {of<schema::node_specific_request>(), of<schema::node_client_allocs_response>()}},
    {"Node.Register", {of<schema::node_register_request>(), of<schema::node_update_response>()}},
    {"Node.UpdateAlloc", {of<schema::alloc_update_request>(), of<schema::generic_response>()}},
    {"Node.UpdateStatus", {of<schema::node_update_status_request>(), of<schema::node_update_response>()}},
};

// Fields of 1.1.2 that later versions do not have.
const std::set<std::string> gone = {"ConsulToken", "VaultToken", "Drain", "Resources", "Reserved", "EvalIDs", "QuotaLimitReached"};

bool is_nothing(const value& v) {
  if (v.is_null()) return true;
  if (auto* l = v.as_list()) return l->empty();
  if (auto* o = v.as_object()) return o->empty();
  if (auto* s = v.as_string()) return s->empty();
  if (auto* b = v.as_bool()) return !*b;
  double n;
  return v.number(n) && n == 0;
}

// Go's binary times name their zone in the last two bytes: ours is always UTC.
bool same_instant(const value& a, const value& b) {
  constexpr size_t time_size = 15, zone_size = 2;
  auto *x = a.as_string(), *y = b.as_string();
  return x != nullptr && y != nullptr && x->size() == time_size && y->size() == time_size && (*x)[0] == 1 &&
         x->compare(0, time_size - zone_size, *y, 0, time_size - zone_size) == 0;
}

// Whether everything in `sent` stands in `again` too, named by path where it does not.
void compare(const value& sent, const value& again, const std::string& path, std::vector<std::string>& lost) {
  if (auto* object = sent.as_object()) {
    for (const auto& [key, each] : *object) {
      auto* other = again.find(key);
      if (other != nullptr) compare(each, *other, path + "." + key, lost);
      else if (!is_nothing(each) && !gone.contains(key)) lost.push_back(path + "." + key);
    }
  } else if (auto* list = sent.as_list(); list != nullptr && !list->empty()) {
    auto* other = again.as_list();
    if (other == nullptr || other->size() != list->size()) return lost.push_back(path);
    for (size_t i = 0; i < list->size(); ++i) compare((*list)[i], (*other)[i], fmt::format("{}[{}]", path, i), lost);
  } else if (same_instant(sent, again)) {
    return;
  } else if (sent != again && !(is_nothing(sent) && is_nothing(again))) {
    lost.push_back(path + ": " + value_to_json(sent) + " became " + value_to_json(again));
  }
}

TEST(Wire, RecordedCallsSurviveARoundTrip) {
  std::ifstream file(std::string(source_dir) + "/src/codec/testdata/nomad-1.1.2-rpc.txt");
  ASSERT_TRUE(file);
  std::set<std::string> tried;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with('#')) continue;
    std::istringstream fields(line);
    std::string method, kind, encoded;
    fields >> method >> kind >> encoded;
    auto row = calls.find(method);
    if (row == calls.end()) continue;
    auto raw = base64_decode(encoded).value();
    const auto& type = kind == "request" ? row->second.request() : row->second.response();
    std::unique_ptr<void, void (*)(void*)> record(type.create(), type.destroy);
    auto read = from_msgpack(raw, {&type, record.get()});
    ASSERT_TRUE(read) << method << " " << kind << ": " << read.error().text();
    auto written = to_msgpack({&type, record.get()});
    std::vector<std::string> lost;
    compare(from_msgpack<value>(raw).value(), from_msgpack<value>(written).value(), method + " " + kind, lost);
    EXPECT_TRUE(lost.empty()) << ::testing::PrintToString(lost);
    // What another reader of ours makes of our own bytes is the same again.
    std::unique_ptr<void, void (*)(void*)> second(type.create(), type.destroy);
    ASSERT_TRUE(from_msgpack(written, {&type, second.get()}));
    EXPECT_EQ(to_msgpack({&type, second.get()}), written);
    tried.insert(method + " " + kind);
  }
  EXPECT_EQ(tried.size(), 2 * calls.size());
}

}  // namespace
}  // namespace drover::codec
