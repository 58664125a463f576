// job dispatch and job periodic force: instances of jobs that do not run themselves.
#include <fstream>
#include <iostream>
#include <iterator>

#include "base/bytes.h"
#include "base/text.h"
#include "cli/command/all.h"
#include "cli/format/table.h"
#include "cli/monitor.h"
#include "cli/resolve.h"
#include "schema/job_rpc.h"

namespace drover::cli::commands {
namespace {

constexpr flag_spec dispatch_flags[] = {
    detach_flag,
    verbose_flag,
    {"meta", flag_kind::list, "A key=value for the instance; may be given several times."},
    {"id-prefix-template", flag_kind::text, "Put before the generated part of the instance's id."},
    {"idempotency-token", flag_kind::text, "A dispatch with the same token again makes no second instance."},
    {"priority", flag_kind::number, "Priority of the instance instead of the job's."},
};

result<bytes> read_payload(const std::string& path) {
  if (path == "-") return bytes(std::string(std::istreambuf_iterator<char>(std::cin), {}));
  std::ifstream in(path, std::ios::binary);
  if (!in) return fail(errc::io, "Error reading input data: {} cannot be read", path);
  return bytes(std::string(std::istreambuf_iterator<char>(in), {}));
}

result<std::map<std::string, std::string>> read_meta(const context& c) {
  std::map<std::string, std::string> out;
  for (const auto& pair : c.flags.list("meta")) {
    auto equals = pair.find('=');
    if (equals == std::string::npos) return fail(errc::invalid, "Error parsing meta value: \"{}\" is no key=value", pair);
    out[pair.substr(0, equals)] = pair.substr(equals + 1);
  }
  return out;
}

// What follows once an instance exists: nothing more with -detach or without an evaluation, otherwise the monitor.
result<int> follow(context& c, const std::string& namespace_, const std::string& eval_id) {
  if (c.flags.on("detach") || eval_id.empty()) return 0;
  c.say("");
  c.api.set_namespace(namespace_);
  return monitor_evaluation(c, eval_id);
}

result<int> dispatch(context& c) {
  if (c.arguments.empty() || c.arguments.size() > 2) return c.misused("This command takes one or two arguments: <parameterized job> [input source]");
  TRY_ASSIGN(auto name, resolve_job(c, c.arguments[0]));
  schema::job_dispatch_request request;
  request.job_id = name.id;
  TRY_ASSIGN(request.meta, read_meta(c));
  if (c.arguments.size() == 2) {
    TRY_ASSIGN(request.payload, read_payload(c.arguments[1]));
  }
  request.id_prefix_template = c.flags.text("id-prefix-template");
  request.priority = c.flags.number("priority");
  api_request ask{.method = "PUT", .path = "/v1/job/" + path_word(name.id) + "/dispatch", .body = codec::to_json(request), .namespace_ = name.namespace_};
  if (auto token = c.flags.text("idempotency-token"); !token.empty()) ask.query.emplace_back("idempotency_token", token);
  auto done = c.api.get<schema::job_dispatch_response>(std::move(ask));
  if (!done) return context::failed("dispatching job", done.error());
  format::pairs shown;
  shown.add("Dispatched Job ID", done->dispatched_job_id);
  if (!done->eval_id.empty()) shown.add("Evaluation ID", c.verbose() ? done->eval_id : std::string(short_id(done->eval_id)));
  c.say(shown.text());
  return follow(c, name.namespace_, done->eval_id);
}

constexpr flag_spec force_flags[] = {detach_flag, verbose_flag};

result<int> force(context& c) {
  if (c.arguments.size() != 1) return c.misused("This command takes one argument: <job id>");
  TRY_ASSIGN(auto name, resolve_job(c, c.arguments[0]));
  auto done =
      c.api.get<schema::periodic_force_response>({.method = "PUT", .path = "/v1/job/" + path_word(name.id) + "/periodic/force", .namespace_ = name.namespace_});
  if (!done) return context::failed(fmt::format("forcing periodic job \"{}\"", name.id), done.error());
  if (c.flags.on("detach")) {
    c.say("Force periodic successful\nEvaluation ID: " + done->eval_id);
    return 0;
  }
  c.api.set_namespace(name.namespace_);
  return monitor_evaluation(c, done->eval_id);
}

}  // namespace

const command job_dispatch = {
    .name = "job dispatch",
    .synopsis = "Make an instance of a parameterized job",
    .usage = "[options] <parameterized job> [input source]",
    .help =
        "Dispatches an instance with the given meta and, from the file <input source> (\"-\": standard input), its payload, and follows its\n"
        "  placement.",
    .flags = dispatch_flags,
    .run = &dispatch,
};

const command job_periodic_force = {
    .name = "job periodic force",
    .synopsis = "Launch a periodic job now",
    .usage = "[options] <job id>",
    .help = "Launches an instance of a periodic job at once, whatever its schedule says, and follows its placement.",
    .flags = force_flags,
    .run = &force,
};

}  // namespace drover::cli::commands
