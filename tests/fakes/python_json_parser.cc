#include <algorithm>
#include <unordered_set>
#include <utility>
#include <vector>

#include "fakes/python_json.h"
#include "fakes/python_number.h"
#include "fakes/utf8.h"

namespace fakes {
namespace {

// About where json.loads ends in a RecursionError.
constexpr int kMaxDepth = 900;

class Parser {
 public:
  explicit Parser(std::string_view text) : rest_(text) {}

  std::optional<Json> Document() {
    Json value;
    if (!Value(&value, 0)) return std::nullopt;
    Blanks();
    if (!rest_.empty()) return std::nullopt;
    return value;
  }

 private:
  void Blanks() { rest_.remove_prefix(std::min(rest_.find_first_not_of(" \t\n\r"), rest_.size())); }

  bool Take(std::string_view word) {
    if (!rest_.starts_with(word)) return false;
    rest_.remove_prefix(word.size());
    return true;
  }

  bool Value(Json* out, int depth) {
    if (depth > kMaxDepth) return false;
    Blanks();
    if (Take("{")) return Members(out, depth);
    if (Take("[")) return Items(out, depth);
    if (Take("\"")) {
      out->kind = Json::Kind::kString;
      return String(&out->text);
    }
    if (Take("null")) return true;
    if (Take("true")) return Is(out, Json::Bool(true));
    if (Take("false")) return Is(out, Json::Bool(false));
    for (const char* word : {"NaN", "Infinity", "-Infinity"}) {
      if (!Take(word)) continue;
      out->kind = Json::Kind::kFloat;
      out->text = word;
      return true;
    }
    return Number(out);
  }

  static bool Is(Json* out, Json value) {
    *out = std::move(value);
    return true;
  }

  bool Items(Json* out, int depth) {
    out->kind = Json::Kind::kArray;
    Blanks();
    if (Take("]")) return true;
    do {
      if (!Value(&out->items.emplace_back(), depth + 1)) return false;
      Blanks();
    } while (Take(","));
    return Take("]");
  }

  bool Members(Json* out, int depth) {
    out->kind = Json::Kind::kObject;
    Blanks();
    if (Take("}")) return true;
    do {
      Blanks();
      auto& [key, value] = out->members.emplace_back();
      if (!Take("\"") || !String(&key)) return false;
      Blanks();
      if (!Take(":") || !Value(&value, depth + 1)) return false;
      Blanks();
    } while (Take(","));
    if (!Take("}")) return false;
    JoinEqualKeys(&out->members);
    return true;
  }

  // A dict has each key once. Looked up only now, as a history has ten thousand keys.
  static void JoinEqualKeys(std::vector<std::pair<std::string, Json>>* members) {
    std::unordered_set<std::string_view> keys;
    for (const auto& [key, value] : *members) keys.insert(key);
    if (keys.size() == members->size()) return;
    Json joined = Json::Object();
    for (auto& [key, value] : *members) joined.Set(key, std::move(value));
    *members = std::move(joined.members);
  }

  size_t Digits(size_t from) const {
    size_t i = from;
    while (i < rest_.size() && rest_[i] >= '0' && rest_[i] <= '9') ++i;
    return i - from;
  }

  bool Number(Json* out) {
    size_t size = rest_.starts_with('-') ? 1 : 0;
    const size_t whole = Digits(size);
    if (whole == 0 || (whole > 1 && rest_[size] == '0')) return false;
    size += whole;
    bool is_float = false;
    if (size < rest_.size() && rest_[size] == '.' && Digits(size + 1) > 0) {
      size += 1 + Digits(size + 1);
      is_float = true;
    }
    if (size < rest_.size() && (rest_[size] == 'e' || rest_[size] == 'E')) {
      const bool sign = size + 1 < rest_.size() && (rest_[size + 1] == '+' || rest_[size + 1] == '-');
      const size_t start = size + (sign ? 2 : 1);
      if (Digits(start) > 0) {
        size = start + Digits(start);
        is_float = true;
      }
    }
    const std::string text(rest_.substr(0, size));
    rest_.remove_prefix(size);
    out->kind = is_float ? Json::Kind::kFloat : Json::Kind::kInt;
    out->text = is_float ? FloatRepr(*FloatOf(std::string_view(text))) : text == "-0" ? "0" : text;
    return true;
  }

  std::optional<uint32_t> Hex4() {
    if (rest_.size() < 4) return std::nullopt;
    uint32_t value = 0;
    for (const char c : rest_.substr(0, 4)) {
      const size_t digit = std::string_view("0123456789abcdef0123456789ABCDEF").find(c);
      if (digit == std::string_view::npos) return std::nullopt;
      value = value << 4 | static_cast<uint32_t>(digit % 16);
    }
    rest_.remove_prefix(4);
    return value;
  }

  // After "\u". A high surrogate joins with a following low one, else it stands alone.
  bool Unicode(std::string* out) {
    auto c = Hex4();
    if (!c) return false;
    const std::string_view after_first = rest_;
    if (*c >= 0xD800 && *c < 0xDC00 && Take("\\u")) {
      const auto low = Hex4();
      if (low && *low >= 0xDC00 && *low < 0xE000) {
        c = 0x10000 + ((*c - 0xD800) << 10) + (*low - 0xDC00);
      } else {
        rest_ = after_first;
      }
    }
    AppendCodePoint(out, *c);
    return true;
  }

  bool String(std::string* out) {
    while (!rest_.empty()) {
      const char c = rest_.front();
      rest_.remove_prefix(1);
      if (c == '"') return true;
      if (static_cast<unsigned char>(c) < 0x20) return false;
      if (c != '\\') {
        *out += c;
        continue;
      }
      if (rest_.empty()) return false;
      const char escape = rest_.front();
      rest_.remove_prefix(1);
      if (escape == 'u') {
        if (!Unicode(out)) return false;
        continue;
      }
      const size_t which = std::string_view("\"\\/bfnrt").find(escape);
      if (which == std::string_view::npos) return false;
      *out += "\"\\/\b\f\n\r\t"[which];
    }
    return false;
  }

  std::string_view rest_;
};

}  // namespace

std::optional<Json> ParseJson(std::string_view text) {
  if (!IsStrictUtf8(text)) return std::nullopt;
  return Parser(text).Document();
}

}  // namespace fakes
