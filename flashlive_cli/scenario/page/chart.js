
// The timeline: a window of time over lanes, drawn anew whenever it moves.

const SHORTEST_S = 0.05;

class Chart {
  constructor(run) {
    this.run = run;
    this.laid = laidOut(run);
    this.from_s = run.start_s;
    this.until_s = run.end_s;
    this.width = 0;
    this.lit = null;
    this.audio = null;
    this.build();
    this.sized = new ResizeObserver(() => this.resize());
    this.sized.observe(this.plot);
    this.dark = matchMedia("(prefers-color-scheme: dark)");
    this.onDark = () => this.resize();
    this.dark.addEventListener("change", this.onDark);
  }

  close() {
    this.sized.disconnect();
    this.dark.removeEventListener("change", this.onDark);
    this.audio?.pause();
    hideTip();
  }

  build() {
    const { items, names, height } = this.laid;
    this.canvas = make("canvas", { "aria-hidden": "true" });
    this.hair = make("div.hair", { hidden: true });
    this.head = make("div.head", { hidden: true });
    this.plot = make("div.plot", null, this.canvas);
    this.plot.style.height = `${height}px`;
    for (const item of items) {
      const label = `${seconds(item.from_s)}: ${item.told.map(([name, text]) => `${name} ${text}`).join(", ")}`;
      item.element = make(`button.item.${item.kind}`, { type: "button", "aria-label": label }, item.picture ?? theirs(item.text));
      if (item.more) item.element.classList.add(item.more);
      item.element.style.top = `${item.y}px`;
      item.element.addEventListener("focus", () => item.element.matches(":focus-visible") && this.tell(item));
      item.element.addEventListener("blur", hideTip);
      item.element.addEventListener("click", () => this.moved || this.seek(item.from_s));
      this.plot.append(item.element);
    }
    this.plot.append(this.hair, this.head);
    const side = make("div.names", { "aria-hidden": "true" }, names.map(([text, y, kind]) => {
      const name = make(kind ? `span.${kind}` : "span", null, text);
      name.style.top = `${y}px`;
      return name;
    }));
    this.window = make("div.window");
    this.glance = make("canvas");
    this.whole = make("div.whole", { "aria-hidden": "true" }, this.glance, this.window);
    this.element = make("section.chart", { "aria-label": "Timeline" }, this.bar(), make("div.field", null, side, this.plot), this.whole);
    this.listen();
  }

  bar() {
    this.playing = make("button.flat", { type: "button", title: "Play (space)", onclick: () => this.play() });
    this.now = make("span.now.soft.number");
    this.out = make("button.flat.square", { type: "button", title: "Zoom out (-)", "aria-label": "Zoom out", onclick: () => this.zoom(1.6) }, "−");
    const closer = make("button.flat.square", { type: "button", title: "Zoom in (+)", "aria-label": "Zoom in", onclick: () => this.zoom(1 / 1.6) }, "+");
    this.fitting = make("button.flat", { type: "button", title: "Show all (0)", onclick: () => this.fit() }, "Fit");
    const keys = [["wheel", "zoom"], ["← →", "move"], ["n p", "next, previous"]];
    if (this.run.sound) keys.unshift(["space", "play"]);
    this.showPlaying();
    return make("div.bar", null, this.run.sound ? this.playing : null, this.now, make("span.space"),
      make("span.keys", { "aria-hidden": "true" }, keys.map(([key, does]) => make("span", null, make("kbd", null, key), ` ${does}`))),
      this.out, closer, this.fitting);
  }

  listen() {
    this.plot.addEventListener("pointermove", (event) => this.hover(event));
    this.plot.addEventListener("pointerleave", () => this.unhover());
    this.plot.addEventListener("pointerdown", (event) => this.grab(event));
    this.plot.addEventListener("dblclick", () => this.fit());
    this.plot.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    this.whole.addEventListener("pointerdown", (event) => this.slide(event));
  }

  // ---- time and place

  x(at_s) { return ((at_s - this.from_s) / (this.until_s - this.from_s)) * this.width; }

  at(x) { return this.from_s + (x / this.width) * (this.until_s - this.from_s); }

  look(from_s, until_s) {
    const { start_s, end_s } = this.run;
    const span = Math.min(end_s - start_s, Math.max(SHORTEST_S, until_s - from_s));
    this.from_s = Math.max(start_s, Math.min(end_s - span, from_s));
    this.until_s = this.from_s + span;
    if (!this.due) this.due = requestAnimationFrame(() => { this.due = 0; this.draw(); });
  }

  zoom(factor, around_s = (this.from_s + this.until_s) / 2) {
    this.look(around_s - (around_s - this.from_s) * factor, around_s + (this.until_s - around_s) * factor);
  }

  pan(share) {
    const by = (this.until_s - this.from_s) * share;
    this.look(this.from_s + by, this.until_s + by);
  }

  fit() { this.look(this.run.start_s, this.run.end_s); }

  get fitted() { return this.until_s - this.from_s >= this.run.end_s - this.run.start_s - 1e-6; }

  /** Bring a moment into sight, and what is there into view. */
  reveal(at_s) {
    const span = this.until_s - this.from_s;
    if (at_s < this.from_s || at_s > this.until_s) this.look(at_s - span / 2, at_s + span / 2);
    this.seek(at_s);
  }

  // ---- drawing

  resize() {
    const width = this.plot.clientWidth;
    if (!width) return;
    this.width = width;
    drawGlance(this.glance, this.run, width, 28);
    this.draw();
  }

  draw() {
    const { user, voice, height, items } = this.laid;
    const context = brush(this.canvas, this.width, height);
    this.drawTimes(context, height);
    for (const lane of [user, voice]) {
      context.fillStyle = colour("faint");
      context.fillRect(0, lane.y + lane.height / 2, this.width, 1);
    }
    this.drawLost(context, voice);
    this.drawWave(context, this.run.user, user, colour("user"));
    this.drawWave(context, this.run.voice, voice, colour("voice"));
    context.fillStyle = colour("bad");
    for (const mark of this.run.marks)
      if (mark.kind === "interrupted") context.fillRect(Math.round(this.x(mark.at_s)), user.y, 1.5, voice.y + voice.height - user.y);
    for (const item of items) this.place(item);
    this.placeHead();
    const span = this.run.end_s - this.run.start_s;
    this.window.hidden = this.fitted;
    this.window.style.left = `${((this.from_s - this.run.start_s) / span) * 100}%`;
    this.window.style.width = `${((this.until_s - this.from_s) / span) * 100}%`;
    this.out.disabled = this.fitting.disabled = this.fitted;
  }

  drawTimes(context, height) {
    const about = ((this.until_s - this.from_s) * 90) / this.width;
    const power = 10 ** Math.floor(Math.log10(about));
    const step = [1, 2, 5, 10].map((n) => n * power).find((n) => n >= about);
    const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
    context.font = `11px ${colour("sans")}`;
    context.textBaseline = "middle";
    for (let n = Math.ceil(this.from_s / step); n * step <= this.until_s; n++) {
      const x = Math.round(this.x(n * step));
      context.fillStyle = colour("faint");
      context.fillRect(x, 22, 1, height);
      context.fillStyle = colour("dim");
      const text = `${(n * step).toFixed(digits)} s`;
      const half = context.measureText(text).width / 2;
      if (x > half + 2 && x < this.width - half - 2) context.fillText(text, x - half, 12);
    }
    context.fillStyle = colour("line");
    context.fillRect(0, 22, this.width, 1);
    for (const turn of this.run.turns)
      if (turn.start_s !== null) context.fillRect(Math.round(this.x(turn.start_s)) - 1, 22, 2, height);
  }

  drawWave(context, outline, lane, ink) {
    const middle = lane.y + lane.height / 2;
    const scale = (lane.height / 2 - 1) / Math.max(outline.loudest, 16);
    const step = 1 / (window.devicePixelRatio || 1);
    context.fillStyle = ink;
    for (let x = 0; x < this.width; x += step) {
      const found = extent(outline, this.at(x), this.at(x + step));
      if (!found) continue;
      const top = middle - found[1] * scale;
      context.fillRect(x, top, step, Math.max(0.8, (found[1] - found[0]) * scale));
    }
  }

  /** What of a reply was never played: hatched, where it would have sounded. */
  drawLost(context, lane) {
    for (const item of this.laid.items) {
      if (item.kind !== "unheard") continue;
      const left = Math.max(0, this.x(item.from_s));
      const right = Math.min(this.width, this.x(item.until_s));
      if (right <= left) continue;
      context.save();
      context.beginPath();
      context.rect(left, lane.y + 10, right - left, lane.height - 20);
      context.clip();
      context.strokeStyle = colour("line");
      context.beginPath();
      for (let x = left - lane.height; x < right; x += 7) {
        context.moveTo(x, lane.y + lane.height);
        context.lineTo(x + lane.height, lane.y);
      }
      context.stroke();
      context.restore();
    }
  }

  place(item) {
    const { style, classList } = item.element;
    let left = this.x(item.from_s);
    if (item.centred) { // of its own width, whatever the zoom is; an image begins at its time, and is not cut at the end
      const begin = item.picture ? Math.min(left, Math.max(0, this.width - item.centred)) : left - item.centred / 2;
      style.transform = `translateX(${begin.toFixed(1)}px)`;
      if (item.more === "interrupted") style.width = `${item.centred}px`;
      item.element.hidden = left < -item.centred || left > this.width + (item.picture ? 0 : item.centred);
      return;
    }
    const right = Math.max(this.x(item.until_s), left + 3);
    item.element.hidden = right < 0 || left > this.width;
    const inner = Math.max(left, -8); // what sticks out to the left would take its words along
    left = Math.min(inner, right - 3);
    const wide = Math.min(right, this.width + 8) - left;
    style.transform = `translateX(${left.toFixed(1)}px)`;
    style.width = `${wide.toFixed(1)}px`;
    style.paddingInlineStart = left < 0 && wide > 30 ? "13px" : "";
    classList.toggle("narrow", wide < (item.kind === "stage" ? 48 : item.kind === "tool" ? 7 * item.text.length + 14 : 26));
  }

  placeHead() {
    const at_s = this.head_s;
    this.head.hidden = at_s === undefined || at_s < this.from_s || at_s > this.until_s;
    if (!this.head.hidden) this.head.style.transform = `translateX(${this.x(at_s) - 1}px)`;
    this.now.textContent = at_s === undefined ? seconds(this.run.end_s) : `${at_s.toFixed(2)} / ${seconds(this.run.end_s)}`;
  }

  // ---- pointer

  hover(event) {
    const x = event.clientX - this.plot.getBoundingClientRect().left;
    this.hair.hidden = false;
    this.hair.style.transform = `translateX(${x}px)`;
    if (this.grabbed) return hideTip();
    const at_s = this.at(x);
    const item = this.laid.items.find((each) => each.element.contains(event.target));
    showTip(event.clientX, event.clientY, at_s, item ? item.told : this.there(at_s));
  }

  unhover() {
    this.hair.hidden = true;
    hideTip();
  }

  /** All that is at a moment. */
  there(at_s) {
    const near_s = (4 * (this.until_s - this.from_s)) / this.width;
    const found = this.laid.items.filter((item) => item.kind !== "stage" && item.from_s - near_s <= at_s && at_s <= item.until_s + near_s);
    const levels = [["you", level(this.run.user, at_s)], ["model", level(this.run.voice, at_s)]];
    const words = found.map((item) => (item.kind === "turn" ? ["turn", item.text] : item.kind === "said" ? item.told[1]
      : item.kind === "answer" ? item.told[1] : item.told[0]));
    return [...words.filter(([name]) => name === "turn"), ...levels, ...words.filter(([name]) => name !== "turn")];
  }

  tell(item) {
    const box = this.plot.getBoundingClientRect();
    const at_s = Math.max(this.from_s, Math.min(this.until_s, item.from_s));
    showTip(box.left + Math.max(0, this.x(at_s)), item.element.getBoundingClientRect().bottom, item.from_s, item.told);
  }

  grab(event) {
    if (event.button !== 0) return;
    const begun = { x: event.clientX, from_s: this.from_s, until_s: this.until_s };
    this.moved = false;
    const follow = (moving) => {
      const by = moving.clientX - begun.x;
      if (!this.moved && Math.abs(by) < 4) return;
      this.moved = this.grabbed = true;
      this.plot.classList.add("grabbed");
      const by_s = (by / this.width) * (begun.until_s - begun.from_s);
      this.look(begun.from_s - by_s, begun.until_s - by_s);
    };
    const drop = (dropped) => {
      removeEventListener("pointermove", follow);
      removeEventListener("pointerup", drop);
      removeEventListener("pointercancel", drop);
      this.plot.classList.remove("grabbed");
      this.grabbed = false;
      if (!this.moved && !event.target.closest(".item") && dropped.type === "pointerup")
        this.seek(this.at(dropped.clientX - this.plot.getBoundingClientRect().left));
    };
    addEventListener("pointermove", follow);
    addEventListener("pointerup", drop);
    addEventListener("pointercancel", drop);
  }

  /** Zoom where the pointer is; a page that shows all of it scrolls on. */
  wheel(event) {
    if (Math.abs(event.deltaX) > Math.abs(event.deltaY) || event.shiftKey) {
      if (this.fitted) return;
      event.preventDefault();
      this.pan((event.deltaX || event.deltaY) / this.width);
      return;
    }
    if (event.deltaY > 0 && this.fitted) return;
    event.preventDefault();
    const lines = event.deltaMode === 1 ? 30 : 1;
    this.zoom(Math.exp(Math.max(-120, Math.min(120, event.deltaY * lines)) / 400), this.at(event.clientX - this.plot.getBoundingClientRect().left));
  }

  slide(event) {
    const box = this.whole.getBoundingClientRect();
    const centre = (moving) => {
      const at_s = this.run.start_s + ((moving.clientX - box.left) / box.width) * (this.run.end_s - this.run.start_s);
      const span = this.until_s - this.from_s;
      this.look(at_s - span / 2, at_s + span / 2);
    };
    centre(event);
    this.whole.setPointerCapture(event.pointerId);
    this.whole.onpointermove = centre;
    this.whole.onpointerup = this.whole.onpointercancel = () => { this.whole.onpointermove = null; };
  }

  // ---- keyboard

  key(event) {
    const keys = {
      "+": () => this.zoom(1 / 1.6), "=": () => this.zoom(1 / 1.6), "-": () => this.zoom(1.6), 0: () => this.fit(),
      ArrowLeft: () => this.pan(-0.2), ArrowRight: () => this.pan(0.2), n: () => this.step(1), p: () => this.step(-1),
    };
    if (this.run.sound && !document.activeElement?.closest("button, a")) keys[" "] = () => this.play();
    if (!keys[event.key]) return false;
    keys[event.key]();
    return true;
  }

  /** Go to the next thing there is, or the one before. */
  step(by) {
    const { items } = this.laid;
    const here = items.findIndex((item) => item.element === document.activeElement);
    const item = items[here < 0 ? (by > 0 ? 0 : items.length - 1) : (here + by + items.length) % items.length];
    const span = this.until_s - this.from_s;
    if (item.until_s < this.from_s || item.from_s > this.until_s) this.look(item.from_s - span / 2, item.from_s + span / 2);
    cancelAnimationFrame(this.due);
    this.due = 0;
    this.draw();
    item.element.focus({ focusVisible: true, preventScroll: true });
    this.tell(item);
  }

  // ---- sound

  play() {
    if (!this.audio) {
      this.audio = new Audio();
      for (const kind of ["play", "pause", "ended"]) this.audio.addEventListener(kind, () => this.showPlaying());
      this.audio.addEventListener("error", () => this.silent());
      this.audio.src = this.run.sound;
      this.audio.currentTime = this.head_s ?? this.run.start_s;
    }
    if (this.audio.paused) this.audio.play().catch(() => {}); else this.audio.pause();
  }

  silent() {
    this.playing.disabled = true;
    this.playing.textContent = "No sound";
    this.playing.title = "The recording is not where it was, or this browser cannot play it";
  }

  seek(at_s) {
    this.head_s = Math.max(this.run.start_s, Math.min(this.run.end_s, at_s));
    if (this.audio) this.audio.currentTime = this.head_s;
    this.placeHead();
  }

  showPlaying() {
    const on = this.audio && !this.audio.paused && !this.audio.ended;
    this.playing.replaceChildren(make("span", { "aria-hidden": "true" }, on ? "❚❚" : "▶"), on ? "Pause" : "Play");
    if (on) this.follow();
  }

  follow() {
    if (!this.audio || this.audio.paused) return;
    this.head_s = Math.min(this.run.end_s, this.audio.currentTime);
    if (!this.fitted && this.head_s > this.until_s) this.look(this.head_s, this.head_s + this.until_s - this.from_s);
    this.placeHead();
    requestAnimationFrame(() => this.follow());
  }
}

function showTip(x, y, at_s, told) {
  const tip = document.getElementById("tip");
  tip.replaceChildren(make("div.at", null, seconds(at_s, 3)),
    make("dl", null, told.flatMap(([name, text]) => [make("dt", null, name), make("dd", null, theirs(text))])));
  tip.hidden = false;
  const { width, height } = tip.getBoundingClientRect();
  const left = x + 16 + width > innerWidth - 8 ? x - 16 - width : x + 16;
  const top = y + 18 + height > innerHeight - 8 ? y - 14 - height : y + 18;
  tip.style.transform = `translate(${Math.max(8, Math.round(left))}px, ${Math.max(8, Math.round(top))}px)`;
}

function hideTip() { document.getElementById("tip").hidden = true; }
