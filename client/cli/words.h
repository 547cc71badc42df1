// Small things said about a job.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "jobstatus/messages.h"

namespace jobstatus::cli {

// "queued", "processing", "completed", "failed", "cancelled", "lost".
std::string_view StateName(JobState state);

// The state of that name.
std::optional<JobState> StateOfName(std::string_view name);

// "3rd of 7".
std::string PlaceInQueue(const comfyui::jobstatus::v1::QueuePlace& place);

// "about 2 min left"; as vague as the estimate.
std::string TimeLeft(std::chrono::seconds left);

// "0:42", "1:02:03".
std::string Stopwatch(std::chrono::seconds elapsed);

// "2026-11-23T18:27:03.120Z"; "-" for an absent or impossible one.
std::string UtcTime(const google::protobuf::Timestamp& time);

// "3m ago" within a day, else date and time here: "2026-11-23 19:27". "-" for an absent or impossible one.
std::string Ago(const google::protobuf::Timestamp& time, std::chrono::system_clock::time_point now);

// "KSampler 12/20", "node 7"; empty when no node is known. Escaped.
std::string CurrentNode(const comfyui::jobstatus::v1::Progress& progress);

// 0 to 100, rounded down: 100 means done.
int WholePercent(double percentage);

}  // namespace jobstatus::cli
