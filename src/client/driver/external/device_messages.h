// The messages of device plugins, as plain values. Field numbers and meaning: docs/internals/plugins.md. Pure.
#pragma once

#include <string_view>
#include <vector>

#include "base/result.h"
#include "client/devices.h"

namespace drover::client::external {

// FingerprintResponse.
result<std::vector<schema::node_device_resource>> parse_devices(std::string_view message);
// ReserveResponse.
result<device_reservation> parse_reservation(std::string_view message);
// StatsResponse.
result<std::vector<schema::device_group_stats>> parse_device_stats(std::string_view message);

}  // namespace drover::client::external
