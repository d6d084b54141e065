// The sound of a phone that rings: two soft notes, made here, so that nothing is loaded.

const NOTES = [[880, 0], [1108.7, 0.14], [880, 0.28], [1108.7, 0.42]];
const EVERY_MS = 2600;
const VOLUME = 0.05;
const OFF = "callahead-ring-off";

let context = null;
let timer = null;

export const isOn = () => localStorage.getItem(OFF) === null;

export function setOn(on) {
  if (on) localStorage.removeItem(OFF);
  else localStorage.setItem(OFF, "1");
  if (!on) stop();
}

/** Ring, or be quiet. Until somebody has touched the page, browsers let it make no sound. */
export function ring(wanted) {
  if (!wanted || !isOn()) stop();
  else if (timer === null) {
    chime();
    timer = setInterval(chime, EVERY_MS);
  }
}

function stop() {
  clearInterval(timer);
  timer = null;
}

function chime() {
  if (!navigator.userActivation || !navigator.userActivation.hasBeenActive) return;
  context = context || new AudioContext();
  context.resume();
  for (const [pitch, after] of NOTES) {
    const start = context.currentTime + after;
    const tone = context.createOscillator();
    const volume = context.createGain();
    tone.frequency.value = pitch;
    volume.gain.setValueAtTime(0, start);
    volume.gain.linearRampToValueAtTime(VOLUME, start + 0.02);
    volume.gain.exponentialRampToValueAtTime(0.0001, start + 0.3);
    tone.connect(volume).connect(context.destination);
    tone.start(start);
    tone.stop(start + 0.32);
  }
}
