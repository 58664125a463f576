#include "gossip/protocol.h"

#include "schema/describe_macros.h"

namespace drover::gossip {
using namespace schema;
namespace detail = schema::detail;

#define SELF ping_message
DESCRIBE(ping_message, "ping", BASES(), FIELD_AS(sequence, "SeqNo"), FIELD_AS(node, "Node"), FIELD_AS(source_address, "SourceAddr"),
         FIELD_AS(source_port, "SourcePort"), FIELD_AS(source_node, "SourceNode"))
#undef SELF

#define SELF indirect_ping_message
DESCRIBE(indirect_ping_message, "indirect ping", BASES(), FIELD_AS(sequence, "SeqNo"), FIELD_AS(target, "Target"), FIELD_AS(port, "Port"),
         FIELD_AS(node, "Node"), FIELD_AS(nack, "Nack"), FIELD_AS(source_address, "SourceAddr"), FIELD_AS(source_port, "SourcePort"),
         FIELD_AS(source_node, "SourceNode"))
#undef SELF

#define SELF ack_message
DESCRIBE(ack_message, "ack", BASES(), FIELD_AS(sequence, "SeqNo"), FIELD_AS(payload, "Payload"))
#undef SELF

#define SELF nack_message
DESCRIBE(nack_message, "nack", BASES(), FIELD_AS(sequence, "SeqNo"))
#undef SELF

#define SELF error_message
DESCRIBE(error_message, "error", BASES(), FIELD_AS(text, "Error"))
#undef SELF

#define SELF accusation
DESCRIBE(accusation, "suspect or dead", BASES(), FIELD_AS(incarnation, "Incarnation"), FIELD_AS(node, "Node"), FIELD_AS(from, "From"))
#undef SELF

#define SELF alive_message
DESCRIBE(alive_message, "alive", BASES(), FIELD_AS(incarnation, "Incarnation"), FIELD_AS(node, "Node"), FIELD_AS(address, "Addr"), FIELD_AS(port, "Port"),
         FIELD_AS(meta, "Meta"), FIELD_AS(versions, "Vsn"))
#undef SELF

#define SELF push_pull_header
DESCRIBE(push_pull_header, "push/pull header", BASES(), FIELD_AS(nodes, "Nodes"), FIELD_AS(user_state_bytes, "UserStateLen"), FIELD_AS(join, "Join"))
#undef SELF

#define SELF node_state_message
DESCRIBE(node_state_message, "node state", BASES(), FIELD_AS(name, "Name"), FIELD_AS(address, "Addr"), FIELD_AS(port, "Port"), FIELD_AS(meta, "Meta"),
         FIELD_AS(incarnation, "Incarnation"), FIELD_AS(state, "State"), FIELD_AS(versions, "Vsn"))
#undef SELF

#define SELF user_header
DESCRIBE(user_header, "user message header", BASES(), FIELD_AS(bytes, "UserMsgLen"))
#undef SELF

#define SELF compressed_message
DESCRIBE(compressed_message, "compressed message", BASES(), FIELD_AS(algorithm, "Algo"), FIELD_AS(data, "Buf"))
#undef SELF

#define SELF join_message
DESCRIBE(join_message, "join intent", BASES(), FIELD_AS(time, "LTime"), FIELD_AS(node, "Node"))
#undef SELF

#define SELF leave_message
DESCRIBE(leave_message, "leave intent", BASES(), FIELD_AS(time, "LTime"), FIELD_AS(node, "Node"), FIELD_AS(prune, "Prune"))
#undef SELF

#define SELF serf_state_message
DESCRIBE(serf_state_message, "Serf state", BASES(), FIELD_AS(time, "LTime"), FIELD_AS(status_times, "StatusLTimes"), FIELD_AS(left_members, "LeftMembers"),
         FIELD_AS(event_time, "EventLTime"), FIELD_AS(query_time, "QueryLTime"))
#undef SELF

#define SELF user_event_message
DESCRIBE(user_event_message, "user event", BASES(), FIELD_AS(time, "LTime"), FIELD_AS(name, "Name"), FIELD_AS(payload, "Payload"), FIELD_AS(coalesce, "CC"))
#undef SELF

#define SELF query_message
DESCRIBE(query_message, "query", BASES(), FIELD_AS(time, "LTime"), FIELD_AS(id, "ID"), FIELD_AS(address, "Addr"), FIELD_AS(port, "Port"),
         FIELD_AS(source_node, "SourceNode"), FIELD_AS(filters, "Filters"), FIELD_AS(flags, "Flags"), FIELD_AS(relay_factor, "RelayFactor"),
         FIELD_AS(timeout, "Timeout"), FIELD_AS(name, "Name"), FIELD_AS(payload, "Payload"))
#undef SELF

#define SELF query_response_message
DESCRIBE(query_response_message, "query response", BASES(), FIELD_AS(time, "LTime"), FIELD_AS(id, "ID"), FIELD_AS(from, "From"), FIELD_AS(flags, "Flags"),
         FIELD_AS(payload, "Payload"))
#undef SELF

#define SELF relay_address
DESCRIBE(relay_address, "relay address", BASES(), FIELD_AS(ip, "IP"), FIELD_AS(port, "Port"), FIELD_AS(zone, "Zone"))
#undef SELF

#define SELF relay_header
DESCRIBE(relay_header, "relay header", BASES(), FIELD_AS(address, "DestAddr"), FIELD_AS(name, "DestName"))
#undef SELF

#define SELF tag_filter
DESCRIBE(tag_filter, "tag filter", BASES(), FIELD_AS(tag, "Tag"), FIELD_AS(expression, "Expr"))
#undef SELF

#define SELF key_request
DESCRIBE(key_request, "key request", BASES(), FIELD_AS(key, "Key"))
#undef SELF

#define SELF node_key_response
DESCRIBE(node_key_response, "key response", BASES(), FIELD_AS(ok, "Result"), FIELD_AS(message, "Message"), FIELD_AS(keys, "Keys"),
         FIELD_AS(primary_key, "PrimaryKey"))
#undef SELF

namespace {
constexpr char tag_magic = '\xff';
}

bytes encode_tags(const tag_map& tags) {
  bytes out(std::string(1, tag_magic));
  if (tags.empty()) out.data += '\x80';
  else codec::append_msgpack(out.data, schema::view(tags));
  return out;
}

tag_map decode_tags(std::string_view meta) {
  if (meta.empty()) return {};
  if (meta[0] != tag_magic) return {{"role", std::string(meta)}};
  return codec::from_msgpack<tag_map>(meta.substr(1)).value_or(tag_map());
}

}  // namespace drover::gossip
