#include "cli/template.h"

#include <fmt/format.h>

#include <map>
#include <memory>
#include <optional>
#include <variant>

#include "base/text.h"
#include "cli/limits.h"
#include "cli/template_functions.h"
#include "codec/json.h"

namespace drover::cli {
namespace {

// The parsed form: a list of nodes, blocks hold lists.
struct node;
using node_list = std::vector<node>;

enum class node_kind : uint8_t { text, output, range, with, condition, assign };

struct node {
  node_kind kind = node_kind::text;
  std::string text{};  // of `text`: itself; otherwise the pipeline
  std::string variable{}, index_variable{};
  node_list body{}, otherwise{};
};

std::string shown(std::string_view action) { return std::string(trim(action)); }

// Cuts a source into nodes.
class parser {
 public:
  explicit parser(std::string_view source) : rest_(source) {}
  result<node_list> parse() {
    TRY_ASSIGN(auto list, block(0));
    if (!ended_by_.empty()) return fail(errc::invalid, "template: unexpected {{{{{}}}}}", ended_by_);
    return list;
  }

 private:
  // Until the end, "end" or "else ...", which goes to ended_by_.
  result<node_list> block(size_t depth) {
    if (depth > template_depth_max) return fail(errc::invalid, "template: blocks are nested deeper than {}", template_depth_max);
    node_list out;
    ended_by_.clear();
    while (!rest_.empty()) {
      auto open = rest_.find("{{");
      auto text = rest_.substr(0, open);
      if (open == std::string_view::npos) {
        push_text(out, text);
        rest_ = {};
        return out;
      }
      rest_.remove_prefix(open + 2);
      bool trim_left = rest_.starts_with("- ");
      push_text(out, trim_left ? trimmed_right(text) : text);
      if (trim_left) rest_.remove_prefix(1);
      TRY_ASSIGN(auto action, next_action());
      if (action.starts_with("/*") || action.empty()) continue;
      if (action == "end" || action == "else" || action.starts_with("else ")) {
        ended_by_ = action;
        return out;
      }
      TRY(push_action(out, action, depth));
      ended_by_.clear();
    }
    return out;
  }

  static std::string_view trimmed_right(std::string_view text) {
    auto end = text.find_last_not_of(" \t\r\n");
    return end == std::string_view::npos ? std::string_view() : text.substr(0, end + 1);
  }

  void push_text(node_list& out, std::string_view text) {
    if (!text.empty()) out.push_back({.kind = node_kind::text, .text = std::string(text)});
  }

  result<std::string> next_action() {
    char quote = 0;
    for (size_t i = 0; i + 1 < rest_.size(); i++) {
      if (quote != 0) {
        if (rest_[i] == '\\' && quote == '"') i++;
        else if (rest_[i] == quote) quote = 0;
        continue;
      }
      if (rest_[i] == '"' || rest_[i] == '`') {
        quote = rest_[i];
      } else if (rest_[i] == '}' && rest_[i + 1] == '}') {
        auto action = rest_.substr(0, i);
        rest_.remove_prefix(i + 2);
        if (action.ends_with(" -")) {
          action.remove_suffix(2);
          auto start = rest_.find_first_not_of(" \t\r\n");
          rest_ = start == std::string_view::npos ? std::string_view() : rest_.substr(start);
        }
        return shown(action);
      }
    }
    return fail(errc::invalid, "template: {{{{{} is not closed with }}}}", rest_.substr(0, 20));
  }

  result<> push_action(node_list& out, const std::string& action, size_t depth) {
    auto keyword = action.substr(0, action.find(' '));
    node n;
    if (keyword == "range") n.kind = node_kind::range;
    else if (keyword == "with") n.kind = node_kind::with;
    else if (keyword == "if") n.kind = node_kind::condition;
    else if (keyword == "define" || keyword == "template" || keyword == "block")
      return fail(errc::invalid, "template: \"{}\" is not supported", keyword);
    else n.kind = node_kind::output;
    n.text = n.kind == node_kind::output ? action : shown(std::string_view(action).substr(keyword.size()));
    take_variables(n);
    if (n.kind != node_kind::output && n.kind != node_kind::assign) TRY(parse_body(n, depth));
    out.push_back(std::move(n));
    return {};
  }

  // "$x := pipeline", "$i, $x := pipeline".
  static void take_variables(node& n) {
    if (!n.text.starts_with('$')) return;
    auto at = n.text.find('=');
    if (at == std::string::npos || n.text.find('"') < at) return;
    auto left = std::string(trim(std::string_view(n.text).substr(0, at)));
    if (left.ends_with(':')) left.pop_back();
    auto names = split(left, ',');
    if (names.size() > 2) return;
    if (names.size() == 2) n.index_variable = trim(names[0]);
    n.variable = trim(names.back());
    n.text = shown(std::string_view(n.text).substr(at + 1));
    if (n.kind == node_kind::output) n.kind = node_kind::assign;
  }

  result<> parse_body(node& n, size_t depth) {
    TRY_ASSIGN(n.body, block(depth + 1));
    if (ended_by_ == "end") return {};
    if (!ended_by_.starts_with("else")) return fail(errc::invalid, "template: {{{{{}}}}} has no {{{{end}}}}", n.text);
    auto rest = shown(std::string_view(ended_by_).substr(4));
    if (rest.empty()) {
      TRY_ASSIGN(n.otherwise, block(depth + 1));
      if (ended_by_ != "end") return fail(errc::invalid, "template: {{{{else}}}} has no {{{{end}}}}");
      return {};
    }
    // "else if x" shares our end.
    return push_action(n.otherwise, rest, depth + 1);
  }

  std::string_view rest_;
  std::string ended_by_;
};

class runner {
 public:
  explicit runner(const value& root) { variables_["$"] = root; }
  result<> run(const node_list& list, const value& dot) {
    for (const auto& n : list) {
      if (++steps_ > template_steps_max || out_.size() > input_bytes_max) return fail(errc::too_large, "template: it writes or loops too much");
      TRY(run(n, dot));
    }
    return {};
  }
  std::string take() { return std::move(out_); }

 private:
  result<> run(const node& n, const value& dot) {
    if (n.kind == node_kind::text) {
      out_ += n.text;
      return {};
    }
    TRY_ASSIGN(auto v, evaluate_pipeline(n.text, dot, variables_));
    switch (n.kind) {
      case node_kind::output: out_ += template_text(v); return {};
      case node_kind::assign: variables_[n.variable] = std::move(v); return {};
      case node_kind::range: return run_range(n, v, dot);
      case node_kind::condition: return run(is_true(v) ? n.body : n.otherwise, dot);
      case node_kind::with:
        if (!n.variable.empty()) variables_[n.variable] = v;
        return is_true(v) ? run(n.body, v) : run(n.otherwise, dot);
      case node_kind::text: return {};
    }
    return {};
  }

  result<> run_range(const node& n, const value& over, const value& dot) {
    auto each = [&](value key, const value& item) -> result<> {
      if (!n.index_variable.empty()) variables_[n.index_variable] = std::move(key);
      if (!n.variable.empty()) variables_[n.variable] = item;
      return run(n.body, item);
    };
    if (!is_true(over)) return run(n.otherwise, dot);
    if (const auto* list = over.as_list()) {
      for (size_t i = 0; i < list->size(); i++) TRY(each(value(static_cast<int64_t>(i)), (*list)[i]));
      return {};
    }
    if (const auto* object = over.as_object()) {
      std::map<std::string, const value*> sorted;
      for (const auto& [key, item] : *object) sorted[key] = &item;
      for (const auto& [key, item] : sorted) TRY(each(value(key), *item));
      return {};
    }
    return fail(errc::invalid, "template: range over a {} in {{{{range {}}}}}", over.kind(), n.text);
  }

  std::string out_;
  size_t steps_ = 0;
  template_variables variables_;
};

}  // namespace

result<std::string> run_template(std::string_view source, const value& data) {
  TRY_ASSIGN(auto list, parser(source).parse());
  runner r(data);
  TRY(r.run(list, data));
  return r.take();
}

}  // namespace drover::cli
