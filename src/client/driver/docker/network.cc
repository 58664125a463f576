// A container that does nothing but hold the network namespace of an allocation: docker's containers can join only each other's.
#include <filesystem>
#include <fstream>

#include "base/text.h"
#include "client/driver/docker/container.h"
#include "client/driver/docker/limits.h"
#include "client/driver/docker/state.h"

namespace drover::client {

using namespace docker;

namespace {
constexpr const char* sandbox_label = "docker_sandbox_container_id";
constexpr size_t program_bytes_max = 16 * 1024 * 1024;

std::string container_of(const std::string& alloc_id) { return "nomad_init_" + alloc_id; }

std::string octal(uint64_t number, size_t width) { return fmt::format("{:0{}o}", number, width - 1) + '\0'; }

// A tar archive (ustar) of one program.
std::string archive_of(std::string_view name, std::string_view content) {
  std::string header(512, '\0');
  auto put = [&](size_t at, std::string_view text) { header.replace(at, text.size(), text); };
  put(0, name);
  put(100, octal(0755, 8));
  put(108, octal(0, 8));
  put(116, octal(0, 8));
  put(124, octal(content.size(), 12));
  put(136, octal(0, 12));
  put(148, "        ");
  put(156, "0");
  put(257, std::string_view("ustar\00000", 8));
  uint64_t sum = 0;
  for (unsigned char c : header) sum += c;
  put(148, fmt::format("{:06o}", sum) + '\0' + ' ');
  std::string out = header;
  out.append(content);
  out.append((512 - content.size() % 512) % 512 + 1024, '\0');
  return out;
}
}  // namespace

// Its name. Our own is made from the program that supervises tasks anyway, so nothing has to be pulled.
awaitable<result<std::string>> docker_driver::state::infra_image() {
  if (!options.infra_image.empty()) {
    image_request request{.image = options.infra_image,
                          .load_path = {},
                          .auth_soft_fail = true,
                          .auth = {},
                          .pull_timeout = options.infra_pull_timeout,
                          .user = "network",
                          .tell = {}};
    CO_TRY(co_await images->ensure(std::move(request)));
    co_return options.infra_image;
  }
  auto tag = std::filesystem::path(services.shim_path).filename().string();
  auto name = fmt::format("drover-network:{}", tag);
  auto there = co_await engine->call({.target = fmt::format("/images/{}/json", name)});
  if (there) co_return name;
  if (there.error().code() != errc::not_found) co_return fail(there.error());
  auto program = co_await services.pool.run([&]() -> result<std::string> {
    std::ifstream in(services.shim_path, std::ios::binary);
    std::string content{std::istreambuf_iterator<char>(in), {}};
    if (!in || content.empty() || content.size() > program_bytes_max) return fail(errc::io, "cannot read {}", services.shim_path);
    return content;
  });
  if (!program) co_return fail(program.error());
  CO_TRY(co_await engine->upload(fmt::format("/images/create?fromSrc=-&repo=drover-network&tag={}", tag), archive_of("drover-shim", *program)));
  co_return name;
}

awaitable<result<driver_network>> docker_driver::make_network(std::string alloc_id, std::string hostname) {
  auto& s = *state_;
  CO_TRY(s.ready());
  auto name = container_of(alloc_id);
  // One that could not be removed while dockerd was away is found by the next sweep.
  if (!s.containers.contains(name)) s.containers.insert(name);
  auto facts = co_await s.engine->call({.target = fmt::format("/containers/{}/json", name)});
  if (!facts || !boolean_at(*facts, "State.Running")) {
    if (facts) CO_TRY(co_await s.engine->remove_container(name));
    else if (facts.error().code() != errc::not_found) co_return fail(facts.error());
    CO_TRY_ASSIGN(auto image, co_await s.infra_image());
    value::object body, host, labels;
    body.set("Image", image);
    if (s.options.infra_image.empty()) body.set("Cmd", value(value::list{value("/drover-shim"), value("--hold")}));
    if (!hostname.empty()) body.set("Hostname", hostname);
    labels.set(std::string(label_alloc_id), alloc_id);
    labels.set(std::string(label_agent), s.agent);
    body.set("Labels", value(std::move(labels)));
    host.set("NetworkMode", "none");
    value::object always;
    // Comes back with dockerd, like the namespaces of others which outlive it.
    always.set("Name", "unless-stopped");
    host.set("RestartPolicy", value(std::move(always)));
    body.set("HostConfig", value(std::move(host)));
    CO_TRY_ASSIGN(auto made,
                  co_await s.engine->call(
                      {.method = "POST", .target = "/containers/create?name=" + name, .body = value(std::move(body)), .timeout = limits::start_timeout}));
    CO_TRY(co_await s.engine->call({.method = "POST", .target = fmt::format("/containers/{}/start", text_at(made, "Id")), .timeout = limits::start_timeout}));
    facts = co_await s.engine->call({.target = fmt::format("/containers/{}/json", name)});
    if (!facts) co_return fail(facts.error());
  }
  driver_network out;
  out.namespace_path = text_at(*facts, "NetworkSettings.SandboxKey");
  if (out.namespace_path.empty()) out.namespace_path = fmt::format("/proc/{}/ns/net", integer_at(*facts, "State.Pid"));
  out.labels[sandbox_label] = text_at(*facts, "Id");
  co_return out;
}

awaitable<result<>> docker_driver::destroy_network(std::string alloc_id, driver_network) {
  CO_TRY(state_->ready());
  auto name = container_of(alloc_id);
  state_->containers.erase(name);
  co_return co_await state_->engine->remove_container(name);
}

}  // namespace drover::client
