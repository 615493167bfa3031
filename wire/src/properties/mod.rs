//! Properties of everything that travels between processes, on values and bytes drawn at random from numbered seeds: a seed that
//! fails is named, and fails again.

mod control;
mod frames;
mod settings;

/// Values drawn from a seed.
struct Random(u64);

/// Runs a property for many seeds.
#[track_caller]
fn for_all(count: u64, property: impl Fn(&mut Random) + std::panic::RefUnwindSafe) {
    for seed in 0..count {
        let failed = std::panic::catch_unwind(|| property(&mut Random::new(seed))).is_err();
        assert!(!failed, "with seed {seed}");
    }
}

impl Random {
    fn new(seed: u64) -> Self {
        let mut random = Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        random.number();
        random
    }

    /// Xorshift (Marsaglia), multiplied.
    fn number(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// Less than that.
    fn below(&mut self, end: usize) -> usize {
        (self.number() >> 32) as usize % end
    }

    fn flag(&mut self) -> bool {
        self.number() >> 63 == 1
    }

    /// Small and large numbers, and those at the ends of each type.
    fn edge(&mut self) -> u64 {
        match self.below(4) {
            0 => self.below(4) as u64,
            1 => u64::MAX >> self.below(64),
            2 => (u64::MAX >> self.below(64)).wrapping_add(1),
            _ => self.number(),
        }
    }

    fn bytes(&mut self, most: usize) -> Vec<u8> {
        (0..self.below(most + 1)).map(|_| self.number() as u8).collect()
    }

    /// Bytes that can stand in a header.
    fn text(&mut self, most: usize) -> Vec<u8> {
        let mut bytes = self.bytes(most);
        bytes.retain(|byte| !matches!(byte, b'\r' | b'\n'));
        bytes
    }

    fn pairs(&mut self, most: usize) -> Vec<(Vec<u8>, Vec<u8>)> {
        (0..self.below(most + 1)).map(|_| (self.text(20), self.text(100))).collect()
    }
}

/// Pairs as the encoders take them.
fn borrowed(pairs: &[(Vec<u8>, Vec<u8>)]) -> Vec<(&[u8], &[u8])> {
    pairs.iter().map(|(name, value)| (&name[..], &value[..])).collect()
}
