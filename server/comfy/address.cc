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

std::string PercentEncode(std::string_view text) {
  static constexpr std::string_view kUnreserved = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_~";
  static constexpr char kHex[] = "0123456789ABCDEF";
  // Dots are unreserved, but a segment that is only dots means a folder, and libcurl would resolve it away.
  const bool only_dots = text.find_first_not_of('.') == std::string_view::npos;
  std::string encoded;
  for (const char c : text) {
    if (kUnreserved.find(c) != std::string_view::npos || (c == '.' && !only_dots)) {
      encoded += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    encoded += '%';
    encoded += kHex[byte >> 4];
    encoded += kHex[byte & 15];
  }
  return encoded;
}

}  // namespace comfy
