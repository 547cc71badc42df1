use comfyui_jobstatus::{Client, Error};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let args: Vec<String> = std::env::args().collect();
    let mut watch = Client::new(&args[1])?.watch(&args[2]); // every change, as it comes; over lost connections too
    let mut outputs = vec![];
    while let Some(status) = watch.try_next().await? {
        println!("{}", status.message); // "queued, 3rd of 7"
        outputs = status.outputs;
    }
    for output in outputs {
        println!("{}", output.url);
    }
    Ok(())
}
