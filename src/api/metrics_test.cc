#include "api/metrics.h"

#include <gtest/gtest.h>

#include "api/cors.h"
#include "api/metrics_sink.h"

namespace drover::api {
namespace {

schema::metrics_summary some() {
  schema::metrics_summary all;
  const std::string host = "h";
  metrics_list list(all, host);
  list.gauge("nomad.client.a-b", 1.5, {{"job", "we\"b\\\n"}});
  list.gauge("nomad.other", 2);
  list.gauge("nomad.client.a-b", 3);
  list.counter("nomad.raft.apply", 7);
  return all;
}

TEST(metrics, text_for_prometheus_has_each_name_once_and_escapes_labels) {
  EXPECT_EQ(prometheus_text(some()),
            "# HELP nomad_client_a_b nomad_client_a_b\n# TYPE nomad_client_a_b gauge\n"
            "nomad_client_a_b{host=\"h\",job=\"we\\\"b\\\\\\n\"} 1.5\nnomad_client_a_b{host=\"h\"} 3\n"
            "# HELP nomad_other nomad_other\n# TYPE nomad_other gauge\nnomad_other{host=\"h\"} 2\n"
            "# HELP nomad_raft_apply nomad_raft_apply\n# TYPE nomad_raft_apply counter\nnomad_raft_apply{host=\"h\"} 7\n");
}

TEST(metrics, lines_for_statsd_have_labels_in_the_name) {
  EXPECT_EQ(statsd_lines(some()), "nomad.client.a-b.h.we\"b\\_:1.5|g\nnomad.other.h:2|g\nnomad.client.a-b.h:3|g\n");
}

TEST(metrics, lines_for_datadog_have_labels_as_tags) {
  EXPECT_EQ(datadog_lines(some(), {"env:prod", "a|b"}),
            "nomad.client.a-b:1.5|g|#env:prod,a_b,host:h,job:we\"b\\_\nnomad.other:2|g|#env:prod,a_b,host:h\nnomad.client.a-b:3|g|#env:prod,a_b,host:h\n");
  EXPECT_TRUE(datadog_lines(some(), {}).starts_with("nomad.client.a-b:1.5|g|#host:h,"));
}

TEST(cors, is_for_nodes_and_variables_alone) {
  EXPECT_TRUE(cors_methods({"v1", "client", "fs", "ls", "x"}));
  EXPECT_TRUE(cors_methods({"v1", "var", "a"}));
  EXPECT_FALSE(cors_methods({"v1", "jobs"}));
  EXPECT_FALSE(cors_methods({"v1", "client"}));
  EXPECT_FALSE(cors_methods({"ui", ""}));
}

}  // namespace
}  // namespace drover::api
