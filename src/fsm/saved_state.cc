#include "fsm/saved_state.h"

#include <unordered_map>

#include "codec/compare.h"
#include "codec/msgpack.h"
#include "fsm/limits.h"
#include "fsm/packed_blocks.h"
#include "fsm/share_texts.h"
#include "schema/describe_macros.h"

namespace drover::fsm {

using namespace schema;

// At namespace scope because a description needs a name.
struct saved_table {
  std::string name;
  uint64_t index = 0;
  uint64_t records = 0;
  DROVER_RECORD(saved_table);
};
struct saved_header {
  uint64_t index = 0;
  std::vector<saved_table> tables;
  // Jobs that only allocations still refer to; they follow the header.
  uint64_t extra_jobs = 0;
  uint64_t index_offset = 0;
  DROVER_RECORD(saved_header);
};
#define SELF saved_table
DESCRIBE(saved_table, "SavedTable", BASES(), FIELD(name), FIELD(index), FIELD(records))
#undef SELF
#define SELF saved_header
DESCRIBE(saved_header, "SavedHeader", BASES(), FIELD(index), FIELD(tables), FIELD(extra_jobs), FIELD(index_offset))
#undef SELF

namespace {

using state::table;

constexpr std::string_view magic = "DROVERFS";
constexpr uint32_t version = 2;
// The same records, one after the other instead of in blocks.
constexpr uint32_t version_unpacked = 1;
constexpr size_t checksum_bytes = 8;
// What a record is expected to take when it is packed, at most.
constexpr size_t alloc_bytes_expected = 160;
constexpr size_t node_bytes_expected = 1024;

uint64_t checksum(std::string_view data) {
  uint64_t h = 14695981039346656037ull;
  for (char c : data) h = (h ^ static_cast<uint8_t>(c)) * 1099511628211ull;
  return h;
}

void put_number(std::string& out, uint64_t n, size_t width) {
  for (size_t i = 0; i < width; i++) out += static_cast<char>(n >> (8 * i) & 0xff);
}
uint64_t get_number(std::string_view in) {
  uint64_t n = 0;
  for (size_t i = in.size(); i-- > 0;) n = n << 8 | static_cast<uint8_t>(in[i]);
  return n;
}

void put_record(std::string& out, schema::record_view record) {
  const auto at = out.size();
  put_number(out, 0, 4);
  codec::append_lean_msgpack(out, record);
  const auto length = out.size() - at - 4;
  for (size_t i = 0; i < 4; i++) out[at + i] = static_cast<char>(length >> (8 * i) & 0xff);
}

// Which number stands for a job that allocations share: stored versions first, in their order, then the others as they come. 0: none.
class job_numbers {
 public:
  explicit job_numbers(const state::snapshot& s) {
    state::visit<table::job_versions>(s, state::starting({}), [&](const auto& job) {
      numbers_.emplace(job.get(), numbers_.size() + 1);
      return true;
    });
    state::visit<table::allocs>(s, state::starting({}), [&](const auto& alloc) {
      if (alloc->job && numbers_.emplace(alloc->job.get(), numbers_.size() + 1).second) extra_.push_back(alloc->job.get());
      return true;
    });
  }
  uint64_t of(const schema::job* job) const { return job ? numbers_.at(job) : 0; }
  const std::vector<const schema::job*>& extra() const { return extra_; }

 private:
  std::unordered_map<const schema::job*, uint64_t> numbers_;
  std::vector<const schema::job*> extra_;
};

// Allocations that were given the same, or are explained in the same words, share one record again, as the plan gave it to them.
class shared_parts {
 public:
  void share(schema::allocation& alloc) {
    share(alloc.allocated_resources, resources_);
    share(alloc.metrics, metrics_);
  }

 private:
  template <class T>
  static void share(ref<T>& part, std::unordered_map<uint64_t, ref<T>>& known) {
    constexpr size_t known_max = 1 << 14;
    if (!part) return;
    if (known.size() >= known_max) known.clear();
    auto [it, fresh] = known.try_emplace(codec::hash(schema::view(*part)), part);
    if (!fresh && codec::equal(*it->second, *part)) part = it->second;
  }
  std::unordered_map<uint64_t, ref<schema::allocated_resources>> resources_;
  std::unordered_map<uint64_t, ref<schema::alloc_metric>> metrics_;
};

class reader {
 public:
  reader(std::string_view data, bool packed) : data_(data), blocks_(packed ? data : std::string_view{}, saved_block_bytes_max), packed_(packed) {}
  // Valid until the next call.
  result<std::string_view> take(size_t n, std::string_view what) {
    if (packed_) {
      auto out = blocks_.take(n);
      if (!out) return fail(errc::corrupt, "{} in the saved state: {}", what, out.error().text());
      return out;
    }
    if (data_.size() < n) return fail(errc::corrupt, "the saved state ends inside {}", what);
    auto out = data_.substr(0, n);
    data_.remove_prefix(n);
    return out;
  }
  result<uint64_t> number(size_t width, std::string_view what) {
    TRY_ASSIGN(const auto text, take(width, what));
    return get_number(text);
  }
  result<> record(schema::record_slot slot, std::string_view what) {
    TRY_ASSIGN(const auto length, number(4, what));
    if (length > snapshot_record_bytes_max) return fail(errc::corrupt, "a record of {} bytes in {} of the saved state", length, what);
    TRY_ASSIGN(const auto text, take(length, what));
    if (auto done = codec::from_msgpack(text, slot); !done) {
      return fail(errc::corrupt, "a record of {} in the saved state: {}", what, done.error().text());
    }
    return {};
  }
  bool empty() const { return packed_ ? blocks_.empty() : data_.empty(); }

 private:
  std::string_view data_;
  block_reader blocks_;
  bool packed_;
};

result<reader> open(std::string_view saved) {
  if (saved.size() < magic.size() + 4 + checksum_bytes || !saved.starts_with(magic)) {
    return fail(errc::corrupt, "this is no saved Drover state");
  }
  const auto body = saved.substr(0, saved.size() - checksum_bytes);
  if (checksum(body) != get_number(saved.substr(body.size()))) return fail(errc::corrupt, "the saved state's checksum is wrong: it was cut or changed");
  const auto found = get_number(body.substr(magic.size(), 4));
  if (found != version && found != version_unpacked)
    return fail(errc::corrupt, "the saved state has version {}; this server reads versions {} and {}", found, version_unpacked, version);
  return reader(body.substr(magic.size() + 4), found == version);
}

result<table> table_named(std::string_view name) {
  for (size_t i = 0; i < state::table_count; i++) {
    if (state::name(static_cast<table>(i)) == name) return static_cast<table>(i);
  }
  return fail(errc::corrupt, "the saved state has a table \"{}\" that this version does not know; upgrade it", name);
}

// The jobs of a saved state by the numbers that its allocations have for them: stored versions first. Both grow as they are read: a count that
// lies allocates nothing.
struct numbered_jobs {
  uint64_t versions = 0;
  std::vector<ref<schema::job>> stored, extra;
  result<ref<schema::job>> of(uint64_t number) const {
    const auto& list = number <= versions ? stored : extra;
    const auto at = number <= versions ? number - 1 : number - versions - 1;
    if (at >= list.size()) return fail(errc::corrupt, "an allocation of the saved state refers to job {}, which it does not have", number);
    return list[at];
  }
};

result<> load_table(reader& in, const saved_table& t, numbered_jobs& jobs, state::write_transaction& into) {
  TRY_ASSIGN(const auto id, table_named(t.name));
  const auto& d = state::definition(id);
  shared_parts shared;
  for (uint64_t i = 0; i < t.records; i++) {
    uint64_t job_number = 0;
    if (id == table::allocs) {
      TRY_ASSIGN(job_number, in.number(4, t.name));
    }
    auto record = d.make();
    TRY(in.record({&d.type(), record.get()}, t.name));
    if (id == table::nodes) share_texts(*static_cast<schema::node*>(record.get()));
    if (id == table::allocs) {
      auto& alloc = *static_cast<schema::allocation*>(record.get());
      share_texts(alloc);
      shared.share(alloc);
      if (job_number > 0) {
        TRY_ASSIGN(alloc.job, jobs.of(job_number));
      }
    }
    if (id == table::job_versions) jobs.stored.push_back(std::static_pointer_cast<const schema::job>(record));
    into.put_any(id, std::move(record));
  }
  into.set_table_index(id, t.index);
  return {};
}

// Passes over records; how many bytes they had.
result<uint64_t> skip(reader& in, std::string_view what, uint64_t records, bool with_job_number) {
  uint64_t bytes = 0;
  for (uint64_t i = 0; i < records; i++) {
    if (with_job_number) TRY(in.number(4, what));
    TRY_ASSIGN(const auto length, in.number(4, what));
    TRY(in.take(length, what));
    bytes += length;
  }
  return bytes;
}

}  // namespace

result<std::string> save_state(const state::snapshot& snapshot) {
  const job_numbers jobs(snapshot);
  const auto metadata = state::find<table::cluster_metadata>(snapshot, {});
  saved_header header{snapshot.index(), {}, jobs.extra().size(), metadata ? metadata->index_offset : 0};
  for (size_t i = 0; i < state::table_count; i++) {
    const auto t = static_cast<table>(i);
    header.tables.push_back({std::string(state::name(t)), snapshot.index(t), state::count(snapshot, t)});
  }
  std::string out(magic);
  // More than it is likely to be: what is not written to takes no memory, while a text that grows is copied, and is there twice meanwhile.
  out.reserve(state::count(snapshot, table::allocs) * alloc_bytes_expected + state::count(snapshot, table::nodes) * node_bytes_expected);
  put_number(out, version, 4);
  block_writer blocks(out);
  const auto put = [&](schema::record_view record) {
    put_record(blocks.piece(), record);
    blocks.end_piece();
  };
  put(schema::view(header));
  // One for all, so that its texts keep their memory.
  schema::allocation without_job;
  for (const auto* job : jobs.extra()) put(schema::view(*job));
  for (size_t i = 0; i < state::table_count; i++) {
    const auto t = static_cast<table>(i);
    const auto& type = state::definition(t).type();
    state::visit_tree(snapshot.content(), state::tree_of(t), state::starting({}), [&](const state::entry& e) {
      if (t != table::allocs) {
        put({&type, e.get()});
        return true;
      }
      without_job = *static_cast<const schema::allocation*>(e.get());
      put_number(blocks.piece(), jobs.of(without_job.job.get()), 4);
      without_job.job = nullptr;
      put(schema::view(without_job));
      return true;
    });
  }
  blocks.flush();
  put_number(out, checksum(out), checksum_bytes);
  return out;
}

result<saved_place> place_of(std::string_view saved) {
  TRY_ASSIGN(auto in, open(saved));
  saved_header header;
  TRY(in.record(schema::slot(header), "the header"));
  return saved_place{header.index, header.index_offset};
}

result<std::vector<saved_content>> content_of(std::string_view saved) {
  TRY_ASSIGN(auto in, open(saved));
  saved_header header;
  TRY(in.record(schema::slot(header), "the header"));
  TRY(skip(in, "the jobs of allocations", header.extra_jobs, false));
  std::vector<saved_content> out;
  for (const auto& t : header.tables) {
    TRY_ASSIGN(auto bytes, skip(in, t.name, t.records, t.name == state::name(table::allocs)));
    out.push_back({t.name, t.records, bytes});
  }
  return out;
}

result<> load_state(std::string_view saved, state::write_transaction& into) {
  TRY_ASSIGN(auto in, open(saved));
  saved_header header;
  TRY(in.record(schema::slot(header), "the header"));
  numbered_jobs jobs;
  for (const auto& t : header.tables)
    if (t.name == state::name(table::job_versions)) jobs.versions = t.records;
  for (uint64_t i = 0; i < header.extra_jobs; i++) {
    auto job = std::make_shared<schema::job>();
    TRY(in.record({&schema::type_of<schema::job>(), job.get()}, "the jobs of allocations"));
    jobs.extra.push_back(std::move(job));
  }
  for (const auto& t : header.tables) TRY(load_table(in, t, jobs, into));
  if (!in.empty()) return fail(errc::corrupt, "the saved state goes on after its last table");
  return {};
}

}  // namespace drover::fsm
