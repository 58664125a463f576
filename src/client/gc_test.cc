#include "client/gc.h"

#include <gmock/gmock.h>

#include "client/driver/config_reader.h"
#include "client/task_event.h"

namespace drover::client {
namespace {
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(gc, a_disk_is_as_full_as_df_says) {
  EXPECT_EQ(used_percent(100, 100, 100), 0);
  EXPECT_EQ(used_percent(100, 50, 50), 50);
  // Blocks that are free and that nobody may take.
  EXPECT_EQ(used_percent(100, 80, 20), 50);
  EXPECT_EQ(used_percent(100, 0, 0), 100);
  EXPECT_EQ(used_percent(0, 0, 0), 0);
}

TEST(gc, oldest_first_and_only_what_must_go) {
  std::vector<gc_candidate> ended = {{"new", timestamp(3)}, {"old", timestamp(1)}, {"mid", timestamp(2)}};
  gc_options o;
  o.max_allocs = 2;
  EXPECT_THAT(choose_garbage(ended, {.allocations = 2}, o), IsEmpty());
  EXPECT_THAT(choose_garbage(ended, {.allocations = 4}, o), ElementsAre("old", "mid"));
  EXPECT_THAT(choose_garbage(ended, {.allocations = 1, .disk_used_percent = 95}, o), ElementsAre("old", "mid"));
  EXPECT_THAT(choose_garbage({}, {.allocations = 9}, o), IsEmpty());
}

TEST(config_reader, says_what_is_wrong) {
  value::object c;
  c.set("comand", "x");
  value config{c};
  config_reader typo("raw_exec", config);
  typo.text("command");
  EXPECT_THAT(typo.finish().error().text(), HasSubstr("did you mean \"command\"?"));
  config_reader r("raw_exec", config);
  r.required_text("command", "the program to run");
  EXPECT_THAT(r.finish().error().text(), HasSubstr("missing command"));
  value::object wrong;
  wrong.set("args", "text");
  value wrong_config{wrong};
  config_reader w("raw_exec", wrong_config);
  w.texts("args");
  EXPECT_THAT(w.finish().error().text(), HasSubstr("\"args\" of the raw_exec driver's configuration must be a list"));
}

TEST(task_event, texts) {
  timestamp t(1);
  EXPECT_EQ(events::terminated(t, {.code = 137, .signal = 9, .oom_killed = true, .message = "OOM Killed"}).display_message,
            "Exit Code: 137, Signal: 9, Exit Message: \"OOM Killed\"");
  EXPECT_EQ(events::restarting(t, seconds(16), "Restart within policy").display_message, "Task restarting in 16s");
  EXPECT_EQ(events::restarting(t, seconds(1), "Exceeded allowed attempts, applying a delay").display_message,
            "Exceeded allowed attempts, applying a delay - Task restarting in 1s");
  EXPECT_EQ(events::sibling_failed(t, "x").display_message, "Task's sibling \"x\" failed");
  schema::task_state s;
  for (int i = 0; i < 15; ++i) events::append(s, events::started(timestamp(i)));
  EXPECT_EQ(s.events.size(), 10u);
  EXPECT_EQ(s.events.front()->time, 5);
}

}  // namespace
}  // namespace drover::client
