// The identities of a task: the default one came with the allocation, the others are signed by the servers when the task starts, and again when half
// of their time is over.
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "client/exec/isolation.h"
#include "client/hook/hook.h"
#include "client/limits.h"
#include "client/retry.h"
#include "client/system.h"
#include "client/task_path.h"
#include "jwt/jwt.h"
#include "net/task_scope.h"
#include "schema/acl.h"

namespace drover::client {

namespace {

struct signed_one {
  schema::workload_identity of;
  std::string jwt;
  timestamp expires;  // zero: never
};

// Everything that renewing needs of a task; the task's record may be replaced meanwhile.
struct identity_place {
  runner_context& node;
  std::string alloc_id;
  uint64_t alloc_index = 0;
  std::string task, user;
  alloc_dir dir;
  bool own_root = false;
  task_env env;
  std::vector<schema::workload_identity> identities;
  task_control control;
};

std::string file_of(const schema::workload_identity& identity, bool is_default) {
  if (!identity.filepath.empty()) return identity.filepath;
  return is_default ? "secrets/nomad_token" : "secrets/nomad_" + identity.name + ".jwt";
}

// A directory that the task made a link to somewhere else is not followed.
result<> check_inside(const std::string& root, const std::string& parent) {
  std::error_code failure;
  auto real_root = std::filesystem::canonical(root, failure).string();
  auto real_parent = std::filesystem::canonical(parent, failure).string();
  if (failure || (real_parent != real_root && !real_parent.starts_with(real_root + "/")))
    return fail(errc::invalid, "{} is not inside the task's directory", parent);
  return {};
}

// For the task's user alone where it has one; otherwise for whoever runs in the task, as nobody else gets into its directory.
result<> write_token(const identity_place& p, const schema::workload_identity& identity, bool is_default, const std::string& jwt) {
  TRY_ASSIGN(auto path, host_path(p.env, p.dir, p.task, p.own_root, file_of(identity, is_default)));
  auto parent = std::filesystem::path(path).parent_path().string();
  TRY(make_directories(parent, 0777));
  TRY(check_inside(p.dir.task(p.task).root, parent));
  if (p.user.empty()) return write_file(path, jwt, 0644);
  TRY_ASSIGN(auto user, exec::find_user(p.user));
  TRY(write_file(path, jwt, 0600));
  if (::chown(path.c_str(), user.uid, user.gid) != 0) return fail(system_error(errno, "giving " + path + " to " + p.user));
  return {};
}

class identity_hook : public task_hook {
 public:
  std::string_view name() const override { return "identity"; }
  // Tokens are written anew before each start.
  bool once() const override { return false; }

  awaitable<result<>> prestart(task_hook_context& c) override {
    co_await stop();
    auto place = place_of(c);
    CO_TRY(set_default(c, *place));
    if (place->identities.empty()) co_return result<>{};
    CO_TRY_ASSIGN(auto tokens, co_await sign(*place));
    for (const auto& each : tokens) {
      if (each.of.env) c.hook_env["NOMAD_TOKEN_" + each.of.name] = each.jwt;
      if (each.of.file) CO_TRY(write_token(*place, each.of, false, each.jwt));
    }
    start_renewing(c, std::move(place), renewal_of(tokens));
    co_return result<>{};
  }

  void resumed(task_hook_context& c) override {
    auto place = place_of(c);
    if (auto first = renewal_after_restart(*place)) start_renewing(c, std::move(place), first);
  }

  awaitable<void> stop() override {
    if (renewing_) co_await renewing_->stop();
    renewing_.reset();
  }

 private:
  static std::shared_ptr<identity_place> place_of(task_hook_context& c) {
    return std::make_shared<identity_place>(identity_place{.node = c.node,
                                                           .alloc_id = c.alloc->id,
                                                           .alloc_index = c.alloc->create_index,
                                                           .task = c.task.name,
                                                           .user = c.task.user,
                                                           .dir = c.dir,
                                                           .own_root = c.driver.has_own_root(),
                                                           .env = c.env(),
                                                           .identities = c.task.identities,
                                                           .control = c.control});
  }

  static result<> set_default(task_hook_context& c, const identity_place& place) {
    auto found = c.alloc->signed_identities.find(c.task.name);
    // Servers before 1.4 sign nothing.
    if (!c.task.identity || found == c.alloc->signed_identities.end() || found->second.empty()) return {};
    if (c.task.identity->env) c.hook_env["NOMAD_TOKEN"] = found->second;
    if (c.task.identity->file) TRY(write_token(place, *c.task.identity, true, found->second));
    return {};
  }

  static awaitable<result<std::vector<signed_one>>> sign(const identity_place& place) {
    schema::alloc_identities_request request;
    request.region = place.node.options.region;
    request.auth_token = place.node.node()->secret_id;
    request.allow_stale = true;
    request.min_query_index = place.alloc_index > 0 ? place.alloc_index - 1 : 0;
    for (const auto& identity : place.identities) {
      auto& wanted = request.identities.emplace_back();
      wanted.alloc_id = place.alloc_id;
      wanted.identity_name = identity.name;
      wanted.workload_identifier = place.task;
    }
    CO_TRY_ASSIGN(auto answer, co_await rpc::call<schema::alloc_identities_response>(place.node.servers, "Alloc.SignIdentities", std::move(request)));
    if (!answer.rejections.empty())
      co_return fail(errc::unavailable, "the servers do not sign identity \"{}\": {}", answer.rejections.front().identity_name,
                     answer.rejections.front().reason);
    std::vector<signed_one> out;
    for (const auto& identity : place.identities) {
      auto found = std::ranges::find(answer.signed_identities, identity.name, &schema::signed_workload_identity::identity_name);
      if (found == answer.signed_identities.end()) co_return fail(errc::unavailable, "the servers did not sign identity \"{}\"", identity.name);
      out.push_back({identity, found->jwt, found->expiration});
    }
    co_return out;
  }

  // When half of the shortest time is over; nothing: no identity ends.
  static std::optional<duration> renewal_of(const std::vector<signed_one>& tokens) {
    std::optional<duration> out;
    for (const auto& each : tokens) {
      if (each.of.ttl.ns <= 0 || each.expires.is_zero()) continue;
      auto half = std::max((each.expires - wall_now()) / 2, limits::identity_renewal_min);
      out = out ? std::min(*out, half) : half;
    }
    return out;
  }

  // The tokens of before are known where they are in files; the others are at most half used.
  static std::optional<duration> renewal_after_restart(const identity_place& place) {
    std::vector<signed_one> tokens;
    for (const auto& identity : place.identities) {
      auto expires = wall_now() + identity.ttl / 2;
      auto path = host_path(place.env, place.dir, place.task, place.own_root, file_of(identity, false));
      auto text = identity.file && path ? read_file(*path) : result<std::string>(fail(errc::not_found, "no file"));
      auto token = text ? jwt::parse(*text) : result<jwt::token>(fail(errc::not_found, "no token"));
      if (token) expires = jwt::time_claim(token->claims, "exp").value_or(expires);
      tokens.push_back({identity, {}, expires});
    }
    return renewal_of(tokens);
  }

  void start_renewing(task_hook_context& c, std::shared_ptr<identity_place> place, std::optional<duration> first) {
    if (!first || renewing_) return;
    renewing_ = std::make_unique<net::task_scope>(c.node.loop, c.node.logger.named("identity"));
    renewing_->spawn(renew(std::move(place), *first, &c.hook_env));
  }

  // `hook_env` is the task runner's, which outlives its hooks' work.
  static awaitable<void> renew(std::shared_ptr<identity_place> place, duration wait, std::map<std::string, std::string>* hook_env) {
    retry_delay retry;
    for (;;) {
      co_await net::sleep_for(wait);
      auto tokens = co_await sign(*place);
      if (!tokens) {
        place->node.logger.warn("identities could not be renewed; it is tried again",
                                {{"alloc_id", place->alloc_id}, {"task", place->task}, {"error", tokens.error().text()}});
        wait = std::max(retry.next(limits::retry_max), limits::retry_max_least);
        continue;
      }
      retry.succeeded();
      for (const auto& each : *tokens) {
        if (each.of.env) (*hook_env)["NOMAD_TOKEN_" + each.of.name] = each.jwt;
        auto written = each.of.file ? write_token(*place, each.of, false, each.jwt) : result<>();
        if (!written)
          place->node.logger.error("a renewed identity could not be written",
                                   {{"alloc_id", place->alloc_id}, {"task", place->task}, {"error", written.error().text()}});
      }
      wait = renewal_of(*tokens).value_or(limits::retry_max);
      if (co_await announce(*place, *tokens)) co_return;
    }
  }

  // What change_mode says. True: the task is restarted, and a new run renews by itself.
  static awaitable<bool> announce(const identity_place& place, const std::vector<signed_one>& tokens) {
    for (const auto& each : tokens)
      if (each.of.change_mode == "restart" && each.of.ttl.ns > 0) {
        auto done = place.control.restart(fmt::format("Identity[{}]: new token acquired", each.of.name));
        co_return done.has_value();
      }
    for (const auto& each : tokens) {
      if (each.of.change_mode != "signal" || each.of.ttl.ns <= 0) continue;
      auto number = exec::parse_signal(each.of.change_signal);
      auto sent = number ? co_await place.control.signal(*number, fmt::format("Identity[{}]: new Identity token acquired", each.of.name))
                         : result<>(fail(std::move(number).error()));
      if (!sent) place.control.fail(fmt::format("Identity[{}]: failed to send signal: {}", each.of.name, sent.error().text()));
    }
    co_return false;
  }

  std::unique_ptr<net::task_scope> renewing_;
};

}  // namespace

std::unique_ptr<task_hook> make_identity_hook() { return std::make_unique<identity_hook>(); }

}  // namespace drover::client
