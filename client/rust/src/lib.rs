//! Client of the ComfyUI Job Status Service: it watches ComfyUI jobs, and comes back by itself when the service was away.
//!
//! ```no_run
//! # async fn example() -> Result<(), comfyui_jobstatus::Error> {
//! let client = comfyui_jobstatus::Client::new("gpu-box:50051")?;
//! let mut watch = client.watch("JOB_ID");
//! while let Some(status) = watch.try_next().await? {
//!     println!("{}", status.message); // "queued, 3rd of 7"
//! }
//! # Ok(())
//! # }
//! ```
//!
//! [`Client`] has the calls, [`WatchOptions`] says what may be told a watch, and [`Error`] what may go wrong. The messages are
//! those of `job_status.proto`, in [`v1`]; the usual ones are here, too.

mod backoff;
mod channel;
mod client;
mod error;
mod messages;
mod watch;
mod watch_flow;

#[cfg(test)]
mod scripted_service_tests;

pub use backoff::BackoffSettings;
pub use channel::ClientBuilder;
pub use client::Client;
pub use error::{Error, ErrorKind};
pub use messages::*;
pub use prost_types;
pub use tonic::Code;
pub use watch::{Watch, WatchOptions};

/// The messages of the contract and its bare stub, as prost and tonic make them. job_status.proto says what each field means.
pub mod v1 {
    #![allow(clippy::all, missing_docs, rustdoc::all)]
    tonic::include_proto!("comfyui.jobstatus.v1");
}

/// Limits and retries of the unary calls: service_config.json, the same in every language.
mod service_config {
    include!(concat!(env!("OUT_DIR"), "/service_config.rs"));
}
