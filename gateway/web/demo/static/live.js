// The robot's voice in a call over SIP: samples come as they are spoken and are played at once.

const RATE = 8000;
const AHEAD_S = 0.12; // kept in hand against small delays

let context = null;
let current = null; // the call that is listened to

/** Listen to a call; null: to none. Called again with the same call it does nothing. */
export function listen(id, changed) {
  if (current && current.id === id) return;
  if (current) current.abort.abort();
  current = id ? { id, abort: new AbortController() } : null;
  if (current) receive(current, changed).catch(() => {}).finally(changed);
}

/** Browsers let a page make no sound until somebody has touched it. */
export const isStuck = () => context !== null && context.state === "suspended";
export const unlock = () => {
  context = context || new AudioContext();
  return context.resume();
};

async function receive(call, changed) {
  context = context || new AudioContext();
  context.resume().then(changed);
  const answer = await fetch(`/demo/calls/${encodeURIComponent(call.id)}/sound`, { signal: call.abort.signal });
  if (!answer.ok) return;
  const reader = answer.body.getReader();
  let at = 0;
  let odd = new Uint8Array(0);
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const bytes = new Uint8Array(odd.length + value.length);
    bytes.set(odd);
    bytes.set(value, odd.length);
    const count = bytes.length >> 1;
    odd = bytes.slice(count * 2);
    if (count === 0) continue;
    at = Math.max(at, context.currentTime + AHEAD_S);
    play(new DataView(bytes.buffer), count, at);
    at += count / RATE;
  }
}

function play(view, count, at) {
  const buffer = context.createBuffer(1, count, RATE);
  const samples = buffer.getChannelData(0);
  for (let i = 0; i < count; i += 1) samples[i] = view.getInt16(i * 2, true) / 32768;
  const source = context.createBufferSource();
  source.buffer = buffer;
  source.connect(context.destination);
  source.start(at);
}
