#include "rpc/tls.h"

#include <grpcpp/security/server_credentials.h>
#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_credentials_options.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

namespace rpc {
namespace {

constexpr unsigned int kLookAtFilesEverySeconds = 2;

using Bio = std::unique_ptr<BIO, decltype(&BIO_free)>;
using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;
using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;

using File = std::string TlsFiles::*;

std::unexpected<BadTlsFile> Bad(const TlsFiles& files, File which, const std::string& why) {
  ERR_clear_error();
  return std::unexpected(BadTlsFile{which, files.*which + ": " + why});
}

std::expected<Certificate, BadTlsFile> ReadCertificate(const TlsFiles& files, File which) {
  const Bio in(BIO_new_file((files.*which).c_str(), "r"), &BIO_free);
  if (!in) return Bad(files, which, "cannot be read");
  Certificate certificate(PEM_read_bio_X509(in.get(), nullptr, nullptr, nullptr), &X509_free);
  if (!certificate) return Bad(files, which, "holds no certificate in PEM form");
  return certificate;
}

}  // namespace

// gRPC says nothing of files that do not fit: each handshake fails.
std::expected<void, BadTlsFile> Check(const TlsFiles& files) {
  const auto certificate = ReadCertificate(files, &TlsFiles::cert);
  if (!certificate) return std::unexpected(certificate.error());
  if (X509_cmp_current_time(X509_get0_notAfter(certificate->get())) < 0)
    return Bad(files, &TlsFiles::cert, "the certificate has expired");
  if (X509_cmp_current_time(X509_get0_notBefore(certificate->get())) > 0)
    return Bad(files, &TlsFiles::cert, "the certificate is not valid yet");
  const Bio in(BIO_new_file(files.key.c_str(), "r"), &BIO_free);
  if (!in) return Bad(files, &TlsFiles::key, "cannot be read");
  const auto no_passphrase = [](char*, int, int, void*) { return -1; };  // nobody is there to be asked
  const Key key(PEM_read_bio_PrivateKey(in.get(), nullptr, no_passphrase, nullptr), &EVP_PKEY_free);
  if (!key) return Bad(files, &TlsFiles::key, "holds no key in PEM form, or one with a passphrase");
  if (X509_check_private_key(certificate->get(), key.get()) != 1)
    return Bad(files, &TlsFiles::key, "is not the key of the certificate in " + files.cert);
  if (files.client_ca.empty()) return {};
  if (const auto authority = ReadCertificate(files, &TlsFiles::client_ca); !authority)
    return std::unexpected(authority.error());
  return {};
}

std::expected<std::shared_ptr<grpc::ServerCredentials>, BadTlsFile> MakeCredentials(const TlsFiles& files) {
  if (files.cert.empty()) return grpc::InsecureServerCredentials();
  if (const auto checked = Check(files); !checked) return std::unexpected(checked.error());
  // Experimental in gRPC 1.51, but it reads the files on a thread of its own; the stable SslServerCredentials are read
  // once, and their fetcher is reachable only through the C API.
  const auto provider = std::make_shared<grpc::experimental::FileWatcherCertificateProvider>(
      files.key, files.cert, files.client_ca, kLookAtFilesEverySeconds);
  grpc::experimental::TlsServerCredentialsOptions options(provider);
  options.watch_identity_key_cert_pairs();
  if (!files.client_ca.empty()) {
    options.watch_root_certs();
    options.set_cert_request_type(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  }
  return grpc::experimental::TlsServerCredentials(options);
}

}  // namespace rpc
