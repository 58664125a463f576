#include "jobspec/validate.h"

#include "base/text.h"
#include "jobspec/canonical.h"
#include "jobspec/cron.h"
#include "jobspec/parse.h"
#include "jobspec/test_dialogue.h"

namespace drover::jobspec {
namespace {

TEST(validate, rules) {
  run_dialogue("validate.golden", [](const std::string& input) {
    auto out = parse({"job.hcl", input});
    if (!out.job.has_value()) return "does not parse: " + out.problems.lines();
    canonicalize(*out.job);
    auto found = validate(*out.job);
    auto text = multi_error(found.errors);
    // The blank lines that nested lists end with are not what these rows are about.
    while (text.contains("\n\n")) text = replace_all(text, "\n\n", "\n");
    return text + multi_warning(found.warnings);
  });
}

TEST(validate, nul_characters) {
  schema::job job;
  job.id = job.name = std::string("a\0b", 3);
  canonicalize(job);
  auto text = multi_error(validate(job).errors);
  EXPECT_TRUE(text.contains("Job ID contains a null character")) << text;
}

TEST(validate, limits_are_the_server_s) {
  auto job = *parse({"j", "job \"j\" {\n priority = 150\n group \"g\" {\n count = 3\n task \"t\" {\n driver = \"exec\"\n}\n}\n}"}).job;
  canonicalize(job);
  EXPECT_FALSE(validate(job).ok());
  EXPECT_TRUE(validate(job, {.priority_max = 200, .count_max = 3}).ok());
  EXPECT_FALSE(validate(job, {.priority_max = 200, .count_max = 2}).ok());
}

TEST(validate, form_of_error_lists) {
  EXPECT_EQ(multi_error({}), "");
  EXPECT_EQ(multi_error({"Missing job datacenters"}), "1 error occurred:\n\t* Missing job datacenters\n\n");
  EXPECT_EQ(multi_error({"a", "b"}), "2 errors occurred:\n\t* a\n\t* b\n\n");
  EXPECT_EQ(multi_warning({"a"}), "1 warning:\n\n* a");
}

struct cron_row {
  const char* spec;
  const char* after;
  const char* next;
};
class cron_next : public ::testing::TestWithParam<cron_row> {};
TEST_P(cron_next, is) {
  auto spec = cron::parse(GetParam().spec);
  ASSERT_TRUE(spec.has_value()) << spec.error().text();
  auto next = spec->next(*parse_rfc3339(GetParam().after));
  EXPECT_EQ(next.has_value() ? to_rfc3339(*next) : "never", GetParam().next);
}
INSTANTIATE_TEST_SUITE_P(
    rows, cron_next,
    ::testing::Values(
        cron_row{"* * * * *", "2026-11-21T09:10:11Z", "2026-11-21T09:11:00Z"}, cron_row{"* * * * *", "2026-11-21T09:10:00Z", "2026-11-21T09:11:00Z"},
        cron_row{"*/15 * * * *", "2026-11-21T09:50:00Z", "2026-11-21T10:00:00Z"}, cron_row{"30 4 1,15 * 5", "2026-11-21T00:00:00Z", "2026-11-27T04:30:00Z"},
        cron_row{"0 0 L * *", "2028-02-01T00:00:00Z", "2028-02-29T00:00:00Z"}, cron_row{"0 12 * jan-mar MON", "2026-11-21T00:00:00Z", "2027-01-04T12:00:00Z"},
        cron_row{"0 0 * * 7", "2026-11-21T00:00:00Z", "2026-11-22T00:00:00Z"}, cron_row{"0 0 29 2 * 2027", "2026-11-21T00:00:00Z", "never"},
        cron_row{"*/20 * * * * * *", "2026-11-21T09:10:11Z", "2026-11-21T09:10:20Z"}, cron_row{"@daily", "2026-12-31T23:59:59.5Z", "2027-01-01T00:00:00Z"},
        cron_row{"@every 90s", "2026-11-21T09:10:11.7Z", "2026-11-21T09:11:41Z"}, cron_row{"0 0 1 1 * 2020", "2026-11-21T00:00:00Z", "never"}));

TEST(cron, refuses) {
  for (auto spec : {"", "* * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *", "* * * * 8", "5-1 * * * *", "*/0 * * * *", "a * * * *", "@every 1ms",
                    "@every x", "@fortnightly", "* * * * * * * *", "1, * * * *"})
    EXPECT_FALSE(cron::parse(spec).has_value()) << spec;
}

}  // namespace
}  // namespace drover::jobspec
