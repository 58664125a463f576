#include "cli/man.h"

#include <gtest/gtest.h>

#include "base/text.h"
#include "cli/registry.h"

namespace drover::cli {
namespace {

TEST(man, every_command_has_a_page_that_roff_reads_as_text) {
  for (const auto* c : all_commands()) {
    auto page = man_page(*c, "drover");
    EXPECT_TRUE(page.starts_with(".TH DROVER\\-")) << c->name;
    for (auto line : split(page, '\n')) {
      bool request = line.starts_with(".TH ") || line.starts_with(".SH ") || line == ".TP";
      EXPECT_TRUE(request || (!line.starts_with('.') && !line.starts_with('\''))) << c->name << ": " << line;
    }
    for (const auto& flag : c->flags)
      EXPECT_NE(page.find("\\fB\\-" + replace_all(std::string(flag.name), "-", "\\-") + "\\fR"), std::string::npos) << c->name << " -" << flag.name;
  }
}

TEST(man, the_program_lists_its_commands) {
  auto page = man_overview("nomad");
  EXPECT_NE(page.find("\\fBnomad\\-job\\-run\\fR(1)\n"), std::string::npos);
  EXPECT_EQ(man_name("drover", "job run"), "drover-job-run");
}

}  // namespace
}  // namespace drover::cli
