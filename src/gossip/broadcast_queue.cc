#include "gossip/broadcast_queue.h"

#include <climits>
#include <utility>

namespace drover::gossip {

void broadcast_queue::erase(std::map<key, entry>::iterator it) {
  if (it->second.handle != 0) finished_.push_back(it->second.handle);
  if (!it->second.name.empty()) by_name_.erase(it->second.name);
  entries_.erase(it);
}

void broadcast_queue::add(std::string message, std::string name, uint64_t handle) {
  if (!name.empty())
    if (auto found = by_name_.find(name); found != by_name_.end()) erase(entries_.find(found->second));
  key k{0, -static_cast<int64_t>(message.size()), -++next_id_};
  if (!name.empty()) by_name_[name] = k;
  entries_.emplace(k, entry{std::move(message), std::move(name), handle});
}

void broadcast_queue::take(std::vector<std::string>& into, size_t& room, size_t overhead, int transmits_max) {
  std::vector<std::pair<key, entry>> again;
  for (int transmits = 0; !entries_.empty() && room > overhead;) {
    auto it = entries_.lower_bound({transmits, -static_cast<int64_t>(room - overhead), INT64_MIN});
    if (it == entries_.end()) break;
    if (std::get<0>(it->first) != transmits) {
      transmits = std::get<0>(it->first);
      continue;
    }
    room -= overhead + it->second.message.size();
    into.push_back(it->second.message);
    if (transmits + 1 >= transmits_max) {
      erase(it);
      continue;
    }
    auto node = entries_.extract(it);
    ++std::get<0>(node.key());
    again.emplace_back(node.key(), std::move(node.mapped()));
  }
  for (auto& [k, e] : again) {
    if (!e.name.empty()) by_name_[e.name] = k;
    entries_.emplace(k, std::move(e));
  }
}

void broadcast_queue::prune(size_t size) {
  while (entries_.size() > size) erase(std::prev(entries_.end()));
}

}  // namespace drover::gossip
