//! Removes the machine code from a component: names and types stay, functions do nothing. It compiles at once, and the
//! engine that would run the component checks whether it can be linked.

use wasmparser::{BinaryReader, BinaryReaderError};

/// The same component, whose functions trap at once. What is malformed stays as it is: compiling it says what is wrong.
/// It must not be nested deeper than an [`super::Outline`] is.
pub(super) fn without_code(binary: &[u8]) -> Vec<u8> {
    emptied(binary).unwrap_or_else(|_| binary.to_vec())
}

fn emptied(binary: &[u8]) -> Result<Vec<u8>, BinaryReaderError> {
    let mut reader = BinaryReader::new(binary, 0);
    let header = reader.read_bytes(HEADER_SIZE)?;
    let is_module = header[6..] == [0, 0];
    let mut emptied = header.to_vec();
    while !reader.eof() {
        let id = reader.read_u8()?;
        let size = reader.read_var_u32()?;
        let content = reader.read_bytes(size as usize)?;
        match (is_module, id) {
            (true, CODE) => push(&mut emptied, id, &bodies(BinaryReader::new(content, 0).read_var_u32()?)),
            // Names and positions of what is not there any more.
            (true, CUSTOM) => {}
            (false, CORE_MODULE | COMPONENT) => push(&mut emptied, id, &self::emptied(content)?),
            _ => push(&mut emptied, id, content),
        }
    }
    Ok(emptied)
}

/// The code of so many functions: no locals, `unreachable`, `end`.
fn bodies(count: u32) -> Vec<u8> {
    let mut content = leb128(count);
    content.extend(std::iter::repeat_n([3, 0, 0x00, 0x0b], count as usize).flatten());
    content
}

fn push(binary: &mut Vec<u8>, id: u8, content: &[u8]) {
    binary.push(id);
    // A section is no longer than the file, and a file is no longer than a size can say.
    binary.extend(leb128(u32::try_from(content.len()).unwrap_or(u32::MAX)));
    binary.extend(content);
}

fn leb128(mut number: u32) -> Vec<u8> {
    let mut digits = Vec::new();
    loop {
        let digit = (number & 0x7f) as u8;
        number >>= 7;
        if number == 0 {
            digits.push(digit);
            return digits;
        }
        digits.push(digit | 0x80);
    }
}

/// Four bytes of magic, a version, and whether it is a module.
const HEADER_SIZE: usize = 8;

const CUSTOM: u8 = 0;
const CODE: u8 = 10;
const CORE_MODULE: u8 = 1;
const COMPONENT: u8 = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_valid_and_has_the_same_functions() {
        let binary = wat::parse_str(
            r#"(component
                (core module (func (param i32) (result i32) (i32.add (local.get 0) (i32.const 1))) (memory 1)
                    (data (i32.const 0) "content") (func (export "f") (local i64)))
                (component (core module (func (result f64) (f64.const 1)))))"#,
        )
        .expect("a test's component is well formed");
        let emptied = without_code(&binary);
        wasmparser::Validator::new_with_features(wasmparser::WasmFeatures::all())
            .validate_all(&emptied)
            .expect("it is valid");
        let text = emptied.windows(3).filter(|body| *body == [0, 0x00, 0x0b]).count();
        assert!(text >= 3 && emptied.len() < binary.len() + 8, "{text}");
    }

    #[test]
    fn what_is_malformed_stays_as_it_is() {
        let cut = b"\0asm\x0d\0\x01\0\x01\x7f";
        assert_eq!(without_code(cut), cut);
        assert_eq!(without_code(b"\0asm"), b"\0asm");
    }
}
