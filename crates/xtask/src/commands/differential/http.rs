//! Requests to one server over one connection that is kept open.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

const ANSWER_WITHIN: Duration = Duration::from_mins(2);
const BODY_BYTES_MAX: u64 = 256 << 20;
const LINE_BYTES_MAX: u64 = 64 << 10;

/// A server as a client sees it.
#[derive(Debug)]
pub(super) struct Client {
    address: SocketAddr,
    connection: BufReader<TcpStream>,
}

/// What a server said.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Response {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
}

impl Client {
    pub(super) fn connect(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).with_context(|| format!("cannot connect to {address}"))?;
        stream
            .set_read_timeout(Some(ANSWER_WITHIN))
            .and_then(|()| stream.set_nodelay(true))
            .context("cannot set up the connection")?;
        Ok(Self {
            address,
            connection: BufReader::new(stream),
        })
    }

    /// Asks for a path; `parameters` are encoded here.
    pub(super) fn get(&mut self, path: &str, parameters: &[(&str, &str)]) -> Result<Response> {
        let pairs: Vec<String> = parameters
            .iter()
            .map(|(name, value)| format!("{name}={}", encoded(value)))
            .collect();
        self.ask("GET", &format!("{path}?{}", pairs.join("&")), &[], &[])
    }

    /// Sends a body.
    pub(super) fn post(&mut self, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Result<Response> {
        self.ask("POST", path, headers, body)
    }

    fn ask(&mut self, method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Result<Response> {
        let length = body.len();
        let mut request = format!(
            "{method} {target} HTTP/1.1\r\nHost: {}\r\nContent-Length: {length}\r\n",
            self.address
        );
        for (name, value) in headers {
            request.extend([*name, ": ", *value, "\r\n"]);
        }
        request.push_str("\r\n");
        let mut request = request.into_bytes();
        request.extend_from_slice(body);
        let stream = self.connection.get_mut();
        stream
            .write_all(&request)
            .with_context(|| format!("cannot send to {}", self.address))?;
        response(&mut self.connection).with_context(|| format!("no answer from {} to {target}", self.address))
    }
}

fn response(from: &mut impl BufRead) -> Result<Response> {
    let first = line(from)?;
    let status = first.split(' ').nth(1).and_then(|word| word.parse().ok());
    let status = status.with_context(|| format!("`{first}` is no status line"))?;
    let (mut length, mut is_chunked) = (0, false);
    loop {
        let header = line(from)?.to_ascii_lowercase();
        match header.split_once(':') {
            None if header.is_empty() => break,
            None => bail!("`{header}` is no header"),
            Some(("content-length", value)) => {
                length = value.trim().parse().context("a length is no number")?;
            }
            Some(("transfer-encoding", value)) => is_chunked = value.trim() == "chunked",
            Some(_) => {}
        }
    }
    let mut body = Vec::new();
    if is_chunked {
        loop {
            let size = line(from)?;
            let size =
                u64::from_str_radix(size.trim(), 16).with_context(|| format!("`{size}` is no size"))?;
            take(from, size, &mut body)?;
            line(from)?;
            if size == 0 {
                break;
            }
        }
    } else {
        take(from, length, &mut body)?;
    }
    Ok(Response { status, body })
}

fn line(from: &mut impl BufRead) -> Result<String> {
    let mut line = String::new();
    from.by_ref().take(LINE_BYTES_MAX).read_line(&mut line)?;
    ensure!(line.ends_with('\n'), "the answer broke off");
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

fn take(from: &mut impl BufRead, length: u64, into: &mut Vec<u8>) -> Result<()> {
    ensure!(
        length.saturating_add(into.len() as u64) <= BODY_BYTES_MAX,
        "the answer is longer than {BODY_BYTES_MAX} bytes"
    );
    let got = from.by_ref().take(length).read_to_end(into)? as u64;
    ensure!(got == length, "the answer broke off");
    Ok(())
}

/// As a value of a query string has to be.
fn encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Response> {
        response(&mut text.as_bytes())
    }

    #[test]
    fn bodies_are_read_by_length_and_by_chunks() {
        let whole = Response {
            status: 200,
            body: b"abcde".to_vec(),
        };
        assert_eq!(
            read("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabcde").unwrap(),
            whole
        );
        let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
        assert_eq!(read(chunked).unwrap(), whole);
        assert_eq!(read("HTTP/1.1 204 No Content\r\n\r\n").unwrap().status, 204);
    }

    #[test]
    fn an_answer_that_breaks_off_is_an_error() {
        for text in [
            "",
            "HTTP/1.1 200 OK\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc",
            "hello\r\n",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_means_something_in_an_address_is_encoded() {
        assert_eq!(
            encoded("a{b=~\"c+\"}"),
            "a%7Bb%3D~%22c%2B%22%7D".replace('~', "%7E")
        );
    }
}
