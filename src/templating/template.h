// Templates in the language of Go's text/template, with the functions of consul-template and sprig. Pure: the clock, randomness, the
// environment and everything that has to be fetched come from the caller.
//
// compile() once, run() as often as data change; a compiled template is immutable and may be run by several threads at a time.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "templating/datum.h"

namespace drover::templating {

// Something outside that a template needs.
struct data_request {
  enum class kind : uint8_t { file, variable, variable_exists, variable_list, service, service_list, key, secret };
  kind what = kind::file;
  // Of a variable, a service, a file.
  std::string name{};
  std::string namespace_{}, region{}, tag{};
  // Nothing there means: not yet, instead of an empty answer.
  bool wait = false;
  // nomadService with a count and a key: rendezvous hashing.
  int64_t choose = 0;
  std::string choose_key{};
  // As people see it in "Missing: nomad.var.get(a/b@default.global)"; requests with the same text are the same.
  std::string shown() const;
};

// Where data come from. Called during run(), so it must answer at once from what it has.
class data_source {
 public:
  virtual ~data_source() = default;
  // Nothing: not known yet; the run goes on and lists it as missing.
  virtual result<std::optional<datum>> find(const data_request& request) = 0;
};

struct world {
  timestamp now{};
  // Bytes of randomness; without it the functions that need some fail.
  std::function<std::string(size_t)> random{};
  std::map<std::string, std::string> env{};
  // Null: functions that fetch fail with a sentence that says so.
  data_source* data = nullptr;
  // go-sockaddr expressions such as GetPrivateIP.
  std::function<result<std::string>(const std::string&)> socket_address{};
  // Go's zero: what the namespace and region of a request are when it names none.
  std::string namespace_ = "default", region = "global";
};

enum class missing_key : uint8_t {
  no_value,  // prints <no value>
  zero,      // the zero value of the map's elements
  refuse,    // an error
};

struct compile_options {
  std::string name = "template";
  std::string left_delimiter{}, right_delimiter{};  // empty: {{ and }}
  missing_key missing = missing_key::no_value;
  // Names or patterns with "*".
  std::vector<std::string> denied{};
  // Only Go's own functions and "json", as the command line's -t has them.
  bool plain = false;
};

struct rendered {
  std::string text;
  // What was asked for, and which of it was not there: with a missing one the text is not what was meant.
  std::vector<data_request> used, missing;
};

struct parsed_template;
class function_set;

class compiled_template {
 public:
  static result<compiled_template> compile(std::string source, compile_options options);
  result<rendered> run(const world& outside, datum dot = {}) const;

 private:
  struct contents;
  std::shared_ptr<const contents> contents_;
};

}  // namespace drover::templating
