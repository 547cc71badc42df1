//! Makes the stubs from the contract, and the retries of calls from service_config.json.

use std::error::Error;
use std::path::PathBuf;
use std::{env, fs};

use prost::Message;

const CONTRACT: &str = "comfyui/jobstatus/v1/job_status.proto";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=proto");
    println!("cargo::rerun-if-changed=service_config.json");
    let out = PathBuf::from(env::var("OUT_DIR")?);

    let descriptors = protox::compile([CONTRACT], ["proto"])?;
    // For those who want protobuf's JSON, as the conformance suite does.
    fs::write(out.join("descriptors.bin"), descriptors.encode_to_vec())?;
    tonic_prost_build::configure()
        .server_mod_attribute("comfyui.jobstatus.v1", "#[cfg(test)]")
        .compile_fds(descriptors)?;

    let config: serde_json::Value = serde_json::from_str(&fs::read_to_string("service_config.json")?)?;
    fs::write(out.join("service_config.rs"), calls(&config).ok_or("service_config.json: no retries of GetStatus")?)?;
    Ok(())
}

/// What Rust is to know of the limits and retries of the unary calls. tonic reads no service config.
fn calls(config: &serde_json::Value) -> Option<String> {
    let calls = config["methodConfig"].as_array()?.iter().find(|calls| calls["retryPolicy"].is_object())?;
    let retries = &calls["retryPolicy"];
    let codes: Vec<String> = retries["retryableStatusCodes"].as_array()?.iter().map(code).collect::<Option<_>>()?;
    Some(format!(
        "use std::time::Duration;\n\
         pub(crate) const TIMEOUT: Duration = {};\n\
         pub(crate) const MAX_ATTEMPTS: u32 = {};\n\
         pub(crate) const RETRYABLE: &[tonic::Code] = &[{}];\n\
         pub(crate) const BACKOFF: crate::BackoffSettings =\n\
             crate::BackoffSettings {{ initial: {}, max: {}, multiplier: {:?} }};\n",
        duration(&calls["timeout"])?,
        retries["maxAttempts"].as_u64()?,
        codes.join(", "),
        duration(&retries["initialBackoff"])?,
        duration(&retries["maxBackoff"])?,
        retries["backoffMultiplier"].as_f64()?,
    ))
}

/// "0.1s"
fn duration(text: &serde_json::Value) -> Option<String> {
    let seconds: f64 = text.as_str()?.strip_suffix('s')?.parse().ok()?;
    Some(format!("Duration::from_millis({})", (seconds * 1000.0).round() as u64))
}

/// "DEADLINE_EXCEEDED"
fn code(name: &serde_json::Value) -> Option<String> {
    let words = name.as_str()?.split('_').map(|word| format!("{}{}", &word[..1], word[1..].to_lowercase()));
    Some(format!("tonic::Code::{}", words.collect::<String>()))
}
