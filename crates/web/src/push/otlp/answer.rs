//! The answers of OTLP: `ExportMetricsServiceResponse`, `ExportLogsServiceResponse` and `google.rpc.Status`, in protobuf and JSON.

use http::StatusCode;
use ingest::LogOutcome;
use ingest::push::Outcome;
use ingest::push::otlp::Format;
use serde_json::json;
use tonic::Code;

use super::Signal;

/// Why nothing of a request was taken.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) status: StatusCode,
    pub(super) message: String,
}

impl Failure {
    /// Whether senders try again with the same request (OTLP 1.x, "Retryable Response Codes").
    pub(super) fn is_passing(&self) -> bool {
        matches!(
            self.status,
            StatusCode::TOO_MANY_REQUESTS
                | StatusCode::BAD_GATEWAY
                | StatusCode::SERVICE_UNAVAILABLE
                | StatusCode::GATEWAY_TIMEOUT
        )
    }

    /// The same in gRPC's codes.
    pub(super) fn code(&self) -> Code {
        match self.status {
            _ if self.is_passing() => Code::Unavailable,
            StatusCode::BAD_REQUEST | StatusCode::UNSUPPORTED_MEDIA_TYPE => Code::InvalidArgument,
            StatusCode::NOT_FOUND => Code::Unimplemented,
            StatusCode::PAYLOAD_TOO_LARGE => Code::ResourceExhausted,
            StatusCode::REQUEST_TIMEOUT => Code::DeadlineExceeded,
            _ => Code::Internal,
        }
    }
}

/// What was left out of a request that was taken.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Partial {
    rejected: u64,
    message: String,
}

impl Partial {
    /// What was left out of metrics, if anything was.
    pub(super) fn of_metrics(outcome: &Outcome) -> Option<Self> {
        let rejected = outcome.invalid + outcome.accepted.refused_count();
        outcome.complaint().map(|message| Self { rejected, message })
    }

    /// What was left out of logs, if anything was.
    pub(super) fn of_logs(outcome: &LogOutcome) -> Option<Self> {
        let rejected = outcome.refused();
        outcome.complaint().map(|message| Self { rejected, message })
    }
}

/// The answer to a request that was taken; the empty message where nothing was left out. Both signals have the same fields in protobuf.
pub(super) fn response(partial: Option<&Partial>, signal: Signal, format: Format) -> Vec<u8> {
    let Some(Partial { rejected, message }) = partial else {
        return match format {
            Format::Protobuf => Vec::new(),
            Format::Json => b"{}".to_vec(),
        };
    };
    let rejected_name = match signal {
        Signal::Metrics => "rejectedDataPoints",
        Signal::Logs => "rejectedLogRecords",
    };
    match format {
        Format::Protobuf => {
            let mut partial = Vec::new();
            push_number(&mut partial, 1, *rejected);
            push_bytes(&mut partial, 2, message.as_bytes());
            let mut answer = Vec::new();
            push_bytes(&mut answer, 1, &partial);
            answer
        }
        // 64-bit integers are texts in protobuf's JSON.
        Format::Json => json!({"partialSuccess": {
            rejected_name: rejected.to_string(),
            "errorMessage": message,
        }})
        .to_string()
        .into_bytes(),
    }
}

/// A `google.rpc.Status`.
pub(super) fn status(code: Code, text: &str, format: Format) -> Vec<u8> {
    let code = i32::from(code);
    match format {
        Format::Protobuf => {
            let mut message = Vec::new();
            push_number(&mut message, 1, u64::from(code.unsigned_abs()));
            push_bytes(&mut message, 2, text.as_bytes());
            message
        }
        Format::Json => json!({"code": code, "message": text}).to_string().into_bytes(),
    }
}

/// A varint field.
fn push_number(message: &mut Vec<u8>, field: u8, number: u64) {
    message.push(field << 3);
    push_varint(message, number);
}

/// A length-delimited field.
fn push_bytes(message: &mut Vec<u8>, field: u8, bytes: &[u8]) {
    message.push(field << 3 | 2);
    push_varint(message, bytes.len() as u64);
    message.extend_from_slice(bytes);
}

fn push_varint(message: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        message.push(number as u8 | 0x80);
        number >>= 7;
    }
    message.push(number as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_will_pass_is_told_so() {
        let failure = |status| Failure {
            status,
            message: String::new(),
        };
        for status in [StatusCode::SERVICE_UNAVAILABLE, StatusCode::TOO_MANY_REQUESTS] {
            assert!(failure(status).is_passing(), "{status}");
            assert_eq!(failure(status).code(), Code::Unavailable);
        }
        for (status, code) in [
            (StatusCode::BAD_REQUEST, Code::InvalidArgument),
            (StatusCode::PAYLOAD_TOO_LARGE, Code::ResourceExhausted),
            (StatusCode::INTERNAL_SERVER_ERROR, Code::Internal),
        ] {
            assert!(!failure(status).is_passing(), "{status}");
            assert_eq!(failure(status).code(), code);
        }
    }

    #[test]
    fn nothing_left_out_is_the_empty_message() {
        assert_eq!(Partial::of_metrics(&Outcome::default()), None);
        assert_eq!(Partial::of_logs(&LogOutcome::default()), None);
        for signal in [Signal::Metrics, Signal::Logs] {
            assert!(response(None, signal, Format::Protobuf).is_empty());
            assert_eq!(response(None, signal, Format::Json), b"{}");
        }
    }
}
