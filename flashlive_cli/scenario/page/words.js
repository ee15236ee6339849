
"use strict";
// Elements and words. Text becomes text nodes only: nothing of a run is ever read as markup.

/** Make an element: `make("a.soft", {href: "#"}, "text", child, …)`; nothing comes of null children. */
function make(kind, attributes, ...children) {
  const [tag, ...classes] = kind.split(".");
  const element = document.createElement(tag);
  if (classes.length) element.classList.add(...classes);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== ""));
  return element;
}

/** Words of a stranger: their direction stays their own. */
const theirs = (text) => make("bdi", null, text);

const seconds = (s, digits = 2) => `${s.toFixed(digits)} s`;
const milliseconds = (ms) => (ms < 9999.5 ? `${Math.round(ms)} ms` : seconds(ms / 1000, 1));
const money = (usd) => (usd === null ? "" : `$${usd < 0.01 ? usd.toFixed(5) : usd.toFixed(4)}`);
const several = (n, word) => `${n} ${word}${n === 1 ? "" : "s"}`;
const sign = (ok) => make(`span.sign.${ok ? "ok" : "bad"}`, { "aria-label": ok ? "met" : "not met", role: "img" }, ok ? "✓" : "✕");
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

/** What did not come as expected, with when it was seen. */
function reasons(run) {
  const missed = run.turns.flatMap((turn) => turn.checks.filter((check) => !check.ok)
    .map((check) => ({ text: `turn ${turn.number}: ${sentence(check)}`, at_s: check.at_s })));
  const whole = run.checks.filter((check) => !check.ok).map((check) => ({ text: sentence(check), at_s: check.at_s }));
  return [...(run.error ? [{ text: run.error, at_s: null }] : []), ...missed, ...whole];
}

const sentence = (check) => `${check.name}: expected ${check.expected}, got ${check.got}${check.note && `; ${check.note}`}`;

/** An image that was shown, or its name where the page has no room for it. */
const thumbnail = (shown) => (shown.url ? make("img", { src: shown.url, alt: shown.name, draggable: "false" }) : theirs(shown.name));

/** An outline of a run, as pairs of lowest and highest in -127…127. */
function decoded(outline) {
  const bytes = Uint8Array.from(atob(outline.peaks), (char) => char.charCodeAt(0));
  const peaks = new Int8Array(bytes.buffer);
  let loudest = 1;
  for (const peak of peaks) loudest = Math.max(loudest, Math.abs(peak));
  return { bin_s: outline.bin_s, peaks, loudest };
}

/** The lowest and the highest within a stretch of time; null where nothing is. */
function extent(outline, from_s, until_s) {
  const first = Math.max(0, Math.floor(from_s / outline.bin_s));
  const last = Math.min(outline.peaks.length / 2, Math.max(first + 1, Math.ceil(until_s / outline.bin_s)));
  let low = 0;
  let high = 0;
  for (let bin = first; bin < last; bin++) {
    low = Math.min(low, outline.peaks[2 * bin]);
    high = Math.max(high, outline.peaks[2 * bin + 1]);
  }
  return low === 0 && high === 0 ? null : [low, high];
}

/** A level in words. */
function level(outline, at_s) {
  const found = extent(outline, at_s - 0.005, at_s + 0.005);
  if (!found) return "silent";
  const peak = Math.max(-found[0], found[1]);
  return peak <= 1 ? "below −42 dBFS" : `${(20 * Math.log10(peak / 127)).toFixed(0).replace("-", "−")} dBFS`;
}

/** A canvas sized for its place and the screen; returns what draws on it, in CSS pixels. */
function brush(canvas, width, height) {
  const scale = window.devicePixelRatio || 1;
  canvas.width = Math.max(1, Math.round(width * scale));
  canvas.height = Math.max(1, Math.round(height * scale));
  const context = canvas.getContext("2d");
  context.setTransform(scale, 0, 0, scale, 0, 0);
  return context;
}

/** Both sides at a glance: the user upwards, the voice downwards. */
function drawGlance(canvas, run, width, height) {
  const context = brush(canvas, width, height);
  const span = run.end_s - run.start_s;
  const middle = height / 2;
  context.fillStyle = colour("line");
  context.fillRect(0, middle, width, 1);
  for (const [side, name, way] of [[run.user, "user", -1], [run.voice, "voice", 1]]) {
    context.fillStyle = colour(name);
    for (let x = 0; x < width; x += 2) {
      const found = extent(side, run.start_s + (x / width) * span, run.start_s + ((x + 2) / width) * span);
      if (!found) continue;
      const tall = Math.max(0.5, (Math.max(-found[0], found[1]) / side.loudest) * (middle - 1));
      context.fillRect(x, way < 0 ? middle - tall : middle + 1, 1.2, tall);
    }
  }
}
