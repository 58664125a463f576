// login: by a token of an identity provider (JWT), or by the provider's own page in a browser (OIDC).
#include "base/text.h"
#include "cli/api_stream.h"
#include "cli/browser.h"
#include "cli/command/acl_show.h"
#include "cli/command/all_acl.h"
#include "env/random.h"
#include "net/blocking.h"
#include "net/event.h"
#include "net/http_server.h"

namespace drover::cli::commands {
namespace {

constexpr flag_spec login_flags[] = {{"method", flag_kind::text, "The auth method; otherwise the default one."},
                                     {"type", flag_kind::text, "JWT or OIDC; otherwise that of the method."},
                                     {"login-token", flag_kind::text, "The token of the identity provider (JWT)."},
                                     {"oidc-callback-addr", flag_kind::text, "Where the browser brings the provider's answer; localhost:4649 if not given."},
                                     json_flag,
                                     template_flag};

constexpr std::string_view callback_page =
    "<!DOCTYPE html>\n<html><head><meta charset=\"utf-8\"><title>Logged in</title></head>\n"
    "<body><p>The provider has answered. You may close this window and return to the terminal.</p></body></html>\n";

// What the provider sends the browser back with.
struct callback {
  std::string state, code, issuer, failure;
  net::event came;
};

net::awaitable<void> take_callback(net::http_exchange& exchange, callback& into) {
  auto& request = exchange.request();
  if (request.path != std::vector<std::string>{"oidc", "callback"}) {
    (void)co_await exchange.respond({.status = 404, .body = "nothing is here\n"});
    co_return;
  }
  auto text = [&](std::string_view name) { return std::string(request.query.get(name).value_or("")); };
  into.state = text("state");
  into.code = text("code");
  into.issuer = text("iss");
  if (auto error = text("error"); !error.empty()) into.failure = fmt::format("{} {}", error, text("error_description"));
  net::http_response page{.status = 200, .body = std::string(callback_page)};
  page.headers.set("Content-Type", "text/html; charset=utf-8");
  (void)co_await exchange.respond(std::move(page));
  into.came.set();
}

result<std::string> begin_oidc(context& c, const std::string& method, const std::string& redirect, const std::string& nonce) {
  value::object body;
  body.set("AuthMethodName", value(method));
  body.set("RedirectURI", value(redirect));
  body.set("ClientNonce", value(nonce));
  TRY_ASSIGN(auto answer, c.api.send({.method = "POST", .path = "/v1/acl/oidc/auth-url", .body = codec::value_to_json(value(std::move(body)))}));
  TRY_ASSIGN(auto read, codec::value_from_json(answer.body));
  const auto* url = read.find("AuthURL");
  if (url == nullptr || url->as_string() == nullptr) return fail(errc::unknown, "the agent answered without an AuthURL");
  return *url->as_string();
}

result<api_answer> login_by_oidc(context& c, const std::string& method) {
  auto address = c.flags.text("oidc-callback-addr");
  if (address.empty()) address = "localhost:4649";
  TRY_ASSIGN(auto where, net::parse_endpoint(address));
  auto named = where.host;
  if (where.host == "localhost") where.host = "127.0.0.1";
  auto& loop = loop_of(c.api);
  callback answer;
  net::http_server server(loop, {.handler = [&answer](net::http_exchange& e) { return take_callback(e, answer); }});
  TRY_ASSIGN(auto bound, server.listen(where));
  bound.host = named;
  auto redirect = fmt::format("http://{}/oidc/callback", net::to_string(bound));
  auto nonce = env::real_random().uuid();
  auto url = begin_oidc(c, method, redirect, nonce);
  if (url) {
    if (!open_browser(*url)) {
      c.say(
          fmt::format("Automatic opening of the OIDC provider for login has failed. To complete the\n"
                      "authentication, please visit your provider using the URL below:\n\n{}\n",
                      *url));
      c.out.flush();
    }
    net::run_to_completion(loop, [](callback& of) -> net::awaitable<void> { co_await of.came.wait(); }(answer));
  }
  net::run_to_completion(loop, server.stop(seconds(1)));
  if (!url) return std::unexpected(std::move(url).error());
  if (!answer.failure.empty()) return fail(errc::permission_denied, "the provider refused: {}", trim(answer.failure));
  value::object body;
  body.set("AuthMethodName", value(method));
  body.set("ClientNonce", value(nonce));
  body.set("State", value(answer.state));
  body.set("Code", value(answer.code));
  body.set("Iss", value(answer.issuer));
  body.set("RedirectURI", value(redirect));
  return c.api.send({.method = "POST", .path = "/v1/acl/oidc/complete-auth", .body = codec::value_to_json(value(std::move(body)))});
}

result<api_answer> login_by_token(context& c, const std::string& method) {
  value::object body;
  body.set("AuthMethodName", value(method));
  body.set("LoginToken", value(c.flags.text("login-token")));
  return c.api.send({.method = "POST", .path = "/v1/acl/login", .body = codec::value_to_json(value(std::move(body)))});
}

// What -method and -type leave open is taken from the methods that there are.
struct chosen {
  std::string name, type;
};
result<chosen> choose(context& c) {
  chosen out{.name = c.flags.text("method"), .type = to_upper(c.flags.text("type"))};
  if (!out.type.empty() && out.type != "JWT" && out.type != "OIDC")
    return fail(errc::invalid, "Unsupported authentication type \"{}\": it is OIDC or JWT", out.type);
  if (!out.name.empty() && !out.type.empty()) return out;
  auto list = c.api.get<std::vector<schema::acl_auth_method_list_stub>>("/v1/acl/auth-methods");
  if (!list) return context::failed("listing ACL auth methods", list.error());
  for (const auto& each : *list) {
    bool meant = out.name.empty() ? each.default_ && (out.type.empty() || out.type == each.type) : out.name == each.name;
    if (meant) return chosen{.name = each.name, .type = each.type};
  }
  if (out.name.empty()) return fail(errc::invalid, "Must specify an auth method name and type, no default found");
  return fail(errc::invalid, "Error: auth method {} not found in the state store", out.name);
}

result<int> run_login(context& c) {
  if (!c.arguments.empty()) return c.misused("This command takes no arguments");
  TRY_ASSIGN(auto by, choose(c));
  if (by.type == "JWT" && c.flags.text("login-token").empty()) return c.misused("You need to provide a login token using the -login-token flag");
  auto answer = by.type == "JWT" ? login_by_token(c, by.name) : login_by_oidc(c, by.name);
  if (!answer) return context::failed("performing login", answer.error());
  if (c.wants_raw()) return c.raw(answer->body);
  TRY_ASSIGN(auto token, api_client::decode<schema::acl_token>(answer->body));
  c.say(fmt::format("Successfully logged in via {} and {}\n\n{}", by.type, by.name, token_text(token)));
  return 0;
}

}  // namespace

const command login = {.name = "login",
                       .synopsis = "Get a token with the help of an identity provider",
                       .usage = "[options]",
                       .help =
                           "Prints a token with the roles and policies that binding rules give to whoever proves themselves to an identity provider: with "
                           "a token of it (-login-token), or on its page, which is opened in a browser.",
                       .flags = login_flags,
                       .run = &run_login};

}  // namespace drover::cli::commands
