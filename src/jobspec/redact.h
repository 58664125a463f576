// A job as those see it who may read it but not what is secret in it (capability read-job-secrets, docs/security.md): what is named as a secret
// (base/secret_name.h) has the value "<redacted>", in maps, driver configurations, arguments ("--token=x", "--token x"), lines of templates and
// passwords of URLs. Names stay, so does everything else, and what a template fetches ({{ ... }}) is no value. A payload is no reader's business.
// Pure and thread-safe.
#pragma once

#include <string>
#include <string_view>

#include "schema/diff.h"
#include "schema/job.h"

namespace drover::jobspec {

schema::ref<schema::job> redacted(const schema::ref<schema::job>& job);
// The same for a difference; that something changed is still seen.
void redact(schema::job_diff& diff);
// Only maps of names and values: a job's or a group's meta.
void redact(std::map<std::string, std::string>& named);
// Lines such as NAME=value, "name": "value" and name: value, wherever the name is one of a secret; and user:password@ in URLs.
std::string redacted_lines(std::string_view text);

}  // namespace drover::jobspec
