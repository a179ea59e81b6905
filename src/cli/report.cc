// `leam report`: what a project folder has to tell, as one screen and as a page.
#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <optional>

#include "cli/command.h"
#include "cli/report_data.h"

namespace leam::cli {
namespace {

int terminal_width() {
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
    return std::min<int>(size.ws_col, 120);
  return 110;
}

Result<void> report(Session& session, const std::optional<std::string>& out, std::optional<int> width) {
  const Config config = LEAM_TRY(session.config());
  ProjectReport r = LEAM_TRY(read_project_report(*session.env, config));
  if (out) r.out = *out;
  LEAM_TRY(session.env->write_atomic(r.out, to_page(r)));
  const char* no_colour = std::getenv("NO_COLOR");  // no-color.org
  const bool colour = ::isatty(STDOUT_FILENO) == 1 && (no_colour == nullptr || *no_colour == '\0');
  std::fputs(to_screen(r, width.value_or(terminal_width()), colour).c_str(), stdout);
  return {};
}

}  // namespace

void add_report(CLI::App& app, Session& session) {
  auto out = std::make_shared<std::optional<std::string>>();
  auto width = std::make_shared<std::optional<int>>();
  CLI::App* command = app.add_subcommand("report", "what a project has made, as one screen and as a page");
  add_project_options(*command, session);
  command->add_option("--out", *out, "the page (default: [report] out, report.html beside leam.toml)");
  command->add_option("--width", *width, "columns of the screen (default: the terminal's)")
      ->check(CLI::Range(60, 400));
  command->callback([&session, out, width] {
    session.action = [&session, out, width] { return report(session, *out, *width); };
  });
}

}  // namespace leam::cli
