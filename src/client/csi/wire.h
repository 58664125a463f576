// What the files of protocol.h share. Loop thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "client/csi/protocol.h"
#include "grpc/protobuf.h"

namespace drover::client::csi {

// One call of a CSI service: "Node/NodeGetInfo".
awaitable<result<std::string>> call(std::shared_ptr<grpc::channel> way, std::string method, grpc::message_writer request, duration timeout);
result<schema::csi_topology> read_topology(std::string_view message);

}  // namespace drover::client::csi
