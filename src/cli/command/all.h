// Every command, one file each. To add one: its file here, its name in this list and in registry.cc.
#pragma once

#include "cli/command.h"

namespace drover::cli::commands {

extern const command agent_info;
extern const command alloc_checks;
extern const command alloc_exec;
extern const command alloc_fs;
extern const command alloc_logs;
extern const command alloc_restart;
extern const command alloc_signal;
extern const command alloc_status;
extern const command alloc_stop;
extern const command deployment_fail;
extern const command deployment_list;
extern const command deployment_pause;
extern const command deployment_promote;
extern const command deployment_resume;
extern const command deployment_status;
extern const command deployment_unblock;
extern const command eval_delete;
extern const command eval_list;
extern const command eval_status;
extern const command job_allocs;
extern const command job_deployments;
extern const command job_eval;
extern const command job_history;
extern const command job_init;
extern const command job_inspect;
extern const command job_plan;
extern const command job_promote;
extern const command job_revert;
extern const command job_run;
extern const command job_scale;
extern const command job_status;
extern const command job_stop;
extern const command job_validate;
extern const command monitor;
extern const command namespace_apply;
extern const command namespace_delete;
extern const command namespace_list;
extern const command namespace_status;
extern const command node_drain;
extern const command node_eligibility;
extern const command node_pool_info;
extern const command node_pool_list;
extern const command node_status;
extern const command operator_raft_list_peers;
extern const command operator_scheduler_get_config;
extern const command operator_scheduler_set_config;
extern const command server_members;
extern const command service_delete;
extern const command service_info;
extern const command service_list;
extern const command status;
extern const command system_gc;
extern const command system_reconcile_summaries;
extern const command ui;
extern const command version;

}  // namespace drover::cli::commands
