// Services, checks, Consul blocks and workload identities of a job.
// Plain values; wire names and kinds are in the .cc beside this file. Fields and types follow the public wire (docs/parity.md).
#pragma once

#include "schema/describe.h"
#include "schema/fwd.h"
#include "schema/resources.h"

namespace drover::schema {

struct check_restart {
  int64_t limit = 0;
  duration grace;
  bool ignore_warnings = false;
  DROVER_RECORD(check_restart);
};

struct consul {
  std::string namespace_;
  std::string cluster = "";
  std::string partition;
  DROVER_RECORD(consul);
};

struct consul_gateway_bind_address {
  std::string name;
  std::string address;
  int64_t port = 0;
  DROVER_RECORD(consul_gateway_bind_address);
};

struct consul_gateway_proxy {
  std::optional<duration> connect_timeout;
  bool envoy_gateway_bind_tagged_addresses = false;
  std::map<std::string, schema::consul_gateway_bind_address> envoy_gateway_bind_addresses;
  bool envoy_gateway_no_default_bind = false;
  std::string envoy_dns_discovery_type;
  std::map<std::string, value> config;
  DROVER_RECORD(consul_gateway_proxy);
};

struct consul_gateway_tlssds_config {
  std::string cluster_name;
  std::string cert_resource;
  DROVER_RECORD(consul_gateway_tlssds_config);
};

struct consul_gateway_tls_config {
  bool enabled = false;
  std::string tls_min_version;
  std::string tls_max_version;
  std::vector<std::string> cipher_suites;
  std::optional<schema::consul_gateway_tlssds_config> sds;
  DROVER_RECORD(consul_gateway_tls_config);
};

struct consul_http_header_modifiers {
  std::map<std::string, std::string> add;
  std::map<std::string, std::string> set;
  std::vector<std::string> remove;
  DROVER_RECORD(consul_http_header_modifiers);
};

struct consul_ingress_service {
  std::string name;
  std::vector<std::string> hosts;
  std::optional<schema::consul_gateway_tls_config> tls;
  std::optional<schema::consul_http_header_modifiers> request_headers;
  std::optional<schema::consul_http_header_modifiers> response_headers;
  std::optional<uint64_t> max_connections;
  std::optional<uint64_t> max_pending_requests;
  std::optional<uint64_t> max_concurrent_requests;
  DROVER_RECORD(consul_ingress_service);
};

struct consul_ingress_listener {
  int64_t port = 0;
  std::string protocol;
  std::vector<schema::consul_ingress_service> services;
  DROVER_RECORD(consul_ingress_listener);
};

struct consul_ingress_config_entry {
  std::optional<schema::consul_gateway_tls_config> tls;
  std::vector<schema::consul_ingress_listener> listeners;
  DROVER_RECORD(consul_ingress_config_entry);
};

struct consul_mesh_config_entry {
  DROVER_RECORD(consul_mesh_config_entry);
};

struct consul_linked_service {
  std::string name;
  std::string ca_file;
  std::string cert_file;
  std::string key_file;
  std::string sni;
  DROVER_RECORD(consul_linked_service);
};

struct consul_terminating_config_entry {
  std::vector<schema::consul_linked_service> services;
  DROVER_RECORD(consul_terminating_config_entry);
};

struct consul_gateway {
  std::optional<schema::consul_gateway_proxy> proxy;
  std::optional<schema::consul_ingress_config_entry> ingress;
  std::optional<schema::consul_terminating_config_entry> terminating;
  std::optional<schema::consul_mesh_config_entry> mesh;
  DROVER_RECORD(consul_gateway);
};

struct consul_expose_path {
  std::string path;
  std::string protocol;
  int64_t local_path_port = 0;
  std::string listener_port;
  DROVER_RECORD(consul_expose_path);
};

struct consul_expose_config {
  std::vector<schema::consul_expose_path> paths;
  std::vector<schema::consul_expose_path> path;
  DROVER_RECORD(consul_expose_config);
};

struct consul_transparent_proxy {
  std::string uid;
  uint64_t outbound_port = 0;
  std::vector<std::string> exclude_inbound_ports;
  std::vector<uint64_t> exclude_outbound_ports;
  std::vector<std::string> exclude_outbound_cidrs;
  std::vector<std::string> exclude_u_ids;
  bool no_dns = false;
  DROVER_RECORD(consul_transparent_proxy);
};

struct consul_mesh_gateway {
  std::string mode;
  DROVER_RECORD(consul_mesh_gateway);
};

struct consul_upstream {
  std::string destination_name;
  std::string destination_namespace;
  std::string destination_partition;
  std::string destination_peer;
  std::string destination_type;
  int64_t local_bind_port = 0;
  std::string datacenter;
  std::string local_bind_address;
  std::string local_bind_socket_path;
  std::string local_bind_socket_mode;
  schema::consul_mesh_gateway mesh_gateway;
  std::map<std::string, value> config;
  DROVER_RECORD(consul_upstream);
};

struct consul_proxy {
  std::string local_service_address;
  int64_t local_service_port = 0;
  std::vector<schema::consul_upstream> upstreams;
  std::optional<schema::consul_expose_config> expose;
  std::optional<schema::consul_transparent_proxy> transparent_proxy;
  std::map<std::string, value> config;
  DROVER_RECORD(consul_proxy);
};

struct consul_sidecar_service {
  std::vector<std::string> tags;
  std::string port;
  std::optional<schema::consul_proxy> proxy;
  bool disable_default_tcp_check = false;
  std::map<std::string, std::string> meta;
  DROVER_RECORD(consul_sidecar_service);
};

// ours: where else the lines of a task go.
struct log_sink {
  std::string name;
  std::string type;      // "file": JSON lines beside the task's other logs; "syslog": RFC 5424
  std::string address;   // of syslog: "udp://HOST:PORT" or "tcp://HOST:PORT"
  std::string facility;  // of syslog: "local0" and so on
  DROVER_RECORD(log_sink);
};

struct log_config {
  int64_t max_files = 10;
  int64_t max_file_size_mb = 10;
  bool disabled = false;
  std::optional<bool> enabled;
  std::vector<schema::log_sink> sinks;  // ours
  DROVER_RECORD(log_config);
};

struct volume_mount {
  std::string volume;
  std::string destination;
  bool read_only = false;
  std::string propagation_mode = "private";
  std::string selinux_label;
  DROVER_RECORD(volume_mount);
};

struct workload_identity {
  std::string name;
  std::vector<std::string> audience;
  std::string change_mode;
  std::string change_signal;
  bool env = false;
  bool file = false;
  std::string filepath;
  std::string service_name;
  duration ttl;
  std::vector<std::string> extra_claims;
  DROVER_RECORD(workload_identity);
};

struct sidecar_task {
  std::string name;
  std::string driver;
  std::string user;
  std::map<std::string, value> config;
  std::map<std::string, std::string> env;
  std::optional<schema::resources> resources;
  std::map<std::string, std::string> meta;
  std::optional<duration> kill_timeout;
  std::optional<schema::log_config> log_config;
  std::optional<duration> shutdown_delay;
  std::string kill_signal;
  std::vector<schema::volume_mount> volume_mounts;
  std::vector<schema::workload_identity> identities;
  DROVER_RECORD(sidecar_task);
};

struct consul_connect {
  bool native = false;
  std::optional<schema::consul_sidecar_service> sidecar_service;
  std::optional<schema::sidecar_task> sidecar_task;
  std::optional<schema::consul_gateway> gateway;
  DROVER_RECORD(consul_connect);
};

struct service_check {
  std::string name;
  std::string type;
  std::string command;
  std::vector<std::string> args;
  std::string path;
  std::string protocol;
  std::string port_label;
  bool expose = false;
  std::string address_mode;
  duration interval;
  duration timeout;
  std::string initial_status;
  std::string notes;
  std::string tls_server_name;
  bool tls_skip_verify = false;
  std::string method;
  std::map<std::string, std::vector<std::string>> header;
  std::optional<schema::check_restart> check_restart;
  std::string grpc_service;
  bool grpc_use_tls = false;
  std::string task_name;
  int64_t success_before_passing = 0;
  int64_t failures_before_critical = 0;
  int64_t failures_before_warning = 0;
  std::string body;
  std::string on_update;
  std::string advertise;
  DROVER_RECORD(service_check);
};

struct service_weights {
  int64_t passing = 0;
  int64_t warning = 0;
  DROVER_RECORD(service_weights);
};

struct service {
  std::string name;
  std::string task_name;
  std::string port_label;
  std::string address_mode = "auto";
  std::string address;
  bool enable_tag_override = false;
  std::vector<std::string> tags;
  std::vector<std::string> canary_tags;
  std::vector<schema::service_check> checks;
  std::optional<schema::consul_connect> connect;
  std::map<std::string, std::string> meta;
  std::map<std::string, std::string> canary_meta;
  std::optional<schema::service_weights> weights;
  std::map<std::string, std::string> tagged_addresses;
  std::string namespace_;
  std::string on_update = "require_healthy";
  std::string provider = "consul";
  std::string cluster;
  std::optional<schema::workload_identity> identity;
  std::string kind;
  std::optional<schema::check_restart> check_restart;
  DROVER_RECORD(service);
};

}  // namespace drover::schema
