#include "client/server_list.h"

#include <algorithm>
#include <set>

#include "base/text.h"
#include "client/limits.h"
#include "net/stream.h"

namespace drover::client {

namespace {
constexpr uint16_t default_port = 4647;
}

result<std::string> parse_server_address(std::string_view text) {
  auto address = trim(text);
  if (address.empty()) return fail(errc::invalid, "the address of a server is empty: write host or host:port");
  if (address.starts_with("provider="))
    return fail(errc::unsupported, "server address \"{}\": asking a cloud for servers is not supported; write a host name or address", address);
  if (address.find("{{") != address.npos || address.find_first_of(" \t/") != address.npos)
    return fail(errc::invalid, "\"{}\" is no server address: write host or host:port", address);
  std::string complete(address);
  auto first = address.find(':'), last = address.rfind(':');
  bool bare_v6 = address[0] != '[' && first != last && address.find_first_not_of("0123456789abcdefABCDEF:.%") == address.npos;
  if (bare_v6) complete = fmt::format("[{}]:{}", address, default_port);
  else if (address.ends_with(']') || first == address.npos) complete = fmt::format("{}:{}", address, default_port);
  TRY_ASSIGN(auto where, net::parse_endpoint(complete));
  if (where.host.empty() || where.port == 0) return fail(errc::invalid, "server address \"{}\" lacks a host or a port: write host:port", address);
  return net::to_string(where);
}

result<std::vector<std::string>> parse_server_addresses(const std::vector<std::string>& texts) {
  std::vector<std::string> out;
  for (auto& text : texts) {
    TRY_ASSIGN(auto address, parse_server_address(text));
    if (std::find(out.begin(), out.end(), address) == out.end()) out.push_back(std::move(address));
  }
  return out;
}

server_list::entry* server_list::find(const std::string& address) {
  auto it = std::find_if(entries_.begin(), entries_.end(), [&](auto& e) { return e.address == address; });
  return it == entries_.end() ? nullptr : &*it;
}

int server_list::rank(const entry& e) const {
  if (!e.learned) return 2;
  return e.datacenter == datacenter_ || e.datacenter.empty() ? 0 : 1;
}

void server_list::shuffle(std::vector<entry>& entries, env::random& random) {
  for (size_t left = entries.size(); left > 1; --left) std::swap(entries[left - 1], entries[random.below(left)]);
}

void server_list::set_seeds(const std::vector<std::string>& addresses) {
  for (auto& e : entries_) e.seed = false;
  for (auto& address : addresses) {
    if (auto* e = find(address)) e->seed = true;
    else entries_.push_back({.address = address, .datacenter = {}, .seed = true});
  }
  std::erase_if(entries_, [](auto& e) { return !e.seed && !e.learned; });
}

bool server_list::learn(const std::vector<schema::node_server_info>& servers, env::random& random) {
  std::set<std::string> said;
  std::vector<entry> fresh;
  bool different = false;
  for (auto& server : servers) {
    if (said.size() >= limits::servers_max) break;
    auto address = parse_server_address(server.rpc_advertise_addr);
    if (!address || !said.insert(*address).second) continue;
    auto* e = find(*address);
    if (!e) {
      fresh.push_back({.address = *address, .datacenter = server.datacenter, .learned = true});
      continue;
    }
    different |= !e->learned || e->datacenter != server.datacenter;
    e->learned = true;
    e->datacenter = server.datacenter;
  }
  // Nothing usable in it: no knowledge.
  if (said.empty()) return false;
  for (auto& e : entries_)
    if (e.learned && !said.contains(e.address)) {
      e.learned = false;
      different = true;
    }
  std::erase_if(entries_, [](auto& e) { return !e.seed && !e.learned; });
  different |= !fresh.empty();
  shuffle(fresh, random);
  for (auto& e : fresh) entries_.insert(entries_.begin() + static_cast<std::ptrdiff_t>(random.below(entries_.size() + 1)), std::move(e));
  return different;
}

void server_list::replace(const std::vector<std::string>& addresses, env::random& random) {
  entries_.clear();
  for (auto& address : addresses) entries_.push_back({.address = address, .datacenter = {}, .learned = true, .seed = true});
  shuffle(entries_, random);
}

std::vector<std::string> server_list::sorted(const std::vector<entry>& entries, bool by_failures) const {
  std::vector<const entry*> places;
  for (auto& e : entries) places.push_back(&e);
  std::sort(places.begin(), places.end(), [&](auto* a, auto* b) {
    if (by_failures && a->failed != b->failed) return a->failed < b->failed;
    if (rank(*a) != rank(*b)) return rank(*a) < rank(*b);
    return a < b;  // their places in the vector
  });
  std::vector<std::string> out;
  for (auto* e : places) out.push_back(e->address);
  return out;
}

std::vector<std::string> server_list::order() const { return sorted(entries_, true); }

void server_list::failed(const std::string& address) {
  if (auto* e = find(address)) e->failed = ++failures_;
}

void server_list::worked(const std::string& address) {
  if (auto* e = find(address)) e->failed = 0;
}

std::vector<std::string> server_list::candidates(env::random& random) const {
  auto mixed = entries_;
  shuffle(mixed, random);
  return sorted(mixed, false);
}

void server_list::prefer(const std::string& address) {
  auto it = std::find_if(entries_.begin(), entries_.end(), [&](auto& e) { return e.address == address; });
  if (it == entries_.end()) return;
  it->failed = 0;
  std::rotate(entries_.begin(), it, it + 1);
}

std::vector<schema::node_server_info> server_list::learned() const {
  std::vector<schema::node_server_info> out;
  for (auto& e : entries_)
    if (e.learned) out.push_back({.rpc_advertise_addr = e.address, .rpc_major_version = 1, .rpc_minor_version = 1, .datacenter = e.datacenter});
  return out;
}

std::vector<std::string> server_list::shown() const {
  std::vector<std::string> out;
  bool any = std::any_of(entries_.begin(), entries_.end(), [](auto& e) { return e.learned; });
  for (auto& e : entries_)
    if (e.learned || !any) out.push_back(e.address);
  std::sort(out.begin(), out.end());
  return out;
}

duration rebalance_interval(int64_t nodes, env::random& random) {
  auto shortest = std::max(limits::rebalance_interval_min, seconds(nodes / limits::rebalances_per_second));
  return shortest + duration(static_cast<int64_t>(random.below(static_cast<uint64_t>(shortest.ns / 2))));
}

}  // namespace drover::client
