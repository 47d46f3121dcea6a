//! Frames and records: what is decoded lies within the bytes, and comes back when it is encoded again.

use super::input::{Mode, split};
use super::structures::binding;
use annals_format::{
    Damage, FRAME_ALIGNMENT, FRAME_HEADER_BYTES, FrameBuilder, FrameFault, FrameHeader, FrameStamp,
    FrameStretches, KeptFrame, RECORD_HEADER_BYTES, check_frame, parse_record, position_of_made_id,
    record_length, reseal, same_content,
};
use annals_types::{Event, EventRef, NewEvent, PayloadError, Position, Timestamp};
use std::borrow::Cow;

const OFFSET: u64 = 4096;

/// A frame: its header and its records.
///
/// # Panics
/// If the decoder does what it must not do.
pub fn frame(input: &[u8]) {
    let Some((mode, mut bytes)) = split(input) else { return };
    if mode == Mode::Resealed {
        reseal::frame(&mut bytes, binding());
    }
    let mut records = Vec::new();
    let result = check_frame(&bytes, binding(), OFFSET, |offset, event| records.push((offset, event)));
    let header = FrameHeader::decode(&bytes, binding(), OFFSET);
    if !records.is_empty() {
        let header = header.as_ref().expect("records come behind a sound header");
        check_records(&bytes, header, &records);
    }
    match result {
        Ok(decoded) => {
            assert_eq!(header, Ok(decoded));
            assert_eq!(decoded.record_count as usize, records.len());
            check_kept_comes_back(&bytes, &decoded, &records);
            let events = records.into_iter().map(|(_, event)| event).collect::<Vec<_>>();
            if decoded.missing == 0 {
                check_comes_back(&events, decoded.durable);
            }
        }
        Err(FrameFault::Blank) => assert!(bytes[..FRAME_HEADER_BYTES].iter().all(|byte| *byte == 0)),
        Err(FrameFault::Short { needed }) => assert!(needed > bytes.len() as u64),
        Err(FrameFault::Damaged(damage)) => check_damage(&damage, OFFSET, bytes.len()),
    }
}

/// One record, at a position that the input gives.
///
/// # Panics
/// If the decoder does what it must not do.
pub fn record(input: &[u8]) {
    let Some((mode, bytes)) = split(input) else { return };
    let Some((position, bytes)) = bytes.split_first_chunk::<8>() else { return };
    let (position, mut bytes) = (Position::new(u64::from_le_bytes(*position)), bytes.to_vec());
    if mode == Mode::Resealed {
        reseal::record(&mut bytes, binding(), position);
    }
    match parse_record(&bytes, binding(), position, OFFSET) {
        Ok(event) => {
            let length = record_length(&bytes).expect("room for a header");
            assert!((RECORD_HEADER_BYTES..=bytes.len()).contains(&length));
            assert_eq!(event.position, position);
            check_within(&bytes[..length], &event);
            assert!(same_content(&bytes[..length], &bytes[..length]));
            if position <= Position::MAX && event.id == binding().made_id(position, event.recorded_at) {
                assert_eq!(position_of_made_id(event.id), Some(position));
            }
            check_comes_back(&[event], Position::ZERO);
        }
        Err(damage) => check_damage(&damage, OFFSET, bytes.len()),
    }
}

/// Damage is reported at a place that is there, or at the end where something is missing.
pub(super) fn check_damage(damage: &Damage, start: u64, length: usize) {
    assert!(
        (start..=start + length as u64).contains(&damage.offset),
        "{damage} in {length} bytes from {start}"
    );
}

/// Records follow each other within their frame, from its header on.
fn check_records(bytes: &[u8], header: &FrameHeader, records: &[(usize, EventRef<'_>)]) {
    let length = usize::try_from(header.length).expect("at most 128 MiB");
    assert!(length <= bytes.len() && length.is_multiple_of(FRAME_ALIGNMENT));
    assert!(records.len() <= header.record_count as usize);
    let stretches = FrameStretches::read(bytes, header, binding(), OFFSET).expect("records come behind it");
    let mut next = stretches.records_at();
    assert!(next >= FRAME_HEADER_BYTES && (next == FRAME_HEADER_BYTES) == (header.missing == 0));
    for ((offset, event), position) in records.iter().zip(stretches.positions()) {
        assert_eq!((*offset, event.position), (next, position));
        assert!(position <= header.last_position());
        next += record_length(&bytes[next..length]).expect("room for a record");
        assert!(next <= length);
        check_within(&bytes[*offset..next], event);
    }
}

/// The records of a sound frame are the same frame again, byte for byte, when they are kept.
fn check_kept_comes_back(bytes: &[u8], header: &FrameHeader, records: &[(usize, EventRef<'_>)]) {
    let mut kept = KeptFrame::new();
    for (offset, event) in records {
        let length = record_length(&bytes[*offset..]).expect("room for a record");
        if kept.push(event.position, event.version, &bytes[*offset..*offset + length]).is_err() {
            return;
        }
    }
    // Positions at the end of their range are not told apart.
    if records.is_empty() || header.last_position().get() == u64::MAX {
        return;
    }
    let mut again = Vec::new();
    kept.finish(binding(), header.durable, header.recorded_at, &mut again);
    let length = usize::try_from(header.length).expect("at most 128 MiB");
    let made =
        check_frame(&again, binding(), OFFSET, |_, _| {}).expect("a frame that was just made is sound");
    assert_eq!((made.record_count, made.missing), (header.record_count, header.missing));
    assert!(again.len() <= length, "no table is shorter");
    let told =
        |frame: &[u8]| FrameStretches::read(frame, &made, binding(), OFFSET).map(Iterator::collect::<Vec<_>>);
    if again.len() == length {
        assert_eq!(told(&again), told(&bytes[..length]));
    }
}

/// Everything that an event borrows lies within the bytes of its record.
fn check_within(record: &[u8], event: &EventRef<'_>) {
    let range = record.as_ptr_range();
    // Of what is not plain nothing is lent.
    let (data, metadata) = event.payload.as_plain().unwrap_or((&record[..0], &record[..0]));
    for field in [event.stream.as_bytes(), event.event_type.as_bytes(), data, metadata] {
        let field = field.as_ptr_range();
        assert!(range.start <= field.start && field.end <= range.end);
    }
    let tags: usize = event.tags.iter().map(|tag| tag.len() + 2).sum();
    let lengths = [event.stream.len(), event.event_type.len(), data.len(), metadata.len(), tags];
    assert!(lengths.iter().sum::<usize>() <= record.len() - RECORD_HEADER_BYTES);
}

/// What a producer would have given for an event.
fn as_given<'a>(event: &EventRef<'a>) -> NewEvent<'a> {
    let (data, metadata) = event.payload.as_plain().unwrap_or_default();
    NewEvent {
        id: Some(event.id),
        event_type: Cow::Borrowed(event.event_type),
        content_type: event.content_type,
        data: Cow::Borrowed(data),
        metadata: Cow::Borrowed(metadata),
        tags: event.tags.iter().map(Cow::Borrowed).collect(),
        schema_version: event.schema_version,
        occurred_at: Some(event.occurred_at),
        erased: match event.plain() {
            Err(PayloadError::Erased { erasure, .. }) => Some(erasure),
            _ => None,
        },
    }
}

/// Events that a writer takes come back from its frame as they were.
fn check_comes_back(events: &[EventRef<'_>], durable: Position) {
    let mut frame = FrameBuilder::new();
    // Nobody gives a payload as it is stored compressed or encrypted.
    if events.iter().any(|event| event.payload.as_plain().is_none() && !event.payload.is_erased()) {
        return;
    }
    // A writer keeps limits that a reader does not rely on.
    if !events.iter().all(|event| frame.push(event.stream, &as_given(event)).is_ok()) {
        return;
    }
    let (first_position, recorded_at) = events
        .first()
        .map_or((Position::FIRST, Timestamp::EPOCH), |event| (event.position, event.recorded_at));
    let stamp = FrameStamp { binding: binding(), first_position, durable, recorded_at };
    frame.stamp(&stamp, |index| events[index].version);
    let mut again: Vec<Event> = Vec::new();
    let header = check_frame(frame.bytes(), binding(), OFFSET, |_, event| again.push(event.to_event()));
    let header = header.expect("a frame that was just made is sound");
    assert_eq!((header.first_position, header.durable), (first_position, durable));
    assert_eq!(again, events.iter().map(EventRef::to_event).collect::<Vec<_>>());
}
