// SPDX-License-Identifier: Apache-2.0
// Builds the tree from yaml-cpp's events: its own nodes lose duplicate keys.
#include "apps/posthorn/config/yaml_document.hpp"

#include "apps/posthorn/config/file.hpp"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <map>
#include <optional>
#include <sstream>

namespace posthorn {

namespace {

constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";

/// Kind of a scalar that yaml-cpp reports with this tag: `?` is unquoted, `!`
/// quoted.
yaml_kind scalar_kind(const std::string& tag, const std::string& text) {
  constexpr std::string_view core = "tag:yaml.org,2002:";
  if (tag == "?")
    return plain_kind(text);
  if (tag == "!" || tag == std::string{core} + "str")
    return yaml_kind::string;
  auto plain = plain_kind(text);
  if ((tag == std::string{core} + "bool" && plain == yaml_kind::boolean)
      || (tag == std::string{core} + "null" && plain == yaml_kind::null)
      || (tag == std::string{core} + "int" && plain == yaml_kind::number)
      || (tag == std::string{core} + "float" && plain == yaml_kind::number))
    return plain;
  return yaml_kind::other;
}

bool known_collection_tag(const std::string& tag, const char* own) {
  return tag.empty() || tag == "?" || tag == "!"
         || tag == std::string{"tag:yaml.org,2002:"} + own;
}

class tree_builder : public YAML::EventHandler {
public:
  explicit tree_builder(yaml_document& document)
    : document_(document), prefix_(document.text.starts_with(byte_order_mark)
                                     ? byte_order_mark.size()
                                     : 0) {}

  yaml_ptr root() const {
    return root_;
  }

  void OnDocumentStart(const YAML::Mark&) override {}

  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    auto node = make(mark, yaml_kind::null);
    // yaml-cpp reports nothing-at-all where the next token starts.
    if (!open_.empty() && open_.back().key)
      node->line = open_.back().key_line;
    remember(anchor, node);
    add(std::move(node), {});
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    if (++aliases_ > yaml_aliases_max)
      complain(mark, "more than " + std::to_string(yaml_aliases_max)
                       + " aliases in one file");
    auto found = anchors_.find(anchor);
    if (found != anchors_.end() && aliases_ <= yaml_aliases_max) {
      add(found->second, found->second->text);
      return;
    }
    if (found == anchors_.end())
      complain(mark, "an alias stands inside of what it names");
    add(make(mark, yaml_kind::null), {});
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag,
                YAML::anchor_t anchor, const std::string& value) override {
    auto node = make(mark, scalar_kind(tag, value));
    node->text = value;
    if (node->kind == yaml_kind::other && tag != "?")
      complain(mark, "tag " + tag + " does not fit the value or is unknown");
    remember(anchor, node);
    add(std::move(node), value);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag,
                       YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    begin(mark, tag, anchor, yaml_kind::list);
  }

  void OnSequenceEnd() override {
    end();
  }

  void OnMapStart(const YAML::Mark& mark, const std::string& tag,
                  YAML::anchor_t anchor, YAML::EmitterStyle::value) override {
    begin(mark, tag, anchor, yaml_kind::mapping);
  }

  void OnMapEnd() override {
    end();
  }

private:
  using node_ptr = std::shared_ptr<yaml_value>;

  /// A list or mapping whose end has not come yet.
  struct frame {
    node_ptr node;
    YAML::anchor_t anchor = 0;
    /// The key whose value comes next, in a mapping.
    std::optional<std::string> key;
    unsigned key_line = 0;
    /// Line of each key of a mapping so far.
    std::map<std::string, unsigned> keys = {};
  };

  node_ptr make(const YAML::Mark& mark, yaml_kind kind) const {
    auto node = std::make_shared<yaml_value>();
    node->kind = kind;
    node->line = static_cast<unsigned>(mark.line) + 1;
    node->offset = prefix_ + static_cast<std::size_t>(mark.pos);
    return node;
  }

  void complain(const YAML::Mark& mark, std::string text) {
    document_.problems.push_back({document_.file,
                                  static_cast<unsigned>(mark.line) + 1,
                                  {},
                                  std::move(text)});
  }

  void remember(YAML::anchor_t anchor, const node_ptr& node) {
    if (anchor != 0)
      anchors_[anchor] = node;
  }

  void begin(const YAML::Mark& mark, const std::string& tag,
             YAML::anchor_t anchor, yaml_kind kind) {
    if (!known_collection_tag(tag, kind == yaml_kind::list ? "seq" : "map"))
      complain(mark, "tag " + tag + " does not fit the value or is unknown");
    open_.push_back({make(mark, kind), anchor, std::nullopt});
  }

  void end() {
    auto done = std::move(open_.back());
    open_.pop_back();
    // Only now: an alias inside would make a circle.
    remember(done.anchor, done.node);
    add(std::move(done.node), {});
  }

  /// Puts a finished node where it belongs.
  void add(yaml_ptr node, const std::string& text) {
    if (open_.empty()) {
      root_ = std::move(node);
      return;
    }
    auto& parent = open_.back();
    if (parent.node->kind == yaml_kind::list) {
      parent.node->items.push_back(std::move(node));
    } else if (!parent.key) {
      parent.key = text;
      parent.key_line = node->line;
      check_key(parent, *node);
    } else {
      parent.node->members.push_back(
        {std::move(*parent.key), parent.key_line, std::move(node)});
      parent.key.reset();
    }
  }

  void check_key(frame& mapping, const yaml_value& key) {
    auto [first, fresh] = mapping.keys.emplace(key.text, key.line);
    std::string text;
    if (key.kind == yaml_kind::list || key.kind == yaml_kind::mapping)
      text = std::string{"a key cannot be "} + name_of(key.kind);
    else if (key.kind == yaml_kind::other && key.text == "<<")
      text = "merge keys (<<) are not supported: write the keys out";
    else if (!fresh)
      text = "is given twice, first in line " + std::to_string(first->second);
    if (!text.empty())
      document_.problems.push_back(
        {document_.file, key.line, key.text, std::move(text)});
  }

  yaml_document& document_;
  std::size_t prefix_;
  std::vector<frame> open_;
  std::map<YAML::anchor_t, yaml_ptr> anchors_;
  std::size_t aliases_ = 0;
  yaml_ptr root_;
};

/// Length of the well-formed UTF-8 sequence at `i` that YAML allows as a
/// printable character, or 0. yaml-cpp takes anything, PyYAML does not.
std::size_t printable(std::string_view text, std::size_t i) {
  auto byte = [&](std::size_t k) -> unsigned {
    return i + k < text.size() ? static_cast<unsigned char>(text[i + k]) : 0u;
  };
  auto tail = [&](std::size_t k) { return (byte(k) & 0xc0u) == 0x80u; };
  auto first = byte(0);
  if (first < 0x80)
    return (first >= 0x20 && first != 0x7f) || first == '\t' || first == '\n'
               || first == '\r'
             ? 1
             : 0;
  if (first >= 0xc2 && first <= 0xdf && tail(1))
    return first == 0xc2 && byte(1) < 0xa0 && byte(1) != 0x85 ? 0 : 2;
  if (first >= 0xe0 && first <= 0xef && tail(1) && tail(2)) {
    bool overlong = first == 0xe0 && byte(1) < 0xa0;
    bool surrogate = first == 0xed && byte(1) > 0x9f;
    return overlong || surrogate ? 0 : 3;
  }
  if (first >= 0xf0 && first <= 0xf4 && tail(1) && tail(2) && tail(3)) {
    bool overlong = first == 0xf0 && byte(1) < 0x90;
    bool beyond = first == 0xf4 && byte(1) > 0x8f;
    return overlong || beyond ? 0 : 4;
  }
  return 0;
}

/// Line of the first byte that is not text, or 0.
unsigned first_bad_line(std::string_view text) {
  unsigned line = 1;
  for (std::size_t i = 0; i < text.size();) {
    auto length = printable(text, i);
    if (length == 0)
      return line;
    if (text[i] == '\n')
      ++line;
    i += length;
  }
  return 0;
}

/// Has yaml-cpp parse the whole text; answers how many documents it holds.
int parse_into(tree_builder& tree, const std::string& text) {
  std::istringstream in{text};
  YAML::Parser parser{in};
  int documents = 0;
  while (documents < 2 && parser && parser.HandleNextDocument(tree))
    ++documents;
  return documents;
}

} // namespace

const yaml_member* yaml_value::find(std::string_view key) const {
  auto found
    = std::find_if(members.begin(), members.end(),
                   [&](const yaml_member& one) { return one.key == key; });
  return found == members.end() ? nullptr : &*found;
}

yaml_document parse_yaml(std::string file, std::string text) {
  yaml_document result;
  result.file = std::move(file);
  result.text = std::move(text);
  auto complain = [&](unsigned line, std::string what) {
    result.problems.push_back({result.file, line, {}, std::move(what)});
  };
  if (auto line = first_bad_line(result.text)) {
    complain(line, "is not UTF-8 text");
    return result;
  }
  tree_builder tree{result};
  try {
    auto documents = parse_into(tree, result.text);
    if (documents > 1)
      complain(0, "holds more than one YAML document");
    else if (documents == 0)
      complain(0, "is empty");
    else if (tree.root()->kind != yaml_kind::mapping)
      complain(tree.root()->line, std::string{"must be a mapping of keys to "
                                              "values, but is "}
                                    + name_of(tree.root()->kind));
    else
      result.root = tree.root();
  } catch (const YAML::Exception& what) {
    complain(what.mark.is_null() ? 0
                                 : static_cast<unsigned>(what.mark.line) + 1,
             "is not YAML: " + what.msg);
  }
  return result;
}

yaml_document load_yaml(const std::string& path) {
  auto content = read_file(path, yaml_bytes_max);
  if (!content) {
    yaml_document result;
    result.file = path;
    result.problems.push_back({path, 0, {}, text_of(content.error())});
    return result;
  }
  auto result = parse_yaml(path, std::move(content->text));
  result.open_to_others = content->open_to_others;
  return result;
}

} // namespace posthorn
