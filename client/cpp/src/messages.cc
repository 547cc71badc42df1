#include "jobstatus/messages.h"

namespace jobstatus {

bool IsTerminal(JobState state) {
  switch (state) {
    case comfyui::jobstatus::v1::JOB_STATE_COMPLETED:
    case comfyui::jobstatus::v1::JOB_STATE_FAILED:
    case comfyui::jobstatus::v1::JOB_STATE_CANCELLED:
    case comfyui::jobstatus::v1::JOB_STATE_LOST:
      return true;
    default:
      return false;
  }
}

}  // namespace jobstatus
