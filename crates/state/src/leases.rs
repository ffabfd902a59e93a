//! Leases: who may do a piece of work now, so that rules and deliveries run once even where several processes could.

use sqlx::Row;
use sqlx::sqlite::SqliteConnection;

use crate::database::State;
use crate::error::Error;

/// The database's own clock, the only one that leases know, in milliseconds.
const NOW_MS: &str = "SELECT CAST((julianday('now') - 2440587.5) * 86400000.0 AS INTEGER)";

/// The right to do the work called `name` until the lease runs out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The work.
    pub name: String,
    /// Who holds it.
    pub owner: String,
    /// Grows with every change of owner: a writer with an old epoch has lost the lease.
    pub epoch: i64,
    /// When it runs out by the database's clock, milliseconds since the Unix epoch.
    pub expires_ms: i64,
}

impl State {
    /// Takes the lease `name` for `owner` where it is free, has run out, or is the owner's already; `None` where
    /// another holds it.
    pub async fn acquire_lease(
        &self,
        name: &str,
        owner: &str,
        duration_ms: i64,
    ) -> Result<Option<Lease>, Error> {
        let (name, owner) = (name.to_owned(), owner.to_owned());
        let wanted = (name.clone(), owner.clone());
        self.write("acquire a lease", move |connection| {
            Box::pin(async move { acquire(connection, &wanted.0, &wanted.1, duration_ms).await })
        })
        .await?;
        Ok(self.lease(&name).await?.filter(|lease| lease.owner == owner))
    }

    /// Extends a lease that is still the owner's; `None` where it has been lost.
    pub async fn renew_lease(&self, lease: &Lease, duration_ms: i64) -> Result<Option<Lease>, Error> {
        let wanted = lease.clone();
        self.write("renew a lease", move |connection| {
            Box::pin(async move {
                let now_ms = database_now_ms(connection).await?;
                sqlx::query("UPDATE leases SET expires_ms = ? WHERE name = ? AND owner = ? AND epoch = ? AND expires_ms > ?")
                    .bind(now_ms.saturating_add(duration_ms))
                    .bind(wanted.name)
                    .bind(wanted.owner)
                    .bind(wanted.epoch)
                    .bind(now_ms)
                    .execute(connection)
                    .await
                    .map_err(Error::query("renew a lease"))?;
                Ok(())
            })
        })
        .await?;
        let now_ms: i64 = sqlx::query_scalar(NOW_MS)
            .fetch_one(self.readers())
            .await
            .map_err(Error::query("read the clock"))?;
        Ok(self.lease(&lease.name).await?.filter(|held| {
            held.owner == lease.owner && held.epoch == lease.epoch && held.expires_ms > now_ms
        }))
    }

    /// Gives a lease back; does nothing where it has been lost.
    pub async fn release_lease(&self, lease: &Lease) -> Result<(), Error> {
        let lease = lease.clone();
        self.write("release a lease", move |connection| {
            Box::pin(async move {
                // The row stays so that the epoch never goes back.
                sqlx::query("UPDATE leases SET expires_ms = 0 WHERE name = ? AND owner = ? AND epoch = ?")
                    .bind(lease.name)
                    .bind(lease.owner)
                    .bind(lease.epoch)
                    .execute(connection)
                    .await
                    .map_err(Error::query("release a lease"))?;
                Ok(())
            })
        })
        .await
    }

    /// The lease `name` as it stands, whether it has run out or not.
    pub async fn lease(&self, name: &str) -> Result<Option<Lease>, Error> {
        let row = sqlx::query("SELECT name, owner, epoch, expires_ms FROM leases WHERE name = ?")
            .bind(name)
            .fetch_optional(self.readers())
            .await
            .map_err(Error::query("read a lease"))?;
        Ok(row.map(|row| Lease {
            name: row.get("name"),
            owner: row.get("owner"),
            epoch: row.get("epoch"),
            expires_ms: row.get("expires_ms"),
        }))
    }
}

async fn acquire(
    connection: &mut SqliteConnection,
    name: &str,
    owner: &str,
    duration_ms: i64,
) -> Result<(), Error> {
    let now_ms = database_now_ms(connection).await?;
    sqlx::query(
        "INSERT INTO leases (name, owner, epoch, expires_ms) VALUES (?, ?, 1, ?) \
         ON CONFLICT (name) DO UPDATE SET \
             epoch = CASE WHEN leases.owner = excluded.owner AND leases.expires_ms > ? THEN leases.epoch \
                          ELSE leases.epoch + 1 END, \
             owner = excluded.owner, expires_ms = excluded.expires_ms \
         WHERE leases.owner = excluded.owner OR leases.expires_ms <= ?",
    )
    .bind(name)
    .bind(owner)
    .bind(now_ms.saturating_add(duration_ms))
    .bind(now_ms)
    .bind(now_ms)
    .execute(connection)
    .await
    .map_err(Error::query("acquire a lease"))?;
    Ok(())
}

/// Holds within the transaction that asks: the lease is still its owner's and has not run out.
pub(crate) async fn check(connection: &mut SqliteConnection, lease: &Lease) -> Result<(), Error> {
    let now_ms = database_now_ms(connection).await?;
    let held: Option<i64> = sqlx::query_scalar(
        "SELECT 1 FROM leases WHERE name = ? AND owner = ? AND epoch = ? AND expires_ms > ?",
    )
    .bind(&lease.name)
    .bind(&lease.owner)
    .bind(lease.epoch)
    .bind(now_ms)
    .fetch_optional(connection)
    .await
    .map_err(Error::query("check a lease"))?;
    match held {
        Some(_) => Ok(()),
        None => Err(Error::LeaseLost {
            name: lease.name.clone(),
        }),
    }
}

async fn database_now_ms(connection: &mut SqliteConnection) -> Result<i64, Error> {
    sqlx::query_scalar(NOW_MS)
        .fetch_one(connection)
        .await
        .map_err(Error::query("read the clock"))
}

#[cfg(test)]
mod tests {
    use stdx::SystemClock;

    use crate::State;

    #[tokio::test]
    async fn a_lease_has_one_owner_until_it_runs_out_or_is_released() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(folder.path().join("state.db"), SystemClock::shared())
            .await
            .unwrap();
        let first = state.acquire_lease("rules", "a", 60_000).await.unwrap().unwrap();
        assert_eq!(first.epoch, 1);
        assert_eq!(state.acquire_lease("rules", "b", 60_000).await.unwrap(), None);
        let renewed = state.renew_lease(&first, 120_000).await.unwrap().unwrap();
        assert!(renewed.expires_ms > first.expires_ms);
        assert_eq!(
            state
                .acquire_lease("rules", "a", 60_000)
                .await
                .unwrap()
                .unwrap()
                .epoch,
            1
        );
        state.release_lease(&first).await.unwrap();
        let second = state.acquire_lease("rules", "b", 60_000).await.unwrap().unwrap();
        assert_eq!(second.epoch, 2);
        assert_eq!(state.renew_lease(&first, 60_000).await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_lease_that_ran_out_is_lost_to_its_owner() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(folder.path().join("state.db"), SystemClock::shared())
            .await
            .unwrap();
        let gone = state.acquire_lease("rules", "a", -1).await.unwrap().unwrap();
        assert_eq!(state.renew_lease(&gone, 60_000).await.unwrap(), None);
        let again = state.acquire_lease("rules", "a", 60_000).await.unwrap().unwrap();
        assert_eq!(again.epoch, 2, "a gap in ownership raises the epoch");
    }
}
