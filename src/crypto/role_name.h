// The names by which certificates say what their owner is: server.REGION.nomad, client.REGION.nomad, cli.REGION.nomad (shared/spec/wire.md, "TLS
// names"). The checks take every name of a certificate that was verified already. Pure.
//
//   incoming RPC (verify_server_hostname)  a server of any region (federation), or a client of the own region
//   Raft, calls between servers            a server of the own region
//   calls of a node                        a client or a server of the own region
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace drover::crypto {

// "server", "global" -> "server.global.nomad". Only certificates made with `tls cert create -domain` have another last part.
std::string role_name(std::string_view role, std::string_view region, std::string_view domain = "nomad");

bool is_server_of(std::span<const std::string> names, std::string_view region);
bool is_server_of_any_region(std::span<const std::string> names);
// A client agent of that region; a server is not one.
bool is_client_of(std::span<const std::string> names, std::string_view region);
// The one that says most about a peer: of a server, else of a client or command line, else the first. "" without names.
std::string telling_name(std::span<const std::string> names);
// Whether such a peer may open RPC connections to a server of `region`.
bool may_connect(std::span<const std::string> names, std::string_view region);

}  // namespace drover::crypto
