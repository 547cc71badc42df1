//! The real service before a fake ComfyUI, started for each test.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;

use serde_json::{Value, json};

fn program(variable: &str, built: &str) -> PathBuf {
    let usual = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").join(built);
    std::env::var_os(variable).map_or_else(usual, PathBuf::from)
}

/// Ended with the test.
struct Process(Child);

impl Process {
    fn start(command: &mut Command) -> Self {
        let name = command.get_program().to_owned();
        Process(command.spawn().unwrap_or_else(|error| panic!("{}: {error}; ./dev build makes it", name.display())))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.0.kill().and_then(|()| self.0.wait()).expect("it can be killed");
    }
}

pub struct Setting {
    _comfy: Process,
    comfy: String, // its address
    service: Option<Process>,
    pub address: String,
    state: PathBuf,
}

impl Setting {
    pub fn start() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let state = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("state-{}-{number}", std::process::id()));
        let mut comfy = Process::start(
            Command::new(program("FAKE_COMFYUI", "build/release/tests/fakes/fake_comfyui"))
                .args(["--port", "0", "--version", "v0.3.64", "--speed", "50"])
                .stdout(Stdio::piped()),
        );
        let mut said = String::new(); // "fake ComfyUI v0.3.64 at http://127.0.0.1:1234"
        BufReader::new(comfy.0.stdout.take().unwrap()).read_line(&mut said).unwrap();
        let (_, address) = said.trim().rsplit_once(" at http://").expect("its address");
        let mut setting = Setting {
            comfy: address.to_owned(),
            _comfy: comfy,
            service: None,
            address: "127.0.0.1:0".to_owned(),
            state,
        };
        setting.start_service();
        setting
    }

    /// At the address and with the state it had before. Returns when it hears ComfyUI's events.
    pub fn start_service(&mut self) {
        let mut command = Command::new(program("JOBSTATUS_SERVER", "build/release/server/app/jobstatus-server"));
        command.args(["--listen", &self.address, "--log-format", "json", "--upstream-share", "1"]);
        command.arg("--backend").arg(format!("gpu={}", self.comfy_url()));
        command.arg("--state-dir").arg(&self.state);
        for interval in ["--poll-interval", "--idle-interval", "--safety-interval"] {
            command.args([interval, "10ms"]);
        }
        let mut service = Process::start(command.stdout(Stdio::null()).stderr(Stdio::piped()));
        let (tell, events) = mpsc::channel();
        let log = BufReader::new(service.0.stderr.take().unwrap());
        // Reads to its end, or the service could not write any more.
        std::thread::spawn(move || {
            for line in log.lines().map_while(Result::ok) {
                let _ = tell.send(line); // nobody hears what comes later
            }
        });
        self.service = Some(service);
        let mut said = Vec::new();
        let mut await_event = |event: &str| {
            loop {
                let line = events.recv().unwrap_or_else(|_| panic!("no {event} in what the service says: {said:#?}"));
                match serde_json::from_str::<Value>(&line) {
                    Ok(record) if record["event"] == event => return record,
                    _ => said.push(line),
                }
            }
        };
        self.address = await_event("serving")["address"].as_str().expect("an address").to_owned();
        await_event("events_heard");
    }

    pub fn kill_service(&mut self) {
        self.service = None;
    }

    pub fn comfy_url(&self) -> String {
        format!("http://{}", self.comfy)
    }

    pub fn submit(&self, job_id: &str) {
        self.submit_steps(job_id, 1);
    }

    pub fn submit_endless(&self, job_id: &str) {
        self.submit_steps(job_id, 1_000_000);
    }

    fn submit_steps(&self, job_id: &str, steps: u32) {
        let sampler = json!({"class_type": "KSampler", "inputs": {"steps": steps}});
        let save = json!({"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "cat"}});
        self.post("/prompt", json!({"prompt_id": job_id, "prompt": {"1": sampler, "2": save}}));
    }

    pub fn interrupt(&self) {
        self.post("/interrupt", json!({}));
    }

    fn post(&self, path: &str, body: Value) {
        let body = body.to_string();
        let mut connection = TcpStream::connect(&self.comfy).unwrap();
        write!(
            connection,
            "POST {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            self.comfy,
            body.len()
        )
        .unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
}
