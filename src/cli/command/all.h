// Every command, one file each. To add one: its file here, its name in this list and in registry.cc.
#pragma once

#include "cli/command.h"

namespace drover::cli::commands {

extern const command alloc_checks;
extern const command alloc_exec;
extern const command alloc_fs;
extern const command alloc_logs;
extern const command alloc_restart;
extern const command alloc_signal;
extern const command alloc_status;
extern const command alloc_stop;
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
extern const command node_status;
extern const command version;

}  // namespace drover::cli::commands
