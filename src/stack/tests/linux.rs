//! What only the Linux backend promises: cheap guards, a budget for the others, and its layout.

use std::fs;
use std::ops::Range;

use super::super::chunk_linux::{Chunk, SlotShape};
use super::super::guard_linux::{Budget, GuardWays, kernel_read_faults, page_size};
use super::*;

/// An arena as on a kernel without `MADV_GUARD_INSTALL`.
pub(super) fn arena_with_mprotect(size: usize, max: usize) -> io::Result<Arc<StackArena>> {
    static BUDGET: Budget = Budget::new(8_000);
    StackArena::with_guards(size, max, GuardWays::mprotect_only(&BUDGET))
}

/// Like [`alone`], for a `body` that must succeed.
fn succeeds_alone(test: &str, body: impl FnOnce()) {
    let output = alone(test, body);
    assert!(output.status.success(), "{output:?}");
}

/// The process's mappings, as address ranges.
fn mappings() -> Vec<Range<usize>> {
    let address = |text| usize::from_str_radix(text, 16).unwrap();
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    maps.lines()
        .map(|line| line.split([' ', '-']))
        .map(|mut words| address(words.next().unwrap())..address(words.next().unwrap()))
        .collect()
}

/// How many of `addresses` are mapped.
fn count_mapped(addresses: &[usize]) -> usize {
    let mappings = mappings();
    let is_mapped = |address| mappings.iter().any(|range| range.contains(address));
    addresses
        .iter()
        .filter(|address| is_mapped(address))
        .count()
}

fn faults(address: usize) -> bool {
    kernel_read_faults(ptr::with_exposed_provenance(address))
}

#[test]
fn guards_stand_where_they_should() {
    for new in [StackArena::new, arena_with_mprotect] {
        let arena = new(MIN_STACK, 150).unwrap();
        for _ in 0..2 {
            let stacks: Vec<_> = (0..150).map(|_| arena.allocate().unwrap()).collect();
            for stack in &stacks {
                let (start, _) = stack.usable();
                assert!(faults(stack.limit().get()));
                assert!(faults(start - 1));
                assert!(!faults(start));
                assert!(!faults(stack.base().get() - 8));
            }
        }
    }
}

#[test]
fn mprotect_guards_have_a_budget() {
    static BUDGET: Budget = Budget::new(3);
    let new = || StackArena::with_guards(MIN_STACK, 10, GuardWays::mprotect_only(&BUDGET)).unwrap();
    let (arena, other) = (new(), new());
    let mut stacks = vec![
        arena.allocate().unwrap(),
        other.allocate().unwrap(),
        arena.allocate().unwrap(),
    ];
    let refused = |arena: &Arc<StackArena>| {
        let error = arena.allocate().unwrap_err();
        assert!(matches!(error, StackError::Limit(Limit::Guards(3))));
    };
    refused(&arena);
    refused(&other);

    // A stack that comes back has its guard.
    stacks.pop();
    refused(&other);
    stacks.push(arena.allocate().unwrap());
    refused(&arena);

    // Guards come back with their chunk; the other arena keeps its one.
    drop((arena, stacks));
    assert_eq!(BUDGET.spent(), 1);
    let more: Vec<_> = (0..3).map(|_| other.allocate().unwrap()).collect();
    refused(&other);
    drop((more, other));
    assert_eq!(BUDGET.spent(), 0);
}

/// The kernel refuses `MADV_GUARD_INSTALL` on locked memory.
#[test]
fn locked_memory_gets_an_mprotect_guard() {
    static BUDGET: Budget = Budget::new(1);
    let shape = SlotShape::new(MIN_STACK, page_size());
    let mut chunk = Chunk::reserve(3, shape, GuardWays::detect_with(&BUDGET)).unwrap();
    let first = chunk.issue(0).unwrap();
    let spent = BUDGET.spent();
    let rest = ptr::with_exposed_provenance::<u8>(first.limit.get() + shape.stride());
    // Not the function `mlock`: sanitizers make it do nothing.
    // SAFETY: locks two slots of the chunk above, which nobody uses.
    let lock = || unsafe { libc::syscall(libc::SYS_mlock, rest, 2 * shape.stride()) };
    if spent == 1 || lock() != 0 {
        eprintln!("this process has no MADV_GUARD_INSTALL or may not lock memory");
        return;
    }
    let second = chunk.issue(1).unwrap();
    assert!(faults(second.limit.get()));
    assert_eq!(BUDGET.spent(), 1);
    let error = chunk.issue(2).unwrap_err();
    assert!(matches!(error, StackError::Limit(Limit::Guards(1))));
    drop(chunk);
    assert_eq!(BUDGET.spent(), 0);
}

#[test]
fn a_hundred_thousand_stacks_take_few_mappings() {
    let test = concat!(
        module_path!(),
        "::a_hundred_thousand_stacks_take_few_mappings"
    );
    succeeds_alone(test, || {
        if !GuardWays::detect().has_madvise() {
            eprintln!("this kernel has no MADV_GUARD_INSTALL");
            return;
        }
        let arena = StackArena::new(MIN_STACK, 100_000).unwrap();
        let stacks: Vec<_> = (0..100_000).map(|_| arena.allocate().unwrap()).collect();
        assert!(matches!(arena.allocate(), Err(StackError::Limit(_))));

        let mut starts: Vec<_> = stacks.iter().map(|stack| stack.limit().get()).collect();
        starts.sort_unstable();
        let below = |address| starts.partition_point(|&start| start < address);
        let hold_stacks = |range: &Range<_>| below(range.start) < below(range.end);
        let holding = mappings().into_iter().filter(hold_stacks).count();
        assert!((1..50).contains(&holding), "{holding}");
        for stack in stacks.iter().step_by(1_000) {
            assert!(faults(stack.usable().0 - 1));
        }
    });
}

#[test]
fn memory_lives_as_long_as_the_last_stack() {
    let test = concat!(module_path!(), "::memory_lives_as_long_as_the_last_stack");
    succeeds_alone(test, || {
        for new in [StackArena::new, arena_with_mprotect] {
            let arena = new(MIN_STACK, 1_000).unwrap();
            let mut stacks: Vec<_> = (0..1_000).map(|_| arena.allocate().unwrap()).collect();
            let addresses: Vec<_> = stacks.iter().map(|stack| stack.usable().0).collect();
            let last = stacks.pop().unwrap();
            drop((arena, stacks));
            assert_eq!(count_mapped(&addresses), addresses.len());
            drop(last);
            assert_eq!(count_mapped(&addresses), 0);
        }
    });
}

#[test]
fn little_is_mapped_at_first() {
    let test = concat!(module_path!(), "::little_is_mapped_at_first");
    succeeds_alone(test, || {
        let mapped = || mappings().iter().map(|range| range.len()).sum::<usize>();
        let before = mapped();
        let arena = StackArena::new(256 * KIB, 1_000_000).unwrap();
        let _stack = arena.allocate().unwrap();
        assert!(mapped() - before < 64 * 1024 * KIB);
    });
}

/// With little address space left, chunks get smaller before allocation fails; afterwards what was
/// there is still there.
#[test]
fn scarce_address_space() {
    // The sanitizers need address space for themselves.
    // SAFETY: looks a name up.
    let tsan = unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"__tsan_init".as_ptr()) };
    if cfg!(feature = "sanitizer") || !tsan.is_null() {
        return;
    }

    let test = concat!(module_path!(), "::scarce_address_space");
    succeeds_alone(test, || {
        let arena = StackArena::new(256 * KIB, 1_000_000).unwrap();
        let mut stacks = Vec::with_capacity(10_000);
        let mapped: usize = mappings().iter().map(|range| range.len()).sum();
        let limit = libc::rlimit {
            rlim_cur: (mapped + 64 * 1024 * KIB) as libc::rlim_t,
            rlim_max: libc::RLIM_INFINITY,
        };
        // SAFETY: sets a limit of this process from a valid structure.
        assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_AS, &limit) }, 0);

        let error = loop {
            match arena.allocate() {
                Ok(stack) => stacks.push(stack),
                Err(error) => break error,
            }
        };
        assert!(matches!(error, StackError::Os(_)), "{error}");
        // The first chunk's 64 slots, and most of the 64 MiB.
        assert!(stacks.len() > 64 + 128, "{}", stacks.len());
        stacks.pop();
        stacks.push(arena.allocate().unwrap());
        assert!(arena.allocate().is_err());
    });
}

#[test]
fn shapes_for_every_page_size() {
    for page in [4 * KIB, 16 * KIB, 64 * KIB] {
        for size in [MIN_STACK, MIN_STACK + 1, 100_000, 256 * KIB] {
            let shape = SlotShape::new(size, page);
            assert_eq!(shape.stride() % page, 0);
            let start = ptr::NonNull::new(ptr::without_provenance_mut(page * 100)).unwrap();
            for colour in 0..2_000 {
                let slot = shape.slot(start, colour);
                let (usable, len) = slot.usable(&shape);
                assert_eq!(slot.limit.get(), page * 100);
                assert_eq!(usable % page, 0);
                assert!(usable >= slot.limit.get() + page);
                assert!(len >= size);
                let end = slot.limit.get() + shape.stride();
                assert!((end - page / 2 + 1..=end).contains(&slot.base.get()));
                assert_eq!(slot.base.get() % STACK_ALIGNMENT, 0);
            }
        }
    }
}

#[test]
fn neighbours_differ_in_colour() {
    let shape = SlotShape::new(MIN_STACK, page_size());
    let mut chunk = Chunk::reserve(64, shape, GuardWays::detect()).unwrap();
    let mut lines: Vec<_> = (0..32)
        .map(|colour| chunk.issue(colour).unwrap().base.get() % page_size() / 64)
        .collect();
    lines.sort_unstable();
    lines.dedup();
    assert_eq!(lines.len(), 32);
}

/// Memory that only a suspended fiber owns is not lost: LeakSanitizer finds it on the fiber's stack.
#[test]
#[cfg(feature = "sanitizer")]
fn leak_checker_looks_at_suspended_fibers() {
    use std::sync::atomic::{AtomicPtr, Ordering::Relaxed};

    type Fiber = Coroutine<(), (), (), FiberStack>;
    static SUSPENDED: AtomicPtr<Fiber> = AtomicPtr::new(ptr::null_mut());

    let test = concat!(module_path!(), "::leak_checker_looks_at_suspended_fibers");
    succeeds_alone(test, || {
        let arena = StackArena::new(DEFAULT_STACK, 1).unwrap();
        let mut fiber = Fiber::with_stack(arena.allocate().unwrap(), |yielder, ()| {
            let owned = black_box(Box::new([0_u8; 1000]));
            yielder.suspend(());
            drop(owned);
        });
        fiber.resume(());
        SUSPENDED.store(Box::into_raw(Box::new(fiber)), Relaxed);
    });
}
