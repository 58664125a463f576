// What the filter of a list may look at for a caller: who may not see the secrets of a namespace's jobs must not be able to ask for them letter by letter
// either (filter=Meta.password matches "^a"). Lives as long as one read; on the thread that reads.
#pragma once

#include <map>

#include "schema/alloc.h"
#include "schema/job.h"
#include "server/reads.h"

namespace drover::server {

class filter_view {
 public:
  explicit filter_view(const read& r) : read_(r) {}
  // Requires: each record outlives this object (the read's snapshot keeps it).
  schema::ref<schema::job> operator()(const schema::ref<schema::job>& job);
  schema::ref<schema::allocation> operator()(const schema::ref<schema::allocation>& alloc);

 private:
  const read& read_;
  std::map<const schema::job*, schema::ref<schema::job>> redacted_;  // allocations share their jobs
};

}  // namespace drover::server
