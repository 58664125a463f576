#include "rpc/remote_error.h"

#include <gtest/gtest.h>

namespace drover::rpc {
namespace {

TEST(RemoteError, EveryCodeAndTextComesBack) {
  for (auto code : {errc::unknown, errc::invalid, errc::not_found, errc::permission_denied, errc::conflict, errc::too_large, errc::unsupported,
                    errc::method_not_allowed, errc::unavailable, errc::timeout, errc::cancelled, errc::io, errc::corrupt, errc::closed, errc::exists}) {
    for (std::string text : {"something broke", "Permission denied", "No cluster leader", "Unknown node \"7\"", "a, b", "RPC Error:: 404,x", "read: EOF"}) {
      // A text that carries a code of its own is read as that.
      if (text.starts_with("RPC Error:: ")) continue;
      auto back = from_wire(to_wire(error(code, text)));
      EXPECT_EQ(back.code(), code) << text;
      EXPECT_EQ(back.text(), text);
    }
  }
}

TEST(RemoteError, AsOtherAgentsWriteThem) {
  struct row {
    const char* text;
    errc code;
    const char* message;
  };
  for (const auto& [text, code, message] : {
           row{"RPC Error:: 400,job is missing", errc::invalid, "job is missing"},
           row{"RPC Error:: 404,Unknown allocation \"x\"", errc::not_found, "Unknown allocation \"x\""},
           row{"rpc error: RPC Error:: 403,Permission denied", errc::permission_denied, "rpc error: Permission denied"},
           row{"RPC Error:: 429,slow down", errc::invalid, "slow down"},
           row{"RPC Error:: 500,broken, twice", errc::unknown, "broken, twice"},
           row{"RPC Error:: x", errc::unknown, "RPC Error:: x"},
           row{"Permission denied", errc::permission_denied, "Permission denied"},
           row{"rpc error: No cluster leader", errc::unavailable, "rpc error: No cluster leader"},
           row{"node not found", errc::not_found, "node not found"},
           row{"rpc: can't find service No.Such", errc::not_found, "rpc: can't find service No.Such"},
           row{"Unknown rpc method: \"x\"", errc::not_found, "Unknown rpc method: \"x\""},
           row{"rpc error: EOF", errc::unavailable, "rpc error: EOF"},
           row{"failed to do a thing", errc::unknown, "failed to do a thing"},
       }) {
    EXPECT_EQ(from_wire(text).code(), code) << text;
    EXPECT_EQ(from_wire(text).text(), message) << text;
  }
  // What is known by its text alone stays plain, whatever it was wrapped in; the rest carries its HTTP status.
  EXPECT_EQ(to_wire(error(errc::unavailable, "No cluster leader")), "No cluster leader");
  EXPECT_EQ(to_wire(error(errc::not_found, "node not found")), "node not found");
  EXPECT_EQ(to_wire(error(errc::invalid, "reading", error(errc::invalid, "it is bad"))), "RPC Error:: 400,reading: it is bad");
  EXPECT_EQ(to_wire(error(errc::unknown, "plain")), "plain");
  EXPECT_EQ(to_wire(error(errc::unknown, "")), "unknown");
}

}  // namespace
}  // namespace drover::rpc
