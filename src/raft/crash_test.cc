// What survives SIGKILL, and what a start says about a directory that a crash or a fault has left behind. The process
// that dies is this program again (see main()).
#include <fcntl.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <condition_variable>
#include <fstream>
#include <map>
#include <random>
#include <semaphore>

#include "base/text.h"
#include "env/random.h"
#include "raft/directory.h"
#include "raft/segment.h"
#include "raft/test_support.h"

namespace drover::raft {
namespace {

using testing::apply;
using testing::recorder;
using testing::single;
using testing::temp_dir;
using testing::text;

options small_files(const std::string& directory) {
  options o = single(directory);
  o.segment_bytes = 1 << 18;
  o.snapshot_threshold = 300;
  o.snapshot_trailing = 50;
  return o;
}

// Entry number n: its number and a payload that can be checked.
std::string numbered(uint64_t n, size_t size) { return fmt::format("{}:{}", n, std::string(size, static_cast<char>('a' + n % 26))); }

// Appends numbered entries for ever with up to `in_flight` at once, writing each acknowledged number to stdout.
[[noreturn]] void child_main(const std::string& directory, int in_flight, size_t size, bool snapshots) {
  recorder machine;
  options o = small_files(directory);
  if (!snapshots) {
    o = single(directory);
    o.segment_bytes = 1 << 20;
  }
  auto n = node::start(std::move(o), machine);
  if (!n) {
    fprintf(stderr, "%s\n", n.error().text().c_str());
    _exit(3);
  }
  std::counting_semaphore<> slots(in_flight);
  for (uint64_t next = machine.entries().size();; next++) {
    slots.acquire();
    (*n)->apply(numbered(next, size), [&slots, next](result<apply_outcome> r) {
      if (!r) _exit(4);
      if (write(STDOUT_FILENO, &next, sizeof next) != sizeof next) _exit(5);
      slots.release();
    });
  }
}

class child {
 public:
  child(const std::string& directory, int in_flight, size_t size, bool snapshots) {
    int ends[2];
    EXPECT_EQ(pipe2(ends, O_CLOEXEC), 0);
    pid_ = fork();
    if (pid_ == 0) {
      dup2(ends[1], STDOUT_FILENO);
      std::string a = std::to_string(in_flight), b = std::to_string(size), c = snapshots ? "1" : "0";
      execl("/proc/self/exe", "raft_test", "--append-for-ever", directory.c_str(), a.c_str(), b.c_str(), c.c_str(), nullptr);
      _exit(6);
    }
    close(ends[1]);
    out_ = ends[0];
  }
  ~child() {
    if (pid_ > 0) kill_and_drain();
    close(out_);
  }
  // Blocks until `count` more acknowledgements have come.
  void wait_for_acknowledged(size_t count) {
    for (size_t i = 0; i < count && read_one(); i++) {
    }
  }
  // Every acknowledged number.
  std::vector<uint64_t> kill_and_drain() {
    kill(pid_, SIGKILL);
    while (read_one()) {
    }
    int status = 0;
    waitpid(pid_, &status, 0);
    EXPECT_TRUE(WIFSIGNALED(status)) << "the child ended by itself with " << WEXITSTATUS(status);
    pid_ = -1;
    return acknowledged_;
  }

 private:
  bool read_one() {
    uint64_t number;
    if (read(out_, &number, sizeof number) != sizeof number) return false;
    acknowledged_.push_back(number);
    return true;
  }
  pid_t pid_ = -1;
  int out_ = -1;
  std::vector<uint64_t> acknowledged_;
};

TEST(crash, every_acknowledged_entry_is_there_once_and_in_order) {
  uint64_t seed = env::real_random().number();
  RecordProperty("seed", std::to_string(seed));
  SCOPED_TRACE(fmt::format("seed {}", seed));
  std::mt19937_64 random(seed);
  temp_dir dir;
  for (int round = 0; round < 12; round++) {
    int in_flight = round % 3 == 0 ? 1 : static_cast<int>(random() % 100 + 1);
    child writer(dir.path(), in_flight, random() % 3000, true);
    writer.wait_for_acknowledged(random() % (static_cast<uint64_t>(in_flight) * 12));
    auto acknowledged = writer.kill_and_drain();

    recorder machine;
    auto n = node::start(small_files(dir.path()), machine);
    ASSERT_TRUE(n) << text(n);
    auto entries = machine.entries();
    for (size_t i = 0; i < entries.size(); i++) ASSERT_TRUE(entries[i].starts_with(fmt::format("{}:", i))) << "entry " << i << " of round " << round;
    for (uint64_t number : acknowledged) ASSERT_LT(number, entries.size()) << "lost in round " << round;
  }
}

// A directory as SIGKILL leaves it: `count` acknowledged entries, one write each, in an open log file.
struct left_behind {
  temp_dir dir;
  std::string segment;
  std::string content;
  // Where each of our batches begins, and where the last one ends.
  std::vector<size_t> batches;

  left_behind(size_t count, size_t size) {
    child writer(dir.path(), 1, size, false);
    writer.wait_for_acknowledged(count);
    auto acknowledged = writer.kill_and_drain();
    for (int i = 1; i <= 3 && segment.empty(); i++) {
      std::string path = fmt::format("{}/open-{}", dir.path(), i);
      std::ifstream file(path, std::ios::binary);
      content.assign(std::istreambuf_iterator<char>(file), {});
      if (scan_segment(content).entries > 0) segment = path;
    }
    EXPECT_FALSE(segment.empty());
    for (size_t at = 8; at < scan_segment(content).end;) {
      batches.push_back(at);
      // One entry of one batch: two checksums, the count, the entry's header, its data.
      at += 8 + 8 + 16 + load_u32(content.data() + at + 8 + 8 + 12);
    }
    batches.push_back(scan_segment(content).end);
    EXPECT_GE(batches.size(), acknowledged.size());
  }
  size_t entries() const { return batches.size() - 1; }
  size_t last() const { return batches[batches.size() - 2]; }
  size_t end() const { return batches.back(); }
  void store() {
    std::ofstream file(segment, std::ios::binary | std::ios::trunc);
    file.write(content.data(), static_cast<std::streamsize>(content.size()));
  }
};

TEST(crash, what_follows_the_last_acknowledged_write_is_cut_and_damage_is_an_error) {
  struct row {
    const char* name;
    std::function<void(left_behind&)> change;
    // Entries lost from the end; -1: an error that contains `message`.
    int lost;
    const char* message;
  };
  const row rows[] = {
      {"untouched", [](left_behind&) {}, 0, ""},
      {"the file ends inside the last write", [](left_behind& l) { l.content.resize(l.last() + 3000); }, 1, "never acknowledged"},
      {"the file ends inside the header of the last write", [](left_behind& l) { l.content.resize(l.last() + 20); }, 1, "never acknowledged"},
      {"the file ends right after an entry", [](left_behind& l) { l.content.resize(l.end()); }, 0, ""},
      {"the first sector of the last write is missing",
       [](left_behind& l) { std::fill_n(l.content.begin() + static_cast<long>(l.last()), 512 - l.last() % 512, 0); }, 1, "never acknowledged"},
      {"a later sector of the last write is missing",
       [](left_behind& l) { std::fill_n(l.content.begin() + static_cast<long>(l.last() / 512 + 3) * 512, 512, 0); }, 1, "never acknowledged"},
      {"a bit of the last write flips", [](left_behind& l) { l.content[l.last() + 2000] ^= 1; }, -1, "does not match its checksum"},
      {"a bit of its header flips", [](left_behind& l) { l.content[l.last() + 17] ^= 1; }, -1, "is damaged at byte"},
      {"a bit of an earlier write flips", [](left_behind& l) { l.content[l.batches[4] + 2000] ^= 1; }, -1, "does not match its checksum"},
      {"an earlier write is wiped", [](left_behind& l) { std::fill_n(l.content.begin() + static_cast<long>(l.batches[4]), 6000, 0); }, -1,
       "is damaged at byte"},
      {"the beginning of the file is wiped", [](left_behind& l) { std::fill_n(l.content.begin(), 4096, 0); }, -1, "is damaged at byte"},
      {"something else was written after the log", [](left_behind& l) { l.content.replace(l.end(), 64, std::string(64, '#')); }, -1, "is damaged at byte"},
  };
  for (const row& r : rows) {
    SCOPED_TRACE(r.name);
    left_behind l(12, 6000);
    r.change(l);
    l.store();
    recorder machine;
    if (r.lost >= 0) {
      auto report = recover_directory(l.dir.path());
      ASSERT_TRUE(report) << text(report);
      EXPECT_THAT(join(report->repairs, "\n"), ::testing::HasSubstr(r.message));
      EXPECT_EQ(report->repairs.size(), static_cast<size_t>(r.lost));
      auto n = node::start(single(l.dir.path()), machine);
      ASSERT_TRUE(n) << text(n);
      EXPECT_EQ(machine.entries().size(), l.entries() - static_cast<size_t>(r.lost));
      EXPECT_TRUE(apply(**n, "goes on"));
      continue;
    }
    auto n = node::start(single(l.dir.path()), machine);
    ASSERT_FALSE(n);
    EXPECT_EQ(n.error().code(), errc::corrupt);
    EXPECT_THAT(n.error().text(), ::testing::HasSubstr(r.message));
    EXPECT_THAT(n.error().text(), ::testing::HasSubstr(l.segment));
    EXPECT_TRUE(machine.entries().empty());
    EXPECT_TRUE(std::filesystem::exists(l.segment));
  }
}

// Three closed log files: the configuration, entries 2 to 21 and 22 to 41.
void fill(const std::string& directory) {
  for (int run = 0; run < 2; run++) {
    recorder machine;
    auto n = node::start(single(directory), machine);
    ASSERT_TRUE(n) << text(n);
    for (int i = 0; i < 20; i++) ASSERT_TRUE(apply(**n, numbered(i, 500)));
  }
}

std::vector<std::string> files(const std::string& directory, std::string_view part) {
  std::vector<std::string> out;
  for (const auto& f : std::filesystem::directory_iterator(directory)) {
    if (f.path().filename().string().find(part) != std::string::npos) out.push_back(f.path());
  }
  std::sort(out.begin(), out.end());
  return out;
}

void flip_byte(const std::string& path, size_t at) {
  std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
  file.seekg(static_cast<long>(at));
  char c = static_cast<char>(file.get() ^ 0x20);
  file.seekp(static_cast<long>(at));
  file.put(c);
}

TEST(crash, damage_of_complete_files_is_an_error_that_names_the_file) {
  struct row {
    const char* name;
    std::function<void(const std::string& file)> change;
    size_t file;
    const char* message;
  };
  const row rows[] = {
      {"the first log file", [](const std::string& f) { flip_byte(f, 60); }, 0, "is damaged at byte 8"},
      {"the last log file", [](const std::string& f) { flip_byte(f, 300); }, 2, "is damaged at byte"},
      {"a shorter log file", [](const std::string& f) { std::filesystem::resize_file(f, std::filesystem::file_size(f) - 100); }, 1,
       "before the batch of entries does"},
      {"an empty log file", [](const std::string& f) { std::filesystem::resize_file(f, 0); }, 2, "number of a known format"},
      {"a missing log file", [](const std::string& f) { std::filesystem::remove(f); }, 1, "log entries 2 to 21 are missing"},
  };
  for (const row& r : rows) {
    SCOPED_TRACE(r.name);
    temp_dir dir;
    fill(dir.path());
    auto logs = files(dir.path(), "0000");
    ASSERT_EQ(logs.size(), 3u);
    r.change(logs[r.file]);
    recorder machine;
    auto n = node::start(single(dir.path()), machine);
    ASSERT_FALSE(n);
    EXPECT_EQ(n.error().code(), errc::corrupt);
    EXPECT_THAT(n.error().text(), ::testing::HasSubstr(r.message));
    EXPECT_THAT(n.error().text(), ::testing::HasSubstr(std::filesystem::exists(logs[r.file]) ? logs[r.file] : dir.path()));
    EXPECT_TRUE(machine.entries().empty());
    EXPECT_TRUE(files(dir.path(), "corrupt").empty());
  }
}

TEST(crash, a_damaged_snapshot_is_an_error_that_names_the_file) {
  for (size_t at : {3u, 12u, 40u}) {
    temp_dir dir;
    {
      recorder machine;
      auto n = node::start(single(dir.path()), machine);
      ASSERT_TRUE(n) << text(n);
      for (int i = 0; i < 20; i++) ASSERT_TRUE(apply(**n, numbered(i, 500)));
      ASSERT_TRUE(testing::wait([&](callback done) { (*n)->compact(done); }));
    }
    std::string file = files(dir.path(), "snapshot-")[0];
    flip_byte(file, at);
    recorder machine;
    auto n = node::start(single(dir.path()), machine);
    ASSERT_FALSE(n);
    EXPECT_EQ(n.error().code(), errc::corrupt);
    EXPECT_THAT(n.error().text(), ::testing::HasSubstr(file + " is damaged"));
  }
}

TEST(crash, a_first_start_that_was_cut_short_begins_anew) {
  temp_dir dir;
  {
    recorder machine;
    auto n = node::start(single(dir.path()), machine);
    ASSERT_TRUE(n) << text(n);
  }
  for (const std::string& f : files(dir.path(), "0000")) std::filesystem::remove(f);
  recorder machine;
  auto n = node::start(single(dir.path()), machine);
  // The note that there was a log.
  ASSERT_FALSE(n);
  EXPECT_EQ(n.error().code(), errc::corrupt);
  EXPECT_THAT(n.error().text(), ::testing::HasSubstr("is gone"));
  std::filesystem::remove(dir.path() + "/server");
  n = node::start(single(dir.path()), machine);
  ASSERT_TRUE(n) << text(n);
  EXPECT_TRUE((*n)->is_leader());
  EXPECT_TRUE(apply(**n, "works"));
}

TEST(crash, a_directory_of_another_server_is_an_error) {
  temp_dir dir;
  fill(dir.path());
  recorder machine;
  options o = single(dir.path());
  o.id = 8;
  auto n = node::start(std::move(o), machine);
  ASSERT_FALSE(n);
  EXPECT_EQ(n.error().code(), errc::invalid);
  EXPECT_THAT(n.error().text(), ::testing::HasSubstr("belongs to server 7, not to this one (8)"));
}

TEST(crash, a_directory_without_permission_is_an_error_that_says_so) {
  temp_dir dir;
  recorder machine;
  if (geteuid() != 0) {
    chmod(dir.path().c_str(), 0500);
    auto n = node::start(single(dir.path()), machine);
    chmod(dir.path().c_str(), 0700);
    ASSERT_FALSE(n);
    EXPECT_EQ(n.error().code(), errc::permission_denied);
    return;
  }
  // Root may write anywhere but where nothing can be written.
  auto n = node::start(single("/proc/self"), machine);
  ASSERT_FALSE(n);
  EXPECT_THAT(n.error().text(), ::testing::HasSubstr("the data directory cannot be written: cannot open /proc/self/lock"));
}

// Until `done()` holds; the node tells when its leadership changes.
struct leadership_watch {
  std::mutex mutex;
  std::condition_variable changed;
  leadership now;
  void operator()(const leadership& l) {
    std::lock_guard lock(mutex);
    now = l;
    changed.notify_all();
  }
  bool wait_for(bool leads) {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, std::chrono::seconds(20), [&] { return now.is_self == leads; });
  }
};

// Fills the disk with entries until one is refused, makes room, and checks that every acknowledged entry is there.
void fill_and_recover(const std::string& directory, const std::function<void()>& make_room) {
  leadership_watch watch;
  size_t acknowledged = 0;
  recorder machine;
  {
    options o = single(directory);
    o.segment_bytes = 1 << 18;
    o.snapshot_threshold = 1 << 30;
    o.on_leadership_change = std::ref(watch);
    auto n = node::start(std::move(o), machine);
    ASSERT_TRUE(n) << text(n);
    result<apply_outcome> r;
    while ((r = apply(**n, std::string(100'000, 'f')))) acknowledged++;
    EXPECT_EQ(r.error().code(), errc::io) << text(r);
    EXPECT_THAT(r.error().text(), ::testing::HasSubstr("cannot write the log"));
    ASSERT_TRUE(watch.wait_for(false));
    EXPECT_FALSE((*n)->stats().trouble.empty());
    r = apply(**n, "while it is full");
    ASSERT_FALSE(r);
    EXPECT_EQ(r.error().code(), errc::io) << text(r);
    EXPECT_EQ(machine.entries().size(), acknowledged);

    make_room();
    ASSERT_TRUE(watch.wait_for(true)) << (*n)->stats().trouble;
    auto after = apply(**n, "there is room again");
    ASSERT_TRUE(after) << text(after);
    EXPECT_TRUE((*n)->stats().trouble.empty());
  }
  auto before_restart = machine.entries();
  EXPECT_GE(before_restart.size(), acknowledged + 1);
  recorder again;
  auto n = node::start(single(directory), again);
  ASSERT_TRUE(n) << text(n);
  EXPECT_EQ(again.entries(), before_restart);
}

TEST(crash, a_full_disk_refuses_entries_and_goes_on_when_there_is_room) {
  temp_dir dir;
  std::string disk = dir.path() + "/disk";
  mkdir(disk.c_str(), 0700);
  if (mount("none", disk.c_str(), "tmpfs", 0, "size=4m") == 0) {
    fill_and_recover(disk + "/data", [&] { ASSERT_EQ(mount("none", disk.c_str(), "tmpfs", MS_REMOUNT, "size=64m"), 0); });
    umount2(disk.c_str(), MNT_DETACH);
    return;
  }
  // Without the right to mount: no file of this process may grow.
  signal(SIGXFSZ, SIG_IGN);
  rlimit old;
  getrlimit(RLIMIT_FSIZE, &old);
  recorder machine;
  leadership_watch watch;
  options o = single(dir.path() + "/data");
  o.segment_bytes = 1 << 18;
  o.on_leadership_change = std::ref(watch);
  auto n = node::start(std::move(o), machine);
  ASSERT_TRUE(n) << text(n);
  rlimit none{1 << 10, old.rlim_max};
  setrlimit(RLIMIT_FSIZE, &none);
  result<apply_outcome> r;
  while ((r = apply(**n, std::string(100'000, 'f')))) {
  }
  EXPECT_EQ(r.error().code(), errc::io) << text(r);
  setrlimit(RLIMIT_FSIZE, &old);
  ASSERT_TRUE(watch.wait_for(true));
  EXPECT_TRUE(apply(**n, "there is room again"));
}

// The same through another way to fail: not allocation of a log file but its size.
TEST(crash, a_file_size_limit_refuses_entries_and_goes_on_when_it_is_lifted) {
  signal(SIGXFSZ, SIG_IGN);
  rlimit old;
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &old), 0);
  temp_dir dir;
  recorder machine;
  leadership_watch watch;
  options o = single(dir.path());
  o.segment_bytes = 1 << 18;
  o.on_leadership_change = std::ref(watch);
  auto n = node::start(std::move(o), machine);
  ASSERT_TRUE(n) << text(n);
  rlimit small{1 << 18, old.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  // Larger than a log file, so that the write itself goes over the limit.
  auto r = apply(**n, std::string(1 << 20, 'g'));
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &old), 0);
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().code(), errc::io) << text(r);
  ASSERT_TRUE(watch.wait_for(true));
  r = apply(**n, "after");
  ASSERT_TRUE(r) << text(r);
  EXPECT_EQ(machine.entries().back(), "after");
}

}  // namespace
}  // namespace drover::raft

// The tests' own main(), because the tests above run this program again as the process that dies.
int main(int argc, char** argv) {
  if (argc == 6 && std::string_view(argv[1]) == "--append-for-ever") {
    drover::raft::child_main(argv[2], std::atoi(argv[3]), std::strtoul(argv[4], nullptr, 10), argv[5][0] == '1');
  }
  ::testing::InitGoogleMock(&argc, argv);
  return RUN_ALL_TESTS();
}
