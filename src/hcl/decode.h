// Reads a body against what its owner expects: ask for each argument and block by name, then finish(), which complains
// about the rest with "did you mean". Both syntaxes and dynamic blocks look alike. Every problem carries its place.
//
//   decoder d(file.root, context, problems);
//   for (const auto& group : d.blocks("group", 1)) {
//     decoder g(group, problems);
//     job.count = g.integer("count").value_or(1);
//     if (auto meta = g.text_map("meta")) job.meta = *meta;   // meta = {...} and meta {...}
//     g.finish();
//   }
//
// Short-lived, single-threaded; borrows `problems`. What it returns about attributes is valid while the decoder lives.
#pragma once

#include <deque>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/time.h"
#include "hcl/body_content.h"
#include "hcl/dynamic.h"
#include "hcl/eval.h"

namespace drover::hcl {

class decoder {
 public:
  decoder(body_ptr content, context_ptr context, diagnostics& problems);
  decoder(const block_instance& b, diagnostics& problems) : decoder(b.content, b.context, problems) { header_ = b.header; }
  decoder(const decoder&) = delete;

  const eval_context& context() const { return *context_; }
  const context_ptr& shared_context() const { return context_; }
  diagnostics& problems() { return problems_; }
  // What to point at when something is missing: the block's header, or the end of the file.
  range where() const;
  // The place of an argument's value or of the (first) block of that name; where() if there is neither.
  range where(std::string_view name) const;

  // An argument, not evaluated; null if it is not there. require() then complains.
  const attribute* find(std::string_view name);
  const attribute* require(std::string_view name);
  // An argument or block of that name is there.
  bool has(std::string_view name) const;

  // Arguments, evaluated and converted as the language does ("5" is a number, 5 is a string). Nothing if it is not
  // there, null or wrong; the latter was added to the problems.
  std::optional<value> get(std::string_view name);
  std::optional<std::string> text(std::string_view name);
  std::optional<int64_t> integer(std::string_view name);
  std::optional<double> number(std::string_view name);
  std::optional<bool> boolean(std::string_view name);
  // "30s", or a number of nanoseconds.
  std::optional<drover::duration> duration(std::string_view name);
  std::optional<std::vector<std::string>> texts(std::string_view name);

  // A map as argument or as block: `env = { A = "1" }`, `env { A = "1" }`, and in JSON also a list of objects. In the
  // order written.
  std::optional<value::object> map(std::string_view name);
  using text_pairs = std::vector<std::pair<std::string, std::string>>;
  std::optional<text_pairs> text_map(std::string_view name);
  // Anything, as argument or as block (to_value() below): a driver's config.
  std::optional<value> tree(std::string_view name);

  // Blocks in the order written, dynamic ones expanded.
  std::vector<block_instance> blocks(std::string_view type, size_t label_count = 0);
  // The block of a type that may stand there once; complains about a second one.
  std::optional<block_instance> block(std::string_view type, size_t label_count = 0);

  // Known here, but of no interest now.
  void ignore(std::string_view name);
  // Complains about every argument and block that was not asked for.
  void finish();

  void error(const range& at, std::string summary, std::string detail, std::string suggestion = {}) {
    problems_.error(at, std::move(summary), std::move(detail), std::move(suggestion));
  }

 private:
  void know(std::string_view name, bool as_block);
  bool is_dynamic_of(const hcl::block& b, std::string_view type) const;
  void add_dynamic(const hcl::block& b, size_t label_count, std::vector<block_instance>& out);
  std::vector<block_instance> json_blocks_of(std::string_view type, size_t label_count);
  std::nullopt_t mismatch(std::string_view name, std::string_view wanted, const value& v);
  std::optional<value::object> merge_objects(value v, std::string_view name);
  void finish_native();
  void finish_json();
  void unsupported_attribute(std::string_view name, const range& at);
  void unsupported_block(std::string_view type, const range& at);

  body_ptr body_;
  context_ptr context_;
  diagnostics& problems_;
  range header_;
  std::vector<body_property> json_;
  std::deque<attribute> json_attributes_;         // what find() made of JSON properties
  std::set<std::string, std::less<>> arguments_;  // names that were asked for
  std::set<std::string, std::less<>> block_types_;
};

// A body of no known form as an object: arguments by name; blocks of one type as a list of objects, below an object by
// label where they have labels.
std::optional<value> to_value(const block_instance& b, diagnostics& problems);

}  // namespace drover::hcl
