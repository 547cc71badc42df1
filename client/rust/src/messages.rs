//! The messages of the contract. job_status.proto says what each field means.

pub use crate::v1::{
    Backend, ErrorReason, GetStatusRequest, JobError, JobState, JobStatus, ListStatusesRequest, MediaType,
    NodeProgress, Output, Progress, ProgressSource, QueuePlace, TimeRange, WatchStatusRequest,
};

impl JobStatus {
    /// True of a job that is completed, failed, cancelled or lost.
    pub fn is_terminal(&self) -> bool {
        matches!(self.state(), JobState::Completed | JobState::Failed | JobState::Cancelled | JobState::Lost)
    }
}

impl From<&str> for GetStatusRequest {
    fn from(job_id: &str) -> Self {
        GetStatusRequest { job_id: job_id.to_owned(), ..Default::default() }
    }
}

impl From<&String> for GetStatusRequest {
    fn from(job_id: &String) -> Self {
        job_id.as_str().into()
    }
}

impl From<String> for GetStatusRequest {
    fn from(job_id: String) -> Self {
        GetStatusRequest { job_id, ..Default::default() }
    }
}
