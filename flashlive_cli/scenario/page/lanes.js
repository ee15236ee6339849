
// What stands in which lane of a timeline, and how it is told.

const TURN_Y = 24;
const WAVE = 68;
const WORDS = 22;
const ROW = 26;
const PICTURE = 48;
const PICTURE_WIDTH = 60;

const STAGES = {
  content: "end of speech to first content", audio: "first content to first sound", sample: "first sound to first sample played",
  interrupted: "speech to the word that it interrupts", silence: "from there to the last old sample",
};
const MARKS = { speech_started: "▶", speech_ended: "◀", interrupted: "interrupted", moving: "⇄", resumed: "⇄", warning: "!" };

/** Put spans into as few rows as keep them apart. */
function rowsOf(spans, gap_s) {
  const ends = [];
  return spans.map((span) => {
    let row = ends.findIndex((end) => end <= span.from_s);
    if (row < 0) row = ends.length;
    ends[row] = Math.max(span.until_s, span.from_s) + gap_s;
    return row;
  });
}

/** Lay a run out: its lanes, and items with their times, places and words. */
function laidOut(run) {
  const items = [];
  const add = (kind, from_s, until_s, y, text, told, more) =>
    items.push({ kind, from_s, until_s, y, text, told, ...more });
  const names = [];
  const user = { y: TURN_Y + 30, height: WAVE };
  const voice = { y: user.y + WAVE + WORDS + 28, height: WAVE };
  names.push(["You", user.y + WAVE / 2, "user"], ["Model", voice.y + WAVE / 2, "voice"]);
  let y = voice.y + WAVE + WORDS + 18;

  for (const turn of run.turns) {
    if (turn.start_s === null) continue;
    add("turn", turn.start_s, turn.end_s, TURN_Y, `${turn.number} · ${turn.told}`, [["turn", `${turn.number}`], ["says", turn.told]]);
  }
  for (const said of run.said) {
    const typed = said.end_s <= said.start_s;
    const until_s = typed ? firstAfter(run, said.start_s) : said.end_s;
    add("said", said.start_s, until_s, user.y + WAVE + 2, said.text || "…", [
      ["you", typed ? "typed" : length(said.start_s, said.end_s)], ["understood", said.text || "nothing"]]);
  }
  run.answers.forEach((answer, index) => {
    const next_s = run.answers[index + 1]?.start_s ?? run.end_s;
    const told = [["model", length(answer.start_s, answer.end_s) + (answer.interrupted ? ", cut" : "")], ["heard", answer.heard || "nothing"]];
    if (answer.unheard) told.push(["not heard", answer.unheard]);
    add("answer", answer.start_s, answer.end_s, voice.y + WAVE + 2, answer.heard || "…", told);
    const lost_s = Math.min(answer.end_s + answer.lost_s, next_s);
    if (answer.unheard && lost_s > answer.end_s)
      add("unheard", answer.end_s, lost_s, voice.y + WAVE + 2, answer.unheard, [["not heard", answer.unheard], ["dropped", seconds(answer.lost_s)]]);
  });
  if (run.shown.length) {
    const spans = run.shown.map((shown) => ({ from_s: shown.at_s, until_s: shown.at_s }));
    const rows = rowsOf(spans, ((run.end_s - run.start_s) * (PICTURE_WIDTH + 4)) / 1100);
    run.shown.forEach((shown, index) => add("shown", shown.at_s, shown.at_s, y + rows[index] * PICTURE, shown.name,
      [["shown", shown.name], ["turn", `${shown.turn}`]], { centred: PICTURE_WIDTH, picture: thumbnail(shown) }));
    names.push(["Shown", y + 22, "user"]);
    y += (Math.max(...rows) + 1) * PICTURE + 8;
  }
  if (run.tools.length) {
    const spans = run.tools.map((tool) => ({ from_s: tool.start_s, until_s: tool.end_s ?? tool.start_s + 0.3 }));
    const rows = rowsOf(spans, (run.end_s - run.start_s) / 6); // room for a name beside a short call
    run.tools.forEach((tool, index) => {
      const how = tool.cancelled ? "cancelled" : tool.response === null ? "not answered" : tool.ok ? "answered" : "failed";
      const told = [["tool", tool.name + (tool.repeats ? " (again, not run)" : "")], ["arguments", tool.args],
        [how, tool.response ?? ""], ["took", tool.end_s === null ? "" : length(tool.start_s, tool.end_s)]];
      add("tool", tool.start_s, spans[index].until_s, y + rows[index] * ROW, tool.name, told.filter(([, text]) => text),
        { more: tool.response === null ? "open" : tool.ok ? "" : "failed" });
    });
    names.push(["Tools", y + 11, ""]);
    y += (Math.max(...rows) + 1) * ROW + 8;
  }
  if (run.stages.length) {
    for (const stage of run.stages)
      add("stage", stage.start_s, stage.end_s, y, milliseconds((stage.end_s - stage.start_s) * 1000),
        [["wait", STAGES[stage.kind]], ["took", length(stage.start_s, stage.end_s)]], { more: stage.kind });
    names.push(["Waiting", y + 7, ""]);
    y += 26;
  }
  const seen = allChecks(run).filter(({ check }) => check.at_s !== null).sort((a, b) => a.check.at_s - b.check.at_s);
  if (seen.length) {
    const spans = seen.map(({ check }) => ({ from_s: check.at_s, until_s: check.at_s }));
    const rows = rowsOf(spans, ((run.end_s - run.start_s) * 22) / 1100);
    seen.forEach(({ check, turn }, index) => {
      add("check", check.at_s, check.at_s, y + rows[index] * 22, check.ok ? "✓" : "✕",
        [[check.ok ? "met" : "not met", check.name], ["turn", turn ? `${turn.number}` : "all"], ["expected", check.expected],
          ["got", check.got], ["note", check.note]].filter(([name, text]) => text || name !== "note"),
        { more: check.ok ? "ok" : "bad", centred: 18, check });
    });
    names.push(["Checks", y + 9, ""]);
    y += (Math.max(...rows) + 1) * 22 + 8;
  }
  for (const mark of run.marks) {
    const speech = mark.kind.startsWith("speech");
    const cut = mark.kind === "interrupted";
    add("mark", mark.at_s, mark.at_s, speech ? user.y - 4 : cut ? voice.y - 22 : 4, MARKS[mark.kind],
      [[mark.kind.replace("_", " "), mark.text]], { more: mark.kind, centred: cut ? 86 : 16 });
  }
  items.sort((a, b) => a.from_s - b.from_s);
  return { items, names, user, voice, height: y + 4 };
}

const length = (from_s, until_s) => (until_s - from_s < 10 ? milliseconds((until_s - from_s) * 1000) : seconds(until_s - from_s));

const allChecks = (run) => [...run.turns.flatMap((turn) => turn.checks.map((check) => ({ check, turn }))),
  ...run.checks.map((check) => ({ check, turn: null }))];

/** When the next thing of the model's begins: as far as a typed line, which takes no time, may be written. */
function firstAfter(run, at_s) {
  const begins = [...run.answers, ...run.tools].map((each) => each.start_s)
    .concat(run.said.map((each) => each.start_s), run.turns.map((turn) => turn.start_s ?? run.end_s)).filter((s) => s > at_s);
  return Math.min(run.end_s, ...begins);
}
