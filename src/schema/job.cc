#include "schema/job.h"

#include "schema/describe_macros.h"

namespace drover::schema {

#define SELF action
DESCRIBE(action, "Action", BASES(), FIELD(name), FIELD(command), FIELD(args))
#undef SELF

#define SELF csi_mount_options
DESCRIBE(csi_mount_options, "CSIMountOptions", BASES(), FIELD_AS(fs_type, "FSType"), FIELD(mount_flags))
#undef SELF

#define SELF change_script
DESCRIBE(change_script, "ChangeScript", BASES(), FIELD(command), FIELD(args), FIELD(timeout), FIELD(fail_on_error), FIELD(run_on_first_render))
#undef SELF

#define SELF disconnect_strategy
DESCRIBE(disconnect_strategy, "DisconnectStrategy", BASES(), FIELD(lost_after), FIELD(stop_on_client_after), FIELD(replace), FIELD(reconcile))
#undef SELF

#define SELF dispatch_payload_config
DESCRIBE(dispatch_payload_config, "DispatchPayloadConfig", BASES(), FIELD(file))
#undef SELF

#define SELF ephemeral_disk
DESCRIBE(ephemeral_disk, "EphemeralDisk", BASES(), FIELD(sticky), FIELD(size_mb), FIELD(migrate))
#undef SELF

#define SELF job_ui_link
DESCRIBE(job_ui_link, "JobUILink", BASES(), FIELD(label), FIELD(url))
#undef SELF

#define SELF job_ui_config
DESCRIBE(job_ui_config, "JobUIConfig", BASES(), FIELD(description), FIELD(links))
#undef SELF

#define SELF job_version_tag
DESCRIBE(job_version_tag, "JobVersionTag", BASES(), FIELD(name), FIELD(description), FIELD(tagged_time))
#undef SELF

#define SELF migrate_strategy
DESCRIBE(migrate_strategy, "MigrateStrategy", BASES(), FIELD(max_parallel), FIELD(health_check), FIELD(min_healthy_time), FIELD(healthy_deadline))
#undef SELF

#define SELF multiregion_region
DESCRIBE(multiregion_region, "MultiregionRegion", BASES(), FIELD(name), FIELD(count), FIELD(datacenters), FIELD(node_pool), FIELD(meta))
#undef SELF

#define SELF multiregion_strategy
DESCRIBE(multiregion_strategy, "MultiregionStrategy", BASES(), FIELD(max_parallel), FIELD(on_failure))
#undef SELF

#define SELF multiregion
DESCRIBE(multiregion, "Multiregion", BASES(), FIELD(strategy), FIELD(regions))
#undef SELF

#define SELF parameterized_job_config
DESCRIBE(parameterized_job_config, "ParameterizedJobConfig", BASES(), FIELD(payload), FIELD(meta_required), FIELD(meta_optional),
         FIELD_FLAGS(max_parallel, ours))
#undef SELF

#define SELF periodic_config
DESCRIBE(periodic_config, "PeriodicConfig", BASES(), FIELD(enabled), FIELD(spec), FIELD(specs), FIELD(spec_type), FIELD(prohibit_overlap), FIELD(time_zone))
#undef SELF

#define SELF reschedule_policy
DESCRIBE(reschedule_policy, "ReschedulePolicy", BASES(), FIELD(attempts), FIELD(interval), FIELD(delay), FIELD(delay_function), FIELD(max_delay),
         FIELD(unlimited))
#undef SELF

#define SELF spread_target
DESCRIBE(spread_target, "SpreadTarget", BASES(), FIELD(value), FIELD(percent))
#undef SELF

#define SELF spread
DESCRIBE(spread, "Spread", BASES(), FIELD(attribute), FIELD(weight), FIELD(spread_target))
#undef SELF

#define SELF restart_policy
DESCRIBE(restart_policy, "RestartPolicy", BASES(), FIELD(attempts), FIELD(interval), FIELD(delay), FIELD(mode), FIELD(render_templates))
#undef SELF

#define SELF scaling_policy
DESCRIBE(scaling_policy, "ScalingPolicy", BASES(), FIELD(id), FIELD(type), FIELD(target), FIELD(policy), FIELD(min), FIELD(max), FIELD(enabled),
         FIELD(create_index), FIELD(modify_index), FIELD(namespace_))
#undef SELF

#define SELF secret
DESCRIBE(secret, "Secret", BASES(), FIELD(name), FIELD(provider), FIELD(path), FIELD(config), FIELD(env))
#undef SELF

#define SELF task_artifact
DESCRIBE(task_artifact, "TaskArtifact", BASES(), FIELD(getter_source), FIELD(getter_options), FIELD(getter_headers), FIELD(getter_mode), FIELD(getter_insecure),
         FIELD(relative_dest), FIELD(chown))
#undef SELF

#define SELF task_csi_plugin_config
DESCRIBE(task_csi_plugin_config, "TaskCSIPluginConfig", BASES(), FIELD(id), FIELD(type), FIELD(mount_dir), FIELD(stage_publish_base_dir), FIELD(health_timeout))
#undef SELF

#define SELF task_schedule_cron
DESCRIBE(task_schedule_cron, "TaskScheduleCron", BASES(), FIELD(start), FIELD(end), FIELD(timezone))
#undef SELF

#define SELF task_schedule
DESCRIBE(task_schedule, "TaskSchedule", BASES(), FIELD(cron))
#undef SELF

#define SELF wait_config
DESCRIBE(wait_config, "WaitConfig", BASES(), FIELD(min), FIELD(max))
#undef SELF

#define SELF task_template
DESCRIBE(task_template, "Template", BASES(), FIELD(source_path), FIELD(dest_path), FIELD(embedded_tmpl), FIELD(change_mode), FIELD(change_signal),
         FIELD(change_script), FIELD(once), FIELD(splay), FIELD(perms), FIELD(uid), FIELD(gid), FIELD(left_delim), FIELD(right_delim), FIELD(envvars),
         FIELD(vault_grace), FIELD(wait), FIELD(err_missing_key), FIELD_FLAGS(change_rollout, ours))
#undef SELF

#define SELF vault
DESCRIBE(vault, "Vault", BASES(), FIELD(role), FIELD(namespace_), FIELD(cluster), FIELD(env), FIELD(disable_file), FIELD(change_mode), FIELD(change_signal),
         FIELD(allow_token_expiration), FIELD_FLAGS(policies, json_omit_empty | json_only))
#undef SELF

#define SELF task
DESCRIBE(task, "Task", BASES(), FIELD(name), FIELD(driver), FIELD(user), FIELD(config), FIELD(env), FIELD(services), FIELD(vault), FIELD(secrets),
         FIELD(consul), FIELD(templates), FIELD(constraints), FIELD(affinities), FIELD(resources), FIELD(restart_policy), FIELD(dispatch_payload),
         FIELD(lifecycle), FIELD(meta), FIELD(kill_timeout), FIELD(log_config), FIELD(artifacts), FIELD(leader), FIELD(shutdown_delay), FIELD(volume_mounts),
         FIELD(scaling_policies), FIELD(kill_signal), FIELD(kind), FIELD_FLAGS(csi_plugin_config, json_omit_empty), FIELD(identity), FIELD(identities),
         FIELD(actions), FIELD(schedule))
#undef SELF

#define SELF update_strategy
DESCRIBE(update_strategy, "UpdateStrategy", BASES(), FIELD(stagger), FIELD(max_parallel), FIELD(health_check), FIELD(min_healthy_time), FIELD(healthy_deadline),
         FIELD(progress_deadline), FIELD(auto_revert), FIELD(auto_promote), FIELD(canary))
#undef SELF

#define SELF volume_request
DESCRIBE(volume_request, "VolumeRequest", BASES(), FIELD(name), FIELD(type), FIELD(source), FIELD(read_only), FIELD(sticky), FIELD(access_mode),
         FIELD(attachment_mode), FIELD(mount_options), FIELD(per_alloc))
#undef SELF

#define SELF job_dependency
DESCRIBE(job_dependency, "JobDependency", BASES(), FIELD(job), FIELD(namespace_), FIELD(group), FIELD(condition))
#undef SELF

#define SELF task_group
DESCRIBE(task_group, "TaskGroup", BASES(), FIELD(name), FIELD(count), FIELD(update), FIELD(migrate), FIELD(constraints), FIELD(scaling), FIELD(restart_policy),
         FIELD(disconnect), FIELD(tasks), FIELD(ephemeral_disk), FIELD(meta), FIELD(reschedule_policy), FIELD(affinities), FIELD(spreads), FIELD(networks),
         FIELD(consul), FIELD(services), FIELD(volumes), FIELD(shutdown_delay), FIELD(max_run_duration), FIELD(stop_after_client_disconnect),
         FIELD(max_client_disconnect), FIELD(prevent_reschedule_on_lost), FIELD_FLAGS(depends_on, ours))
#undef SELF

#define SELF job
DESCRIBE(job, "Job", BASES(), FIELD(stop), FIELD(region), FIELD(namespace_), FIELD(id), FIELD(parent_id), FIELD(name), FIELD(type), FIELD(priority),
         FIELD(all_at_once), FIELD(datacenters), FIELD(node_pool), FIELD(constraints), FIELD(affinities), FIELD(spreads), FIELD(task_groups), FIELD(update),
         FIELD(multiregion), FIELD(periodic), FIELD(parameterized_job), FIELD_FLAGS(dispatched, diff_ignore), FIELD(dispatch_idempotency_token),
         FIELD_FLAGS(payload, redacted), FIELD(meta), FIELD(consul_namespace), FIELD(vault_namespace), FIELD_FLAGS(nomad_token_id, diff_ignore),
         FIELD_FLAGS(status, diff_ignore), FIELD_FLAGS(status_description, diff_ignore), FIELD_FLAGS(stable, diff_ignore), FIELD_FLAGS(version, diff_ignore),
         FIELD_FLAGS(submit_time, diff_ignore), FIELD_FLAGS(create_index, diff_ignore), FIELD_FLAGS(modify_index, diff_ignore),
         FIELD_FLAGS(job_modify_index, diff_ignore), FIELD(ui), FIELD_FLAGS(version_tag, diff_ignore), FIELD_FLAGS(reschedule, json_omit_empty | json_only),
         FIELD_FLAGS(migrate, json_omit_empty | json_only), FIELD_FLAGS(depends_on, ours))
#undef SELF

}  // namespace drover::schema
