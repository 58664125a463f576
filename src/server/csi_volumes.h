// CSI volumes on the servers: which node's controller is asked, and how a claim is taken back.
//
// A claim ends in steps, each stored before the next begins: unmounted by the node's plugin, detached by the controller, free. Every step may
// be repeated, so whoever goes on after a crash or a change of leaders begins where the state says. The leader looks at the claims of
// allocations that have ended or are gone, and at those whose release has begun, and brings them to their end; a step that fails is tried
// again ever more slowly. One release at a time for each volume, one call that changes something at a time for each controller plugin.
//
// Loop thread only. Life: create, set_enabled() as leadership changes, co_await stop(), destroy.
#pragma once

#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "net/event.h"
#include "net/task_scope.h"
#include "net/turns.h"
#include "schema/volume.h"
#include "server/ask_node.h"
#include "server/context.h"

namespace drover::server {

// Nodes whose controller of that plugin is healthy.
std::vector<std::string> controllers_of(const state::snapshot& state, const std::string& plugin_id);
// Has a claim nobody any more who could use it?
bool claim_is_over(const state::snapshot& state, const schema::csi_volume_claim& claim);
// Every claim on the volume with where its release stands.
std::vector<schema::csi_volume_claim> claims_of(const schema::csi_volume& volume);
// Does the plugin attach volumes to nodes?
bool attaches(const schema::csi_plugin& plugin);
// What the storage provider calls the node; empty: its plugin has not said.
std::string external_node_id(const state::snapshot& state, const std::string& node_id, const std::string& plugin_id);

class csi_volumes {
 public:
  explicit csi_volumes(server_context& context);

  void set_enabled(bool enabled);
  // A volume, a plugin or an allocation changed.
  void changed() { changed_.set(); }
  void note_alloc(const schema::allocation* after);

  // Asks a healthy controller of r.plugin_id; one that cannot be reached is passed over. In its turn: others of this plugin wait.
  template <class Request, class Response>
  net::awaitable<result<Response>> ask_controller(std::string method, Request r) {
    auto turn = co_await plugin_turns_.take(r.plugin_id);
    result<Response> answer = fail(errc::unavailable, "no healthy controllers for CSI plugin: {}", r.plugin_id);
    for (auto& node_id : controllers_of(context_.state(), r.plugin_id)) {
      r.controller_node_id = node_id;
      answer = co_await ask_node<Request, Response>(context_, node_id, method, r);
      // What the plugin itself said is its answer.
      if (answer || answer.error().text().find("rpc error: code =") != std::string::npos) break;
    }
    co_return answer;
  }

  // Claims a volume for an allocation and attaches it to the claim's node, if its plugin does that. As often as the node likes.
  net::awaitable<result<schema::csi_volume_claim_response>> claim(schema::csi_volume_claim_request r);
  // Brings a claim to its end. `stands` says what the caller has done of it already.
  net::awaitable<result<>> release(std::string namespace_, std::string volume_id, schema::csi_volume_claim stands);
  net::awaitable<void> stop() { co_await scope_.stop(); }

 private:
  using key = std::tuple<std::string, std::string, std::string>;  // namespace, volume, allocation
  struct attempt {
    bool runs = false;
    net::time_point next;
    duration pause;
  };

  net::awaitable<void> run();
  net::time_point look();
  net::awaitable<void> finish(key which, schema::csi_volume_claim claim);
  net::awaitable<result<>> store_step(const std::string& namespace_, const std::string& volume_id, schema::csi_volume_claim& claim, int64_t state);
  net::awaitable<result<std::map<std::string, std::string>>> publish(ref<schema::csi_volume> volume, schema::csi_volume_claim_request claim);
  net::awaitable<result<>> detach_from_node(ref<schema::csi_volume> volume, schema::csi_volume_claim claim);
  net::awaitable<result<bool>> detach_from_controller(ref<schema::csi_volume> volume, schema::csi_volume_claim claim);

  server_context& context_;
  log::logger logger_{"nomad.csi"};
  bool enabled_ = false;
  std::map<key, attempt> attempts_;
  net::turns volume_turns_, plugin_turns_;
  net::event changed_;
  net::task_scope scope_;
};

}  // namespace drover::server
