// The commands of the paid edition (enterprise.cc) and of a client's own files (client_state.cc). As all.h.
#pragma once

#include "cli/command.h"

namespace drover::cli::commands {

extern const command license_get;
extern const command operator_client_state;
extern const command operator_utilization;
extern const command recommendation_apply;
extern const command recommendation_dismiss;
extern const command recommendation_info;
extern const command recommendation_list;
extern const command sentinel_apply;
extern const command sentinel_delete;
extern const command sentinel_list;
extern const command sentinel_read;
extern const command setup_consul;
extern const command setup_vault;

}  // namespace drover::cli::commands
