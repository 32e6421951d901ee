//! The calls of librdkafka that its safe wrapper lacks, and with `topic_id` the only unsafe code of the project.
//!
//! A batch of messages taken by one call costs a fraction of taking them one by one (92–250 ns against 415–600 ns per
//! message of 200 bytes), which is most of what reading costs. The rest is what the wrapper does in a way that stalls or
//! panics: waiting for deliveries in steps of 100 ms, texts of other clients that are not UTF-8.
#![expect(unsafe_code, reason = "librdkafka is a C library; each block says why it is sound")]

use std::borrow::Cow;
use std::ffi::{CStr, CString, c_void};
use std::marker::PhantomData;
use std::ptr;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::bindings as raw;
use rdkafka::client::{Client, ClientContext};
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::topic_partition_list::TopicPartitionList;

/// The queue of all partitions that a consumer has assigned.
pub(super) struct ConsumerQueue<C: ConsumerContext> {
    queue: *mut raw::rd_kafka_queue_t,
    /// Keeps the client alive, on which the queue depends.
    _consumer: Arc<BaseConsumer<C>>,
}

// SAFETY: librdkafka's queues may be used from any thread; the pointer is private to this type.
unsafe impl<C: ConsumerContext> Send for ConsumerQueue<C> {}

impl<C: ConsumerContext> ConsumerQueue<C> {
    /// The queue of this consumer; `None` if it has no `group.id`.
    pub(super) fn of(consumer: &Arc<BaseConsumer<C>>) -> Option<Self> {
        // SAFETY: the client's pointer is valid while the consumer lives, which this type keeps alive.
        let queue = unsafe { raw::rd_kafka_queue_get_consumer(consumer.client().native_ptr()) };
        (!queue.is_null()).then(|| Self { queue, _consumer: Arc::clone(consumer) })
    }

    /// Takes up to `max` messages. Waits up to `timeout` for the first one and for no other.
    pub(super) fn take(&mut self, max: usize, timeout: Duration) -> Batch<'_> {
        let mut messages = Vec::with_capacity(max);
        self.fill(&mut messages, max, Duration::ZERO);
        if messages.is_empty() && !timeout.is_zero() {
            self.fill(&mut messages, 1, timeout);
            self.fill(&mut messages, max, Duration::ZERO);
        }
        Batch { messages, _queue: PhantomData }
    }

    /// Appends until there are `max` messages or the timeout is over.
    fn fill(&mut self, messages: &mut Vec<*mut raw::rd_kafka_message_t>, max: usize, timeout: Duration) {
        let wanted = max.saturating_sub(messages.len());
        if wanted == 0 {
            return;
        }
        messages.reserve(wanted);
        // SAFETY: the queue is valid, and behind the vector's length is room for `wanted` pointers, of which the call
        // writes at most that many.
        let taken = unsafe {
            raw::rd_kafka_consume_batch_queue(
                self.queue,
                milliseconds(timeout),
                messages.as_mut_ptr().add(messages.len()),
                wanted,
            )
        };
        // A negative number is an error of the call itself, which has written nothing then.
        let taken = usize::try_from(taken).unwrap_or(0);
        // SAFETY: the call has initialised `taken` elements.
        unsafe { messages.set_len(messages.len() + taken) };
    }
}

impl<C: ConsumerContext> Drop for ConsumerQueue<C> {
    fn drop(&mut self) {
        // SAFETY: the reference was obtained by this type, is given back once, and the client still lives.
        unsafe { raw::rd_kafka_queue_destroy(self.queue) }
    }
}

/// Messages that belong to librdkafka until this is dropped.
pub(super) struct Batch<'q> {
    messages: Vec<*mut raw::rd_kafka_message_t>,
    _queue: PhantomData<&'q ()>,
}

impl Batch<'_> {
    pub(super) fn len(&self) -> usize {
        self.messages.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Message<'_>> {
        // SAFETY: librdkafka has given out valid messages, which live until they are destroyed on drop.
        self.messages.iter().map(|message| Message(unsafe { &**message }))
    }
}

impl Drop for Batch<'_> {
    fn drop(&mut self) {
        for message in &self.messages {
            // SAFETY: each message is destroyed once, and nothing borrows from it any more.
            unsafe { raw::rd_kafka_message_destroy(*message) }
        }
    }
}

/// A message or an error of a partition.
#[derive(Clone, Copy)]
pub(super) struct Message<'a>(&'a raw::rd_kafka_message_t);

impl<'a> Message<'a> {
    /// Tells messages of different topics apart more cheaply than by name.
    pub(super) fn topic_handle(self) -> usize {
        self.0.rkt as usize
    }

    /// The topic's name; empty for an error that belongs to none.
    pub(super) fn topic(self) -> Cow<'a, str> {
        if self.0.rkt.is_null() {
            return Cow::Borrowed("");
        }
        // SAFETY: the handle is valid while the message is, and its name is a C string that lives as long.
        unsafe { CStr::from_ptr(raw::rd_kafka_topic_name(self.0.rkt)) }.to_string_lossy()
    }

    pub(super) fn partition(self) -> i32 {
        self.0.partition
    }

    pub(super) fn offset(self) -> i64 {
        self.0.offset
    }

    /// Set if this is no record.
    pub(super) fn error(self) -> Option<RDKafkaErrorCode> {
        match self.0.err {
            raw::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR => None,
            error => Some(error.into()),
        }
    }

    /// What librdkafka says about the error.
    pub(super) fn error_text(self) -> Cow<'a, str> {
        // SAFETY: the message is valid; the answer is null or a C string that lives as long as it.
        unsafe {
            let text = raw::rd_kafka_message_errstr(self.0);
            if text.is_null() {
                return Cow::Borrowed("");
            }
            CStr::from_ptr(text).to_string_lossy()
        }
    }

    /// How many bytes key and payload have together.
    pub(super) fn size(self) -> usize {
        self.0.key_len + self.0.len
    }

    pub(super) fn key(self) -> Option<&'a [u8]> {
        // SAFETY: librdkafka keeps key and length in step, and the bytes live as long as the message.
        unsafe { bytes(self.0.key, self.0.key_len) }
    }

    pub(super) fn payload(self) -> Option<&'a [u8]> {
        // SAFETY: as for the key. For an error this would be its text, which callers rule out before.
        unsafe { bytes(self.0.payload, self.0.len) }
    }

    /// Milliseconds since the Unix epoch; -1 if the message has none.
    pub(super) fn timestamp(self) -> i64 {
        let mut kind = raw::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
        // SAFETY: the message is valid and so is the place for the answer.
        unsafe { raw::rd_kafka_message_timestamp(self.0, &raw mut kind) }
    }

    /// Calls `each` for every header, in order, with its name and value; a null value is an empty one.
    pub(super) fn headers(self, mut each: impl FnMut(&[u8], &[u8])) {
        let mut headers = ptr::null_mut();
        // SAFETY: the message is valid and so is the place for the answer, which lives as long as the message.
        let found = unsafe { raw::rd_kafka_message_headers(self.0, &raw mut headers) };
        if found != raw::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
            return;
        }
        for index in 0.. {
            let mut name = ptr::null();
            let mut value: *const c_void = ptr::null();
            let mut size = 0;
            // SAFETY: the headers are valid and so are the places for the answer; name and value live as long as the
            // message.
            unsafe {
                let found = raw::rd_kafka_header_get_all(
                    headers,
                    index,
                    &raw mut name,
                    &raw mut value,
                    &raw mut size,
                );
                if found != raw::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
                    return;
                }
                each(CStr::from_ptr(name).to_bytes(), bytes(value.cast_mut(), size).unwrap_or_default());
            }
        }
    }
}

/// The high watermark of a partition as the last answer to a fetch had it; `None` before the first.
pub(super) fn cached_high_watermark<C: ClientContext>(
    client: &Client<C>,
    topic: &str,
    partition: i32,
) -> Option<i64> {
    let topic = CString::new(topic).ok()?;
    let (mut low, mut high) = (-1, -1);
    // SAFETY: the client's pointer is valid while it is borrowed, and so are the name and the places for the answer.
    let found = unsafe {
        raw::rd_kafka_get_watermark_offsets(
            client.native_ptr(),
            topic.as_ptr(),
            partition,
            &raw mut low,
            &raw mut high,
        )
    };
    (found == raw::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR && high >= 0).then_some(high)
}

/// Waits up to `timeout` until all messages of a producer are delivered or have failed; says whether they are. Those
/// that have failed count as open until their report is polled.
pub(super) fn wait_delivered<C: ClientContext>(client: &Client<C>, timeout: Duration) -> bool {
    // SAFETY: the client's pointer is valid while it is borrowed.
    let done = unsafe { raw::rd_kafka_flush(client.native_ptr(), milliseconds(timeout)) };
    done == raw::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR
}

/// The generation and the id by which a consumer is a member of its group now; `None` while it is none.
pub(super) fn group_member<C: ClientContext>(client: &Client<C>) -> Option<(i32, String)> {
    // SAFETY: the client's pointer is valid while it is borrowed. The answer is null or ours, has an id that is a C string,
    // and is given back once, after the id was copied.
    let (generation, id) = unsafe {
        let metadata = raw::rd_kafka_consumer_group_metadata(client.native_ptr());
        if metadata.is_null() {
            return None;
        }
        let generation = raw::rd_kafka_consumer_group_metadata_generation_id(metadata);
        let id = CStr::from_ptr(raw::rd_kafka_consumer_group_metadata_member_id(metadata));
        let id = id.to_string_lossy().into_owned();
        raw::rd_kafka_consumer_group_metadata_destroy(metadata);
        (generation, id)
    };
    (generation >= 0 && !id.is_empty()).then_some((generation, id))
}

/// One entry of a list of offsets.
pub(super) struct Entry {
    pub(super) topic: String,
    pub(super) partition: i32,
    /// Negative where there is none.
    pub(super) offset: i64,
    pub(super) metadata: String,
    pub(super) error: Option<RDKafkaErrorCode>,
}

/// Copies a list of offsets; texts that are not UTF-8 are made so.
pub(super) fn entries(list: &TopicPartitionList) -> Vec<Entry> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (0..list.count())
        .map(|index| {
            // SAFETY: the list is valid while it is borrowed and has `count` elements, whose topic is a C string and
            // whose metadata has the length that stands beside it.
            unsafe {
                let entry = &*(*list.ptr()).elems.add(index);
                Entry {
                    topic: text(CStr::from_ptr(entry.topic).to_bytes()),
                    partition: entry.partition,
                    offset: entry.offset,
                    metadata: text(bytes(entry.metadata, entry.metadata_size).unwrap_or_default()),
                    error: match entry.err {
                        raw::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR => None,
                        error => Some(error.into()),
                    },
                }
            }
        })
        .collect()
}

/// # Safety
/// `start` is null, or that many bytes from it on can be read while the answer is used.
unsafe fn bytes<'a>(start: *mut c_void, len: usize) -> Option<&'a [u8]> {
    if start.is_null() {
        None
    } else if len == 0 {
        Some(&[])
    } else {
        // SAFETY: the caller promises it.
        Some(unsafe { std::slice::from_raw_parts(start.cast::<u8>(), len) })
    }
}

pub(super) fn milliseconds(timeout: Duration) -> i32 {
    // Rounded up: a short wait must not become a busy loop.
    i32::try_from(timeout.as_micros().div_ceil(1000)).unwrap_or(i32::MAX)
}
