// From method and path to a row of the route table. Built once; lookups allocate only the path's values.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "api/route.h"

namespace drover::api {

// A row with everything that can be known before a request comes.
struct compiled_route {
  struct part {
    std::string_view text;  // literal, or the name of a value
    bool is_value = false;
    bool takes_many = false;
  };
  struct param {
    std::string_view name;
    std::vector<const schema::field_info*> members;  // from the request inwards
  };
  struct path_member {
    std::string_view name;
    const schema::field_info* member;
  };
  const api::route* row;
  // Size of the last JSON answer: the next one is probably as large. Loop thread only.
  mutable size_t usual_bytes = 0;
  std::vector<part> parts;
  std::vector<param> params;
  std::vector<path_member> path_members;
  const schema::field_info* answer = nullptr;  // null: all of it
  const schema::field_info* absent = nullptr;  // null: nothing is ever absent

  bool allows(std::string_view method) const;
};

struct route_match {
  // Null with `path_known`: no method of this path is the request's.
  const compiled_route* route = nullptr;
  bool path_known = false;
  std::vector<std::pair<std::string_view, std::string>> values{};
};

class router {
 public:
  explicit router(std::span<const route> table);
  route_match find(std::string_view method, const std::vector<std::string>& path) const;

 private:
  std::vector<compiled_route> routes_;
  // By the second part ("v1/jobs" -> "jobs"), which is always a literal; short paths by "".
  std::unordered_map<std::string_view, std::vector<const compiled_route*>> by_noun_;
};

}  // namespace drover::api
