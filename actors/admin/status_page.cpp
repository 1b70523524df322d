// SPDX-License-Identifier: Apache-2.0
#include "actors/admin/status_page.hpp"

#include "actors/intake/matrix_error.hpp"

#include <cstdint>
#include <cstdio>
#include <initializer_list>
#include <utility>

namespace posthorn {

namespace {

using nlohmann::json;

constexpr std::string_view head = R"(<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="refresh" content="5">
<meta name="viewport" content="width=device-width">
<title>)";

constexpr std::string_view style = R"(</title>
<style>
body{font:14px/1.4 system-ui,sans-serif;margin:1.5em;color:#222;background:#fff}
h1{font-size:1.4em}h2{font-size:1.1em;margin-top:1.5em}
table{border-collapse:collapse}
th,td{padding:.25em .7em;border-bottom:1px solid #ddd;text-align:left;vertical-align:top}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}
td.e{max-width:40em;overflow-wrap:anywhere}
.ok{color:#0a6b22}.bad{color:#b00020;font-weight:600}.idle{color:#8a5a00}
</style>
</head>
<body>
)";

std::string span_of(double seconds) {
  const auto whole = static_cast<std::uint64_t>(seconds < 0 ? 0 : seconds);
  char text[64];
  if (whole < 60)
    std::snprintf(text, sizeof(text), "%.1f s", seconds < 0 ? 0.0 : seconds);
  else if (whole < 3'600)
    std::snprintf(text, sizeof(text), "%um %02us",
                  static_cast<unsigned>(whole / 60),
                  static_cast<unsigned>(whole % 60));
  else if (whole < 86'400)
    std::snprintf(text, sizeof(text), "%uh %02um",
                  static_cast<unsigned>(whole / 3'600),
                  static_cast<unsigned>(whole / 60 % 60));
  else
    std::snprintf(text, sizeof(text), "%ud %02uh",
                  static_cast<unsigned>(whole / 86'400),
                  static_cast<unsigned>(whole / 3'600 % 24));
  return text;
}

std::string bytes_of(double bytes) {
  const char* unit = "B";
  for (const auto* larger : {"KiB", "MiB", "GiB", "TiB"}) {
    if (bytes < 1'024)
      break;
    bytes /= 1'024;
    unit = larger;
  }
  char text[64];
  std::snprintf(text, sizeof(text), *unit == 'B' ? "%.0f %s" : "%.1f %s", bytes,
                unit);
  return text;
}

std::string text_at(const json& from, const char* key) {
  const auto found = from.find(key);
  if (found == from.end() || found->is_null())
    return {};
  return found->is_string() ? found->get<std::string>() : found->dump();
}

/// A span, or "-" where there is none.
std::string span_at(const json& from, const char* key) {
  const auto found = from.find(key);
  return found != from.end() && found->is_number()
           ? span_of(found->get<double>())
           : "-";
}

const char* class_of(const std::string& state) {
  if (state == "UP" || state == "ready")
    return "ok";
  return state == "PAUSED" ? "idle" : "bad";
}

/// Takes plain text and puts it into cells.
class writer {
public:
  void raw(std::string_view html) {
    out_ += html;
  }

  void text(std::string_view plain) {
    out_ += escape_html(plain);
  }

  /// `shown` is a class of the style, or empty.
  void cell(std::string_view plain, std::string_view shown = {}) {
    out_ += "<td";
    if (!shown.empty())
      out_.append(" class=\"").append(shown).append("\"");
    out_ += '>';
    text(plain);
    out_ += "</td>";
  }

  void heading(std::initializer_list<const char*> names) {
    out_ += "<table>\n<tr>";
    for (const auto* name : names)
      out_.append("<th>").append(name).append("</th>");
    out_ += "</tr>\n";
  }

  std::string take() && {
    return std::move(out_);
  }

private:
  std::string out_;
};

void write_node(writer& to, const status_facts& facts) {
  to.raw("<h1>Posthorn: node ");
  to.text(facts.node);
  to.raw("</h1>\n<p>version ");
  to.text(facts.version);
  to.raw(", up for ");
  to.text(span_of(facts.uptime_seconds));
  if (facts.not_ready) {
    to.raw(", <span class=\"bad\">not ready: ");
    to.text(*facts.not_ready);
    to.raw("</span>");
  } else {
    to.raw(", <span class=\"ok\">ready</span>");
  }
  to.raw("</p>\n<p>store: ");
  if (!facts.store_problem.empty()) {
    to.raw("<span class=\"bad\">");
    to.text(facts.store_problem);
    to.raw("</span>");
  } else {
    to.text(bytes_of(facts.store_used_bytes));
    to.raw(" of ");
    to.text(bytes_of(facts.store_capacity_bytes));
  }
  to.raw("</p>\n");
}

void write_nodes(writer& to, const json& nodes) {
  to.raw("<h2>Nodes</h2>\n");
  to.heading({"node", "state", "version", "uptime", "address"});
  for (const auto& one : nodes) {
    const auto problem = text_at(one, "problem");
    const auto state = problem.empty() ? text_at(one, "state") : problem;
    to.raw("<tr>");
    to.cell(text_at(one, "name"));
    to.cell(state, problem.empty() ? class_of(state) : "bad");
    to.cell(text_at(one, "version"));
    to.cell(problem.empty() ? span_at(one, "uptime_seconds") : "-", "n");
    to.cell(text_at(one, "address"));
    to.raw("</tr>\n");
  }
  to.raw("</table>\n");
}

void write_services(writer& to, const json& services) {
  to.raw("<h2>Services</h2>\n");
  to.heading({"service", "state", "owner", "pending events", "oldest",
              "dead letters", "failures", "next attempt", "last error"});
  for (const auto& one : services) {
    const auto state = text_at(one, "state");
    to.raw("<tr>");
    to.cell(text_at(one, "id"));
    to.cell(state, class_of(state));
    to.cell(text_at(one, "owner"));
    to.cell(text_at(one, "pending_events"), "n");
    to.cell(span_at(one, "oldest_pending_seconds"), "n");
    to.cell(text_at(one, "dead_letters"), "n");
    to.cell(text_at(one, "failures"), "n");
    to.cell(span_at(one, "next_attempt_seconds"), "n");
    to.cell(text_at(one, "last_error"), "e");
    to.raw("</tr>\n");
  }
  to.raw("</table>\n");
}

} // namespace

std::string escape_html(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  for (const auto c : text)
    switch (c) {
    case '&':
      result += "&amp;";
      break;
    case '<':
      result += "&lt;";
      break;
    case '>':
      result += "&gt;";
      break;
    case '"':
      result += "&quot;";
      break;
    case '\'':
      result += "&#39;";
      break;
    default:
      if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
        result += "\xef\xbf\xbd";
      else
        result += c;
    }
  return result;
}

std::string status_page(const status_facts& facts, const json& dump) {
  writer to;
  to.raw(head);
  to.text("Posthorn " + facts.node);
  to.raw(style);
  write_node(to, facts);
  write_nodes(to, dump.at("nodes"));
  if (const auto problem = text_at(dump, "services_problem");
      !problem.empty()) {
    to.raw("<p class=\"bad\">");
    to.text(problem);
    to.raw("</p>\n");
  }
  write_services(to, dump.at("services"));
  to.raw("</body>\n</html>\n");
  return std::move(to).take();
}

void set_page(httplib::Response& response, std::string html) {
  response.status = 200;
  response.set_header("Content-Security-Policy",
                      "default-src 'none'; style-src 'unsafe-inline'; "
                      "base-uri 'none'; form-action 'none'; "
                      "frame-ancestors 'none'");
  response.set_header("X-Content-Type-Options", "nosniff");
  response.set_header("Referrer-Policy", "no-referrer");
  response.set_header("Cache-Control", "no-store");
  response.set_content(std::move(html), "text/html; charset=utf-8");
}

bool may_see_page(const httplib::Request& request, const token_digest& expected,
                  httplib::Response& response) {
  if (const auto password = basic_password(request);
      password && matches(expected, *password))
    return true;
  const auto why = check_token(request, expected);
  if (!why)
    return true;
  if (why->status == 401)
    response.set_header("WWW-Authenticate",
                        "Basic realm=\"posthorn\", charset=\"UTF-8\"");
  set_matrix_error(response, why->status, why->errcode, why->error);
  return false;
}

} // namespace posthorn
