#include "schema/service.h"

#include "schema/describe_macros.h"

namespace drover::schema {

#define SELF check_restart
DESCRIBE(check_restart, "CheckRestart", BASES(), FIELD(limit), FIELD(grace), FIELD(ignore_warnings))
#undef SELF

#define SELF consul
DESCRIBE(consul, "Consul", BASES(), FIELD(namespace_), FIELD(cluster), FIELD(partition))
#undef SELF

#define SELF consul_gateway_bind_address
DESCRIBE(consul_gateway_bind_address, "ConsulGatewayBindAddress", BASES(), FIELD(name), FIELD(address), FIELD(port))
#undef SELF

#define SELF consul_gateway_proxy
DESCRIBE(consul_gateway_proxy, "ConsulGatewayProxy", BASES(), FIELD(connect_timeout), FIELD(envoy_gateway_bind_tagged_addresses),
         FIELD(envoy_gateway_bind_addresses), FIELD(envoy_gateway_no_default_bind), FIELD(envoy_dns_discovery_type), FIELD(config))
#undef SELF

#define SELF consul_gateway_tlssds_config
DESCRIBE(consul_gateway_tlssds_config, "ConsulGatewayTLSSDSConfig", BASES(), FIELD(cluster_name), FIELD(cert_resource))
#undef SELF

#define SELF consul_gateway_tls_config
DESCRIBE(consul_gateway_tls_config, "ConsulGatewayTLSConfig", BASES(), FIELD(enabled), FIELD(tls_min_version), FIELD(tls_max_version), FIELD(cipher_suites),
         FIELD_AS(sds, "SDS"))
#undef SELF

#define SELF consul_http_header_modifiers
DESCRIBE(consul_http_header_modifiers, "ConsulHTTPHeaderModifiers", BASES(), FIELD(add), FIELD(set), FIELD(remove))
#undef SELF

#define SELF consul_ingress_service
DESCRIBE(consul_ingress_service, "ConsulIngressService", BASES(), FIELD(name), FIELD(hosts), FIELD(tls), FIELD(request_headers), FIELD(response_headers),
         FIELD(max_connections), FIELD(max_pending_requests), FIELD(max_concurrent_requests))
#undef SELF

#define SELF consul_ingress_listener
DESCRIBE(consul_ingress_listener, "ConsulIngressListener", BASES(), FIELD(port), FIELD(protocol), FIELD(services))
#undef SELF

#define SELF consul_ingress_config_entry
DESCRIBE(consul_ingress_config_entry, "ConsulIngressConfigEntry", BASES(), FIELD(tls), FIELD(listeners))
#undef SELF

#define SELF consul_mesh_config_entry
DESCRIBE_EMPTY(consul_mesh_config_entry, "ConsulMeshConfigEntry", BASES())
#undef SELF

#define SELF consul_linked_service
DESCRIBE(consul_linked_service, "ConsulLinkedService", BASES(), FIELD(name), FIELD_AS(ca_file, "CAFile"), FIELD(cert_file), FIELD(key_file),
         FIELD_AS(sni, "SNI"))
#undef SELF

#define SELF consul_terminating_config_entry
DESCRIBE(consul_terminating_config_entry, "ConsulTerminatingConfigEntry", BASES(), FIELD(services))
#undef SELF

#define SELF consul_gateway
DESCRIBE(consul_gateway, "ConsulGateway", BASES(), FIELD(proxy), FIELD(ingress), FIELD(terminating), FIELD(mesh))
#undef SELF

#define SELF consul_expose_path
DESCRIBE(consul_expose_path, "ConsulExposePath", BASES(), FIELD(path), FIELD(protocol), FIELD(local_path_port), FIELD(listener_port))
#undef SELF

#define SELF consul_expose_config
DESCRIBE(consul_expose_config, "ConsulExposeConfig", BASES(), FIELD(paths), FIELD(path))
#undef SELF

#define SELF consul_transparent_proxy
DESCRIBE(consul_transparent_proxy, "ConsulTransparentProxy", BASES(), FIELD_AS(uid, "UID"), FIELD(outbound_port), FIELD(exclude_inbound_ports),
         FIELD(exclude_outbound_ports), FIELD_AS(exclude_outbound_cidrs, "ExcludeOutboundCIDRs"), FIELD(exclude_u_ids), FIELD(no_dns))
#undef SELF

#define SELF consul_mesh_gateway
DESCRIBE(consul_mesh_gateway, "ConsulMeshGateway", BASES(), FIELD(mode))
#undef SELF

#define SELF consul_upstream
DESCRIBE(consul_upstream, "ConsulUpstream", BASES(), FIELD(destination_name), FIELD(destination_namespace), FIELD(destination_partition),
         FIELD(destination_peer), FIELD(destination_type), FIELD(local_bind_port), FIELD(datacenter), FIELD(local_bind_address), FIELD(local_bind_socket_path),
         FIELD(local_bind_socket_mode), FIELD(mesh_gateway), FIELD(config))
#undef SELF

#define SELF consul_proxy
DESCRIBE(consul_proxy, "ConsulProxy", BASES(), FIELD(local_service_address), FIELD(local_service_port), FIELD(upstreams), FIELD(expose),
         FIELD(transparent_proxy), FIELD(config))
#undef SELF

#define SELF consul_sidecar_service
DESCRIBE(consul_sidecar_service, "ConsulSidecarService", BASES(), FIELD(tags), FIELD(port), FIELD(proxy),
         FIELD_AS(disable_default_tcp_check, "DisableDefaultTCPCheck"), FIELD(meta))
#undef SELF

#define SELF log_sink
DESCRIBE(log_sink, "LogSink", BASES(), FIELD(name), FIELD(type), FIELD(address), FIELD(facility))
#undef SELF

#define SELF log_config
DESCRIBE(log_config, "LogConfig", BASES(), FIELD(max_files), FIELD(max_file_size_mb), FIELD(disabled), FIELD_FLAGS(enabled, json_omit_empty | json_only),
         FIELD_FLAGS(sinks, ours))
#undef SELF

#define SELF volume_mount
DESCRIBE(volume_mount, "VolumeMount", BASES(), FIELD(volume), FIELD(destination), FIELD(read_only), FIELD(propagation_mode),
         FIELD_AS(selinux_label, "SELinuxLabel"))
#undef SELF

#define SELF workload_identity
DESCRIBE(workload_identity, "WorkloadIdentity", BASES(), FIELD(name), FIELD(audience), FIELD(change_mode), FIELD(change_signal), FIELD(env), FIELD(file),
         FIELD(filepath), FIELD(service_name), FIELD(ttl), FIELD(extra_claims))
#undef SELF

#define SELF sidecar_task
DESCRIBE(sidecar_task, "SidecarTask", BASES(), FIELD(name), FIELD(driver), FIELD(user), FIELD(config), FIELD(env), FIELD(resources), FIELD(meta),
         FIELD(kill_timeout), FIELD(log_config), FIELD(shutdown_delay), FIELD(kill_signal), FIELD(volume_mounts), FIELD(identities))
#undef SELF

#define SELF consul_connect
DESCRIBE(consul_connect, "ConsulConnect", BASES(), FIELD(native), FIELD(sidecar_service), FIELD(sidecar_task), FIELD(gateway))
#undef SELF

#define SELF service_check
DESCRIBE(service_check, "ServiceCheck", BASES(), FIELD(name), FIELD(type), FIELD(command), FIELD(args), FIELD(path), FIELD(protocol), FIELD(port_label),
         FIELD(expose), FIELD(address_mode), FIELD(interval), FIELD(timeout), FIELD(initial_status), FIELD(notes), FIELD(tls_server_name),
         FIELD(tls_skip_verify), FIELD(method), FIELD(header), FIELD(check_restart), FIELD(grpc_service), FIELD(grpc_use_tls), FIELD(task_name),
         FIELD(success_before_passing), FIELD(failures_before_critical), FIELD(failures_before_warning), FIELD(body), FIELD(on_update),
         FIELD_FLAGS(advertise, json_omit_empty | json_only))
#undef SELF

#define SELF service_weights
DESCRIBE(service_weights, "ServiceWeights", BASES(), FIELD(passing), FIELD(warning))
#undef SELF

#define SELF service
DESCRIBE(service, "Service", BASES(), FIELD(name), FIELD(task_name), FIELD(port_label), FIELD(address_mode), FIELD(address), FIELD(enable_tag_override),
         FIELD(tags), FIELD(canary_tags), FIELD(checks), FIELD(connect), FIELD(meta), FIELD(canary_meta), FIELD(weights), FIELD(tagged_addresses),
         FIELD(namespace_), FIELD(on_update), FIELD(provider), FIELD(cluster), FIELD(identity), FIELD(kind),
         FIELD_FLAGS(check_restart, json_omit_empty | json_only))
#undef SELF

}  // namespace drover::schema
