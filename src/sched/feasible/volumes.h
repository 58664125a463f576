// Volumes that only the state knows: dynamic host volumes (on one node each, with capabilities) and CSI volumes (with claims). Static host volumes
// are a matter of the node's class (group_checks.h).
//
// A sticky volume binds its group: while a volume that the group has claimed has none of its allocations, the next one goes there. Pure. One
// volume_checks belongs to one scheduling (not thread-safe).
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "sched/proposed.h"
#include "schema/job.h"
#include "schema/volume.h"

namespace drover::state {
class snapshot;
}

namespace drover::sched {

// What a job's volume requests mean in one state. Empty for jobs that ask for none.
struct volume_facts {
  std::map<std::string, ref<schema::host_volume>, std::less<>> host;  // by id: those of the names that the job asks for
  std::map<std::string, ref<schema::csi_volume>, std::less<>> csi;    // by id
  std::vector<ref<schema::task_group_host_volume_claim>> claims;      // of the job: where its sticky groups have their data
  // The CSI volumes that other jobs' allocations may write to, by id; which those are, in words.
  std::map<std::string, std::vector<std::string>, std::less<>> foreign_writers;
  std::map<std::pair<std::string, std::string>, int64_t> claimed;  // CSI volumes in use, by node and plugin
};
volume_facts gather_volumes(const state::snapshot& state, const schema::job& job);

// "data" or "data[3]".
std::string source_of(const schema::volume_request& request, uint64_t number);
bool is_single_writer(const schema::volume_request& request);
// Of the allocation's own group: the sources that it may write to.
std::vector<std::string> written_host_volumes(const schema::allocation& alloc, const schema::job& job);

// Ends the reason why a node is refused for a volume whose only writer is somebody else.
inline constexpr std::string_view no_writer_claims = "has exhausted its available writer claims";

// Under this name a blocked evaluation waits for a CSI volume.
std::string resource_of_csi_volume(std::string_view namespace_, std::string_view id);

class volume_checks {
 public:
  // The references must outlive it.
  volume_checks(const volume_facts& facts, const schema::job& job, const schema::task_group& group, proposed& cluster);

  // Nothing here is asked: the class of a node decides.
  bool empty() const { return requests_.empty(); }
  // The answer depends on the allocation's number, or on what this plan has placed elsewhere.
  bool late() const { return late_; }

  // Null: the node will do. The text lives as long as this object.
  const std::string* refuse(node_view::row row);
  // The same for what late() is about.
  const std::string* refuse_late(node_view::row row, uint64_t number);
  // "data", and if a claim binds a sticky one: where it is. In words.
  std::vector<std::string> asked_host_volumes() const;
  // The CSI volumes for one writer that other jobs hold, and which jobs. In words.
  std::vector<std::string> held_csi_volumes() const;
  // CSI volumes that are not there, or that others write to.
  const std::set<std::string>& missing() const { return missing_; }

 private:
  const std::string* refuse_request(const schema::volume_request& request, const std::string& source, node_view::row row);
  const std::string* refuse_host(const schema::volume_request& request, const std::string& source, node_view::row row);
  const std::string* refuse_csi(const schema::volume_request& request, const std::string& source, node_view::row row);
  const std::string* refuse_plugin(const schema::csi_volume& volume, const schema::node& node);
  bool has_capability(const schema::host_volume& volume, const schema::volume_request& request) const;
  bool written_on(node_view::row row, const std::string& source);
  bool written_by_own(const std::string& source);
  bool keeps_its_volume(node_view::row row, const std::string& source);
  // The volume of a claim whose node has nobody of the group; null: it binds nobody.
  const schema::host_volume* forsaken_by(const schema::task_group_host_volume_claim& claim, std::string_view source) const;
  const std::string* said(std::string text) { return &*texts_.insert(std::move(text)).first; }

  const volume_facts& facts_;
  const schema::job& job_;
  const schema::task_group& group_;
  proposed& cluster_;
  std::vector<const schema::volume_request*> requests_;
  bool late_ = false;
  std::set<std::string> texts_;
  std::set<std::string> missing_;
};

}  // namespace drover::sched
