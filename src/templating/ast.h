// Inside templating/: a template after parsing. Immutable; shared by every run of it.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "templating/datum.h"
#include "templating/token.h"

namespace drover::templating {

enum class node_kind : uint8_t {
  list,
  text,
  action,
  condition,
  range,
  with,
  invoke,
  break_,
  continue_,  // what a template consists of
  pipe,
  command,
  boolean,
  dot,
  nil,
  number,
  string,
  variable,
  field,
  chain,
  identifier,  // operands
};

struct node;
using node_ptr = std::unique_ptr<node>;

struct node {
  node_kind kind = node_kind::list;
  size_t position = 0;
  int line = 1;
  // Text: itself. Operands: as written. Identifier: the function. Invoke: the template's name.
  std::string text{};
  // Of field, chain and variable (there the first is its name).
  std::vector<std::string> path{};
  // Of numbers, strings, booleans.
  datum constant{};
  // Pipe: what it declares or assigns.
  std::vector<std::string> variables{};
  bool assigns = false;
  // List: nodes. Pipe: commands. Command: operands. Chain: the one it starts with.
  std::vector<node_ptr> children{};
  // Of the blocks.
  node_ptr pipe{}, body{}, otherwise{};
};

struct parsed_template {
  std::string name;
  node_ptr root;
  // Shared by the templates of one source.
  std::shared_ptr<const std::string> source;
  std::string source_name;
};
using template_set = std::map<std::string, std::shared_ptr<const parsed_template>, std::less<>>;

class function_set;
// All templates of a source, the one called `name` included. Errors: "template: NAME:LINE: what is wrong".
result<template_set> parse(const std::string& name, std::shared_ptr<const std::string> source, const delimiters& marks, const function_set& functions);
// As Go shows the node in errors.
std::string shown(const node& n);

}  // namespace drover::templating
