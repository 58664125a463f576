// alloc logs: what tasks wrote, once or for as long as they write.
#include <algorithm>

#include "cli/api_stream.h"
#include "cli/command/all.h"
#include "cli/limits.h"
#include "cli/resolve.h"
#include "net/blocking.h"
#include "net/task_scope.h"

namespace drover::cli::commands {
namespace {

constexpr flag_spec flags[] = {
    {"stdout", flag_kind::boolean, "Standard output alone."},
    {"stderr", flag_kind::boolean, "Standard error alone."},
    {"f", flag_kind::boolean, "Keep printing what comes."},
    {"tail", flag_kind::boolean, "Only the end: 10 lines unless -n or -c say otherwise."},
    {"n", flag_kind::number, "With -tail: so many lines."},
    {"c", flag_kind::number, "With -tail: so many bytes."},
    {"task", flag_kind::text, "The task, if the allocation has several."},
    {"group", flag_kind::text, "With -job: an allocation of this group."},
    {"job", flag_kind::boolean, "The argument is a job: one of its allocations is taken."},
    verbose_flag,
};

constexpr int64_t default_tail_lines = 10;
// A line is this long at most, as far as -n goes.
constexpr size_t tail_line_bytes = 4096;

api_request request_for(const schema::allocation& alloc, const std::string& task, std::string_view type) {
  return {.path = "/v1/client/fs/logs/" + path_word(alloc.id),
          .query = {{"task", task}, {"type", std::string(type)}, {"plain", "true"}},
          .namespace_ = alloc.namespace_};
}

// How many bytes the last `lines` lines of `text` take.
size_t bytes_of_lines(std::string_view text, int64_t lines) {
  size_t at = text.size();
  if (at > 0 && text[at - 1] == '\n') at--;
  for (int64_t i = 0; i < lines; i++) {
    auto newline = at == 0 ? std::string_view::npos : text.rfind('\n', at - 1);
    if (newline == std::string_view::npos) return text.size();
    at = newline;
  }
  return text.size() - at - 1;
}

struct tail_wish {
  bool wanted = false;
  int64_t lines = 0, bytes = 0;
};

result<tail_wish> tail_of(const context& c) {
  tail_wish out{.wanted = c.flags.on("tail"), .lines = c.flags.number("n", -1), .bytes = c.flags.number("c", -1)};
  if ((c.flags.has("n") || c.flags.has("c")) && !out.wanted) out.wanted = true;
  if (out.lines >= 0 && out.bytes >= 0) return fail(errc::invalid, "Both -n and -c are not allowed: ask for lines or for bytes");
  if (out.lines < 0 && out.bytes < 0) out.lines = default_tail_lines;
  return out;
}

// The end of a log without following it.
result<std::string> read_tail(context& c, api_request ask, const tail_wish& tail) {
  auto reach = tail.bytes >= 0 ? tail.bytes : static_cast<int64_t>(std::max<size_t>(static_cast<size_t>(tail.lines), 1) * tail_line_bytes);
  ask.query.emplace_back("origin", "end");
  ask.query.emplace_back("offset", std::to_string(reach));
  TRY_ASSIGN(auto answer, c.api.send(std::move(ask)));
  if (tail.bytes >= 0) return std::move(answer.body);
  return answer.body.substr(answer.body.size() - bytes_of_lines(answer.body, tail.lines));
}

net::awaitable<result<>> copy(context& c, api_request ask) {
  CO_TRY_ASSIGN(auto reader, co_await open_stream(c.api, std::move(ask)));
  for (;;) {
    CO_TRY_ASSIGN(auto piece, co_await reader->read());
    if (piece.empty()) co_return result<>();
    c.out.write(piece);
    c.out.flush();
  }
}

net::awaitable<void> copy_into(context& c, api_request ask, std::vector<error>& failures) {
  auto done = co_await copy(c, std::move(ask));
  if (!done) failures.push_back(std::move(done).error());
}

// All logs at once until each ends.
result<> follow(context& c, std::vector<api_request> asked) {
  std::vector<error> failures;
  auto all = [&]() -> net::awaitable<void> {
    net::task_scope scope(loop_of(c.api), log::logger("cli"));
    for (auto& ask : asked) scope.spawn(copy_into(c, std::move(ask), failures));
    co_await scope.join();
  };
  net::run_to_completion(loop_of(c.api), all());
  if (failures.size() == asked.size()) return fail(std::move(failures.front()));
  return {};
}

result<int> run(context& c) {
  if (c.arguments.empty() || c.arguments.size() > 2) return c.misused("This command takes one or two arguments: <allocation> [<task>]");
  if (c.flags.has("group") && !c.flags.on("job")) return c.misused("-group goes with -job");
  TRY_ASSIGN(auto tail, tail_of(c));
  result<schema::allocation> alloc = c.flags.on("job") ? find_alloc_of_job(c, c.arguments[0], c.flags.text("group")) : find_alloc(c, c.arguments[0]);
  if (!alloc) return fail(std::move(alloc).error());
  TRY_ASSIGN(auto task, choose_task(*alloc, c.flags.has("task") ? c.flags.text("task") : c.arguments.size() == 2 ? c.arguments[1] : ""));
  std::vector<std::string_view> types;
  bool both = c.flags.on("stdout") == c.flags.on("stderr");
  if (both || c.flags.on("stdout")) types.push_back("stdout");
  if (both || c.flags.on("stderr")) types.push_back("stderr");
  std::vector<api_request> to_follow;
  for (auto type : types) {
    auto ask = request_for(*alloc, task, type);
    if (tail.wanted) {
      auto end = read_tail(c, ask, tail);
      if (!end) return context::failed(fmt::format("reading {}", type), end.error());
      if (!c.flags.on("f")) c.out.write(*end);
      ask.query.emplace_back("origin", "end");
      ask.query.emplace_back("offset", std::to_string(end->size()));
    }
    if (c.flags.on("f")) ask.query.emplace_back("follow", "true");
    if (!tail.wanted || c.flags.on("f")) to_follow.push_back(std::move(ask));
  }
  if (!c.flags.on("f")) {
    for (auto& ask : to_follow) {
      auto done = net::run_to_completion(loop_of(c.api), copy(c, std::move(ask)));
      if (!done) return context::failed("reading the log", done.error());
    }
    return 0;
  }
  auto done = follow(c, std::move(to_follow));
  if (!done) return context::failed("following the log", done.error());
  return 0;
}

}  // namespace

const command alloc_logs = {
    .name = "alloc logs",
    .synopsis = "Print what a task writes",
    .usage = "[options] <allocation> [<task>]",
    .help = "Standard output and standard error of a task, whole, their ends (-tail) or as they grow (-f).",
    .flags = flags,
    .run = &run,
};

}  // namespace drover::cli::commands
