#pragma once

namespace drover::jobspec {
struct source_text;
struct parse_options;
struct parse_outcome;
struct validation;
struct validation_limits;
class cron;
}  // namespace drover::jobspec
