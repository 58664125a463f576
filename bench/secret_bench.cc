// Prints one line of JSON: how long it takes to find that a secret is nobody's, by how many of its characters are those of a real one.
// The times are CPU time, the median of many rounds in which the kinds of guesses take turns; what counts is that the ratios are 1.
#include <time.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <string>
#include <vector>

#include "server/secret_lookup.h"
#include "state/store.h"

namespace drover {
namespace {

constexpr size_t tokens = 100'000, rounds = 301, guesses = 2'000;
constexpr std::array<size_t, 3> shared = {0, 18, 35};

int64_t cpu_ns() {
  timespec t{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return t.tv_sec * 1'000'000'000 + t.tv_nsec;
}

std::string secret_of(uint64_t n) {
  uint64_t a = n * 0x9e3779b97f4a7c15, b = (a ^ (a >> 29)) * 0xbf58476d1ce4e5b9;
  char text[40];
  std::snprintf(text, sizeof text, "%08x-%04x-%04x-%04x-%012llx", static_cast<unsigned>(a >> 32), static_cast<unsigned>(a & 0xffff),
                static_cast<unsigned>(b >> 48), static_cast<unsigned>(b >> 32 & 0xffff), static_cast<unsigned long long>(b & 0xffffffffffff));
  return text;
}

// As the n-th secret in the first characters, and as no secret from there on.
std::string guess_of(uint64_t n, size_t same) {
  auto out = secret_of(n);
  const auto other = secret_of(n + tokens * 7);
  for (size_t i = same; i < out.size(); ++i) out[i] = other[i];
  if (same < out.size() && out[same] == secret_of(n)[same]) out[same] = 'x';
  return out;
}

double median(std::vector<int64_t> of) {
  std::ranges::nth_element(of, of.begin() + static_cast<std::ptrdiff_t>(of.size() / 2));
  return static_cast<double>(of[of.size() / 2]) / guesses;
}

int run() {
  state::store store;
  auto transaction = store.begin(1);
  for (size_t i = 0; i < tokens; ++i) {
    schema::acl_token token;
    token.accessor_id = secret_of(i + tokens * 3);
    token.secret_id = secret_of(i);
    transaction.put<state::table::acl_tokens>(schema::share(std::move(token)));
  }
  transaction.commit();
  const auto state = store.current();
  std::array<std::vector<std::string>, shared.size()> asked;
  for (size_t kind = 0; kind < shared.size(); ++kind)
    for (size_t i = 0; i < guesses; ++i) asked[kind].push_back(guess_of(i * (tokens / guesses), shared[kind]));
  std::array<std::vector<int64_t>, shared.size()> took;
  size_t found = 0;
  for (size_t round = 0; round < rounds; ++round)
    for (size_t turn = 0; turn < shared.size(); ++turn) {
      const size_t kind = (turn + round) % shared.size();
      const auto start = cpu_ns();
      for (const auto& each : asked[kind]) found += server::token_of_secret(state, each) != nullptr;
      took[kind].push_back(cpu_ns() - start);
    }
  if (found > 0) {
    std::fprintf(stderr, "a guess was right\n");
    return 1;
  }
  const double none = median(took[0]), half = median(took[1]), most = median(took[2]);
  std::printf(
      "{\"bench\": \"secret\", \"tokens\": %zu, \"ns_0_characters\": %.0f, \"ns_18_characters\": %.0f, \"ns_35_characters\": %.0f, "
      "\"ratio_18\": %.3f, \"ratio_35\": %.3f}\n",
      tokens, none, half, most, half / none, most / none);
  return 0;
}

}  // namespace
}  // namespace drover

int main() { return drover::run(); }
