
// All runs: which passed, which did not and why.

class Table {
  constructor(report) {
    this.report = report;
    this.chosen = "all";
    this.filter = "";
  }

  view() {
    const { runs, repeated, took_s } = this.report;
    const n = (status) => runs.filter((run) => run.status === status).length;
    const counts = [[n("passed"), "passed"], [n("failed"), "failed"], [n("error"), "could not be run"]].filter(([count]) => count);
    const flaky = repeated.filter((each) => each.passed > 0 && each.passed < each.runs);
    const missed = runs.length - n("passed");
    const choice = (name, text) => make("button", { type: "button", "data-choice": name, onclick: () => this.choose(name) }, text);
    this.choices = make("div.choice", { role: "group", "aria-label": "Which scenarios" },
      choice("all", `All ${runs.length}`), choice("missed", `Not passed ${missed}`), choice("passed", `Passed ${n("passed")}`));
    this.body = make("tbody");
    this.nothing = make("p.nothing", null, "No scenario is like that.");
    const find = make("input", { type: "search", placeholder: "Filter by name, file, words", "aria-label": "Filter", value: this.filter,
      oninput: (event) => { this.filter = event.target.value; this.fill(); } });
    const head = make("tr", null, ["", "Scenario", "Conversation", "First sound", "Interrupted", "Talk", "Cost"].map((name, index) =>
      make(index > 2 ? "th.number" : "th", { scope: "col" }, name)));
    const view = [
      make("header.heading", null,
        make("h1", null, counts.map(([count, word]) => `${count} ${word}`).join(", ") || "Nothing was run"),
        make("span.soft.small", null, `${several(new Set(runs.map((run) => run.path)).size, "file")}, ${seconds(took_s, 1)}`)),
      flaky.length ? make("p.small.soft", null, "Flaky: ", flaky.map((each, index) => [index ? ", " : "", theirs(each.name),
        ` ${each.passed} of ${each.runs}`])) : null,
      make("div.tools", null, this.choices, find),
      make("div.sheet", null, make("table", null, make("thead", null, head), this.body), this.nothing),
    ];
    this.fill();
    return view;
  }

  choose(name) {
    this.chosen = name;
    this.fill();
  }

  fill() {
    for (const button of this.choices.children) button.setAttribute("aria-pressed", String(button.dataset.choice === this.chosen));
    const words = this.filter.toLowerCase().split(/\s+/).filter(Boolean);
    const shown = this.report.runs.filter((run) => {
      if (this.chosen !== "all" && (run.status === "passed") !== (this.chosen === "passed")) return false;
      return words.every((word) => run.words.includes(word));
    });
    this.body.replaceChildren(...shown.map((run) => this.row(run)));
    this.body.parentElement.hidden = !shown.length;
    this.nothing.hidden = shown.length > 0;
  }

  row(run) {
    const passed = run.status === "passed";
    const worst = (name) => Math.max(...run.turns.map((turn) => turn.figures[name] ?? -1));
    const figure = (ms) => make("td.number", null, ms < 0 ? make("span.dim", null, "–") : milliseconds(ms));
    const glance = make("canvas", { "aria-hidden": "true" });
    drawGlance(glance, run, 190, 30);
    const why = reasons(run);
    return make("tr", { onclick: (event) => { if (!event.target.closest("a")) location.hash = `#${run.anchor}`; } },
      make("td", null, make(`span.sign.${passed ? "ok" : "bad"}`, { role: "img", "aria-label": run.status }, passed ? "✓" : "✕")),
      make("td", null, make("a", { href: `#${run.anchor}` }, theirs(run.name), run.repeated ? make("span.dim", null, ` #${run.repetition}`) : null),
        why.slice(0, 2).map(({ text }) => make("p.why", null, theirs(text))),
        why.length > 2 ? make("p.why", null, `and ${why.length - 2} more`) : null),
      make("td", null, glance), figure(worst("first_audio_ms")), figure(worst("interrupted_ms")),
      make("td.number", null, seconds(run.duration_s, 1)), make("td.number", null, money(run.cost_usd) || make("span.dim", null, "–")));
  }
}
