//! Temporary.
#![allow(clippy::unwrap_used, clippy::print_stdout)]
use olocus_reference::case::{self, Expected, Finding};

fn main() {
    let (mut passed, mut failed, mut skipped) = (0, 0, 0);
    for path in std::env::args().skip(1) {
        for case in case::read(&std::fs::read_to_string(&path).unwrap()).unwrap() {
            let has = |tag: &str| case.tags.iter().any(|t| t == tag);
            if has("quantWithin") || has("groupRepeated") || has("previousCurrent") && has("optional") || case.time_sensitive {
                skipped += 1;
                continue;
            }
            let Expected::Found(expected) = &case.expected else { continue };
            let translation = match case.translate() {
                Ok(t) => t,
                Err(e) => { failed += 1; println!("{} {e}", case.id); continue }
            };
            let found: Vec<_> = olocus_reference::run(&translation.pattern, translation.opaque.as_deref(), &translation.events)
                .iter().map(|o| Finding::of(&translation.pattern, o)).collect();
            if case.expects(found.clone()) {
                passed += 1;
            } else {
                failed += 1;
                println!("FAIL {} {:?}", case.id, case.tags);
                let mut rest = expected.clone();
                for f in &found {
                    match rest.iter().position(|e| e == f) {
                        Some(i) => { rest.remove(i); }
                        None => println!("  + {f}"),
                    }
                }
                for e in rest { println!("  - {e}"); }
            }
        }
    }
    println!("{passed} passed, {failed} failed, {skipped} skipped");
}
