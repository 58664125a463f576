#include "client/logs/log_sink.h"

#include <algorithm>

#include "base/text.h"
#include "client/logs/directory_watch.h"
#include "client/retry.h"
#include "client/system.h"
#include "net/task_scope.h"

namespace drover::client {

namespace {
constexpr size_t piece_bytes_max = 64 * 1024;         // of a log file, read and sent at once
constexpr duration sink_pause = milliseconds(200);    // between looks at files that are written all the time
constexpr duration sink_look_again = seconds(30);     // where no notification comes
constexpr duration sink_retry_max = seconds(10);      // a sink that does not take lines is tried so often
constexpr duration sink_patience = seconds(10);       // for one batch
constexpr duration sink_drain_patience = seconds(1);  // when the task has ended
constexpr size_t drain_pieces_max = 64;
}  // namespace

log_shipper::log_shipper(log_sink_options options, std::unique_ptr<log_target> target, net::loop& loop, net::blocking_pool& pool, log_sink_counters& counters)
    : options_(std::move(options)), target_(std::move(target)), loop_(loop), pool_(pool), counters_(counters) {
  load_position();
}

void log_shipper::load_position() {
  auto text = read_file(options_.position_file, 1024);
  if (!text) return;
  for (auto line : split(*text, '\n')) {
    auto words = split(line, ' ');
    if (words.size() != 3) continue;
    auto index = parse_int(words[1]), offset = parse_int(words[2]);
    for (auto& s : streams_)
      if (s.name == words[0] && index && offset && *index >= 0 && *offset >= 0) s.at = {*index, *offset};
  }
}

net::awaitable<void> log_shipper::save_position() {
  if (!std::exchange(unsaved_, false)) co_return;
  std::string text;
  for (const auto& s : streams_) text += fmt::format("{} {} {}\n", s.name, s.at.index, s.at.offset - static_cast<int64_t>(s.lines.rest().size()));
  auto saved = co_await pool_.run([&] { return write_file(options_.position_file, text, 0600); });
  if (!saved) logger_.warn("cannot store how far a log sink is", {{"file", options_.position_file}, {"error", saved.error().text()}});
}

// On the pool. Rotated files are full, so that what is missing is known to the byte.
log_shipper::piece log_shipper::read_piece(const stream_state& s) const {
  piece out{.data = {}, .dropped = 0, .next = s.at};
  auto files = list_log_files(options_.log_dir, options_.labels.task, std::string(s.name));
  if (files.empty()) return out;
  if (out.next.index < files.front().index) {
    out.dropped = std::max<int64_t>(0, options_.file_bytes_max - out.next.offset) + (files.front().index - out.next.index - 1) * options_.file_bytes_max;
    out.next = {files.front().index, 0};
  }
  for (;;) {
    auto name = fmt::format("{}/{}.{}.{}", options_.log_dir, options_.labels.task, s.name, out.next.index);
    auto data = read_at(name, out.next.offset, piece_bytes_max);
    if (data && !data->empty()) {
      out.next.offset += static_cast<int64_t>(data->size());
      out.data = std::move(*data);
      return out;
    }
    auto later = std::ranges::find_if(files, [&](const auto& f) { return f.index > out.next.index; });
    if (later == files.end()) return out;
    out.next = {later->index, 0};
  }
}

// True: there may be more.
net::awaitable<result<bool>> log_shipper::ship_stream(stream_state& s, bool last) {
  auto got = co_await pool_.run([&] { return read_piece(s); });
  if (got.dropped > 0) {
    counters_.bytes_dropped += static_cast<uint64_t>(got.dropped);
    s.lines.take_rest();
    logger_.warn("a log sink was too slow: lines are missing in it",
                 {{"task", options_.labels.task}, {"sink", options_.sink.name}, {"bytes", std::to_string(got.dropped)}});
  }
  auto before = s.lines;
  std::vector<log_target::entry> batch;
  for (auto& line : s.lines.add(got.data)) batch.push_back({s.name, std::move(line)});
  if (last && got.data.empty() && !s.lines.rest().empty()) batch.push_back({s.name, s.lines.take_rest()});
  auto count = batch.size();
  if (count > 0) {
    auto taken = co_await net::with_deadline(target_->take(std::move(batch)), net::after(sink_patience));
    if (!taken) {
      s.lines = std::move(before);
      co_return fail(taken.error());
    }
  }
  counters_.lines += count;
  unsaved_ = unsaved_ || count > 0 || !got.data.empty();
  s.at = got.next;
  co_return !got.data.empty();
}

net::awaitable<bool> log_shipper::ship_once(bool last) {
  bool more = false;
  for (auto& s : streams_) {
    auto done = co_await ship_stream(s, last);
    if (!done) {
      ++counters_.failures;
      if (std::exchange(well_, false))
        logger_.warn("a log sink does not take lines; they wait in the log files",
                     {{"task", options_.labels.task}, {"sink", options_.sink.name}, {"error", done.error().text()}});
      co_return false;
    }
    more = more || *done;
  }
  if (!std::exchange(well_, true)) logger_.info("a log sink takes lines again", {{"task", options_.labels.task}, {"sink", options_.sink.name}});
  co_return more;
}

net::awaitable<void> log_shipper::run() {
  directory_watch watch(loop_, options_.log_dir);
  retry_delay retry;
  for (auto saved = net::now();;) {
    bool more = co_await ship_once(false);
    if (net::now() >= saved + std::chrono::seconds(1) || !more) {
      co_await save_position();
      saved = net::now();
    }
    if (more) continue;
    if (!well_) {
      co_await net::sleep_for(retry.next(sink_retry_max));
      continue;
    }
    retry.succeeded();
    co_await watch.wait(net::after(sink_look_again));
    co_await net::sleep_for(sink_pause);
  }
}

net::awaitable<void> log_shipper::drain() {
  auto until = net::after(sink_drain_patience);
  for (size_t i = 0; i < drain_pieces_max && well_ && net::now() < until; ++i)
    if (!co_await ship_once(i > 0) && i > 0) break;
  co_await save_position();
}

}  // namespace drover::client
