//! An object storage of which calls fail, or something happens in the middle of them.

use async_trait::async_trait;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use std::fmt;
use std::sync::{Arc, Mutex};

/// What happens to the calls.
pub(super) struct Plan {
    /// How many calls are left until it happens; none if nothing does.
    pub(super) left: Option<u64>,
    /// Whether the call is done before it fails.
    pub(super) after: bool,
    /// Whether all later ones fail as well.
    pub(super) lasting: bool,
    /// Done in the place of failing.
    pub(super) instead: Option<Box<dyn FnOnce() + Send>>,
    pub(super) happened: bool,
}

#[derive(Clone)]
pub(super) struct Faulty {
    pub(super) inner: Arc<InMemory>,
    plan: Arc<Mutex<Plan>>,
}

impl Faulty {
    pub(super) fn new(inner: Arc<InMemory>) -> Self {
        let plan = Plan { left: None, after: false, lasting: false, instead: None, happened: false };
        Faulty { inner, plan: Arc::new(Mutex::new(plan)) }
    }

    pub(super) fn arm(&self, plan: Plan) {
        *self.plan.lock().unwrap() = plan;
    }

    pub(super) fn disarm(&self) -> bool {
        let mut plan = self.plan.lock().unwrap();
        plan.left = None;
        plan.happened
    }

    /// Whether this call fails, and if so, whether it is done before.
    fn meets(&self) -> Option<bool> {
        let mut plan = self.plan.lock().unwrap();
        let left = plan.left?;
        if left > 1 {
            plan.left = Some(left - 1);
            return None;
        }
        plan.left = if plan.lasting { Some(1) } else { None };
        plan.happened = true;
        if let Some(instead) = plan.instead.take() {
            plan.left = None;
            drop(plan);
            // It is about the same storage, by another way.
            std::thread::spawn(instead).join().unwrap();
            return None;
        }
        Some(plan.after)
    }

    async fn call<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        let failed = || Error::Generic { store: "faulty", source: "it fails".into() };
        match self.meets() {
            None => work.await,
            Some(false) => Err(failed()),
            Some(true) => {
                work.await?;
                Err(failed())
            }
        }
    }
}

impl fmt::Debug for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Faulty")
    }
}

impl fmt::Display for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Faulty")
    }
}

#[async_trait]
impl ObjectStore for Faulty {
    async fn put_opts(&self, location: &Path, payload: PutPayload, opts: PutOptions) -> Result<PutResult> {
        self.call(self.inner.put_opts(location, payload, opts)).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        opts: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.call(self.inner.put_multipart_opts(location, opts)).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.call(self.inner.get_opts(location, options)).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        match self.meets() {
            None => self.inner.delete_stream(locations),
            Some(_) => {
                let failed = Error::Generic { store: "faulty", source: "it fails".into() };
                futures_util::stream::once(async { Err(failed) }).boxed()
            }
        }
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.call(self.inner.list_with_delimiter(prefix)).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}
