// The filter= expressions of list requests: text -> tree -> does this record match? The language is the one that Nomad's users know:
//   Status == "ready" and not (Drain or NodeClass in ...)
//   SELECTOR == VALUE, SELECTOR != VALUE, VALUE in SELECTOR, VALUE not in SELECTOR, SELECTOR contains VALUE, SELECTOR not contains VALUE,
//   SELECTOR matches "regular expression", SELECTOR not matches ..., SELECTOR is empty, is not empty, is nil, is not nil,
//   any SELECTOR as x { ... }, all SELECTOR as k, v { ... }, joined by and, or, not and parentheses (not binds closest, then and, then or).
// A selector is Meta.rack, Meta["a.b"], TaskGroups["0"].Name, or the same as a JSON pointer in quotes, "/Meta/a.b". Names of members are
// wire names, in their case. A value is a word, a number, "text" or `text`.
// A key that a map lacks, and what lies behind an absent member, is not there: ==, in, contains, matches and "is not empty" are false of it,
// their opposites true.
//
// Pure. A parsed filter is immutable: any thread.
#pragma once

#include <memory>
#include <string_view>

#include "base/result.h"
#include "schema/describe.h"

namespace drover::codec {

class filter {
 public:
  // Errors say what is wrong and at which column.
  static result<filter> parse(std::string_view text);
  // Fails with errc::invalid when the expression does not fit the record: a member that it lacks, an operator that its kind has not. Secrets
  // (schema::redacted) are no members here.
  result<bool> matches(schema::record_view record) const;

  struct node;

 private:
  explicit filter(std::shared_ptr<const node> root) : root_(std::move(root)) {}
  std::shared_ptr<const node> root_;
};

}  // namespace drover::codec
