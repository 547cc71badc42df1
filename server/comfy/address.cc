#include "comfy/address.h"

#include <curl/curl.h>

#include <memory>

namespace comfy {
namespace {

using Url = std::unique_ptr<CURLU, decltype(&curl_url_cleanup)>;

std::string Part(CURLU* url, CURLUPart part, unsigned flags = 0) {
  char* text = nullptr;
  if (curl_url_get(url, part, &text, flags) != CURLUE_OK || text == nullptr) return {};
  std::string copy(text);
  curl_free(text);
  return copy;
}

bool IsUnreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '~';
}

}  // namespace

std::expected<Address, std::string> Address::Parse(std::string_view text) {
  const Url url(curl_url(), curl_url_cleanup);
  const std::string terminated(text);
  const CURLUcode code = curl_url_set(url.get(), CURLUPART_URL, terminated.c_str(), CURLU_NON_SUPPORT_SCHEME);
  if (code == CURLUE_BAD_SCHEME || terminated.find("://") == std::string::npos) {
    return std::unexpected("the address must begin with http:// or https://");
  }
  if (code != CURLUE_OK) return std::unexpected(std::string("the address is not a URL: ") + curl_url_strerror(code));
  const std::string scheme = Part(url.get(), CURLUPART_SCHEME);
  if (scheme != "http" && scheme != "https") return std::unexpected("the address must begin with http:// or https://");
  if (!Part(url.get(), CURLUPART_QUERY).empty() || !Part(url.get(), CURLUPART_FRAGMENT).empty()) {
    return std::unexpected("the address must not have a query or a fragment");
  }

  Address address;
  address.user_ = Part(url.get(), CURLUPART_USER, CURLU_URLDECODE);
  address.password_ = Part(url.get(), CURLUPART_PASSWORD, CURLU_URLDECODE);
  curl_url_set(url.get(), CURLUPART_USER, nullptr, 0);
  curl_url_set(url.get(), CURLUPART_PASSWORD, nullptr, 0);
  address.url_ = Part(url.get(), CURLUPART_URL);
  while (address.url_.ends_with('/')) address.url_.pop_back();
  address.secure_ = scheme == "https";
  address.host_ = Part(url.get(), CURLUPART_HOST);
  if (address.host_.starts_with('[')) address.host_ = address.host_.substr(1, address.host_.size() - 2);
  address.port_ = Part(url.get(), CURLUPART_PORT, CURLU_DEFAULT_PORT);
  address.path_ = Part(url.get(), CURLUPART_PATH);
  while (address.path_.ends_with('/')) address.path_.pop_back();
  return address;
}

std::string Address::authority() const {
  const bool own_port = port_ == (secure_ ? "443" : "80");
  const std::string host = host_.find(':') == std::string::npos ? host_ : "[" + host_ + "]";
  return own_port ? host : host + ":" + port_;
}

std::string Address::Resolve(std::string_view path_and_query) const {
  std::string url;
  url.reserve(url_.size() + path_and_query.size());
  url.append(url_).append(path_and_query);
  return url;
}

std::string PercentEncode(std::string_view text) {
  std::string encoded;
  AppendPercentEncoded(encoded, text);
  return encoded;
}

void AppendPercentEncoded(std::string& to, std::string_view text) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  // Dots are unreserved, but a segment that is only dots means a folder, and libcurl would resolve it away.
  const bool only_dots = text.find_first_not_of('.') == std::string_view::npos;
  for (const char c : text) {
    if (IsUnreserved(c) || (c == '.' && !only_dots)) {
      to += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    to += '%';
    to += kHex[byte >> 4];
    to += kHex[byte & 15];
  }
}

}  // namespace comfy
