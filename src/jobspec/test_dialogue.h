// Tests only: files of cases "=== name", input, "---", expected output. DROVER_REWRITE=1 writes what came out instead
// of comparing it; read the difference before committing it.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <functional>
#include <sstream>
#include <string>
#include <vector>

#include "base/source_dir.h"

namespace drover::jobspec {

inline std::string testdata(const std::string& name) { return std::string(source_dir) + "/src/jobspec/testdata/" + name; }

inline std::string read_text(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  EXPECT_TRUE(in.good()) << path;
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

inline bool rewriting() { return std::getenv("DROVER_REWRITE") != nullptr; }

// The whole file is the expected output.
inline void expect_golden(const std::string& name, const std::string& actual) {
  if (rewriting()) {
    std::ofstream(testdata(name), std::ios::binary) << actual;
    return;
  }
  EXPECT_EQ(actual, read_text(testdata(name))) << name;
}

struct dialogue_case {
  std::string name, input, expected;
};

inline std::vector<dialogue_case> read_dialogue(const std::string& file) {
  std::vector<dialogue_case> out;
  std::istringstream in(read_text(testdata(file)));
  bool in_input = true;
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("=== ")) {
      out.push_back({line.substr(4), "", ""});
      in_input = true;
    } else if (line == "---") {
      in_input = false;
    } else if (!out.empty()) {
      (in_input ? out.back().input : out.back().expected) += line + "\n";
    }
  }
  return out;
}

inline void run_dialogue(const std::string& file, const std::function<std::string(const std::string& input)>& answer) {
  auto cases = read_dialogue(file);
  ASSERT_FALSE(cases.empty()) << file;
  std::string rewritten;
  for (auto& c : cases) {
    auto actual = answer(c.input);
    if (!actual.empty() && !actual.ends_with('\n')) actual += '\n';
    rewritten += "=== " + c.name + "\n" + c.input + "---\n" + actual;
    if (!rewriting()) {
      EXPECT_EQ(actual, c.expected) << file << ": " << c.name;
    }
  }
  if (rewriting()) std::ofstream(testdata(file), std::ios::binary) << rewritten;
}

}  // namespace drover::jobspec
