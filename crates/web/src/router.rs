//! Every route, and what stands around all of them: the guard, security headers, compression, counting, panics.

use std::any::Any;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use tower_http::CompressionLevel;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;

use crate::app::App;
use crate::config::Config;
use crate::limits::BODY_BYTES_MAX;
use crate::prometheus::answer::ApiError;
use crate::telemetry::{RequestLabels, RouteLabels, Telemetry};
use crate::{guard, loki, operators, page, prometheus, push, sql, tenancy, transfer, ui_api};

/// Headers of every answer. Scripts, styles and data come from this server alone; nothing may frame a page of it.
const SECURITY_HEADERS: [(HeaderName, &str); 6] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
         font-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
];

/// Everything the server answers.
pub(crate) fn build(app: &Arc<App>) -> Router {
    let operators = Router::new()
        .route("/metrics", get(operators::metrics))
        .route("/-/healthy", get(operators::healthy))
        .route("/-/ready", get(operators::ready))
        .route("/-/reload", post(operators::reload).put(operators::reload))
        .route("/-/flush", post(operators::flush).put(operators::flush))
        .route("/-/quit", any(operators::quit_is_off));
    Router::new()
        .merge(operators)
        .route("/federate", get(prometheus::federate::federate))
        .nest("/api/v1", prometheus::routes(app))
        .merge(push::routes())
        .merge(loki::routes(app))
        .merge(transfer::routes())
        .nest("/api/ui", ui_api::routes())
        .route("/api/sql", get(sql::answer).post(sql::answer))
        .route("/api", any(no_such_api))
        .route("/api/{*rest}", any(no_such_api))
        .fallback(page::serve)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(
            CompressionLayer::new()
                .gzip(true)
                .quality(CompressionLevel::Fastest),
        )
        .layer(from_fn_with_state(Arc::clone(app), tenancy::name))
        .layer(from_fn_with_state(Arc::clone(app), guard::check))
        .layer(CatchPanicLayer::custom(PanicAnswer(app.deps.telemetry.clone())))
        .layer(from_fn_with_state(Arc::clone(app), count_and_protect))
        .with_state(Arc::clone(app))
}

/// What the port for OTLP over HTTP answers.
pub(crate) fn build_otlp_http(app: &Arc<App>, address: SocketAddr) -> Router {
    let routes = push::otlp::routes().fallback(push::otlp::nothing_else);
    around_push(routes, app, address)
}

/// What the port for OTLP over gRPC answers.
pub(crate) fn build_grpc(app: &Arc<App>, address: SocketAddr) -> Router {
    around_push(push::otlp::grpc::routes(), app, address)
}

fn around_push(routes: Router<Arc<App>>, app: &Arc<App>, address: SocketAddr) -> Router {
    let port = guard::PushPort {
        app: Arc::clone(app),
        config: Arc::new(Config {
            listen: address,
            ..app.config.clone()
        }),
    };
    routes
        .layer(from_fn_with_state(Arc::clone(app), tenancy::name))
        .layer(from_fn_with_state(port, guard::check_push))
        .layer(CatchPanicLayer::custom(PanicAnswer(app.deps.telemetry.clone())))
        .layer(from_fn_with_state(Arc::clone(app), count_and_protect))
        .with_state(Arc::clone(app))
}

/// No path under `/api` is ever answered with the page.
async fn no_such_api(request: Request) -> ApiError {
    ApiError::not_found(format!("there is no {}", request.uri().path()))
}

/// Counts the request and adds the headers that every answer carries, refusals and panics included.
async fn count_and_protect(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let telemetry = &app.deps.telemetry;
    let started = app.deps.clock.monotonic();
    let route = route_name(&request);
    let method = method_name(request.method());
    let mut response = next.run(request).await;
    protect(response.headers_mut());
    let took = app.deps.clock.monotonic().saturating_sub(started);
    count(telemetry, route, method, response.status().as_u16(), took);
    response
}

fn protect(headers: &mut HeaderMap) {
    for (name, value) in &SECURITY_HEADERS {
        headers.insert(name.clone(), HeaderValue::from_static(value));
    }
}

fn count(telemetry: &Telemetry, route: String, method: &'static str, status: u16, took: Duration) {
    telemetry
        .request_duration
        .get_or_create(&RouteLabels { route: route.clone() })
        .observe(took.as_secs_f64());
    telemetry
        .requests
        .get_or_create(&RequestLabels {
            route,
            method,
            status,
        })
        .inc();
}

/// The route as declared. Everything that falls through is the page, under one name.
fn route_name(request: &Request) -> String {
    request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "page".to_owned(), |path| path.as_str().to_owned())
}

fn method_name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

/// Turns a panic of a handler into an answer, and counts it.
#[derive(Debug, Clone)]
struct PanicAnswer(Telemetry);

impl tower_http::catch_panic::ResponseForPanic for PanicAnswer {
    type ResponseBody = axum::body::Body;

    fn response_for_panic(&mut self, panic: Box<dyn Any + Send + 'static>) -> Response {
        let text = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied())
            .unwrap_or("no text");
        tracing::error!(panic = text, "request panicked");
        self.0.panics.inc();
        ApiError::internal("the request ended in a fault of the program, which was logged".to_owned())
            .into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_an_answer_and_is_counted() {
        let telemetry = Telemetry::default();
        let mut answer = PanicAnswer(telemetry.clone());
        let response = tower_http::catch_panic::ResponseForPanic::response_for_panic(
            &mut answer,
            Box::new("on purpose"),
        );
        assert_eq!(response.status(), http::StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(telemetry.panics.get(), 1);
    }
}
