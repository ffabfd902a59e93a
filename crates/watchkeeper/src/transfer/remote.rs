//! Streams to and from a running server; both sides work while the other does.

use std::io::{self, Read};
use std::time::Duration;

use crate::endpoint::endpoint;
use anyhow::{Context, anyhow, bail};
use futures::{StreamExt, stream};
use ingest::import::Wanted;
use reqwest::{Client, Response};
use serde::Deserialize;
use stdx::http_client;
use tokio::sync::mpsc;
use url::Url;
use web::ImportAnswer;

use crate::cli::TransferArgs;
use crate::query::seconds;

/// Pieces that wait between disk and network.
const PIECES_WAITING: usize = 8;
/// How long a connection may take to stand.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The way of pieces to the server.
pub(super) struct Pieces(mpsc::Sender<Vec<u8>>);

impl Pieces {
    /// Waits for room. An error means that the server takes no more.
    pub(super) fn send(&self, piece: Vec<u8>) -> Result<(), ()> {
        self.0.blocking_send(piece).map_err(|_| ())
    }
}

#[derive(Debug, Deserialize)]
struct Envelope {
    status: String,
    #[serde(default)]
    error: String,
    #[serde(default)]
    data: ImportAnswer,
}

/// Posts what `make` gives to the server; gives back the server's answer and what `make` returned.
pub(super) async fn send<T: Send + 'static>(
    url: &Url,
    path: &str,
    parameters: &[(&str, String)],
    content_type: &str,
    make: impl FnOnce(Pieces) -> anyhow::Result<T> + Send + 'static,
) -> anyhow::Result<(ImportAnswer, T)> {
    let (sender, receiver) = mpsc::channel(PIECES_WAITING);
    let making = tokio::task::spawn_blocking(move || make(Pieces(sender)));
    let body = stream::unfold(receiver, |mut receiver| async move {
        let piece = receiver.recv().await?;
        Some((Ok::<_, io::Error>(piece), receiver))
    });
    let sent = client()?
        .post(address(url, path, parameters)?)
        .header("content-type", content_type)
        .body(reqwest::Body::wrap_stream(body))
        .send()
        .await;
    let answered = async {
        let response = sent.with_context(|| no_server(url))?;
        let status = response.status();
        let text = response.text().await?;
        let envelope: Envelope = serde_json::from_str(&text)
            .map_err(|_| anyhow!("{url} answers with {status}: {}", text.trim_end()))?;
        if envelope.status != "success" {
            bail!("{}", envelope.error);
        }
        Ok(envelope.data)
    }
    .await;
    let made = making.await.context("reading panicked")?;
    match (answered, made) {
        (Ok(answer), Ok(made)) => Ok((answer, made)),
        // Where reading failed, the server only says that the stream was cut.
        (_, Err(error))
            if error
                .downcast_ref::<ingest::import::ImportError>()
                .is_none_or(is_own) =>
        {
            Err(error)
        }
        (Err(error), _) | (_, Err(error)) => Err(error),
    }
}

/// Whether an import failed by itself, and not because the server took no more.
fn is_own(error: &ingest::import::ImportError) -> bool {
    !matches!(error, ingest::import::ImportError::Store(_))
}

/// Asks the server for a stream.
pub(super) async fn fetch(url: &Url, path: &str, parameters: &[(&str, String)]) -> anyhow::Result<Response> {
    let response = client()?
        .get(address(url, path, parameters)?)
        .send()
        .await
        .with_context(|| no_server(url))?;
    if response.status().is_success() {
        return Ok(response);
    }
    let status = response.status();
    let text = response.text().await.unwrap_or_default();
    let envelope = serde_json::from_str::<Envelope>(&text);
    bail!(
        "{url} answers with {status}: {}",
        envelope.map_or(text, |envelope| envelope.error)
    )
}

/// A response's body for readers that block; `pump` must run beside them.
pub(super) fn body_of(response: Response) -> (impl Read + Send + 'static, impl Future<Output = ()>) {
    let (sender, receiver) = mpsc::channel(PIECES_WAITING);
    let pump = async move {
        let mut body = response.bytes_stream();
        while let Some(piece) = body.next().await {
            let piece = piece.map(|bytes| bytes.to_vec()).map_err(io::Error::other);
            if sender.send(piece).await.is_err() {
                return;
            }
        }
    };
    let body = Body {
        pieces: receiver,
        piece: io::Cursor::default(),
    };
    (body, pump)
}

/// The body of an answer, piece by piece.
struct Body {
    pieces: mpsc::Receiver<io::Result<Vec<u8>>>,
    piece: io::Cursor<Vec<u8>>,
}

impl Read for Body {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        loop {
            let count = self.piece.read(out)?;
            if count > 0 || out.is_empty() {
                return Ok(count);
            }
            match self.pieces.blocking_recv() {
                Some(piece) => self.piece = io::Cursor::new(piece?),
                None => return Ok(0),
            }
        }
    }
}

/// What is wanted, as parameters of the address.
pub(super) fn parameters(options: &TransferArgs, wanted: &Wanted) -> Vec<(&'static str, String)> {
    let mut parameters: Vec<_> = options
        .selectors
        .iter()
        .map(|selector| ("match[]", selector.clone()))
        .collect();
    if wanted.range.from_ms() != i64::MIN {
        parameters.push(("start", seconds(wanted.range.from_ms())));
    }
    if wanted.range.to_ms() != i64::MAX {
        parameters.push(("end", seconds(wanted.range.to_ms())));
    }
    parameters
}

fn address(url: &Url, path: &str, parameters: &[(&str, String)]) -> anyhow::Result<Url> {
    let mut address = endpoint(url, path)?;
    if !parameters.is_empty() {
        address.query_pairs_mut().extend_pairs(parameters);
    }
    Ok(address)
}

fn no_server(url: &Url) -> String {
    format!(
        "the server at {url} does not answer, or broke off; start one, name another with --url, or a folder with --data-dir"
    )
}

fn client() -> anyhow::Result<Client> {
    let configured = || Ok(Client::builder().connect_timeout(CONNECT_TIMEOUT));
    Ok(http_client::build(configured, true, |error: reqwest::Error| error)?.client)
}
