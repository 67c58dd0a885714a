//! Publish once: an object becomes visible only if there is none at its key, and its manifest is on record before.
//!
//! A worker that finds the key taken looks which attempt made the object. If its manifest is staged, it is adopted: the
//! same request gives the same clip. An object without a record is replaced.

use crate::World;
use crate::attempt::Attempt;
use crate::error::AttemptError;
use crate::upload::{Content, Place, Prepared};
use export_domain::job::{Manifest, ObjectKind};
use export_domain::ports::{ClipStore, Origin, Precondition, Published, StoredObject};

impl<W: World> Attempt<'_, W> {
    /// Makes `prepared` visible, or adopts what is there; returns the manifest of what is visible then.
    pub(crate) async fn publish(
        &self,
        object: ObjectKind,
        prepared: &Prepared,
        manifest: Manifest,
    ) -> Result<Manifest, AttemptError> {
        let (store, place) = (self.app.objects.as_ref(), self.place(object));
        let staged = manifest.clone();
        self.lease
            .write(move |job, fence, now, _| job.with_staged(fence, object, staged.clone(), now))
            .await?;
        if make_visible(store, &place, prepared, &Precondition::Absent).await? == Published::Done {
            return Ok(manifest);
        }
        let Some(found) = store.head(&place.target, &place.key).await? else {
            return Err(AttemptError::passing("the object in the way has gone"));
        };
        if found.origin.as_ref() == Some(&place.origin) && found.is(&manifest) {
            return Ok(manifest);
        }
        // Another worker may hold the claim and have published this object: renewing our claim rules that out.
        self.lease.confirm().await?;
        if let Some(theirs) = self.recorded(object, &found).await {
            discard(store, &place, prepared).await;
            return Ok(theirs);
        }
        match make_visible(store, &place, prepared, &Precondition::Replaces(found.etag)).await? {
            Published::Done => Ok(manifest),
            Published::Refused => Err(AttemptError::passing("the object in the way changed")),
        }
    }

    /// The manifest of an object that an earlier attempt published and did not commit.
    pub(crate) async fn adopt(&self, object: ObjectKind) -> Result<Option<Manifest>, AttemptError> {
        if !self.lease.job().await.staged.iter().any(|staged| staged.object == object) {
            return Ok(None);
        }
        let place = self.place(object);
        match self.app.objects.head(&place.target, &place.key).await? {
            Some(found) => Ok(self.recorded(object, &found).await),
            None => Ok(None),
        }
    }

    async fn recorded(&self, object: ObjectKind, found: &StoredObject) -> Option<Manifest> {
        let job = self.lease.job().await;
        let origin = found.origin.as_ref().filter(|origin| origin.job_id == job.job_id)?;
        job.staged(object, origin.generation, origin.fence).filter(|manifest| found.is(manifest)).cloned()
    }

    /// The destination of this attempt's `object`.
    pub(crate) fn place(&self, object: ObjectKind) -> Place {
        let job = &self.job;
        Place {
            target: job.order.target.clone(),
            key: job.order.key(object),
            content_type: job.order.content_type(object),
            origin: Origin {
                job_id: job.job_id.clone(),
                generation: job.generation,
                fence: self.lease.fence(),
            },
        }
    }
}

async fn make_visible<O: ClipStore>(
    store: &O,
    place: &Place,
    prepared: &Prepared,
    when: &Precondition,
) -> Result<Published, AttemptError> {
    let target = &place.target;
    Ok(match &prepared.content {
        Content::Whole(body) => {
            store.put(target, &place.key, place.content_type, &place.origin, when, body.clone()).await?
        }
        Content::Parts(upload, parts) => store.complete(target, upload, parts, when).await?,
    })
}

/// Throws an object away. If that fails now, the bucket's lifecycle rule removes it later.
async fn discard<O: ClipStore>(store: &O, place: &Place, prepared: &Prepared) {
    if let Content::Parts(upload, _) = &prepared.content
        && let Err(error) = store.abort(&place.target, upload).await
    {
        tracing::warn!(%error, "failed to abort an upload");
    }
}
