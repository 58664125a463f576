// alloc fs: the files of an allocation.
#include <algorithm>

#include "base/text.h"
#include "cli/command/all.h"
#include "cli/format/table.h"
#include "cli/resolve.h"
#include "schema/stats.h"

namespace drover::cli::commands {
namespace {

constexpr flag_spec flags[] = {
    {"H", flag_kind::boolean, "Sizes for machines: bytes."},
    {"stat", flag_kind::boolean, "What is known about the file instead of what is in it."},
    {"f", flag_kind::boolean, "Keep printing what is added to the file."},
    {"tail", flag_kind::boolean, "Only the end: 10 lines unless -n or -c say otherwise."},
    {"n", flag_kind::number, "With -tail: so many lines."},
    {"c", flag_kind::number, "With -tail: so many bytes."},
    {"job", flag_kind::boolean, "The argument is a job: one of its allocations is taken."},
    {"group", flag_kind::text, "With -job: an allocation of this group."},
    verbose_flag,
};

constexpr int64_t default_tail_lines = 10;
constexpr int64_t tail_line_bytes = 4096;

format::table::row row_of(const context& c, const schema::alloc_file_info& f, bool with_type) {
  auto size = c.flags.on("H") ? std::to_string(f.size) : format::binary_size(static_cast<uint64_t>(std::max<int64_t>(f.size, 0)));
  format::table::row row = {f.file_mode, size, format::clock_time(f.mod_time)};
  if (with_type) row.push_back(f.content_type);
  row.push_back(f.is_dir ? f.name + "/" : f.name);
  return row;
}

result<int> list(context& c, const api_request& base) {
  auto ask = base;
  ask.path.replace(ask.path.find("/stat/"), 6, "/ls/");
  auto files = c.api.get<std::vector<schema::alloc_file_info>>(std::move(ask));
  if (!files) return context::failed("listing alloc dir", files.error());
  format::table t({"Mode", "Size", "Modified Time", "Name"});
  for (const auto& f : *files) t.add(row_of(c, f, false));
  c.say(t.text());
  return 0;
}

api_request with_path(const schema::allocation& alloc, std::string_view route, const std::string& path) {
  return {.path = fmt::format("/v1/client/fs/{}/{}", route, path_word(alloc.id)), .query = {{"path", path}}, .namespace_ = alloc.namespace_};
}

// The frames of /v1/client/fs/stream come one after another; prints what they carry.
class frame_printer {
 public:
  explicit frame_printer(context& c) : c_(c) {}
  void take(std::string_view piece) {
    for (char ch : piece) {
      frame_ += ch;
      if (escaped_) {
        escaped_ = false;
      } else if (ch == '\\' && quoted_) {
        escaped_ = true;
      } else if (ch == '"') {
        quoted_ = !quoted_;
      } else if (!quoted_ && ch == '{') {
        depth_++;
      } else if (!quoted_ && ch == '}' && --depth_ == 0) {
        if (auto frame = codec::from_json<schema::stream_frame>(frame_)) c_.out.write(frame->data.data);
        frame_.clear();
      }
    }
    c_.out.flush();
  }

 private:
  context& c_;
  std::string frame_;
  int depth_ = 0;
  bool quoted_ = false, escaped_ = false;
};

result<int> print_file(context& c, const schema::allocation& alloc, const std::string& path, int64_t size) {
  bool tail = c.flags.on("tail") || c.flags.has("n") || c.flags.has("c");
  int64_t from = 0;
  if (tail) {
    auto bytes = c.flags.number("c", -1);
    auto lines = c.flags.number("n", default_tail_lines);
    from = std::max<int64_t>(0, size - (bytes >= 0 ? bytes : std::max<int64_t>(lines, 1) * tail_line_bytes));
    auto ask = with_path(alloc, "readat", path);
    ask.query.emplace_back("offset", std::to_string(from));
    ask.query.emplace_back("limit", std::to_string(size - from));
    auto answer = c.api.send(std::move(ask));
    if (!answer) return context::failed("reading file", answer.error());
    std::string_view text = answer->body;
    if (bytes < 0) {
      auto all = split(text, '\n');
      size_t extra = !all.empty() && all.back().empty() ? 1 : 0;
      size_t keep = static_cast<size_t>(lines) + extra;
      if (all.size() > keep) text.remove_prefix(static_cast<size_t>(all[all.size() - keep].data() - text.data()));
    }
    c.out.write(text);
    from += static_cast<int64_t>(answer->body.size());
    if (!c.flags.on("f")) return 0;
  }
  result<> done;
  if (c.flags.on("f")) {
    auto ask = with_path(alloc, "stream", path);
    ask.query.emplace_back("offset", std::to_string(from));
    ask.query.emplace_back("origin", "start");
    ask.query.emplace_back("follow", "true");
    frame_printer printer(c);
    done = c.api.stream(std::move(ask), [&](std::string_view piece) {
      printer.take(piece);
      return true;
    });
  } else {
    done = c.api.stream(with_path(alloc, "cat", path), [&](std::string_view piece) {
      c.out.write(piece);
      return true;
    });
  }
  if (!done) return context::failed("reading file", done.error());
  return 0;
}

result<int> run(context& c) {
  if (c.arguments.empty() || c.arguments.size() > 2) return c.misused("This command takes one or two arguments: <allocation> [<path>]");
  result<schema::allocation> alloc = c.flags.on("job") ? find_alloc_of_job(c, c.arguments[0], c.flags.text("group")) : find_alloc(c, c.arguments[0]);
  if (!alloc) return fail(std::move(alloc).error());
  auto path = c.arguments.size() == 2 ? c.arguments[1] : std::string("/");
  auto ask = with_path(*alloc, "stat", path);
  auto file = c.api.get<schema::alloc_file_info>(ask);
  if (!file) return context::failed("reading file", file.error());
  if (c.flags.on("stat")) {
    format::table t({"Mode", "Size", "Modified Time", "Content Type", "Name"});
    t.add(row_of(c, *file, true));
    c.say(t.text());
    return 0;
  }
  return file->is_dir ? list(c, ask) : print_file(c, *alloc, path, file->size);
}

}  // namespace

const command alloc_fs = {
    .name = "alloc fs",
    .synopsis = "List or print the files of an allocation",
    .usage = "[options] <allocation> [<path>]",
    .help = "Lists a directory, prints a file, its end (-tail) or what is added to it (-f). Paths start at the allocation's directory.",
    .flags = flags,
    .run = &run,
};

}  // namespace drover::cli::commands
