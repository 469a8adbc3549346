//! Components that are a burden: a bot with a core module of its own beside it, full of functions
//! that nobody calls, or made into instances that want more than there is.

/// Functions of the module, and steps of arithmetic in each: many seconds of one core.
const FUNCTIONS: u32 = 20_000;
const STEPS: u32 = 160;

/// `bot`, a component, with the module at its end.
pub(crate) fn component(bot: &[u8]) -> Vec<u8> {
    let mut out = bot.to_vec();
    // Section 1 of a component is a core module.
    section(&mut out, 1, &module());
    out
}

/// `bot`, a component, that has so many instances of a module with this table or memory.
pub(crate) fn instances(bot: &[u8], module: &[u8], count: u32) -> Vec<u8> {
    let index = core_modules(bot);
    let mut out = bot.to_vec();
    section(&mut out, 1, module);
    let mut made = Vec::new();
    number(&mut made, count);
    for _ in 0..count {
        // Of the module, without arguments.
        made.push(0);
        number(&mut made, index);
        made.push(0);
    }
    section(&mut out, 2, &made);
    out
}

/// A module with nothing in it.
pub(crate) fn nothing() -> Vec<u8> {
    HEAD.to_vec()
}

/// A module with a table of so many elements.
pub(crate) fn table(elements: u32) -> Vec<u8> {
    let mut limits = vec![1, 0x70, 0];
    number(&mut limits, elements);
    let mut out = HEAD.to_vec();
    section(&mut out, 4, &limits);
    out
}

/// A module with a memory of so many pages.
pub(crate) fn memory(pages: u32) -> Vec<u8> {
    let mut limits = vec![1, 0];
    number(&mut limits, pages);
    let mut out = HEAD.to_vec();
    section(&mut out, 5, &limits);
    out
}

/// The core modules that a component has at its outermost level.
fn core_modules(component: &[u8]) -> u32 {
    let (mut at, mut count) = (HEAD.len(), 0);
    while at < component.len() {
        count += u32::from(component[at] == 1);
        at += 1;
        let (mut length, mut shift) = (0_usize, 0);
        loop {
            let byte = component[at];
            at += 1;
            length |= usize::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                break;
            }
        }
        at += length;
    }
    count
}

/// How a core module begins.
const HEAD: [u8; 8] = *b"\0asm\x01\0\0\0";

fn module() -> Vec<u8> {
    let mut out = HEAD.to_vec();
    // One type: two 64-bit numbers give one.
    section(&mut out, 1, &[1, 0x60, 2, 0x7e, 0x7e, 1, 0x7e]);
    let mut functions = Vec::new();
    number(&mut functions, FUNCTIONS);
    functions.extend((0..FUNCTIONS).map(|_| 0));
    section(&mut out, 3, &functions);
    let mut bodies = Vec::new();
    number(&mut bodies, FUNCTIONS);
    for function in 0..FUNCTIONS {
        let mut body = vec![0];
        for step in 0..STEPS {
            let k = u8::try_from((function ^ step) & 0x3f).unwrap();
            // a = (a * k) ^ b
            body.extend([0x20, 0, 0x42, k, 0x7e, 0x20, 1, 0x85, 0x21, 0]);
        }
        body.extend([0x20, 0, 0x0b]);
        number(&mut bodies, u32::try_from(body.len()).unwrap());
        bodies.extend(body);
    }
    section(&mut out, 10, &bodies);
    out
}

fn section(out: &mut Vec<u8>, id: u8, bytes: &[u8]) {
    out.push(id);
    number(out, u32::try_from(bytes.len()).unwrap());
    out.extend_from_slice(bytes);
}

/// LEB128.
fn number(out: &mut Vec<u8>, mut value: u32) {
    while value >= 0x80 {
        out.push(u8::try_from(value & 0x7f).unwrap() | 0x80);
        value >>= 7;
    }
    out.push(u8::try_from(value).unwrap());
}
