// The audit log: who did what, when, from where, with which answer. One line of JSON for each HTTP request, written before its answer is sent.
//
// Lines go to a file that only its owner may read, in Nomad's form of an audit event ("OperationComplete"). Secrets are not in it: a token is named
// by its accessor id. With delivery "enforced" (the default) a request whose line cannot be written is answered 500; "best-effort" logs that and goes on.
//
// Loop thread only. Life: open, around() the API's handler, outlives the http_server.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/log.h"
#include "base/result.h"
#include "base/value.h"
#include "net/http_server.h"

namespace drover::api {

struct audit_options {
  bool enabled = false;
  std::string path;
  bool enforced = true;
  int mode = 0600;
};
// The agent's `audit` block: enabled, and path, delivery_guarantee and mode in it or in its one sink. errc::invalid with what is wrong.
result<audit_options> read_audit_options(const value& block, const std::string& data_dir);

class audit_log {
 public:
  // The accessor id and name of a token; empty texts where they are not known.
  struct identity {
    std::string accessor_id, name;
  };
  using identify = std::function<identity(const std::string& secret)>;

  static result<std::unique_ptr<audit_log>> open(audit_options options, std::string node_name, identify who);
  ~audit_log();
  audit_log(const audit_log&) = delete;
  audit_log& operator=(const audit_log&) = delete;

  // `inner` with a line for each of its answers.
  net::http_handler around(net::http_handler inner);

 private:
  friend class audited_exchange;
  struct event;
  audit_log(audit_options options, std::string node_name, identify who, int file)
      : options_(std::move(options)), node_name_(std::move(node_name)), who_(std::move(who)), file_(file) {}
  net::awaitable<void> serve(const net::http_handler& inner, net::http_exchange& exchange);
  event event_of(const net::http_request& request) const;
  result<> write(const event& e, int status);

  audit_options options_;
  std::string node_name_;
  identify who_;
  int file_;
  log::logger logger_{"audit"};
};

}  // namespace drover::api
