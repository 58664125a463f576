#include "api/router.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "api/call.h"
#include "net/http.h"

namespace drover::api {
namespace {

std::vector<std::string> decoded(const std::string& target) {
  net::http_request request;
  request.method = "GET";
  request.target = target;
  EXPECT_TRUE(net::decode_target(request)) << target;
  return request.path;
}

const router& table() {
  static const router made(routes());
  return made;
}

TEST(router, finds_the_row_and_its_values) {
  struct row {
    const char* method;
    const char* target;
    const char* path;  // null: unknown
    std::vector<std::string> values;
  };
  const row rows[] = {
      {"GET", "/v1/jobs", "/v1/jobs", {}},
      {"HEAD", "/v1/jobs", "/v1/jobs", {}},
      {"PUT", "/v1/jobs/parse", "/v1/jobs/parse", {}},
      {"GET", "/v1/job/cache", "/v1/job/:job_id+", {"cache"}},
      {"GET", "/v1/job/a%2Fb", "/v1/job/:job_id+", {"a/b"}},
      {"GET", "/v1/job/a/b", "/v1/job/:job_id+", {"a/b"}},
      {"GET", "/v1/job/a/b/allocations", "/v1/job/:job_id+/allocations", {"a/b"}},
      {"GET", "/v1/job/a%2Fallocations", "/v1/job/:job_id+", {"a/allocations"}},
      {"POST", "/v1/job/cache/versions/v1/tag", "/v1/job/:job_id+/versions/:name/tag", {"cache", "v1"}},
      {"GET", "/v1/deployment/x", "/v1/deployment/:deployment_id", {"x"}},
      {"PUT", "/v1/deployment/fail/x", "/v1/deployment/fail/:deployment_id", {"x"}},
      {"GET", "/v1/node/pools", "/v1/node/pools", {}},
      {"GET", "/v1/node/n", "/v1/node/:node_id", {"n"}},
      {"GET", "/", "/", {}},
      {"GET", "/ui/", "/ui/", {}},
      {"GET", "/ui/jobs/x", "/ui/:page+", {"jobs/x"}},
      {"GET", "/v1/nope", nullptr, {}},
      {"GET", "/v1/jobs/", nullptr, {}},
      {"GET", "/v1", nullptr, {}},
      {"GET", "/v2/jobs", nullptr, {}},
  };
  for (const auto& r : rows) {
    SCOPED_TRACE(r.target);
    auto found = table().find(r.method, decoded(r.target));
    if (r.path == nullptr) {
      EXPECT_EQ(found.route, nullptr);
      EXPECT_FALSE(found.path_known);
      continue;
    }
    ASSERT_NE(found.route, nullptr);
    EXPECT_EQ(found.route->row->path, r.path);
    ASSERT_EQ(found.values.size(), r.values.size());
    for (size_t i = 0; i < r.values.size(); ++i) EXPECT_EQ(found.values[i].second, r.values[i]);
  }
}

// A path as a client would send it.
std::string example_of(const route& row) {
  std::string out;
  for (auto part : path_parts(row.path)) {
    out += '/';
    out += part.starts_with(':') ? std::string("x") : std::string(part);
  }
  return out;
}

TEST(router, every_row_is_reachable_and_refuses_other_methods) {
  std::map<std::string, std::set<std::string>> methods;
  for (const auto& row : routes())
    for (size_t from = 0; from < row.methods.size();) {
      auto end = std::min(row.methods.find(' ', from), row.methods.size());
      auto method = std::string(row.methods.substr(from, end - from));
      auto inserted = methods[std::string(row.path)].insert(method).second;
      EXPECT_TRUE(inserted) << method << ' ' << row.path << " stands there twice";
      from = end + 1;
    }
  for (const auto& row : routes()) {
    SCOPED_TRACE(row.path);
    EXPECT_NE(row.handle, nullptr);
    auto path = decoded(example_of(row));
    for (const char* method : {"GET", "POST", "PUT", "DELETE", "PATCH"}) {
      auto found = table().find(method, path);
      EXPECT_TRUE(found.path_known);
      if (methods[std::string(row.path)].contains(method)) {
        ASSERT_NE(found.route, nullptr) << method;
        EXPECT_EQ(found.route->row->path, row.path) << method;
      } else {
        EXPECT_EQ(found.route, nullptr) << method;
      }
    }
  }
}

}  // namespace
}  // namespace drover::api
