#include "client/driver/external/device_messages.h"

#include "client/driver/external/limits.h"
#include "grpc/protobuf.h"

namespace drover::client::external {

using grpc::message_reader;

namespace {
// One entry of a map of messages: its key, and the bytes of its value.
result<std::pair<std::string, std::string_view>> read_entry(std::string_view entry) {
  std::pair<std::string, std::string_view> out;
  message_reader r(entry);
  while (r.next()) {
    if (r.number() == 1) out.first = r.string();
    if (r.number() == 2) out.second = r.text();
  }
  TRY(r.finish());
  return out;
}

result<schema::device_attribute> parse_attribute(std::string_view message) {
  schema::device_attribute out;
  message_reader r(message);
  while (r.next()) switch (r.number()) {
      case 1: out.float_ = r.real(); break;
      case 2: out.int_ = r.integer(); break;
      case 3: out.string = r.string(); break;
      case 4: out.bool_ = r.flag(); break;
      case 5: out.unit = r.string(); break;
    }
  TRY(r.finish());
  return out;
}

result<schema::node_device> parse_device(std::string_view message) {
  schema::node_device out;
  message_reader r(message);
  while (r.next()) switch (r.number()) {
      case 1: out.id = r.string(); break;
      case 2: out.healthy = r.flag(); break;
      case 3: out.health_description = r.string(); break;
      case 4: {
        message_reader where(r.text());
        while (where.next())
          if (where.number() == 1) out.locality.emplace().pci_bus_id = where.string();
        TRY(where.finish());
        break;
      }
    }
  TRY(r.finish());
  if (out.id.empty()) return fail(errc::invalid, "a device has no id");
  return out;
}

result<schema::node_device_resource> parse_group(std::string_view message) {
  schema::node_device_resource out;
  message_reader r(message);
  while (r.next()) switch (r.number()) {
      case 1: out.vendor = r.string(); break;
      case 2: out.type = r.string(); break;
      case 3: out.name = r.string(); break;
      case 4: {
        TRY_ASSIGN(auto device, parse_device(r.text()));
        out.instances.push_back(std::move(device));
        break;
      }
      case 5: {
        TRY_ASSIGN(auto entry, read_entry(r.text()));
        TRY_ASSIGN(out.attributes[entry.first], parse_attribute(entry.second));
        break;
      }
    }
  TRY(r.finish());
  if (out.vendor.empty() || out.type.empty() || out.name.empty())
    return fail(errc::invalid, "a group of devices must have a vendor, a type and a name, not \"{}/{}/{}\"", out.vendor, out.type, out.name);
  if (out.instances.size() > limits::devices_max)
    return fail(errc::too_large, "a group of {} devices; at most {} are taken", out.instances.size(), limits::devices_max);
  return out;
}

// DoubleValue, Int64Value, StringValue, BoolValue: what they hold is in field 1; one that is left out is the empty one.
template <class T, class Read>
result<T> unwrap(std::string_view message, Read read) {
  T out{};
  message_reader r(message);
  while (r.next())
    if (r.number() == 1) out = read(r);
  TRY(r.finish());
  return out;
}

result<schema::stat_value> parse_value(std::string_view message) {
  auto real = [](message_reader& r) { return r.real(); };
  auto integer = [](message_reader& r) { return r.integer(); };
  schema::stat_value out;
  message_reader r(message);
  while (r.next()) switch (r.number()) {
      case 1: {
        TRY_ASSIGN(out.float_numerator_val, unwrap<double>(r.text(), real));
        break;
      }
      case 2: {
        TRY_ASSIGN(out.float_denominator_val, unwrap<double>(r.text(), real));
        break;
      }
      case 3: {
        TRY_ASSIGN(out.int_numerator_val, unwrap<int64_t>(r.text(), integer));
        break;
      }
      case 4: {
        TRY_ASSIGN(out.int_denominator_val, unwrap<int64_t>(r.text(), integer));
        break;
      }
      case 5: {
        TRY_ASSIGN(out.string_val, unwrap<std::string>(r.text(), [](message_reader& in) { return in.string(); }));
        break;
      }
      case 6: {
        TRY_ASSIGN(out.bool_val, unwrap<bool>(r.text(), [](message_reader& in) { return in.flag(); }));
        break;
      }
      case 7: out.unit = r.string(); break;
      case 8: out.desc = r.string(); break;
    }
  TRY(r.finish());
  return out;
}

result<schema::stat_object> parse_object(std::string_view message, int depth) {
  if (depth > limits::stats_depth_max) return fail(errc::too_large, "figures in more than {} levels", limits::stats_depth_max);
  schema::stat_object out;
  message_reader r(message);
  while (r.next()) {
    if (r.number() != 1 && r.number() != 2) continue;
    TRY_ASSIGN(auto entry, read_entry(r.text()));
    if (r.number() == 1) {
      TRY_ASSIGN(out.nested[entry.first], parse_object(entry.second, depth + 1));
    } else {
      TRY_ASSIGN(out.attributes[entry.first], parse_value(entry.second));
    }
  }
  TRY(r.finish());
  return out;
}

result<schema::device_stats> parse_one(std::string_view message) {
  schema::device_stats out;
  message_reader r(message);
  while (r.next()) switch (r.number()) {
      case 1: {
        TRY_ASSIGN(out.summary, parse_value(r.text()));
        break;
      }
      case 2: {
        TRY_ASSIGN(out.stats, parse_object(r.text(), 0));
        break;
      }
      case 3: {
        TRY_ASSIGN(auto ns, grpc::nanoseconds_of(r.text()));
        out.timestamp = timestamp(ns);
        break;
      }
    }
  TRY(r.finish());
  return out;
}

result<schema::device_group_stats> parse_group_stats(std::string_view message) {
  schema::device_group_stats out;
  message_reader r(message);
  while (r.next()) switch (r.number()) {
      case 1: out.vendor = r.string(); break;
      case 2: out.type = r.string(); break;
      case 3: out.name = r.string(); break;
      case 4: {
        TRY_ASSIGN(auto entry, read_entry(r.text()));
        TRY_ASSIGN(out.instance_stats[entry.first], parse_one(entry.second));
        break;
      }
    }
  TRY(r.finish());
  return out;
}

result<task_mount> parse_mount(std::string_view message) {
  task_mount out;
  message_reader r(message);
  while (r.next()) switch (r.number()) {
      case 1: out.task_path = r.string(); break;
      case 2: out.host_path = r.string(); break;
      case 3: out.read_only = r.flag(); break;
    }
  TRY(r.finish());
  return out;
}

result<task_device> parse_file(std::string_view message) {
  task_device out;
  message_reader r(message);
  while (r.next()) switch (r.number()) {
      case 1: out.task_path = r.string(); break;
      case 2: out.host_path = r.string(); break;
      case 3: out.permissions = r.string(); break;
    }
  TRY(r.finish());
  return out;
}

result<> check_paths(const std::string& host, const std::string& inside) {
  if (host.starts_with('/') && inside.starts_with('/')) return {};
  return fail(errc::invalid, "the device plugin gives \"{}\" as \"{}\": both must be absolute paths", host, inside);
}
}  // namespace

result<std::vector<schema::node_device_resource>> parse_devices(std::string_view message) {
  std::vector<schema::node_device_resource> out;
  message_reader r(message);
  while (r.next()) {
    if (r.number() != 1) continue;
    if (out.size() >= limits::device_groups_max) return fail(errc::too_large, "more than {} groups of devices", limits::device_groups_max);
    TRY_ASSIGN(auto group, parse_group(r.text()));
    out.push_back(std::move(group));
  }
  TRY(r.finish());
  return out;
}

result<device_reservation> parse_reservation(std::string_view message) {
  device_reservation out;
  message_reader outer(message);
  while (outer.next()) {
    if (outer.number() != 1) continue;
    message_reader r(outer.text());
    while (r.next()) switch (r.number()) {
        case 1: r.entry(out.env); break;
        case 2: {
          TRY_ASSIGN(auto mount, parse_mount(r.text()));
          TRY(check_paths(mount.host_path, mount.task_path));
          out.mounts.push_back(std::move(mount));
          break;
        }
        case 3: {
          TRY_ASSIGN(auto file, parse_file(r.text()));
          TRY(check_paths(file.host_path, file.task_path));
          out.devices.push_back(std::move(file));
          break;
        }
      }
    TRY(r.finish());
  }
  TRY(outer.finish());
  return out;
}

result<std::vector<schema::device_group_stats>> parse_device_stats(std::string_view message) {
  std::vector<schema::device_group_stats> out;
  message_reader r(message);
  while (r.next()) {
    if (r.number() != 1) continue;
    TRY_ASSIGN(auto group, parse_group_stats(r.text()));
    out.push_back(std::move(group));
  }
  TRY(r.finish());
  return out;
}

}  // namespace drover::client::external
