//! Whose series a request concerns: the header that names the tenant, as Cortex and Mimir have it.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderName, StatusCode};
use model::{
    Exemplar, Labels, Mark, Matcher, MetricMetadata, ReadError, SelectedSeries, Selector, SeriesRead,
    SeriesStatistics, TenantId, Tier, TimeRange,
};

use crate::app::App;
use crate::prometheus::answer::ApiError;

/// The header.
const TENANT: HeaderName = HeaderName::from_static("x-scope-orgid");

/// Finds out whose request it is, for [`tenant_of`]; one of a tenant that is not known is refused.
pub(crate) async fn name(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let named = request.headers().get(TENANT);
    let named = named.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    match app.deps.push.tenant(named.as_deref()) {
        Ok(tenant) => {
            request.extensions_mut().insert(tenant);
            next.run(request).await
        }
        Err(unknown) => ApiError::with_status(StatusCode::FORBIDDEN, unknown.to_string()).into_response(),
    }
}

/// Whose request it is.
pub(crate) fn tenant_of(request: &Request) -> TenantId {
    request.extensions().get().copied().unwrap_or_default()
}

/// The store as a tenant sees it: whoever asks it gets this tenant's series.
#[derive(Debug)]
pub(crate) struct TenantReader {
    store: Arc<dyn SeriesRead>,
    tenant: TenantId,
}

impl TenantReader {
    /// A view of `store`.
    pub(crate) fn shared(store: &Arc<dyn SeriesRead>, tenant: TenantId) -> Arc<dyn SeriesRead> {
        let store = Arc::clone(store);
        if tenant == TenantId::DEFAULT {
            return store;
        }
        Arc::new(Self { store, tenant })
    }
}

impl SeriesRead for TenantReader {
    fn select(&self, selector: &Selector) -> Result<Vec<Arc<dyn SelectedSeries>>, ReadError> {
        let own = Selector {
            tenant: self.tenant,
            ..selector.clone()
        };
        self.store.select(&own)
    }

    fn tiers(&self, _: TenantId) -> Result<Vec<Tier>, ReadError> {
        self.store.tiers(self.tenant)
    }

    fn mark(&self, _: TenantId) -> Option<Mark> {
        self.store.mark(self.tenant)
    }

    fn unchanged_before_ms(&self, _: TenantId, mark: Mark) -> i64 {
        self.store.unchanged_before_ms(self.tenant, mark)
    }

    fn select_in_tier(
        &self,
        selector: &Selector,
        resolution_ms: i64,
    ) -> Result<Vec<Arc<dyn SelectedSeries>>, ReadError> {
        let own = Selector {
            tenant: self.tenant,
            ..selector.clone()
        };
        self.store.select_in_tier(&own, resolution_ms)
    }

    fn label_names(
        &self,
        _: TenantId,
        range: TimeRange,
        any_of: &[Vec<Matcher>],
    ) -> Result<Vec<String>, ReadError> {
        self.store.label_names(self.tenant, range, any_of)
    }

    fn label_values(
        &self,
        _: TenantId,
        name: &str,
        range: TimeRange,
        any_of: &[Vec<Matcher>],
    ) -> Result<Vec<String>, ReadError> {
        self.store.label_values(self.tenant, name, range, any_of)
    }

    fn exemplars(
        &self,
        _: TenantId,
        range: TimeRange,
        any_of: &[Vec<Matcher>],
    ) -> Result<Vec<(Labels, Vec<Exemplar>)>, ReadError> {
        self.store.exemplars(self.tenant, range, any_of)
    }

    fn metadata(&self, _: TenantId, metric: Option<&str>) -> Result<Vec<MetricMetadata>, ReadError> {
        self.store.metadata(self.tenant, metric)
    }

    fn statistics(&self, _: TenantId, limit: usize) -> Result<SeriesStatistics, ReadError> {
        self.store.statistics(self.tenant, limit)
    }
}
