#include <gtest/gtest.h>

#include "base/bytes.h"
#include "client/csi/plugins.h"
#include "client/csi/protocol.h"

namespace drover::client::csi {
namespace {

// Goldens: what the tests' own plugin (tests/plugin_wire.py) writes for the same fields.
TEST(csi_protocol, how_a_volume_is_to_be_used) {
  usage u{.access_mode = "single-node-writer", .attachment_mode = "file-system", .fs_type = "ext4", .mount_flags = {"ro"}};
  EXPECT_EQ(hex_encode(*encode(u)),
            "120a0a0465787434120272"
            "6f"
            "1a020801");
  u = {.access_mode = "multi-node-multi-writer", .attachment_mode = "block-device", .fs_type = {}, .mount_flags = {}};
  EXPECT_EQ(hex_encode(*encode(u)),
            "0a00"
            "1a020805");
  u.attachment_mode = "tape";
  EXPECT_EQ(encode(u).error().text(), "attachment mode \"tape\" of a CSI volume is unknown: use file-system or block-device");
  u.access_mode = "everybody";
  EXPECT_EQ(encode(u).error().text(), "access mode \"everybody\" of a CSI volume is unknown");
}

std::shared_ptr<plugin> make(std::string alloc, bool healthy) {
  auto p = std::make_shared<plugin>();
  p->id = "nfs";
  p->alloc_id = std::move(alloc);
  p->task = "t";
  p->is_node = p->is_controller = true;
  for (auto* info : {&p->node_info, &p->controller_info}) {
    info->plugin_id = "nfs";
    info->alloc_id = p->alloc_id;
    info->healthy = healthy;
  }
  return p;
}

TEST(csi_plugins, the_healthy_one_is_shown_and_only_news_are_told) {
  plugins all;
  int told = 0;
  all.changed = [&] { ++told; };
  all.set(make("old", false));
  all.set(make("old", false));
  EXPECT_EQ(told, 1);
  all.set(make("new", true));
  EXPECT_EQ(told, 2);
  schema::node node;
  node.csi_node_plugins["gone"] = {};
  all.show_in(node);
  ASSERT_EQ(node.csi_node_plugins.size(), 1u);
  EXPECT_EQ(node.csi_node_plugins.at("nfs").alloc_id, "new");
  EXPECT_TRUE(node.csi_controller_plugins.at("nfs").healthy);
  // Without a way to it nobody is sent there.
  EXPECT_EQ(all.controller_plugin("nfs").error().text(), "CSI controller plugin \"nfs\" does not run on this node, or is not healthy");
  all.remove(*make("new", true));
  all.show_in(node);
  EXPECT_FALSE(node.csi_node_plugins.at("nfs").healthy);
  all.remove(*make("old", true));
  all.remove(*make("old", true));
  EXPECT_EQ(told, 4);
  all.show_in(node);
  EXPECT_TRUE(node.csi_node_plugins.empty());
}

}  // namespace
}  // namespace drover::client::csi
