// `leam serve`: the model behind an API. `leam serve key add|list|revoke`: who may use it.
#include "pipeline/serve/serve.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <optional>

#include "base/core/units.h"
#include "cli/command.h"
#include "cli/project.h"
#include "pipeline/serve/keys.h"

namespace leam::cli {
namespace {

// What the command line says in place of leam.toml. Its paths start at the working folder.
struct ServeOptions {
  std::optional<std::string> model, name, host, ledger;
  std::optional<int> port;
};

Result<serve::Config> read_config(Session& session, const CLI::App& command, const ServeOptions& o) {
  serve::Config c = LEAM_TRY(serve::Config::from(LEAM_TRY(config_if_any(session, command))));
  if (o.model) c.model = *o.model;
  if (o.name) c.name = *o.name;
  if (o.host) c.host = *o.host;
  if (o.ledger) c.ledger = *o.ledger;
  if (o.port) c.port = *o.port;
  return c;
}

Result<void> run_server(Session& session, const serve::Config& config) {
  Context context = session.context();
  return serve::run(config, context, [&](const std::string& address) {
    fmt::print("{}\n", address);
    std::fflush(stdout);
    session.reporter->note(fmt::format("serving {} to keys in {}; Ctrl-C ends it after running answers",
                                       config.model, config.ledger));
  });
}

Result<void> add_key(Session& session, const std::string& ledger, const std::string& name) {
  auto keys = LEAM_TRY(serve::Keys::open(*session.env, ledger));
  const serve::NewKey made = LEAM_TRY(keys.create(name));
  fmt::print("{}\n", made.secret);
  session.reporter->note(
      fmt::format("key {} for {}: shown this once, only its hash is kept", made.key.id, name));
  return {};
}

Result<void> list_keys(Session& session, const std::string& ledger, bool as_json) {
  const auto keys = LEAM_TRY(serve::Keys::open(*session.env, ledger));
  json::array out;
  if (!as_json) fmt::print("{:<12}  {:<24}  {:<20}  {}\n", "id", "name", "made", "revoked");
  for (const serve::Key& k : LEAM_TRY(keys.list())) {
    const std::string revoked = k.revoked_us == 0 ? "" : iso_time(k.revoked_us);
    if (as_json) {
      out.push_back(
          {{"id", k.id}, {"name", k.name}, {"created", iso_time(k.created_us)}, {"revoked", revoked}});
    } else {
      fmt::print("{:<12}  {:<24}  {:<20}  {}\n", k.id, k.name, iso_time(k.created_us), revoked);
    }
  }
  if (as_json) std::fputs(pretty_json(out).c_str(), stdout);
  return {};
}

Result<void> revoke_key(Session& session, const std::string& ledger, const std::string& name) {
  auto keys = LEAM_TRY(serve::Keys::open(*session.env, ledger));
  const serve::Key key = LEAM_TRY(keys.revoke(name));
  session.reporter->note(fmt::format("key {} of {} is revoked", key.id, key.name));
  return {};
}

}  // namespace

void add_serve(CLI::App& app, Session& session) {
  auto o = std::make_shared<ServeOptions>();
  CLI::App* serve = app.add_subcommand("serve", "answer requests to a model as OpenAI's API does, metered");
  add_project_options(*serve, session);
  serve->add_option("--model", o->model, "model folder (default: [serve] model)");
  serve->add_option("--name", o->name, "the model's name for clients (default: the folder's)");
  serve->add_option("--host", o->host, "address to listen on (default: 127.0.0.1)");
  serve->add_option("--port", o->port, "port to listen on; 0: any free one (default: 8080)")
      ->check(CLI::Range(0, 65535));
  serve->add_option("--ledger", o->ledger, "database of usage and keys (default: ledger.db)");
  serve->callback([&session, o, serve] {
    if (!serve->get_subcommands().empty()) return;
    session.action = [&session, o, serve]() -> Result<void> {
      return run_server(session, LEAM_TRY(read_config(session, *serve, *o)));
    };
  });

  CLI::App* key = serve->add_subcommand("key", "API keys, kept beside the ledger");
  key->require_subcommand(1);
  // The ledger that a subcommand of `key` works on.
  const auto with_ledger = [&session, o, serve](auto work) {
    session.action = [&session, o, serve, work]() -> Result<void> {
      return work(LEAM_TRY(read_config(session, *serve, *o)).ledger);
    };
  };
  // The same options after `key add` as before it.
  const auto options = [&session, o](CLI::App& command) {
    add_project_options(command, session);
    command.add_option("--ledger", o->ledger, "database of usage and keys (default: ledger.db)");
  };
  auto name = std::make_shared<std::string>();
  CLI::App* add = key->add_subcommand("add", "make a key for NAME and print it, once");
  options(*add);
  add->add_option("NAME", *name, "whose it is: letters, digits and . _ @ + -")->required();
  add->callback([=, &session] {
    with_ledger([&session, name](const std::string& ledger) { return add_key(session, ledger, *name); });
  });
  CLI::App* list = key->add_subcommand("list", "all keys, revoked ones too");
  options(*list);
  auto as_json = std::make_shared<bool>(false);
  list->add_flag("--json", *as_json, "for machines");
  list->callback([=, &session] {
    with_ledger(
        [&session, as_json](const std::string& ledger) { return list_keys(session, ledger, *as_json); });
  });
  CLI::App* revoke = key->add_subcommand("revoke", "make a key invalid, from the next request on");
  options(*revoke);
  revoke->add_option("NAME", *name, "the key's name or id")->required();
  revoke->callback([=, &session] {
    with_ledger([&session, name](const std::string& ledger) { return revoke_key(session, ledger, *name); });
  });
}

}  // namespace leam::cli
