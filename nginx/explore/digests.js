// The digests of a body. The hash in Django's names is an MD5 (see judge.js), which browsers do not compute.

const SHIFTS = [7, 12, 17, 22, 5, 9, 14, 20, 4, 11, 16, 23, 6, 10, 15, 21];
const SINES = Int32Array.from({ length: 64 }, (_, i) => Math.floor(2 ** 32 * Math.abs(Math.sin(i + 1))));
const START = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476];

const toHex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

const pad = (bytes) => {
  const padded = new Uint8Array((((bytes.length + 8) >> 6) + 1) << 6);
  padded.set(bytes);
  padded[bytes.length] = 0x80;
  const view = new DataView(padded.buffer);
  view.setUint32(padded.length - 8, (bytes.length << 3) >>> 0, true);
  view.setUint32(padded.length - 4, Math.floor(bytes.length / 2 ** 29), true);
  return new Int32Array(padded.buffer); // every machine that runs a browser is little-endian, as MD5 is
};

// https://www.rfc-editor.org/rfc/rfc1321#section-3.4
const mix = (state, words, at) => {
  let a = state[0],
    b = state[1],
    c = state[2],
    d = state[3];
  for (let i = 0; i < 64; i += 1) {
    let f = 0,
      g = i;
    if (i < 16) f = (b & c) | (~b & d);
    else if (i < 32) ((f = (d & b) | (~d & c)), (g = (5 * i + 1) & 15));
    else if (i < 48) ((f = b ^ c ^ d), (g = (3 * i + 5) & 15));
    else ((f = c ^ (b | ~d)), (g = (7 * i) & 15));
    const sum = (f + a + SINES[i] + words[at + g]) | 0;
    const shift = SHIFTS[((i >> 4) << 2) | (i & 3)];
    a = d;
    d = c;
    c = b;
    b = (b + ((sum << shift) | (sum >>> (32 - shift)))) | 0;
  }
  state[0] += a;
  state[1] += b;
  state[2] += c;
  state[3] += d;
};

export const md5 = (bytes) => {
  const words = pad(bytes);
  const state = Int32Array.from(START);
  for (let at = 0; at < words.length; at += 16) mix(state, words, at);
  return toHex(new Uint8Array(state.buffer));
};

export const sha256 = async (bytes) => toHex(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)));
