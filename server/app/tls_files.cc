#include "app/tls_files.h"

namespace app {

void TlsFilesLook::Look() {
  if (files_.cert.empty()) return;
  const auto checked = rpc::Check(files_);
  const std::string trouble = checked ? "" : checked.error().text;
  if (trouble == trouble_) return;
  if (checked) {
    log_.Info("tls_files_usable", "the certificate and its key can be used again");
  } else {
    log_.Warn("tls_files_unusable", "who connects from here on may fail to: " + trouble);
  }
  trouble_ = trouble;
}

}  // namespace app
