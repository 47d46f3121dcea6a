//! Archives in Amazon S3 and in what is compatible with it.

use crate::archive::Archive;
use crate::error::ArchiveError;
use object_store::RetryConfig;
use object_store::aws::AmazonS3Builder;
use std::sync::Arc;
use std::time::Duration;

/// What fails is tried again by whoever ships, who can also be told to stop. So here it is only what a restore is to survive.
const RETRIES: usize = 6;
const RETRY_FOR: Duration = Duration::from_secs(30);

/// The archive in a bucket, below a prefix, with what the environment says.
pub(crate) fn from_environment(url: &str, rest: &str) -> Result<Archive, ArchiveError> {
    let retry = RetryConfig { max_retries: RETRIES, retry_timeout: RETRY_FOR, ..RetryConfig::default() };
    with(AmazonS3Builder::from_env().with_retry(retry), url, rest)
}

/// `rest` is the bucket, and a prefix behind a slash.
pub(crate) fn with(builder: AmazonS3Builder, url: &str, rest: &str) -> Result<Archive, ArchiveError> {
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    if bucket.is_empty() {
        let reason = "it names no bucket: s3://bucket/prefix".to_owned();
        return Err(ArchiveError::Address { url: url.to_owned(), reason });
    }
    // Objects are removed one by one, which every server can do.
    let builder = builder.with_bucket_name(bucket).with_disable_bulk_delete(true);
    let objects = builder.build().map_err(ArchiveError::storage(format!("use {url}")))?;
    Archive::new(Arc::new(objects), prefix.trim_end_matches('/'), url)
}
