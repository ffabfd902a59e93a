//! OpenTelemetry's own SDKs send log records to the real binary, in every encoding they have; what is read is what they sent.
//!
//! `WATCHKEEPER_OTEL_PYTHON` names a Python with `opentelemetry-sdk` and `opentelemetry-exporter-otlp`, `WATCHKEEPER_OTEL_NODE` a folder
//! with the packages `@opentelemetry/sdk-logs`, `api-logs`, `resources` and the three `exporter-logs-otlp-…`. What is not there is skipped.
#![allow(clippy::unwrap_used, reason = "a test ends at its first fault")]
#![allow(clippy::print_stdout, reason = "what is skipped is said")]

mod support;

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use support::Server;
use support::log_lines::until;

/// A program that sends.
struct Sender {
    name: &'static str,
    ways: &'static [&'static str],
    command: Command,
}

/// The program of a variable; says where it is skipped.
fn sender(name: &'static str, variable: &str, command: impl Fn(&Path) -> Command) -> Option<Sender> {
    let ways: &[&str] = if name == "node" {
        &["grpc", "http", "json"]
    } else {
        &["grpc", "http"]
    };
    let Some(place) = std::env::var_os(variable) else {
        println!("skipped: the SDK for {name}: {variable} is not set");
        return None;
    };
    Some(Sender {
        name,
        ways,
        command: command(&PathBuf::from(place)),
    })
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/otlp_sdks")
        .join(name)
}

async fn check(server: &Server, service: &str) {
    let mut found = until(server, &format!("{{service_name=\"{service}\"}}"), 100).await;
    found.sort_by_key(|(_, _, of_line)| of_line["order"].as_str().unwrap().parse::<u64>().unwrap());
    assert_eq!(found.len(), 100);
    for (number, (_, line, of_line)) in found.iter().enumerate() {
        assert_eq!(*line, format!("order {number} of café\n  and more"), "{service}");
        for (name, value) in [
            ("order", number.to_string().as_str()),
            ("is_late", "true"),
            ("price", "1.5"),
            ("tags", r#"["a","b"]"#),
            ("severity_text", "WARN"),
            ("severity_number", "13"),
            ("detected_level", "warn"),
            ("scope_name", "walk"),
            ("scope_version", "1.2"),
            ("service_name", service),
        ] {
            assert_eq!(
                of_line[name].as_str(),
                Some(value),
                "{service}: {name} of {of_line}"
            );
        }
    }
}

#[tokio::test]
async fn what_the_sdks_send_is_what_is_read() {
    let senders = [
        sender("python", "WATCHKEEPER_OTEL_PYTHON", |python| {
            let mut command = Command::new(python);
            command.arg(script("send.py"));
            command
        }),
        sender("node", "WATCHKEEPER_OTEL_NODE", |folder| {
            let mut command = Command::new("node");
            command.arg(script("send.mjs")).current_dir(folder);
            command
        }),
    ];
    if senders.iter().all(Option::is_none) {
        return;
    }
    let grpc = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let config = format!(
        "{{server: {{grpc_listen: '{grpc}', otlp_http_listen: 'off'}}, collect: {{host: false, self: false}}}}"
    );
    let server = Server::start(folder.path(), &config);
    for sender in senders.into_iter().flatten() {
        for way in sender.ways {
            let address = if *way == "grpc" {
                format!("http://{grpc}")
            } else {
                server.url.clone()
            };
            let mut command = Command::new(sender.command.get_program());
            command
                .args(sender.command.get_args())
                .args([way, address.as_str()]);
            if let Some(folder) = sender.command.get_current_dir() {
                command.current_dir(folder);
            }
            let sent = command.output().unwrap();
            assert!(
                sent.status.success(),
                "{} {way}: {}",
                sender.name,
                String::from_utf8_lossy(&sent.stderr)
            );
            check(&server, &format!("{}-{way}", sender.name)).await;
        }
    }
    assert!(server.stop());
}
