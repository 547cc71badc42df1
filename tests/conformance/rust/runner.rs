//! The runner of Rust's client; ../README.md says what it reads and prints.

use std::io::{BufRead, Write};
use std::time::Duration;

use comfyui_jobstatus::{
    Client, Code, Error, GetStatusRequest, JobStatus, ListStatusesRequest, WatchOptions,
    WatchStatusRequest,
};
use futures_util::TryStreamExt;
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage};
use serde_json::{Map, Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// Protobuf's JSON, of the messages of the contract.
struct Json(DescriptorPool);

impl Json {
    fn new() -> Self {
        Json(
            DescriptorPool::decode(
                &include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"))[..],
            )
            .expect("whole"),
        )
    }

    fn message(&self, name: &str) -> prost_reflect::MessageDescriptor {
        self.0
            .get_message_by_name(&format!("comfyui.jobstatus.v1.{name}"))
            .expect("in the contract")
    }

    fn of(&self, name: &str, message: &impl Message) -> Value {
        let mut dynamic = DynamicMessage::new(self.message(name));
        dynamic.transcode_from(message).expect("the same message");
        serde_json::to_value(dynamic).expect("it has a JSON")
    }

    fn read<T: Message + Default>(&self, name: &str, value: &Value) -> T {
        let dynamic =
            DynamicMessage::deserialize(self.message(name), value).expect("protobuf's JSON");
        dynamic.transcode_to().expect("the same message")
    }
}

fn tell(event: Value) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{event}")
        .and_then(|()| out.flush())
        .expect("somebody reads");
}

/// One call, under way.
struct Play<'a> {
    json: &'a Json,
    command: &'a Value,
    last: Option<JobStatus>,
}

impl Play<'_> {
    fn tell_status(&mut self, status: JobStatus) {
        tell(json!({"event": "status", "status": self.json.of("JobStatus", &status)}));
        self.last = Some(status);
    }

    fn client(&self) -> Result<Client, Error> {
        let connect = &self.command["connect"];
        let text = |name: &str| connect[name].as_str();
        let mut builder =
            Client::builder(text("target").expect("a target")).timeout(self.timeout());
        if connect["tls"] == true {
            builder = builder.tls();
        }
        if let Some(file) = text("caFile") {
            builder = builder.ca_file(file);
        }
        if let (Some(cert), Some(key)) = (text("certFile"), text("keyFile")) {
            builder = builder.cert_files(cert, key);
        }
        if let Some(token) = text("token") {
            builder = builder.token(token);
        }
        builder.build()
    }

    fn timeout(&self) -> Duration {
        Duration::from_millis(self.command["timeoutMs"].as_u64().expect("a limit"))
    }

    fn watch(&self) -> WatchOptions {
        let request: WatchStatusRequest = self
            .json
            .read("WatchStatusRequest", &self.command["request"]);
        WatchOptions::from(request)
            .timeout(self.timeout())
            .on_retry(|_, _| tell(json!({"event": "retry"})))
    }

    async fn run(&mut self) -> Result<(), Error> {
        let client = self.client()?;
        let request = &self.command["request"];
        match self.command["method"].as_str() {
            Some("GetStatus") => {
                let request: GetStatusRequest = self.json.read("GetStatusRequest", request);
                self.tell_status(client.get_status(request).await?);
            }
            Some("ListStatuses") => {
                let request: ListStatusesRequest = self.json.read("ListStatusesRequest", request);
                let mut statuses = client.list_statuses(request);
                while let Some(status) = statuses.try_next().await? {
                    self.tell_status(status);
                }
            }
            Some("ListBackends") => {
                for backend in client.list_backends().await? {
                    tell(json!({"event": "backend", "backend": self.json.of("Backend", &backend)}));
                }
            }
            Some("WatchStatus") => {
                let mut watch = client.watch(self.watch());
                while let Some(status) = watch.try_next().await? {
                    self.tell_status(status);
                }
            }
            Some("WaitForCompletion") => {
                let status = client.wait_for_completion(self.watch()).await?;
                self.tell_status(status);
            }
            other => panic!("no such method: {other:?}"),
        }
        Ok(())
    }
}

/// "DeadlineExceeded" as "DEADLINE_EXCEEDED"
fn code(code: Code) -> String {
    let name = format!("{code:?}");
    let words = name.char_indices().map(|(at, letter)| match letter {
        'A'..='Z' if at > 0 => format!("_{letter}"),
        _ => letter.to_ascii_uppercase().to_string(),
    });
    words.collect()
}

fn described(json: &Json, error: &Error) -> Value {
    let mut members = Map::new();
    members.insert("code".into(), code(error.code()).into());
    members.insert("reason".into(), error.reason().into());
    members.insert("message".into(), error.message().into());
    members.insert("metadata".into(), json!(error.metadata()));
    members.insert(
        "invalidFields".into(),
        error.invalid_fields().keys().cloned().collect(),
    );
    members.insert("requestId".into(), error.request_id().into());
    if let Some(after) = error.retry_after() {
        members.insert("retryAfterMs".into(), json!(after.as_millis()));
    }
    if let Some(status) = error.last_status() {
        members.insert("lastStatus".into(), json.of("JobStatus", status));
    }
    members.into()
}

/// Until the caller cancels. Nothing else comes while a call is under way, but the end of the input.
async fn cancelled(commands: &mut UnboundedReceiver<Value>) {
    match commands.recv().await {
        Some(command) if command["command"] == "cancel" => (),
        Some(other) => panic!("a call is under way: {other}"),
        None => std::future::pending().await,
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let (read, mut commands) = unbounded_channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines() {
            let command: Value = serde_json::from_str(&line.expect("UTF-8")).expect("JSON");
            if read.send(command).is_err() {
                return;
            }
        }
    });

    let json = Json::new();
    while let Some(command) = commands.recv().await {
        if command["command"] != "call" {
            continue; // a cancel that came too late
        }
        let mut play = Play {
            json: &json,
            command: &command,
            last: None,
        };
        let end = tokio::select! {
            ended = play.run() => match ended {
                Ok(()) => json!({"event": "end"}),
                Err(error) => json!({"event": "end", "error": described(&json, &error)}),
            },
            // Who drops a watch hears nothing of it any more: what is known of it is known here.
            () = cancelled(&mut commands) => {
                let mut error = json!({"code": "CANCELLED", "message": "the watch was dropped"});
                if let Some(status) = &play.last {
                    error["lastStatus"] = json.of("JobStatus", status);
                }
                json!({"event": "end", "error": error})
            }
        };
        tell(end);
    }
}
