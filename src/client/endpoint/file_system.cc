#include <filesystem>

#include "base/text.h"
#include "client/client_state.h"
#include "client/limits.h"
#include "client/logs/directory_watch.h"
#include "client/logs/log_files.h"
#include "client/streams.h"
#include "rpc/caller.h"

namespace drover::client {

namespace {
// Writes bytes of files as a stream's messages.
class frame_writer {
 public:
  frame_writer(rpc::message_stream& stream, bool plain) : stream_(stream), plain_(plain) {}
  awaitable<result<>> send(std::string data, std::string file, int64_t end_offset) {
    if (plain_) co_return co_await stream_.write(stream_payload(std::move(data)));
    schema::stream_frame frame;
    frame.data = bytes(std::move(data));
    frame.file = std::move(file);
    frame.offset = end_offset;
    co_return co_await stream_.write(stream_payload(codec::to_json(frame)));
  }
  awaitable<result<>> send_event(std::string what, std::string file, int64_t offset) {
    if (plain_) co_return result<>{};
    schema::stream_frame frame;
    frame.file_event = std::move(what);
    frame.file = std::move(file);
    frame.offset = offset;
    co_return co_await stream_.write(stream_payload(codec::to_json(frame)));
  }

 private:
  rpc::message_stream& stream_;
  bool plain_;
};

result<> check_origin(const std::string& origin, int64_t offset) {
  if (!origin.empty() && origin != "start" && origin != "end") return fail(errc::invalid, "origin must be \"start\" or \"end\", not \"{}\"", origin);
  if (offset < 0) return fail(errc::invalid, "offset must not be negative, it is {}", offset);
  return {};
}

std::string sniff(const std::string& path) {
  auto head = read_at(path, 0, 512);
  if (!head || head->find('\0') != std::string::npos || !is_valid_utf8(*head)) return "application/octet-stream";
  return "text/plain; charset=utf-8";
}
}  // namespace

void endpoints::add_file_system(rpc::method_table& table) {
  table.add<schema::fs_list_request, schema::fs_list_response>("FileSystem.List",
                                                               [this](context c, schema::fs_list_request r) { return list(std::move(c), std::move(r)); });
  table.add<schema::fs_stat_request, schema::fs_stat_response>("FileSystem.Stat",
                                                               [this](context c, schema::fs_stat_request r) { return stat(std::move(c), std::move(r)); });
  table.add_stream<schema::fs_stream_request>(
      "FileSystem.Stream", [this](context c, schema::fs_stream_request r, stream s) { return stream_file(std::move(c), std::move(r), std::move(s)); });
  table.add_stream<schema::fs_logs_request>(
      "FileSystem.Logs", [this](context c, schema::fs_logs_request r, stream s) { return stream_logs(std::move(c), std::move(r), std::move(s)); });
}

endpoints::answer<schema::fs_list_response> endpoints::list(context, schema::fs_list_request request) {
  CO_TRY_ASSIGN(auto runner, find(request.alloc_id));
  auto dir = runner->dir();
  schema::fs_list_response out;
  CO_TRY_ASSIGN(out.files, co_await state_.pool.run([&] { return dir.list(request.path); }));
  co_return out;
}

endpoints::answer<schema::fs_stat_response> endpoints::stat(context, schema::fs_stat_request request) {
  CO_TRY_ASSIGN(auto runner, find(request.alloc_id));
  if (request.path.empty()) co_return fail(errc::invalid, "the path is missing");
  schema::fs_stat_response out;
  CO_TRY_ASSIGN(out.info, runner->dir().stat(request.path));
  if (!out.info->is_dir)
    if (auto real = runner->dir().resolve(request.path)) out.info->content_type = sniff(*real);
  co_return out;
}

rpc::awaitable<result<>> endpoints::stream_file(context, schema::fs_stream_request request, stream s) {
  auto opened = [&]() -> result<std::string> {
    if (streams_ >= limits::streams_max) return fail(errc::unavailable, "this node serves {} streams already", streams_);
    TRY(check_origin(request.origin, request.offset));
    if (request.path.empty()) return fail(errc::invalid, "the path is missing");
    TRY_ASSIGN(auto runner, find(request.alloc_id));
    TRY_ASSIGN(auto info, runner->dir().stat(request.path));
    if (info.is_dir) return fail(errc::invalid, "file \"{}\" is a directory", request.path);
    if (request.origin == "end") request.offset = std::max<int64_t>(0, info.size - request.offset);
    return runner->dir().resolve(request.path);
  }();
  if (!opened) co_return co_await s->write(stream_error(opened.error()));
  counted_stream here(streams_);
  co_return co_await rpc::while_caller_stays(s.get(), send_file(*std::move(opened), std::move(request), s.get()));
}

rpc::awaitable<result<>> endpoints::send_file(std::string path, schema::fs_stream_request request, rpc::message_stream* s) {
  frame_writer writer(*s, request.plain_text);
  directory_watch watch(state_.loop, std::filesystem::path(path).parent_path().string());
  auto offset = request.offset;
  auto left = request.limit > 0 ? request.limit : INT64_MAX;
  while (left > 0) {
    auto data = read_at(path, offset, static_cast<size_t>(std::min<int64_t>(left, limits::file_chunk_bytes)));
    if (!data) {
      if (data.error().code() != errc::not_found) co_return co_await s->write(stream_error(data.error()));
      co_return co_await writer.send_event("file deleted", request.path, offset);
    }
    if (!data->empty()) {
      offset += static_cast<int64_t>(data->size());
      left -= static_cast<int64_t>(data->size());
      CO_TRY(co_await writer.send(std::move(*data), request.path, offset));
      continue;
    }
    if (!request.follow || !find(request.alloc_id)) break;
    std::error_code gone;
    if (auto size = std::filesystem::file_size(path, gone); !gone && static_cast<int64_t>(size) < offset) {
      offset = 0;
      CO_TRY(co_await writer.send_event("file truncated", request.path, offset));
      continue;
    }
    co_await watch.wait(net::after(limits::stream_poll));
  }
  co_return result<>{};
}

rpc::awaitable<result<>> endpoints::stream_logs(context, schema::fs_logs_request request, stream s) {
  auto dir = [&]() -> result<std::string> {
    if (streams_ >= limits::streams_max) return fail(errc::unavailable, "this node serves {} streams already", streams_);
    TRY(check_origin(request.origin, request.offset));
    if (request.log_type != "stdout" && request.log_type != "stderr")
      return fail(errc::invalid, "the type of a log must be \"stdout\" or \"stderr\", not \"{}\"", request.log_type);
    TRY_ASSIGN(auto runner, find(request.alloc_id));
    TRY_ASSIGN(auto* task, runner->pick_task(request.task));
    request.task = task->name();
    return runner->dir().logs();
  }();
  if (!dir) co_return co_await s->write(stream_error(dir.error()));
  counted_stream here(streams_);
  co_return co_await rpc::while_caller_stays(s.get(), send_logs(*std::move(dir), std::move(request), s.get()));
}

rpc::awaitable<result<>> endpoints::send_logs(std::string directory, schema::fs_logs_request request, rpc::message_stream* s) {
  frame_writer writer(*s, request.plain_text);
  directory_watch watch(state_.loop, directory);
  std::optional<log_position> at;
  for (;;) {
    // Both are asked before the read: what is written afterwards is found by the next round.
    bool dead = task_dead(request.alloc_id, request.task);
    auto files = list_log_files(directory, request.task, request.log_type);
    if (!at) at = find_log_position(files, request.origin, request.offset);
    if (at) {
      auto next = std::find_if(files.begin(), files.end(), [&](auto& f) { return f.index > at->index; });
      auto name = fmt::format("{}.{}.{}", request.task, request.log_type, at->index);
      auto data = read_at(directory + "/" + name, at->offset, limits::file_chunk_bytes);
      if (data && !data->empty()) {
        at->offset += static_cast<int64_t>(data->size());
        CO_TRY(co_await writer.send(std::move(*data), "alloc/logs/" + name, at->offset));
        continue;
      }
      if (next != files.end()) {
        at = log_position{next->index, 0};
        continue;
      }
    } else if (!request.follow || dead) {
      co_return co_await s->write(
          stream_error(error(errc::not_found, fmt::format("log entry for task \"{}\" and log type \"{}\" not found", request.task, request.log_type))));
    }
    if (!request.follow || dead) break;
    co_await watch.wait(net::after(limits::stream_poll));
  }
  co_return result<>{};
}

}  // namespace drover::client
