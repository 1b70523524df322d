// SPDX-License-Identifier: Apache-2.0
// The command line. Exit codes: 0 fine, 1 refused or failed, 2 wrong usage.
#include "actors/sorter/namespaces.hpp"
#include "apps/posthorn/bench/bench.hpp"
#include "apps/posthorn/commands/adopt.hpp"
#include "apps/posthorn/commands/check.hpp"
#include "apps/posthorn/commands/generate.hpp"
#include "apps/posthorn/commands/store_copy.hpp"
#include "apps/posthorn/inspect/dead.hpp"
#include "apps/posthorn/inspect/import.hpp"
#include "apps/posthorn/inspect/inspect.hpp"
#include "apps/posthorn/inspect/metrics.hpp"
#include "apps/posthorn/inspect/trace.hpp"
#include "apps/posthorn/node/run_node.hpp"
#include "apps/posthorn/version.hpp"

#include <CLI/CLI.hpp>

#include <functional>
#include <iostream>
#include <utility>

namespace {

using namespace posthorn;

/// Runs the chosen subcommand; set by whichever was parsed.
using action = std::function<int()>;

/// Has `what` run when the command line names this subcommand.
void on_parse(CLI::App& cmd, action& chosen, action what) {
  cmd.callback([&chosen, what = std::move(what)] { chosen = what; });
}

/// Where the homeserver reaches Posthorn, which must be said.
void add_public_url(CLI::App& cmd, std::string& url) {
  cmd
    .add_option("--url", url,
                "Where the homeserver reaches Posthorn, e.g. "
                "http://127.0.0.1:9009")
    ->required();
}

void add_generate(CLI::App& app, action& chosen) {
  auto* cmd = app.add_subcommand(
    "generate", "Write posthorn.yaml and Posthorn's own registration");
  auto options = std::make_shared<generate_options>();
  cmd
    ->add_option("--server-name", options->server_name,
                 "The homeserver's name, e.g. example.org")
    ->required();
  add_public_url(*cmd, options->url);
  cmd->add_option("--dir", options->dir, "Directory to write to")
    ->capture_default_str();
  on_parse(*cmd, chosen,
           [options] { return run_generate(*options, std::cout, std::cerr); });
}

void add_adopt(CLI::App& app, action& chosen) {
  auto* cmd = app.add_subcommand(
    "adopt", "Write the homeserver's copies of registrations, with their url "
             "pointing to Posthorn");
  auto options = std::make_shared<adopt_options>();
  options->pattern = check_pattern;
  cmd->add_option("FILE", options->files, "Registrations of services")
    ->required();
  add_public_url(*cmd, options->url);
  cmd->add_option("--out", options->out, "Directory for the copies")
    ->capture_default_str();
  on_parse(*cmd, chosen,
           [options] { return run_adopt(*options, std::cout, std::cerr); });
}

void add_overrides(CLI::App& cmd, overrides& flags) {
  cmd.add_option("--name", flags.name, "This node's name in the cluster");
  cmd.add_option("--listen", flags.listen, "Address of the feeds");
  cmd.add_option("--admin", flags.admin, "Address of the admin API");
  cmd.add_option("--cluster", flags.cluster, "Address for other nodes");
  cmd.add_option("--store", flags.store, "The store, e.g. lmdb:/var/lib/x");
}

void add_check(CLI::App& app, action& chosen) {
  auto* cmd = app.add_subcommand(
    "check", "Validate the configuration and every registration");
  auto options = std::make_shared<check_options>();
  options->pattern = check_pattern;
  cmd->add_option("-c,--config", options->config, "posthorn.yaml")
    ->capture_default_str();
  options->slow = [](const std::string& pattern) {
    return engine_of(pattern) == engine::pcre2;
  };
  add_overrides(*cmd, options->flags);
  cmd->add_flag("--probe", options->probe,
                "Also ask each service whether it is there");
  cmd->add_flag("--json", options->json, "Answer as JSON");
  on_parse(*cmd, chosen,
           [options] { return run_check(*options, std::cout, std::cerr); });
}

void add_node(CLI::App& app, action& chosen) {
  auto* cmd = app.add_subcommand("node", "Run a node");
  auto options = std::make_shared<node_options>();
  cmd->add_option("-c,--config", options->config_file, "posthorn.yaml")
    ->required();
  add_overrides(*cmd, options->flags);
  cmd
    ->add_option("--log-level", options->log_level,
                 "debug, info, warning or error")
    ->check(CLI::IsMember({"debug", "info", "warning", "error"}))
    ->capture_default_str();
  on_parse(*cmd, chosen, [options] { return run_node(*options); });
}

/// What the commands that ask a running node have in common.
struct inspect_options {
  admin_target target;
  std::string id;
  bool json = false;
};

std::shared_ptr<inspect_options> add_target(CLI::App& cmd) {
  auto options = std::make_shared<inspect_options>();
  cmd.add_option("-c,--config", options->target.config_file,
                 "posthorn.yaml of the node to ask");
  cmd.add_option("--admin", options->target.url,
                 "URL of the admin API to ask; token in POSTHORN_ADMIN_TOKEN");
  cmd.add_flag("--json", options->json, "Answer as JSON");
  return options;
}

void add_services(CLI::App& app, action& chosen) {
  auto* cmd = app.add_subcommand("services", "Show the services");
  auto options = add_target(*cmd);
  cmd->add_option("ID", options->id, "Show one in full");
  on_parse(*cmd, chosen, [options] {
    return run_services(options->target, options->id, options->json, std::cout,
                        std::cerr);
  });
}

void add_order(CLI::App& app, action& chosen, const std::string& verb,
               const std::string& text) {
  auto* cmd = app.add_subcommand(verb, text);
  auto options = add_target(*cmd);
  cmd->add_option("ID", options->id, "The service")->required();
  on_parse(*cmd, chosen, [options, verb] {
    return run_order(options->target, verb, options->id, options->json,
                     std::cout, std::cerr);
  });
}

void add_dead_order(CLI::App& dead, action& chosen, const std::string& verb,
                    const std::string& text) {
  auto* cmd = dead.add_subcommand(verb, text);
  auto options = add_target(*cmd);
  auto txn_id = std::make_shared<std::string>();
  cmd->add_option("ID", options->id, "The service")->required();
  if (verb != "skip") {
    auto* txn = cmd->add_option("TXN", *txn_id,
                                "Only those of this refused transaction");
    txn->required(verb == "drop");
  }
  on_parse(*cmd, chosen, [options, verb, txn_id] {
    return run_dead_order(options->target, verb, options->id, *txn_id,
                          options->json, std::cout, std::cerr);
  });
}

void add_dead(CLI::App& app, action& chosen) {
  auto* cmd = app.add_subcommand(
    "dead", "Show and handle what services refused for good");
  cmd->require_subcommand(0, 1);
  const auto list = [&chosen](std::shared_ptr<inspect_options> options) {
    chosen = [options] {
      return run_dead_list(options->target, options->id, options->json,
                           std::cout, std::cerr);
    };
  };
  auto all = add_target(*cmd);
  auto* shown = cmd->add_subcommand("list", "Show dead letters");
  auto options = add_target(*shown);
  shown->add_option("ID", options->id, "Show those of one service");
  shown->callback([list, options] { list(options); });
  add_dead_order(*cmd, chosen, "skip",
                 "Set the head transaction aside, so that the rest flows");
  add_dead_order(*cmd, chosen, "replay",
                 "Send again, under a new id and behind what waits");
  add_dead_order(*cmd, chosen, "drop", "Delete");
  cmd->callback([cmd, list, all] {
    if (cmd->get_subcommands().empty())
      list(all);
  });
}

void add_metrics(CLI::App& app, action& chosen) {
  auto* cmd = app.add_subcommand(
    "metrics", "Show what every actor of every node of the cluster does");
  auto options = add_target(*cmd);
  auto shown = std::make_shared<metrics_options>();
  cmd->add_option("--format", shown->format, "table, json or prometheus")
    ->check(CLI::IsMember({"table", "json", "prometheus"}))
    ->capture_default_str();
  cmd->add_option("--sort", shown->sort, "By what; the largest first")
    ->check(CLI::IsMember(metrics_sort_keys()))
    ->capture_default_str();
  cmd->add_option("--kind", shown->kind, "Only this kind, e.g. service");
  cmd->add_option("--node", shown->node, "Only this node");
  cmd->add_option("--state", shown->state,
                  "Only in this state, e.g. DOWN; 'stuck': only what does not "
                  "answer");
  cmd->add_option("--name", shown->name,
                  "Only names that match, e.g. 'service/irc*'");
  cmd->add_option("--limit", shown->limit, "At most so many actors; 0: all")
    ->capture_default_str();
  on_parse(*cmd, chosen, [options, shown] {
    if (options->json)
      shown->format = "json";
    return run_metrics(options->target, *shown, std::cout, std::cerr);
  });
}

void add_import(CLI::App& app, action& chosen) {
  auto* cmd = app.add_subcommand(
    "import", "Tell a running node who is in which room and how rooms are "
              "called, from before it was there");
  auto options = add_target(*cmd);
  auto what = std::make_shared<import_options>();
  cmd
    ->add_option("FILE", what->file,
                 "State events, or {\"room_id\", \"user_id\", "
                 "\"membership\"}, one a line; - for standard input")
    ->required();
  cmd
    ->add_option("--from-line", what->from_line,
                 "Go on where an import ended early")
    ->check(CLI::PositiveNumber)
    ->capture_default_str();
  on_parse(*cmd, chosen, [options, what] {
    return run_import(options->target, *what, options->json, std::cout,
                      std::cerr);
  });
}

void add_trace(CLI::App& app, action& chosen) {
  auto* cmd = app.add_subcommand(
    "trace", "Show where an event is: waiting, being sent, dead or delivered");
  auto options = add_target(*cmd);
  cmd->add_option("EVENT_ID", options->id, "The event")->required();
  on_parse(*cmd, chosen, [options] {
    return run_trace(options->target, options->id, options->json, std::cout,
                     std::cerr);
  });
}

void add_copy(CLI::App& store, action& chosen, const std::string& verb,
              const std::string& text, bool compact) {
  auto* cmd = store.add_subcommand(verb, text);
  auto options = std::make_shared<store_copy_options>();
  options->compact = compact;
  cmd->add_option("DIR", options->to, "Where to: empty, or not there yet")
    ->required();
  cmd->add_option("-c,--config", options->config, "posthorn.yaml")
    ->capture_default_str();
  cmd->add_option("--store", options->flags.store,
                  "The store, e.g. lmdb:/var/lib/x");
  cmd->add_flag("--json", options->json, "Answer as JSON");
  on_parse(*cmd, chosen, [options] {
    return run_store_copy(*options, std::cout, std::cerr);
  });
}

void add_store(CLI::App& app, action& chosen) {
  auto* cmd = app.add_subcommand("store", "Look after the store");
  cmd->require_subcommand(1);
  auto* stat = cmd->add_subcommand("stat", "Size and counts");
  auto options = add_target(*stat);
  on_parse(*stat, chosen, [options] {
    return run_store_stat(options->target, options->json, std::cout, std::cerr);
  });
  add_copy(*cmd, chosen, "backup",
           "A consistent copy, also while nodes run on the store", false);
  add_copy(*cmd, chosen, "compact",
           "A copy without the pages that nothing uses", true);
}

void add_bench(CLI::App& app, action& chosen) {
  auto* cmd = app.add_subcommand(
    "bench", "Measure this machine: a load test around a node of its own");
  auto options = std::make_shared<bench_options>();
  cmd->add_option("--workload", options->workloads, "What to measure")
    ->delimiter(',')
    ->check(CLI::IsMember({"w1", "w2", "w3", "w4", "growth", "many", "all"}))
    ->capture_default_str();
  cmd->add_option("--events", options->events, "Events of each workload");
  cmd
    ->add_option("--connections", options->connections,
                 "Connections of the feed")
    ->capture_default_str();
  cmd->add_option("--services", options->services,
                  "Services of w2, w3 and many");
  cmd->add_option("--batch", options->batch, "Events of a feed transaction")
    ->capture_default_str();
  cmd->add_option("--event-bytes", options->event_bytes, "Bytes of an event")
    ->capture_default_str();
  cmd->add_option("--backlog", options->backlog,
                  "Events of other services that wait in growth");
  cmd
    ->add_option("--poll-interval", options->poll_interval,
                 "sorter.poll_interval of the node")
    ->capture_default_str();
  cmd->add_option("--wake-on-arrival", options->wake_on_arrival,
                  "sorter.wake_on_arrival of the node, except in w3, which "
                  "measures both");
  cmd->add_option("--keep", options->keep,
                  "Work in this directory and leave it");
  cmd->add_flag("--short", options->short_run, "All of it, with few events");
  cmd->add_flag("--json", options->json, "Answer as JSON");
  on_parse(*cmd, chosen,
           [options] { return run_bench(*options, std::cout, std::cerr); });
}

} // namespace

int main(int argc, char** argv) {
  CLI::App app{"Delivers a Matrix homeserver's events to its application "
               "services: durably, in order, at least once."};
  app.set_version_flag("--version", std::string{"posthorn "} + version);
  app.require_subcommand(1);
  action chosen;
  add_generate(app, chosen);
  add_adopt(app, chosen);
  add_check(app, chosen);
  add_node(app, chosen);
  add_services(app, chosen);
  add_order(app, chosen, "retry", "Attempt now what a service refused");
  add_order(app, chosen, "pause", "Stop sending to a service; events are kept");
  add_order(app, chosen, "resume", "Send to a service again");
  add_dead(app, chosen);
  add_trace(app, chosen);
  add_metrics(app, chosen);
  add_import(app, chosen);
  add_store(app, chosen);
  add_bench(app, chosen);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : 2;
  }
  return chosen();
}
