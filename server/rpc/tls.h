#pragma once

#include <expected>
#include <memory>
#include <string>

namespace grpc {
class ServerCredentials;
}

namespace rpc {

// PEM files with which the server shows who it is and, if `client_ca` is named, asks callers who they are.
struct TlsFiles {
  std::string cert;       // its certificate, and what leads from it to an authority
  std::string key;        // of the certificate
  std::string client_ca;  // authorities of callers' certificates; empty: callers need none
};

// Which of the files cannot be used; the text names it and says why.
struct BadTlsFile {
  std::string TlsFiles::*which;
  std::string text;
};

// Whether the files, of which there is at least a certificate, can be used and belong together.
std::expected<void, BadTlsFile> Check(const TlsFiles& files);

// Credentials that follow the files as they change: connections made later see the new ones. No files: plain text.
std::expected<std::shared_ptr<grpc::ServerCredentials>, BadTlsFile> MakeCredentials(const TlsFiles& files);

}  // namespace rpc
