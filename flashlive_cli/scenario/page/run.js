
// One run: its verdict, its timeline, and what was said in each turn.

function runView(run, chart, around) {
  const passed = run.status === "passed";
  const why = reasons(run);
  const facts = [
    run.simulated ? "simulator" : "service", run.model, `${seconds(run.duration_s, 1)} of talk`, `${seconds(run.took_s, 1)} to run`,
    run.cost_usd === null ? null : money(run.cost_usd),
  ].filter(Boolean);
  const heading = make("header", null,
    make("div.title", null,
      make(`span.sign.${passed ? "ok" : "bad"}`, { role: "img", "aria-label": run.status }, passed ? "✓" : "✕"),
      make("h1", null, theirs(run.name), run.repeated ? make("span.dim", null, ` #${run.repetition}`) : null)),
    make("div.facts", null, facts.map((fact) => make("span.number", null, fact)),
      Object.entries(run.variant).map(([axis, value]) => make("span.tag", null, `${axis} `, theirs(value))),
      make("span.mono.dim", null, theirs(run.path))));
  const complaints = why.length ? make("ul.reasons", { "aria-label": "Why it did not pass" }, why.map(({ text, at_s }) =>
    make("li", null, make("span", null, theirs(text)), jump(chart, at_s)))) : null;
  const warned = run.warnings.length ? make("p.facts", null, run.warnings.map((text) => make("span", null, "warning: ", theirs(text)))) : null;
  return [around, heading, complaints, warned, chart.element,
    make("section.story", { "aria-label": "Turns" }, run.turns.map((turn) => turnView(run, turn, chart)), wholeView(run, chart))];
}

function jump(chart, at_s) {
  if (at_s === null) return null;
  const go = () => {
    chart.reveal(at_s);
    chart.element.scrollIntoView({ block: "nearest", behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
  };
  return make("button.jump", { type: "button", title: "Show on the timeline", onclick: go }, seconds(at_s));
}

function turnView(run, turn, chart) {
  const mine = (list) => list.filter((each) => each.turn === turn.number);
  const lines = [
    ...mine(run.said).map((said) => [said.start_s, line("user", "You", said.text ? theirs(said.text) : make("span.dim", null, "not understood"))]),
    ...mine(run.shown).map((shown) => [shown.at_s, line("user", "Shown", thumbnail(shown), shown.url ? make("span.dim", null, theirs(shown.name)) : null)]),
    ...mine(run.answers).map((answer) => [answer.start_s, line("voice", "Model", answer.heard ? theirs(answer.heard) : null,
      answer.unheard ? [" ", make("span.unheard", { title: "not heard: the reply was cut" }, theirs(answer.unheard))] : null)]),
    ...mine(run.tools).map((tool) => [tool.start_s, line("tool", "Tool", make("code", null, theirs(`${tool.name}(${tool.args})`)),
      make("code.result", null, theirs(tool.response === null ? (tool.cancelled ? "cancelled" : "not answered") : `→ ${tool.response}`)))]),
  ].sort((a, b) => a[0] - b[0]).map(([, element]) => element);
  const taken = turn.start_s !== null;
  return make("article", { "aria-label": `Turn ${turn.number}` },
    make("div.when", null, make("h2", null, `Turn ${turn.number}`), taken ? jump(chart, turn.start_s) : "not taken"),
    make("div.lines", null, make("p.small.soft", null, theirs(turn.told)), lines, figures(turn.figures)),
    checkList(turn.checks, chart));
}

const line = (kind, who, ...words) => make(`div.line.${kind}`, null, make("span.who", null, who), make("p", null, ...words));

function figures(found) {
  const told = [["first sound", found.first_audio_ms], ["complete", found.complete_ms], ["sounds", found.audio_ms],
    ["interrupted", found.interrupted_ms], ["flushed", found.flushed_ms]].filter(([, ms]) => ms !== null)
    .map(([name, ms]) => make("span", null, `${name} `, make("b", null, milliseconds(ms))));
  if (found.cost_usd !== null) told.push(make("span", null, "cost ", make("b", null, money(found.cost_usd))));
  return told.length ? make("div.figures", null, told) : null;
}

function checkList(checks, chart) {
  return make("ul.checks", { "aria-label": "Expectations" }, checks.map((check) => make(`li.${check.ok ? "ok" : "bad"}`, null, sign(check.ok),
    make("div", null, make("span.what", null, check.name),
      make("p", null, "expected ", theirs(check.expected), ", got ", make("b", null, theirs(check.got))),
      check.note ? make("p.small", null, check.note) : null),
    jump(chart, check.at_s))));
}

function wholeView(run, chart) {
  if (!run.checks.length) return null;
  return make("article", null, make("div.when", null, make("h2", null, "In all")), make("div"), checkList(run.checks, chart));
}
