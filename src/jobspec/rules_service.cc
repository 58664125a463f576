// Services, their checks and what Consul's service mesh wants to know.
#include "jobspec/rules.h"
#include "schema/service.h"

namespace drover::jobspec {
namespace {

template <class T>
const body_rules& plain(std::span<const attribute_rule> attributes, std::span<const block_rule> blocks = {}) {
  static const body_rules rules{&schema::type_of<T>, attributes, blocks};
  return rules;
}

constexpr attribute_rule check_restart_attributes[] = {{"limit"}, {"grace"}, {"ignore_warnings"}};
const body_rules& check_restart_rules() { return plain<schema::check_restart>(check_restart_attributes); }

constexpr attribute_rule check_attributes[] = {
    {"name"},
    {"type"},
    {"command"},
    {"args"},
    {"path"},
    {"protocol"},
    {"port", "port_label"},
    {"expose"},
    {"address_mode"},
    {"advertise"},
    {"interval"},
    {"timeout"},
    {"initial_status"},
    {"notes"},
    {"tls_server_name"},
    {"tls_skip_verify"},
    {"method"},
    {"grpc_service"},
    {"grpc_use_tls"},
    {"task", "task_name"},
    {"success_before_passing"},
    {"failures_before_critical"},
    {"failures_before_warning"},
    {"body"},
    {"on_update"},
};
constexpr block_rule check_blocks[] = {{"header"}, {"check_restart", {}, &check_restart_rules}};
const body_rules& check_rules() { return plain<schema::service_check>(check_attributes, check_blocks); }

constexpr attribute_rule weights_attributes[] = {{"passing"}, {"warning"}};
const body_rules& weights_rules() { return plain<schema::service_weights>(weights_attributes); }

// Sidecars.
constexpr attribute_rule expose_path_attributes[] = {{"path"}, {"protocol"}, {"local_path_port"}, {"listener_port"}};
const body_rules& expose_path_rules() { return plain<schema::consul_expose_path>(expose_path_attributes); }
constexpr block_rule expose_blocks[] = {{"path", "paths", &expose_path_rules}};
const body_rules& expose_rules() { return plain<schema::consul_expose_config>({}, expose_blocks); }

constexpr attribute_rule mesh_gateway_attributes[] = {{"mode"}};
const body_rules& mesh_gateway_rules() { return plain<schema::consul_mesh_gateway>(mesh_gateway_attributes); }

constexpr attribute_rule upstream_attributes[] = {
    {"destination_name"}, {"destination_namespace"}, {"destination_peer"},       {"destination_partition"},  {"destination_type"}, {"local_bind_port"},
    {"datacenter"},       {"local_bind_address"},    {"local_bind_socket_path"}, {"local_bind_socket_mode"},
};
constexpr block_rule upstream_blocks[] = {{"mesh_gateway", {}, &mesh_gateway_rules}, {"config"}};
const body_rules& upstream_rules() { return plain<schema::consul_upstream>(upstream_attributes, upstream_blocks); }

constexpr attribute_rule transparent_attributes[] = {
    {"uid"},    {"outbound_port"}, {"exclude_inbound_ports"}, {"exclude_outbound_ports"}, {"exclude_outbound_cidrs"}, {"exclude_uids", "exclude_u_ids"},
    {"no_dns"},
};
const body_rules& transparent_rules() { return plain<schema::consul_transparent_proxy>(transparent_attributes); }

constexpr attribute_rule proxy_attributes[] = {{"local_service_address"}, {"local_service_port"}};
constexpr block_rule proxy_blocks[] = {
    {"upstreams", {}, &upstream_rules},
    {"expose", {}, &expose_rules},
    {"transparent_proxy", {}, &transparent_rules},
    {"config"},
};
const body_rules& proxy_rules() { return plain<schema::consul_proxy>(proxy_attributes, proxy_blocks); }

constexpr attribute_rule sidecar_attributes[] = {{"tags"}, {"port"}, {"disable_default_tcp_check"}};
constexpr block_rule sidecar_blocks[] = {{"proxy", {}, &proxy_rules}, {"meta"}};
const body_rules& sidecar_rules() { return plain<schema::consul_sidecar_service>(sidecar_attributes, sidecar_blocks); }

constexpr attribute_rule sidecar_task_attributes[] = {{"name"}, {"driver"}, {"user"}, {"kill_timeout"}, {"shutdown_delay"}, {"kill_signal"}};
constexpr block_rule sidecar_task_blocks[] = {
    {"config"},
    {"env"},
    {"meta"},
    {"resources", {}, &resources_rules},
    {"logs", "log_config", &logs_rules},
    {"volume_mount", "volume_mounts", &volume_mount_rules},
    {"identity", "identities", &identity_rules},
};
const body_rules& sidecar_task_rules() { return plain<schema::sidecar_task>(sidecar_task_attributes, sidecar_task_blocks); }

// Gateways.
constexpr attribute_rule sds_attributes[] = {{"cluster_name"}, {"cert_resource"}};
const body_rules& sds_rules() { return plain<schema::consul_gateway_tlssds_config>(sds_attributes); }
constexpr attribute_rule tls_attributes[] = {{"enabled"}, {"tls_min_version"}, {"tls_max_version"}, {"cipher_suites"}};
constexpr block_rule tls_blocks[] = {{"sds", {}, &sds_rules}};
const body_rules& tls_rules() { return plain<schema::consul_gateway_tls_config>(tls_attributes, tls_blocks); }

constexpr attribute_rule header_attributes[] = {{"remove"}};
constexpr block_rule header_blocks[] = {{"add"}, {"set"}};
const body_rules& header_rules() { return plain<schema::consul_http_header_modifiers>(header_attributes, header_blocks); }

constexpr attribute_rule ingress_service_attributes[] = {{"name"}, {"hosts"}, {"max_connections"}, {"max_pending_requests"}, {"max_concurrent_requests"}};
constexpr block_rule ingress_service_blocks[] = {
    {"tls", {}, &tls_rules},
    {"request_headers", {}, &header_rules},
    {"response_headers", {}, &header_rules},
};
const body_rules& ingress_service_rules() { return plain<schema::consul_ingress_service>(ingress_service_attributes, ingress_service_blocks); }
constexpr attribute_rule listener_attributes[] = {{"port"}, {"protocol"}};
constexpr block_rule listener_blocks[] = {{"service", "services", &ingress_service_rules}};
const body_rules& listener_rules() { return plain<schema::consul_ingress_listener>(listener_attributes, listener_blocks); }
constexpr block_rule ingress_blocks[] = {{"tls", {}, &tls_rules}, {"listener", "listeners", &listener_rules}};
const body_rules& ingress_rules() { return plain<schema::consul_ingress_config_entry>({}, ingress_blocks); }

constexpr attribute_rule linked_attributes[] = {{"name"}, {"ca_file"}, {"cert_file"}, {"key_file"}, {"sni"}};
const body_rules& linked_rules() { return plain<schema::consul_linked_service>(linked_attributes); }
constexpr block_rule terminating_blocks[] = {{"service", "services", &linked_rules}};
const body_rules& terminating_rules() { return plain<schema::consul_terminating_config_entry>({}, terminating_blocks); }
const body_rules& mesh_rules() { return plain<schema::consul_mesh_config_entry>({}); }

constexpr attribute_rule bind_attributes[] = {{"address"}, {"port"}};
const body_rules& bind_rules() { return plain<schema::consul_gateway_bind_address>(bind_attributes); }
constexpr attribute_rule gateway_proxy_attributes[] = {
    {"connect_timeout"}, {"envoy_gateway_bind_tagged_addresses"}, {"envoy_gateway_no_default_bind"}, {"envoy_dns_discovery_type"}};
constexpr block_rule gateway_proxy_blocks[] = {
    {"envoy_gateway_bind_addresses", {}, &bind_rules, label_use::needed, "name"},
    {"config"},
};
const body_rules& gateway_proxy_rules() { return plain<schema::consul_gateway_proxy>(gateway_proxy_attributes, gateway_proxy_blocks); }
constexpr block_rule gateway_blocks[] = {
    {"proxy", {}, &gateway_proxy_rules},
    {"ingress", {}, &ingress_rules},
    {"terminating", {}, &terminating_rules},
    {"mesh", {}, &mesh_rules},
};
const body_rules& gateway_rules() { return plain<schema::consul_gateway>({}, gateway_blocks); }

constexpr attribute_rule connect_attributes[] = {{"native"}};
constexpr block_rule connect_blocks[] = {
    {"sidecar_service", {}, &sidecar_rules},
    {"sidecar_task", {}, &sidecar_task_rules},
    {"gateway", {}, &gateway_rules},
};
const body_rules& connect_rules() { return plain<schema::consul_connect>(connect_attributes, connect_blocks); }

constexpr attribute_rule service_attributes[] = {
    {"name"},         {"tags"},    {"canary_tags"},       {"enable_tag_override"}, {"port", "port_label"},
    {"address_mode"}, {"address"}, {"task", "task_name"}, {"on_update"},           {"provider"},
    {"cluster"},      {"kind"},
};
constexpr block_rule service_blocks[] = {
    {"check", "checks", &check_rules},
    {"check_restart", {}, &check_restart_rules},
    {"connect", {}, &connect_rules},
    {"identity", {}, &identity_rules},
    {"weights", {}, &weights_rules},
    {"meta"},
    {"canary_meta"},
    {"tagged_addresses"},
};

}  // namespace

const body_rules& service_rules() { return plain<schema::service>(service_attributes, service_blocks); }

}  // namespace drover::jobspec
