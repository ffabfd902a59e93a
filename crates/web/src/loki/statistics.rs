//! What a query cost, in the shape of Loki's `stats` that Grafana reads.

use logql::Statistics;
use serde_json::{Value, json};

use super::ask::Took;

/// The `stats` of an answer. Loki tells caches, ingesters and index apart, which are not here: their figures are 0.
pub(super) fn json(statistics: &Statistics, took: Took, entries_returned: usize) -> Value {
    let seconds = took.worked.as_secs_f64();
    let per_second = |count: u64| {
        if seconds > 0.0 {
            (count as f64 / seconds) as u64
        } else {
            0
        }
    };
    json!({
        "summary": {
            "bytesProcessedPerSecond": per_second(statistics.bytes_read),
            "linesProcessedPerSecond": per_second(statistics.lines_read),
            "totalBytesProcessed": statistics.bytes_read,
            "totalLinesProcessed": statistics.lines_read,
            "execTime": seconds,
            "queueTime": took.queued.as_secs_f64(),
            "subqueries": 0,
            "totalEntriesReturned": entries_returned,
            "splits": 0,
            "shards": 0,
            "totalPostFilterLines": statistics.lines_kept,
            "totalStructuredMetadataBytesProcessed": 0,
        },
        "querier": { "store": store(statistics) },
        "ingester": {
            "totalReached": 0,
            "totalChunksMatched": 0,
            "totalBatches": 0,
            "totalLinesSent": 0,
            "store": store(&Statistics::default()),
        },
        "segments": {
            "total": statistics.searched.segments,
            "ruledOutByTime": statistics.searched.ruled_out_by_time,
            "ruledOutByStream": statistics.searched.ruled_out_by_stream,
            "ruledOutByText": statistics.searched.ruled_out_by_text,
            "read": statistics.searched.read,
            "contentsFetched": statistics.searched.opened,
            "bytesRead": statistics.file_bytes_read,
        },
        "cache": cache(),
        "index": { "totalChunks": 0, "postFilterChunks": 0, "shardsDuration": 0, "usedBloomFilters": false },
    })
}

fn store(statistics: &Statistics) -> Value {
    json!({
        "totalChunksRef": statistics.searched.segments,
        "totalChunksDownloaded": statistics.searched.read,
        "chunkRefsFetchTime": 0,
        "chunksDownloadTime": 0,
        "congestionControlLatency": 0,
        "queryReferencedStructuredMetadata": false,
        "pipelineWrapperFilteredLines": 0,
        "chunk": {
            "headChunkBytes": 0,
            "headChunkLines": 0,
            "headChunkStructuredMetadataBytes": 0,
            "decompressedBytes": statistics.bytes_read,
            "decompressedLines": statistics.lines_read,
            "decompressedStructuredMetadataBytes": 0,
            "compressedBytes": statistics.file_bytes_read,
            "totalDuplicates": 0,
            "postFilterLines": statistics.lines_kept,
        },
    })
}

fn cache() -> Value {
    let none = json!({
        "entriesFound": 0,
        "entriesRequested": 0,
        "entriesStored": 0,
        "bytesReceived": 0,
        "bytesSent": 0,
        "requests": 0,
        "downloadTime": 0,
        "queryLengthServed": 0,
    });
    let kinds = [
        "chunk",
        "index",
        "result",
        "statsResult",
        "volumeResult",
        "seriesResult",
        "labelResult",
        "instantMetricResult",
    ];
    kinds
        .iter()
        .map(|kind| ((*kind).to_owned(), none.clone()))
        .collect()
}
