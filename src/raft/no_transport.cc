#include "raft/transport.h"

namespace drover::raft {

namespace {

class no_transport final : public transport {
 public:
  result<> start(uint64_t, const std::string&, accept_handler) override { return {}; }
  void connect(uint64_t id, const std::string& address, connect_handler done) override {
    done(fail(errc::unavailable, "this server runs alone and does not reach server {} ({})", id, address));
  }
  void stop() override {}
};

}  // namespace

std::unique_ptr<transport> make_no_transport() { return std::make_unique<no_transport>(); }

}  // namespace drover::raft
