// What a plugin says its configuration looks like (the message hclspec.Spec), and the evaluation of a block by it: types are converted,
// defaults filled in, what is missing or not known is an error. Pure; immutable values.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/value.h"

namespace drover::client::external {

class config_schema {
 public:
  // Of a plugin that says nothing: takes an empty block only.
  config_schema();
  // The bytes of a Spec. corrupt, unsupported: it is none, or has a type that does not exist.
  static result<config_schema> parse(std::string_view message);
  // The block as the plugin wants it; members that are not set are null. The error names the member.
  result<value> evaluate(const value& block) const;

  struct node;

 private:
  std::shared_ptr<const node> root_;
};

}  // namespace drover::client::external
