#pragma once

#include <string>

namespace jobstatus {

// A certificate for localhost that signs itself, so it is its own authority, and its key; both PEM.
struct Certificate {
  std::string certificate;
  std::string key;
};

Certificate MakeCertificate(int valid_days = 1);  // from two days ago to so many days from now

}  // namespace jobstatus
