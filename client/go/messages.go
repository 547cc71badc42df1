package jobstatus

import "jobstatus.comfyui/go/jobstatusv1"

// The messages of the contract that this package takes and returns.
type (
	JobStatus = jobstatusv1.JobStatus
	JobState  = jobstatusv1.JobState
	Backend   = jobstatusv1.Backend
)

// The states of a job.
const (
	Queued     = jobstatusv1.JobState_JOB_STATE_QUEUED
	Processing = jobstatusv1.JobState_JOB_STATE_PROCESSING
	Completed  = jobstatusv1.JobState_JOB_STATE_COMPLETED
	Failed     = jobstatusv1.JobState_JOB_STATE_FAILED
	Cancelled  = jobstatusv1.JobState_JOB_STATE_CANCELLED
	Lost       = jobstatusv1.JobState_JOB_STATE_LOST
)

// IsTerminal is true of a job that is completed, failed, cancelled or lost.
func IsTerminal(state JobState) bool {
	switch state {
	case Completed, Failed, Cancelled, Lost:
		return true
	}
	return false
}
