#include "server/endpoint/filter_view.h"

#include "jobspec/redact.h"

namespace drover::server {

schema::ref<schema::job> filter_view::operator()(const schema::ref<schema::job>& job) {
  if (!job || read_.reveals(job->namespace_)) return job;
  auto& known = redacted_[job.get()];
  if (!known) known = jobspec::redacted(job);
  return known;
}

schema::ref<schema::allocation> filter_view::operator()(const schema::ref<schema::allocation>& alloc) {
  auto job = (*this)(alloc->job);
  if (job == alloc->job) return alloc;
  auto out = *alloc;
  out.job = std::move(job);
  return schema::share(std::move(out));
}

}  // namespace drover::server
