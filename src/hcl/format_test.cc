#include "hcl/format.h"

#include <gtest/gtest.h>

#include <random>

namespace drover::hcl {
namespace {

struct row {
  const char* what;
  const char* before;
  const char* after;
};

TEST(format, lays_out_text) {
  const row rows[] = {
      {"blocks", "job \"a\"   {\ngroup \"g\" {\n      count=1\n}\n}\n", "job \"a\" {\n  group \"g\" {\n    count = 1\n  }\n}\n"},
      {"equal signs of neighbours", "a = 1\nlonger= 2\n\nb=3\n", "a      = 1\nlonger = 2\n\nb = 3\n"},
      {"lists", "x=[1,2 ,  3]\ny = [\n\"a\",\n\"b\"\n]\n", "x = [1, 2, 3]\ny = [\n  \"a\",\n  \"b\"\n]\n"},
      {"a list of several lines is aligned with nothing", "x=1\nlong_name = [\n1\n]\n", "x = 1\nlong_name = [\n  1\n]\n"},
      {"objects", "m={a=1}\ne = { }\n", "m = { a = 1 }\ne = {}\n"},
      {"comments", "a = 1 # one\nlonger = 22 // two\n#  alone\n", "a      = 1  # one\nlonger = 22 // two\n#  alone\n"},
      {"calls and indexes", "a = max( 1 , b [ 0 ] . c )\n", "a = max(1, b[0].c)\n"},
      {"operators", "a=b==c?-1:!d&&e-1\n", "a = b == c ? -1 : !d && e-1\n"},
      {"texts stay", "a = \"x  ${ f( \"}\" ) }  =  y\"\n", "a = \"x  ${ f( \"}\" ) }  =  y\"\n"},
      {"heredocs stay", "a = <<EOT\n   x=1\n  {\nEOT\nb=1\n", "a = <<EOT\n   x=1\n  {\nEOT\nb = 1\n"},
      {"a heredoc is one line", "a = <<EOT\nx\nEOT\nlonger = 1\n", "a      = <<EOT\nx\nEOT\nlonger = 1\n"},
      {"comments of several lines stay", "/* a\n    b=1 */\nb=1\n", "/* a\n    b=1 */\nb = 1\n"},
      {"numbers", "a=1.50\nb = 1e3\n", "a = 1.50\nb = 1e3\n"},
      {"no newline at the end", "a=1", "a = 1"},
      {"nothing", "", ""},
      {"line ends of other systems", "a=1\r\n", "a = 1\n"},
  };
  for (const auto& each : rows) {
    EXPECT_EQ(format(each.before), each.after) << each.what;
    EXPECT_EQ(format(each.after), each.after) << each.what << ", again";
  }
}

// Blanks apart nothing changes, and a second run changes nothing, whatever the text is.
TEST(format, changes_only_blanks) {
  constexpr std::string_view pieces[] = {"a", "\"t ${x}\"", "{",  "}", "[", "]",   "(",       ")",  "=",     "\n",    " ",   "#c", ",",
                                         ".", "-",          "==", "?", ":", "1.5", "/* x */", "\"", "<<E\n", "\nE\n", "...", "é"};
  std::mt19937 random(7);
  auto without_blanks = [](std::string text) {
    std::erase_if(text, [](char c) { return c == ' '; });
    return text;
  };
  for (int i = 0; i < 3000; ++i) {
    std::string text;
    for (int n = 0; n < 20; ++n) text += pieces[random() % std::size(pieces)];
    auto once = format(text);
    EXPECT_EQ(without_blanks(once), without_blanks(text)) << text;
    EXPECT_EQ(format(once), once) << text;
  }
}

}  // namespace
}  // namespace drover::hcl
