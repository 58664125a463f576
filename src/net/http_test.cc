#include "net/http.h"

#include <gtest/gtest.h>

#include "net/gzip.h"
#include "net/stream.h"

namespace drover::net {
namespace {

TEST(net_http, headers_compare_without_case) {
  http_headers h{{"Accept", "a"}, {"X", "1, two ,Three"}, {"accept", "b"}};
  EXPECT_EQ(h.get("ACCEPT"), "a");
  EXPECT_EQ(h.get_all("Accept").size(), 2u);
  EXPECT_TRUE(h.has_token("x", "TWO"));
  EXPECT_FALSE(h.has_token("x", "tw"));
  h.set("accept", "c");
  EXPECT_EQ(h.get_all("Accept").size(), 1u);
}

TEST(net_http, targets_are_decoded) {
  struct row {
    const char* target;
    std::vector<std::string> path;
    const char* query;
  };
  for (const auto& [target, path, query] : std::initializer_list<row>{
           {"/", {""}, ""},
           {"/v1/job/a%2Fb?stale&index=5&x=", {"v1", "job", "a/b"}, "stale&index=5&x="},
           {"/v1/jobs/", {"v1", "jobs", ""}, ""},
           {"http://host:1/v1/x?a=b+c%26", {"v1", "x"}, "a=b%20c%26"},
           {"http://host", {""}, ""},
           {"/a+b?&&q=%E2%82%AC", {"a+b"}, "q=%E2%82%AC"},
       }) {
    http_request r;
    r.target = target;
    EXPECT_TRUE(decode_target(r)) << target;
    EXPECT_EQ(r.path, path) << target;
    EXPECT_EQ(r.query.text(), query) << target;
  }
  http_request r;
  r.target = "/v1/%zz";
  EXPECT_EQ(decode_target(r).error().message(), "invalid URL escape \"%zz\": % must be followed by two hexadecimal digits");
  r.target = "/v1/x?a=%4";
  EXPECT_FALSE(decode_target(r));
}

TEST(net_http, query_tells_flags_from_empty_values) {
  auto q = http_query::parse("stale&empty=&n=1&n=2").value();
  EXPECT_TRUE(q.has("stale"));
  EXPECT_FALSE(q.params()[0].value);
  EXPECT_EQ(q.params()[1].value, "");
  EXPECT_EQ(q.get("stale"), "");
  EXPECT_EQ(q.get("n"), "1");
  EXPECT_EQ(q.get_all("n").size(), 2u);
  EXPECT_FALSE(q.get("absent"));
}

TEST(net_http, urls) {
  auto u = parse_url("https://[::1]/base?x").value();
  EXPECT_EQ(u.scheme + " " + u.host + " " + std::to_string(u.port) + " " + u.target, "https ::1 443 /base?x");
  u = parse_url("127.0.0.1:4646").value();
  EXPECT_EQ(u.scheme + " " + u.host + " " + std::to_string(u.port) + " " + u.target, "http 127.0.0.1 4646 ");
  u = parse_url("unix:///run/x.sock").value();
  EXPECT_EQ(u.host, "/run/x.sock");
  for (auto bad : {"ftp://x", "http://", "http://x:99999", "http://x:", "unix://x", ""}) EXPECT_FALSE(parse_url(bad)) << bad;
  EXPECT_EQ(parse_url("ftp://x").error().message(), "address \"ftp://x\": scheme \"ftp\" is not one of http, https, ws, wss, unix");
}

TEST(net_http, endpoints) {
  for (auto text : {"127.0.0.1:4646", "[::1]:0", "unix:///a/b", "name:65535"}) EXPECT_EQ(to_string(parse_endpoint(text).value()), text);
  for (auto bad : {"x", "::1:80", "[::1]", "x:65536", "x:-1", "unix://rel", "[::1]x:1"}) EXPECT_FALSE(parse_endpoint(bad)) << bad;
}

TEST(net_http, gzip_round_trip_and_limits) {
  std::string text;
  for (int i = 0; i < 20000; ++i) text += "line " + std::to_string(i) + "\n";
  auto packed = gzip(text);
  EXPECT_LT(packed.size(), text.size() / 2);
  EXPECT_EQ(gunzip(packed, text.size()).value(), text);
  EXPECT_EQ(gunzip(packed, text.size() - 1).error().code(), errc::too_large);
  EXPECT_EQ(gunzip(packed.substr(0, packed.size() - 9), text.size()).error().code(), errc::corrupt);
  EXPECT_EQ(gunzip("not gzip", 100).error().code(), errc::corrupt);
  EXPECT_EQ(gunzip(gzip(""), 0).value(), "");
  gzip_encoder encoder;
  gzip_decoder decoder;
  EXPECT_EQ(decoder.write(encoder.write("first "), 100).value(), "first ");
  EXPECT_EQ(decoder.write(encoder.write("second"), 100).value(), "second");
  EXPECT_FALSE(decoder.finished());
  EXPECT_EQ(decoder.write(encoder.finish(), 100).value(), "");
  EXPECT_TRUE(decoder.finished());
}

}  // namespace
}  // namespace drover::net
