//! Asks for the ids of topics, which the safe wrapper of librdkafka does not tell.
#![expect(unsafe_code, reason = "librdkafka is a C library; each block says why it is sound")]

use std::ffi::{CStr, CString};
use std::ptr;
use std::time::Duration;

use rdkafka::bindings as raw;
use rdkafka::client::{Client, ClientContext};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};

use super::native::milliseconds;

/// Gives back what librdkafka has lent.
struct Owned<T>(*mut T, unsafe extern "C" fn(*mut T));

impl<T> Drop for Owned<T> {
    fn drop(&mut self) {
        if !self.0.is_null() {
            // SAFETY: whoever makes one of these has got the pointer from librdkafka together with the duty to give it back by
            // this function, which happens once.
            unsafe { (self.1)(self.0) }
        }
    }
}

/// The id of a topic, as text.
pub(super) fn ask<C: ClientContext>(
    client: &Client<C>,
    topic: &str,
    timeout: Duration,
) -> KafkaResult<String> {
    let failed = |error: raw::rd_kafka_resp_err_t| KafkaError::MetadataFetch(error.into());
    let invalid = || KafkaError::MetadataFetch(RDKafkaErrorCode::InvalidTopic);
    let name = CString::new(topic).map_err(|_| invalid())?;
    let mut names = [name.as_ptr()];
    // SAFETY: the client's pointer is valid while it is borrowed, and outlives what is made of it here. The names are copied.
    // Options may be null, which the calls that take them allow.
    let event = unsafe {
        let topics = Owned(
            raw::rd_kafka_TopicCollection_of_topic_names(names.as_mut_ptr(), names.len()),
            raw::rd_kafka_TopicCollection_destroy,
        );
        let options = Owned(
            raw::rd_kafka_AdminOptions_new(
                client.native_ptr(),
                raw::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS,
            ),
            raw::rd_kafka_AdminOptions_destroy,
        );
        let set = raw::rd_kafka_AdminOptions_set_request_timeout(
            options.0,
            milliseconds(timeout),
            ptr::null_mut(),
            0,
        );
        if set != raw::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
            return Err(failed(set));
        }
        let queue = Owned(raw::rd_kafka_queue_new(client.native_ptr()), raw::rd_kafka_queue_destroy);
        raw::rd_kafka_DescribeTopics(client.native_ptr(), topics.0, options.0, queue.0);
        Owned(raw::rd_kafka_queue_poll(queue.0, milliseconds(timeout)), raw::rd_kafka_event_destroy)
    };
    if event.0.is_null() {
        return Err(KafkaError::MetadataFetch(RDKafkaErrorCode::OperationTimedOut));
    }
    // SAFETY: the event is valid until it is given back, and so is all that is found in it. Its error is one that the bindings
    // know, as they are of the same version. A result is null where the event is of another kind.
    unsafe {
        let error = raw::rd_kafka_event_error(event.0);
        if error != raw::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
            return Err(failed(error));
        }
        let result = raw::rd_kafka_event_DescribeTopics_result(event.0);
        if result.is_null() {
            return Err(invalid());
        }
        let mut count = 0;
        let found = raw::rd_kafka_DescribeTopics_result_topics(result, &raw mut count);
        if count != 1 || found.is_null() {
            return Err(invalid());
        }
        let error = raw::rd_kafka_TopicDescription_error(*found);
        if !error.is_null() {
            let code = raw::rd_kafka_error_code(error);
            if code != raw::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
                return Err(failed(code));
            }
        }
        let id = raw::rd_kafka_Uuid_base64str(raw::rd_kafka_TopicDescription_topic_id(*found));
        Ok(CStr::from_ptr(id).to_string_lossy().into_owned())
    }
}
