#include "shim/config.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace drover::shim {
namespace {

struct entry {
  uint32_t tag;
  uint32_t length;
  const char* bytes;
};

// Steps over one entry; false at the end or when what is left is malformed (`*bad`).
bool next_entry(const char** at, const char* end, entry* out, bool* bad) {
  if (*at == end) return false;
  *bad = true;
  if (end - *at < 8) return false;
  memcpy(&out->tag, *at, 4);
  memcpy(&out->length, *at + 4, 4);
  out->bytes = *at + 8;
  uint64_t padded = (static_cast<uint64_t>(out->length) + 7) & ~7ull;
  if (padded > static_cast<uint64_t>(end - out->bytes)) return false;
  *at = out->bytes + padded;
  *bad = false;
  return true;
}

list* list_of(config* c, uint32_t tag) {
  switch (tag) {
    case tag_shim_cgroup: return &c->shim_cgroups;
    case tag_task_cgroup: return &c->task_cgroups;
    case tag_candidate: return &c->candidates;
    case tag_argument: return &c->arguments;
    case tag_environment: return &c->environment;
    case tag_mount: return &c->mounts;
    case tag_rlimit: return &c->rlimits;
    default: return nullptr;
  }
}

const char** text_of(config* c, uint32_t tag) {
  switch (tag) {
    case tag_control_dir: return &c->control_dir;
    case tag_oom_file: return &c->oom_file;
    case tag_kill_file: return &c->kill_file;
    case tag_freezer_dir: return &c->freezer_dir;
    case tag_work_dir: return &c->work_dir;
    case tag_network_namespace: return &c->network_namespace;
    case tag_log_prefix: return &c->log_prefix;
    case tag_root: return &c->root;
    case tag_command_name: return &c->command_name;
    case tag_shim_unified: return &c->shim_unified;
    case tag_task_unified: return &c->task_unified;
    default: return nullptr;
  }
}

bool is_text(const entry& e) { return e.length > 0 && e.bytes[e.length - 1] == 0; }

// Entries that are numbers. False when one is too short.
bool take_numbers(config* c, const entry& e) {
  auto u32 = reinterpret_cast<const uint32_t*>(e.bytes);
  auto u64 = reinterpret_cast<const uint64_t*>(e.bytes);
  switch (e.tag) {
    case tag_ids:
      if (e.length < 8) return false;
      c->has_ids = true;
      c->uid = u32[0];
      c->gid = u32[1];
      c->groups = u32 + 2;
      c->group_count = e.length / 4 - 2;
      return true;
    case tag_capabilities:
      if (e.length < 16) return false;
      c->has_capabilities = true;
      c->capabilities_bounding = u64[0];
      c->capabilities_ambient = u64[1];
      return true;
    case tag_no_new_privs: c->no_new_privs = true; return true;
    case tag_oom_score_adj:
      if (e.length < 4) return false;
      c->has_oom_score_adj = true;
      c->oom_score_adj = static_cast<int32_t>(u32[0]);
      return true;
    case tag_log_limits:
      if (e.length < 16 || u64[0] == 0 || u64[1] == 0) return false;
      c->log_files = u64[0];
      c->log_file_bytes = u64[1];
      return true;
    case tag_namespaces:
      if (e.length < 4) return false;
      c->namespaces = u32[0];
      return true;
    case tag_docker_log:
      if (e.length < 4) return false;
      c->docker_log = true;
      c->docker_terminal = u32[0] != 0;
      return true;
    case tag_rlimit: return e.length >= 24;
    case tag_mount: return e.length >= 8 && is_text(e) && strlen(e.bytes + 4) + 1 + 4 < e.length;
    default: return true;
  }
}

// Counts repeated entries, checks every entry and takes the single ones.
bool scan(config* c, const char* begin, const char* end) {
  bool bad = false;
  entry e;
  for (const char* at = begin; next_entry(&at, end, &e, &bad);) {
    const char** text = text_of(c, e.tag);
    list* many = list_of(c, e.tag);
    bool numbers = e.tag == tag_rlimit || e.tag == tag_mount;
    if ((text || (many && !numbers)) && !is_text(e)) return false;
    if (text) *text = e.bytes;
    if (many) many->count++;
    if (!take_numbers(c, e)) return false;
  }
  return !bad;
}

// Sets the pointers of the repeated entries, in `slots`.
void fill(config* c, const char* begin, const char* end, const char** slots) {
  list* lists[] = {&c->shim_cgroups, &c->task_cgroups, &c->candidates, &c->environment, &c->mounts, &c->rlimits, &c->arguments};
  for (list* l : lists) {
    if (l == &c->arguments) slots++;  // for argv[0]
    l->items = slots;
    slots += l->count + 1;
    l->count = 0;
  }
  bool bad = false;
  entry e;
  for (const char* at = begin; next_entry(&at, end, &e, &bad);)
    if (list* l = list_of(c, e.tag)) l->items[l->count++] = e.bytes;
  c->arguments.items--;
}

}  // namespace

bool load_config(int fd, config* out) {
  struct stat info;
  if (fstat(fd, &info) < 0) return false;
  if (info.st_size <= 0 || info.st_size > blob_bytes_max) {
    errno = EBADMSG;
    return false;
  }
  uint64_t size = (static_cast<uint64_t>(info.st_size) + 7) & ~7ull;
  // The smallest entry is 8 bytes, so there are at most size / 8 pointers, and 9 more for the ends of the lists and
  // argv[0]. Pages that are not used cost nothing.
  uint64_t total = size + (size / 8 + 9) * sizeof(char*);
  void* memory = mmap(nullptr, total, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return false;
  out->memory = memory;
  out->memory_size = total;
  char* begin = static_cast<char*>(memory);
  for (int64_t filled = 0; filled < info.st_size;) {
    ssize_t n = pread(fd, begin + filled, static_cast<size_t>(info.st_size - filled), filled);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      if (n == 0) errno = EBADMSG;
      return false;
    }
    filled += n;
  }
  if (!scan(out, begin, begin + info.st_size)) {
    errno = EBADMSG;
    return false;
  }
  fill(out, begin, begin + info.st_size, reinterpret_cast<const char**>(begin + size));
  return true;
}

void free_config(config* c) {
  if (c->memory) munmap(c->memory, c->memory_size);
  *c = config();
}

}  // namespace drover::shim
