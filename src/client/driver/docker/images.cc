#include "client/driver/docker/images.h"

#include <algorithm>

#include "base/text.h"
#include "client/driver/docker/auth.h"
#include "client/driver/docker/limits.h"
#include "codec/json.h"

namespace drover::client::docker {

namespace {
double mebibytes(int64_t bytes) { return static_cast<double>(bytes) / (1024 * 1024); }
}  // namespace

result<> pull_progress::add(const value& line) {
  if (auto wrong = text_at(line, "error"); !wrong.empty()) return fail(errc::unavailable, "{}", wrong);
  auto id = text_at(line, "id");
  auto status = text_at(line, "status");
  if (id.empty() || status.starts_with("Pulling from")) return {};
  auto& layer = layers_[id];
  if (status == "Downloading") {
    layer.current = integer_at(line, "progressDetail.current");
    layer.total = integer_at(line, "progressDetail.total");
  }
  if (status == "Download complete" || status == "Pull complete" || status == "Already exists" || status == "Extracting") layer.current = layer.total;
  layer.done = status == "Pull complete" || status == "Already exists";
  return {};
}

std::string pull_progress::text() const {
  int64_t current = 0, total = 0;
  for (auto& [id, layer] : layers_) current += layer.current, total += layer.total;
  auto done = std::count_if(layers_.begin(), layers_.end(), [](auto& l) { return l.second.done; });
  return fmt::format("Pulled {}/{} ({:.4g}MiB/{:.4g}MiB) layers", done, layers_.size(), mebibytes(current), mebibytes(total));
}

struct images::pull {
  image_request request;
  // Of tasks that wait; one that was stopped has gone.
  std::vector<std::weak_ptr<teller>> tellers;
  net::event done;
  result<> outcome = fail(errc::cancelled, "the agent stops");
};

images::images(api& engine, const options& o, net::blocking_pool& pool, net::task_scope& scope, log::logger logger)
    : engine_(engine), options_(o), pool_(pool), scope_(scope), logger_(std::move(logger)) {}
images::~images() = default;

awaitable<result<std::string>> images::find(std::string image) {
  CO_TRY_ASSIGN(auto found, co_await engine_.call({.target = fmt::format("/images/{}/json", image)}));
  co_return text_at(found, "Id");
}

awaitable<result<std::string>> images::ensure(image_request request) {
  CO_TRY_ASSIGN(auto name, parse_image(request.image));
  auto user = request.user;
  auto image = request.image;
  bool fresh = request.force_pull || (name.tag == "latest" && !name.is_digest);
  if (!fresh) {
    auto found = co_await find(image);
    if (found) {
      use(*found, user);
      co_return found;
    }
    if (found.error().code() != errc::not_found) co_return fail(found.error());
  }
  if (!request.load_path.empty()) CO_TRY(co_await load(request));
  else CO_TRY(co_await pull_shared(std::move(request)));
  auto id = co_await find(image);
  if (!id) co_return wrap(id.error(), fmt::format("image \"{}\" is not there after it was fetched", image));
  use(*id, user);
  co_return id;
}

awaitable<result<>> images::load(image_request request) {
  if (request.tell) request.tell("Loading image", {{"image", request.image}});
  auto answer = co_await engine_.upload_file("/images/load?quiet=1", request.load_path);
  if (!answer) co_return wrap(answer.error(), fmt::format("unable to load image from archive {}", request.load_path));
  for (auto line : split(*answer, '\n'))
    if (auto decoded = codec::value_from_json(trim(line)); decoded && !text_at(*decoded, "error").empty())
      co_return fail(errc::invalid, "unable to load image from archive {}: {}", request.load_path, text_at(*decoded, "error"));
  co_return result<>{};
}

awaitable<result<registry_auth>> images::find_auth(image_request request) {
  if (!request.auth.empty()) co_return request.auth;
  CO_TRY_ASSIGN(auto name, parse_image(request.image));
  auto registry = name.registry();
  auto found = co_await pool_.run([&]() -> result<registry_auth> {
    if (!options_.auth_config_file.empty()) {
      TRY_ASSIGN(auto from_file, auth_from_file(options_.auth_config_file, registry));
      if (!from_file.empty()) return from_file;
    }
    if (!options_.auth_helper.empty()) return auth_from_helper(options_.auth_helper, registry);
    return registry_auth{};
  });
  if (found) co_return found;
  if (!request.auth_soft_fail) co_return fail(errc::invalid, "Failed to find docker auth for repo \"{}\": {}", name.repository, found.error().text());
  logger_.warn("failed to find docker auth", {{"repository", name.repository}, {"error", found.error().text()}});
  co_return registry_auth{};
}

// One pull for all that want it, unless they are other people.
awaitable<result<>> images::pull_shared(image_request request) {
  CO_TRY_ASSIGN(request.auth, co_await find_auth(request));
  if (request.tell) request.tell("Downloading image", {{"image", request.image}});
  auto mine = std::make_shared<teller>(std::exchange(request.tell, {}));
  auto key = request.image + "\n" + (request.auth.empty() ? std::string() : auth_header(request.auth));
  auto& place = pulls_[key];
  auto p = place;
  bool first = !p;
  if (first) {
    p = place = std::make_shared<pull>();
    p->request = std::move(request);
  }
  p->tellers.push_back(mine);
  if (first) scope_.spawn(&images::run_pull, this, p);
  co_await p->done.wait();
  co_return p->outcome;
}

awaitable<void> images::run_pull(std::shared_ptr<pull> p) {
  struct at_end {
    images& self;
    std::shared_ptr<pull> p;
    ~at_end() {
      std::erase_if(self.pulls_, [&](auto& entry) { return entry.second == p; });
      p->done.set();
    }
  } guard{*this, p};
  auto image = p->request.image;
  logger_.info("pulling an image", {{"image", image}});
  p->outcome = co_await net::with_deadline(download(p), net::after(p->request.pull_timeout));
  if (!p->outcome && p->outcome.error().code() == errc::timeout)
    p->outcome = fail(errc::unavailable, "Failed to pull `{}`: it was not there within {} (image_pull_timeout)", image, to_string(p->request.pull_timeout));
  else if (!p->outcome) p->outcome = fail(p->outcome.error().code(), "Failed to pull `{}`: {}", image, p->outcome.error().text());
  if (!p->outcome) logger_.warn("pull failed", {{"image", image}, {"error", p->outcome.error().text()}});
}

awaitable<result<>> images::download(std::shared_ptr<pull> p) {
  CO_TRY_ASSIGN(auto name, parse_image(p->request.image));
  api_call call{.method = "POST", .target = {}, .timeout = {}};
  call.target = fmt::format("/images/create?fromImage={}&tag={}", net::percent_encode(name.repository), net::percent_encode(name.tag));
  if (!p->request.auth.empty()) call.headers.set("X-Registry-Auth", auth_header(p->request.auth));
  CO_TRY_ASSIGN(auto reader, co_await engine_.open(std::move(call)));
  pull_progress progress;
  std::string pending;
  auto next_report = net::after(limits::progress_interval);
  for (;;) {
    auto part = co_await net::with_deadline(reader->read(), net::after(options_.pull_activity_timeout));
    if (!part && part.error().code() == errc::timeout)
      co_return fail(errc::unavailable, "no progress for {} (pull_activity_timeout); {}", to_string(options_.pull_activity_timeout), progress.text());
    // Cut off by pull_timeout, which its caller says better.
    if (!part) co_return fail(part.error().code() == errc::cancelled ? errc::cancelled : errc::unavailable, "{}", part.error().text());
    if (part->empty()) co_return result<>{};
    pending += *part;
    for (size_t end; (end = pending.find('\n')) != std::string::npos; pending.erase(0, end + 1))
      if (auto line = codec::value_from_json(trim(std::string_view(pending).substr(0, end)))) CO_TRY(progress.add(*line));
    if (pending.size() > limits::progress_line_bytes_max)
      co_return fail(errc::corrupt, "dockerd reports in lines of more than {} bytes", limits::progress_line_bytes_max);
    if (net::now() < next_report) continue;
    next_report = net::after(limits::progress_interval);
    for (auto& tell : p->tellers)
      if (auto one = tell.lock(); one && *one) (*one)(fmt::format("Docker image pull progress: {}", progress.text()), {{"image", p->request.image}});
  }
}

void images::use(const std::string& id, const std::string& user) {
  users_[id].insert(user);
  auto removal = removals_.find(id);
  if (removal == removals_.end()) return;
  removal->second->set();
  removals_.erase(removal);
}

void images::release(const std::string& id, const std::string& user) {
  auto it = users_.find(id);
  if (it == users_.end()) return;
  it->second.erase(user);
  if (!it->second.empty()) return;
  users_.erase(it);
  if (!options_.gc_image || scope_.stopping()) return;
  auto wanted_again = std::make_shared<net::event>();
  removals_[id] = wanted_again;
  scope_.spawn(&images::remove_later, this, id, wanted_again);
}

awaitable<void> images::remove_later(std::string id, std::shared_ptr<net::event> wanted_again) {
  if (co_await wanted_again->wait(net::after(options_.gc_image_delay))) co_return;
  if (wanted_again->is_set()) co_return;
  auto it = removals_.find(id);
  if (it != removals_.end() && it->second == wanted_again) removals_.erase(it);
  auto removed = co_await engine_.call({.method = "DELETE", .target = fmt::format("/images/{}?force=0", id)});
  if (removed) logger_.info("image removed", {{"image_id", id}});
  // Somebody else uses it, or removed it: both are fine.
  else if (removed.error().code() != errc::not_found && removed.error().code() != errc::conflict)
    logger_.warn("cannot remove an image", {{"image_id", id}, {"error", removed.error().text()}});
}

}  // namespace drover::client::docker
