//! A component that takes long to compile: a bot with a core module of its own beside it, full of
//! functions that nobody calls.

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

fn module() -> Vec<u8> {
    let mut out = b"\0asm\x01\0\0\0".to_vec();
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
